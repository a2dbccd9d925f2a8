//! The handle through which a function of the application knows its caller and asks for permission.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plugbay_manifest::PermissionAction;

use super::super::{CallState, HostWork, PluginContext};
use crate::admission::Chain;
use crate::capability::Denial;
use crate::invocation::Invocation;

/// The plugin that calls a function of an [`Extension`](crate::extension::Extension), and its present call.
///
/// Each instance of a plugin has one, which the state of the extension is made with. An instance runs one call at a
/// time; between two calls the handle describes the last one. Clones are the same handle. It keeps the plugin's
/// services alive, so it belongs in the state of an instance and not in what instances share.
#[derive(Clone)]
pub struct Access(Arc<Shared>);

struct Shared {
    plugin: Arc<PluginContext>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    call: CallState,
    work: HostWork,
    /// Whether it is time to let other tasks run.
    yield_due: bool,
}

impl Access {
    pub(super) fn new(plugin: Arc<PluginContext>) -> Self {
        Access(Arc::new(Shared { plugin, running: Mutex::default() }))
    }

    /// Begins a use within this call.
    pub(super) fn begin(&self, call: &mut CallState) {
        let mut running = self.running();
        if !std::mem::replace(&mut call.used_extension, true) {
            running.call = call.share();
        }
        running.count(0);
    }

    /// The name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.0.plugin.name
    }

    /// The id of the request within which the plugin calls, for logs.
    pub fn request_id(&self) -> String {
        self.running().call.origin.request_id().to_owned()
    }

    /// The time that is left to the plugin's call. `None` is no limit. When it has passed, the future of the function
    /// is dropped.
    pub fn time_left(&self) -> Option<Duration> {
        self.running().call.time_left()
    }

    /// Checks that the plugin may use a resource now, such as `ext.stock.apple`, as both its manifest and the
    /// operator's policy say. The use is counted and audited. Every function of an extension begins with this.
    ///
    /// Other tasks run meanwhile if the plugin has kept the thread busy with calls, which is when its deadline is
    /// looked at.
    ///
    /// # Errors
    /// The [`Denial`], which says what to add and where. Return it to the plugin as an error of the interface
    /// (`denial.to_string()`).
    pub async fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        let checked = self.0.plugin.permissions.check_in(&self.running().call.origin, resource, action);
        self.let_others_run(resource.len()).await;
        checked
    }

    /// Whether the plugin may use a resource now. The question is neither counted nor audited: it is for leaving out
    /// entries of a list.
    pub fn holds(&self, resource: &str, action: PermissionAction) -> bool {
        self.0.plugin.permissions.holds(resource, action)
    }

    /// Counts bytes that a function has read or returned as work of the plugin, and lets other tasks run when it has
    /// done much. The host knows the number of calls by itself, but not how long their arguments and results are.
    pub async fn count_bytes(&self, bytes: usize) {
        self.let_others_run(bytes).await;
    }

    /// A call of an action of any plugin on behalf of the present call: with its request id, and no more time than is
    /// left to it. A call that would wait for the present one, because it needs the instance that waits for this
    /// function, ends at once with `reentrant_call`.
    ///
    /// ```no_run
    /// # async fn example(access: plugbay::extension::Access, plugin: plugbay::Plugin)
    /// # -> Result<(), plugbay::InvokeError> {
    /// plugin.invoke(access.invocation("on_restock").payload(&"apple")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invocation(&self, action: &str) -> Invocation<'static> {
        let running = self.running();
        let plugin =
            Chain::new(self.0.plugin.name.clone(), [].into(), running.call.chain.clone().or_else(Chain::of_this_task));
        let mut invocation = Invocation::new(action.to_owned()).request_id(running.call.origin.request_id().to_owned());
        invocation.timeout = running.call.time_left();
        invocation.chain = Some(Chain::of_application("application".into(), plugin));
        invocation
    }

    async fn let_others_run(&self, bytes: usize) {
        let due = {
            let mut running = self.running();
            running.count(bytes);
            std::mem::take(&mut running.yield_due)
        };
        if due {
            tokio::task::yield_now().await;
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.0.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn count(&mut self, bytes: usize) {
        self.yield_due |= self.work.is_time_to_yield(bytes);
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("plugin", &self.plugin()).finish_non_exhaustive()
    }
}
