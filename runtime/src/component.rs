//! Any component, plugin or not, whose exports are called one by one with values.
//!
//! [`Runtime::component`](crate::Runtime::component) compiles and links one; the services that its manifest asks for
//! are granted as a plugin's are. Its exports are in the type of [`Component::wasmtime`]. The crate
//! `plugbay-component-call` lists exports as WIT has them and converts values from text and to text.

use std::sync::Arc;
use std::time::Instant;

pub use wasmtime;
use wasmtime::component::{ComponentExportIndex, Val};

use crate::error::{InvokeError, InvokeErrorKind};
use crate::host::{Call, PluginContext};
use crate::invocation::Usage;
use crate::limits::Limits;
use crate::plugin::instance::{Instance, Linked, Start};

/// A component that is compiled and linked. Each call runs in an instance of its own, under the limits of a plugin.
pub struct Component {
    linked: Arc<Linked>,
    context: Arc<PluginContext>,
    limits: Limits,
}

/// The results of a function, and what the call cost.
#[derive(Debug)]
#[non_exhaustive]
pub struct Returned {
    /// One value, or none if the function has no result.
    pub values: Vec<Val>,
    /// What the call cost.
    pub usage: Usage,
}

impl Component {
    pub(crate) fn new(linked: Arc<Linked>, context: Arc<PluginContext>, limits: Limits) -> Self {
        Component { linked, context, limits }
    }

    /// The limits of each call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The component as [`wasmtime`] has it, with its type and the indices of its exports.
    pub fn wasmtime(&self) -> &wasmtime::component::Component {
        self.linked.pre.component()
    }

    /// Calls an exported function in a fresh instance. `name` is the function's name in errors and in the audit;
    /// `arguments` are one value for each parameter, of its type.
    ///
    /// # Errors
    /// [`InvokeError`] with the limit or trap that stopped the call. An index that is not a function of this component
    /// is [`InvokeErrorKind::Host`], arguments that do not fit are [`InvokeErrorKind::Trapped`].
    pub async fn call(
        &self,
        name: &str,
        function: ComponentExportIndex,
        arguments: &[Val],
    ) -> Result<Returned, InvokeError> {
        let started = Instant::now();
        let call = Call::by_host(name, self.limits.timeout);
        let instance = Instance::start(&self.linked, &self.context, &self.limits, Start::Bare, &call);
        let mut instance = instance
            .await?
            .map_err(|failure| InvokeError::new(&*self.context.name, name, InvokeErrorKind::Guest { failure }))?;
        let instantiation = started.elapsed();
        let values = instance.call_dynamic(function, arguments, &call, &self.limits).await?;
        let usage = Usage {
            fuel: instance.fuel_used(),
            memory_bytes: instance.memory_bytes(),
            duration: started.elapsed(),
            instantiation,
        };
        Ok(Returned { values, usage })
    }
}

impl std::fmt::Debug for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Component").field("name", &self.context.name).finish_non_exhaustive()
    }
}
