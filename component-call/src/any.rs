//! A component of any world, whose exports are called with text.

use plugbay::component::Component;
use plugbay::invocation::Usage;
use plugbay::{InvokeError, Limits};
use wasmtime::component::Val;

use super::{CallError, ExportedFunction, exported_functions, resolve};

/// A compiled and linked component of any world, with the functions that it exports.
#[derive(Debug)]
pub struct AnyComponent {
    component: Component,
    functions: Vec<ExportedFunction>,
}

/// The result of a call, and its cost.
#[derive(Debug)]
#[non_exhaustive]
pub struct Called {
    /// The result; `None` if the function has none.
    pub value: Option<Val>,
    /// The resources that the call used.
    pub usage: Usage,
}

/// Why a function of a component was not called, or did not return.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// The component has no such function, or the arguments do not fit it.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The call was stopped.
    #[error(transparent)]
    Invoke(#[from] InvokeError),
}

impl Called {
    /// Returns whether the function returned the error of a `result`.
    pub fn is_err(&self) -> bool {
        matches!(self.value, Some(Val::Result(Err(_))))
    }
}

impl AnyComponent {
    /// Lists the functions of a component, which comes from [`Runtime::component`](plugbay::Runtime::component).
    pub fn new(component: Component) -> Self {
        let functions = exported_functions(component.wasmtime());
        AnyComponent { component, functions }
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        self.component.limits()
    }

    /// Returns the functions that the component exports, at its root and in its interfaces.
    pub fn functions(&self) -> &[ExportedFunction] {
        &self.functions
    }

    /// Calls a function in a fresh instance. `export` is its name, or a whole call in WAVE such as `add(1, 2)`;
    /// arguments are WAVE or JSON.
    ///
    /// # Errors
    /// [`ComponentError::Call`] if the name or the arguments do not fit, [`ComponentError::Invoke`] with the limit or
    /// trap that stopped the call.
    pub async fn call(&self, export: &str, arguments: &[String]) -> Result<Called, ComponentError> {
        let (function, arguments) = resolve(&self.functions, export, arguments)?;
        let mut returned = self.component.call(&function.name, function.index, &arguments).await?;
        Ok(Called { value: returned.values.pop(), usage: returned.usage })
    }
}
