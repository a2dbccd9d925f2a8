//! Any component, plugin or not, whose exports are called with values.
//!
//! [`Runtime::component`](crate::Runtime::component) compiles and links one, and grants it the services that its
//! manifest asks for, as for a plugin. The type of [`Component::wasmtime`] lists its exports. The crate
//! `plugbay-component-call` lists exports as in WIT and converts values from and to text.

use std::sync::Arc;
use std::time::Instant;

pub use wasmtime;
use wasmtime::component::{ComponentExportIndex, Val};

use crate::error::{InvokeError, InvokeErrorKind};
use crate::host::{Call, PluginContext};
use crate::invocation::Usage;
use crate::plugin::instance::{Instance, Linked, Start};
use crate::plugin_limits::Limits;

/// A compiled and linked component. Each call runs in a fresh instance, with the limits of a plugin.
pub struct Component {
    linked: Arc<Linked>,
    context: Arc<PluginContext>,
    limits: Limits,
}

/// The results of a function, and the resources that the call used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Returned {
    /// The result; empty if the function has none.
    pub values: Vec<Val>,
    /// The resources that the call used.
    pub usage: Usage,
}

impl Component {
    pub(crate) fn new(linked: Arc<Linked>, context: Arc<PluginContext>, limits: Limits) -> Self {
        Component { linked, context, limits }
    }

    /// Returns the limits of each call.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns wasmtime's component, with its type and the indices of its exports.
    pub fn wasmtime(&self) -> &wasmtime::component::Component {
        self.linked.pre.component()
    }

    /// Calls an exported function in a fresh instance. `name` is the function's name in errors and in the audit;
    /// `arguments` has one value for each parameter, of its type.
    ///
    /// # Errors
    /// [`InvokeError`] with the limit or trap that stopped the call: [`InvokeErrorKind::Host`] if the index is not a
    /// function of this component, [`InvokeErrorKind::Trapped`] if the arguments do not fit.
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
