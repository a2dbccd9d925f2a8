//! A component that is called as a plain component, whether or not it is a plugin: instantiated afresh for each call,
//! under the limits of plugins.

use std::sync::Arc;
use std::time::Instant;

use wasmtime::component::Val;

use super::{CallError, ExportedFunction, exported_functions, resolve};
use crate::error::InvokeError;
use crate::host::{Call, PluginContext};
use crate::invocation::Usage;
use crate::limits::Limits;
use crate::plugin::instance::{Instance, Linked, Start};

/// Any component, compiled and linked.
pub struct AnyComponent {
    linked: Arc<Linked>,
    context: Arc<PluginContext>,
    limits: Limits,
    functions: Vec<ExportedFunction>,
}

/// What a function answered, and what it cost.
#[derive(Debug)]
#[non_exhaustive]
pub struct Called {
    /// The answer; `None` where the function has no result.
    pub value: Option<Val>,
    /// What the call cost.
    pub usage: Usage,
}

/// Why a function of a component was not called, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The function or its arguments are not what the component has.
    #[error(transparent)]
    Call(#[from] CallError),
    /// What stopped the call.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
}

impl From<Box<InvokeError>> for ComponentError {
    fn from(error: Box<InvokeError>) -> Self {
        ComponentError::Invoke(*error)
    }
}

impl Called {
    /// Whether the function answered the error of a `result`.
    pub fn is_err(&self) -> bool {
        matches!(self.value, Some(Val::Result(Err(_))))
    }
}

impl AnyComponent {
    pub(crate) fn new(linked: Arc<Linked>, context: Arc<PluginContext>, limits: Limits) -> Self {
        let functions = exported_functions(linked.pre.component());
        AnyComponent { linked, context, limits, functions }
    }

    /// The limits that its calls run under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The functions that the component exports, at its root and in its interfaces.
    pub fn functions(&self) -> &[ExportedFunction] {
        &self.functions
    }

    /// Calls a function in a fresh instance. `export` is its name, or a whole call in WAVE such as `add(1, 2)`;
    /// arguments are WAVE or JSON.
    ///
    /// # Errors
    /// [`ComponentError::Call`] where the name or the arguments do not fit, [`ComponentError::Invoke`] with the limit
    /// or trap that stopped the call.
    pub async fn call(&self, export: &str, arguments: &[String]) -> Result<Called, ComponentError> {
        let (function, values) = resolve(&self.functions, export, arguments)?;
        let started = Instant::now();
        let call = Call::by_host(&function.name, self.limits.timeout);
        let mut instance = Instance::start(&self.linked, &self.context, &self.limits, Start::Bare, &call)
            .await?
            .map_err(|failure| InvokeError::Guest { plugin: self.context.name.to_string(), failure })?;
        let instantiation = started.elapsed();
        let value = instance.call_dynamic(function, &values, &call, &self.limits).await?;
        let usage = Usage {
            fuel: instance.fuel_used(),
            memory_bytes: instance.memory_bytes(),
            duration: started.elapsed(),
            instantiation,
        };
        Ok(Called { value, usage })
    }
}

impl std::fmt::Debug for AnyComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyComponent").field("name", &self.context.name).finish_non_exhaustive()
    }
}
