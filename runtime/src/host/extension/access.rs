//! The handle with which a function of the application identifies its caller and checks permissions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use plugbay_manifest::PermissionAction;

use super::super::{CallState, HostWork, PluginContext};
use crate::admission::Chain;
use crate::capability::Denial;
use crate::invocation::Invocation;

/// The plugin that calls a function of an [`Extension`](crate::extension::Extension), and its current call.
///
/// Each instance of a plugin has one, from which the state of the extension is made. An instance runs one call at a
/// time; between calls the handle describes the last one. Clones are the same handle. It keeps the plugin's services
/// alive, so it belongs in the state of an instance, not in data that instances share.
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
    /// Whether other tasks should run now.
    yield_due: bool,
}

impl Access {
    pub(super) fn new(plugin: Arc<PluginContext>) -> Self {
        Access(Arc::new(Shared { plugin, running: Mutex::default() }))
    }

    /// Begins an access in this call.
    pub(super) fn begin(&self, call: &mut CallState) {
        let mut running = self.running();
        if !std::mem::replace(&mut call.used_extension, true) {
            running.call = call.share();
        }
        running.count(0);
    }

    /// Returns the name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.0.plugin.name
    }

    /// Returns the id of the request in which the plugin calls, for logs.
    pub fn request_id(&self) -> String {
        self.running().call.origin.request_id.get().to_owned()
    }

    /// Returns the remaining time of the plugin's call; `None` if it has no limit. When it is over, the future of the
    /// function is dropped.
    pub fn time_left(&self) -> Option<Duration> {
        self.running().call.time_left()
    }

    /// Checks that the plugin's manifest and the operator's policy allow access to a resource now, such as
    /// `ext.stock.apple`. The access is counted and audited. Every function of an extension should begin with this.
    ///
    /// If the plugin has kept the thread busy with calls, other tasks run meanwhile, and the deadline is checked.
    ///
    /// # Errors
    /// The [`Denial`]. Return it to the plugin as an error of the interface (`denial.to_string()`); its
    /// [`hint`](Denial::hint) is for the operator, who finds it in the audit trail.
    pub async fn check(&self, resource: &str, action: PermissionAction) -> Result<(), Denial> {
        let checked = self.0.plugin.permissions.check_in(&self.running().call.origin, resource, action);
        self.let_others_run(resource.len()).await;
        checked
    }

    /// Returns whether the plugin may access a resource now. Neither counted nor audited: for filtering lists.
    pub fn holds(&self, resource: &str, action: PermissionAction) -> bool {
        self.0.plugin.permissions.holds(resource, action)
    }

    /// Counts bytes that a function has read or returned as work of the plugin, and lets other tasks run if that is
    /// much. The host counts calls by itself, but does not know the size of their arguments and results.
    pub async fn count_bytes(&self, bytes: usize) {
        self.let_others_run(bytes).await;
    }

    /// Creates a call of any plugin's action on behalf of the current call, with its request id and at most its
    /// remaining time. A call that would wait for the current one, because it needs the instance that waits for this
    /// function, fails at once with `reentrant_call`.
    ///
    /// ```no_run
    /// # async fn example(access: plugbay::extension::Access, plugin: plugbay::Plugin)
    /// # -> Result<(), plugbay::InvokeError> {
    /// plugin.invoke(access.invocation("on_restock").payload(&"apple")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invocation(&self, action: &str) -> Invocation<'static> {
        let running = self.running();
        let before = running.call.chain.clone().or_else(Chain::of_this_task);
        let plugin = Chain::new(self.0.plugin.name.clone(), [].into(), before, None);
        let mut invocation =
            Invocation::new(action.to_owned()).request_id(running.call.origin.request_id.get().to_owned());
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
        self.0.running.lock()
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
