//! A loaded revision of a plugin: its start, its instances and its unloading.
//!
//! A revision never changes; a reload replaces it as a whole ([`CurrentRevision`](super::current::CurrentRevision)). It
//! makes no calls by itself, except for the hooks of its lifecycle: `dispatch` does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugbay_manifest::{ExecutionMode, Manifest, Retry};

use super::check::CheckedPackage;
use super::instance::{Instance, Linked, Start};
use super::instances::{Instances, NoLease};
use super::package::PackageOrigin;
use super::page_table::PageTable;
use super::route_table::RouteTable;
use super::schema::PayloadSchema;
use super::verdict;
use crate::admission::rate::RateCounter;
use crate::error::{Failure, InvokeError, InvokeErrorKind, LoadError, LoadErrorKind};
use crate::host::contract::SavedState;
use crate::host::{Call, PluginContext};
use crate::limits::UNLOAD_TIMEOUT_MAX;
use crate::plugin_limits::Limits;

/// How often a revision that is being unloaded checks whether calls still run on it. Only its own unloading is delayed
/// by this.
const DRAIN_POLL: Duration = Duration::from_millis(1);

/// A revision: a checked manifest, a linked component and its instances.
pub(crate) struct LoadedPlugin {
    pub(crate) context: Arc<PluginContext>,
    pub(crate) manifest: Manifest,
    pub(crate) limits: Limits,
    pub(crate) digest: [u8; 32],
    /// The SHA-256 of everything that was read for its package.
    pub(crate) content: [u8; 32],
    pub(crate) origin: PackageOrigin,
    pub(crate) linked: Arc<Linked>,
    /// The declared actions. If the manifest declares none, this is empty, and the guest receives every action name.
    pub(crate) actions: BTreeMap<String, Action>,
    /// Where to find the manifest's routes.
    pub(crate) routes: Arc<RouteTable>,
    /// The manifest's pages, if it has any.
    pub(crate) pages: Option<Arc<PageTable>>,
    /// The counter of its rate limit.
    pub(crate) rate: Option<Arc<dyn RateCounter>>,
    pub(crate) instances: Instances,
}

/// The parts of an action's declaration that dispatch needs.
#[derive(Clone)]
pub(crate) struct Action {
    pub(crate) payload: Option<Arc<PayloadSchema>>,
    /// Set if the action is idempotent and the plugin asks for retries.
    pub(crate) retry: Option<Retry>,
}

impl LoadedPlugin {
    /// Creates a revision, none of whose code has run.
    pub(crate) fn new(
        checked: CheckedPackage,
        context: Arc<PluginContext>,
        linked: Arc<Linked>,
        rate: Option<Arc<dyn RateCounter>>,
        content: [u8; 32],
    ) -> Result<Self, LoadError> {
        let sees_callers = checked.sees_callers();
        let CheckedPackage { package, manifest, limits, digest, .. } = checked;
        let actions = actions(&manifest).map_err(|failure| LoadError::new(&manifest.name, failure))?;
        let routes = RouteTable::new(&manifest.routes).map_err(|failure| LoadError::new(&manifest.name, failure))?;
        Ok(LoadedPlugin {
            context,
            actions,
            routes,
            pages: PageTable::new(&manifest, sees_callers),
            rate,
            instances: Instances::new(limits.instances, manifest.execution_mode == ExecutionMode::Legacy),
            manifest,
            limits,
            digest,
            content,
            origin: package.into_origin(),
            linked,
        })
    }

    /// Creates a copy of this revision, none of whose code has run. It shares the context, the compiled code and the
    /// counters.
    pub(crate) fn renewed(&self) -> Self {
        let legacy = self.manifest.execution_mode == ExecutionMode::Legacy;
        LoadedPlugin {
            context: self.context.clone(),
            manifest: self.manifest.clone(),
            limits: self.limits.clone(),
            digest: self.digest,
            content: self.content,
            origin: self.origin.clone(),
            linked: self.linked.clone(),
            actions: self.actions.clone(),
            routes: self.routes.clone(),
            pages: self.pages.clone(),
            rate: self.rate.clone(),
            instances: Instances::new(self.limits.instances, legacy),
        }
    }

    /// Starts the first instance: a plugin that cannot start is not loaded.
    pub(crate) async fn start(&self, start: Start) -> Result<(), LoadError> {
        if self.manifest.execution_mode == ExecutionMode::Legacy {
            return Ok(());
        }
        let name = if matches!(start, Start::Load) { "on_load" } else { "on_reload" };
        let started = self.start_instance(start, &Call::by_host(name, self.limits.timeout)).await;
        let instance = started.map_err(|error| LoadError::new(self.name(), error))?;
        if self.instances.are_reused() {
            self.instances.put_first(instance);
        } else {
            self.retire(instance, &Call::by_host("on_unload", Some(self.unload_timeout()))).await;
        }
        if let Some(code) = &self.linked.mapped {
            code.release();
        }
        Ok(())
    }

    /// Returns whether the component takes calls of actions, and not HTTP requests alone.
    pub(crate) fn has_actions(&self) -> bool {
        self.linked.exports.handle.is_some() || self.manifest.execution_mode == ExecutionMode::Legacy
    }

    /// Returns whether the component exports `wasi:http/incoming-handler`.
    pub(crate) fn has_http_handler(&self) -> bool {
        self.linked.exports.incoming_handler.is_some()
    }

    pub(crate) fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Creates an instance. A failure that its `on-load` reports is an error, because the instance cannot serve.
    pub(crate) async fn start_instance(&self, start: Start, call: &Call<'_>) -> Result<Box<Instance>, InvokeError> {
        self.context.metrics.instance_started();
        Instance::start(&self.linked, &self.context, &self.limits, start, call)
            .await?
            .map_err(|failure| self.guest_error(failure, call))
    }

    /// Returns the state to hand over to the next revision. Waits for its turn like any call.
    pub(crate) async fn save_state(&self) -> Result<Option<SavedState>, InvokeError> {
        let call = Call::by_host("save_state", self.limits.timeout);
        if self.instances.is_closed() {
            return Err(self.no_lease(NoLease::Closed, &call));
        }
        if self.linked.exports.save_state.is_none() {
            return Ok(None);
        }
        let mut lease = self.instances.lease(call.time.deadline()).await.map_err(|no| self.no_lease(no, &call))?;
        let Some(mut instance) = lease.take() else { return Ok(None) };
        let state = instance.save_state(&call, &self.limits).await?;
        lease.give_back(instance);
        state.map_err(|failure| self.guest_error(failure, &call))
    }

    /// Refuses new calls, lets those in flight finish within the plugin's deadline, and runs `on-unload` in every idle
    /// instance. Then the plugin's tokens for the server are revoked.
    pub(crate) async fn unload(&self) {
        let timeout = self.unload_timeout();
        self.instances.close();
        self.poll_until(timeout, || self.instances.is_idle()).await;
        for instance in self.instances.drain() {
            self.retire(instance, &Call::by_host("on_unload", Some(timeout))).await;
        }
        self.context.api.revoke();
    }

    /// Drops an intact instance after calling its `on-unload`, whether that succeeds or not.
    pub(crate) async fn retire(&self, instance: Box<Instance>, call: &Call<'_>) {
        if let Err(error) = instance.unload(call, &self.limits).await {
            tracing::warn!(plugin = self.name(), "on_unload failed: {error}");
        }
    }

    /// Unloads a revision that was replaced. New calls no longer reach it; those that did are served before it closes,
    /// so that no call fails because of a reload.
    pub(crate) async fn drain_and_unload(self: &Arc<Self>) {
        self.poll_until(self.unload_timeout(), || Arc::strong_count(self) == 1).await;
        self.unload().await;
    }

    fn unload_timeout(&self) -> Duration {
        self.limits.timeout.unwrap_or(UNLOAD_TIMEOUT_MAX).min(UNLOAD_TIMEOUT_MAX)
    }

    async fn poll_until(&self, timeout: Duration, done: impl Fn() -> bool) {
        let deadline = Instant::now() + timeout;
        while !done() && Instant::now() < deadline {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }

    /// Creates the error of a call to this plugin.
    pub(crate) fn error(&self, call: &Call<'_>, kind: InvokeErrorKind) -> InvokeError {
        InvokeError::new(self.name(), call.name, kind)
    }

    /// Creates the error for a guest's failure, with secrets masked.
    pub(crate) fn guest_error(&self, mut failure: Box<Failure>, call: &Call<'_>) -> InvokeError {
        let mask = &self.context.log.mask;
        failure.code = mask.apply(&failure.code).into_owned();
        failure.message = mask.apply(&failure.message).into_owned();
        failure.details = failure.details.take().map(|details| mask.apply_json(details));
        self.error(call, InvokeErrorKind::Guest { failure })
    }

    pub(crate) fn no_lease(&self, no: NoLease, call: &Call<'_>) -> InvokeError {
        let kind = match no {
            NoLease::Full => InvokeErrorKind::Busy {
                reason: "its queue of waiting calls is full",
                allowed: crate::limits::WAITING_CALLS_MAX,
            },
            NoLease::Deadline => verdict::timeout(call, &self.limits, &self.context.ceilings, true),
            NoLease::Closed => InvokeErrorKind::NotLoaded,
        };
        self.error(call, kind)
    }
}

fn actions(manifest: &Manifest) -> Result<BTreeMap<String, Action>, LoadErrorKind> {
    manifest
        .actions
        .iter()
        .map(|declared| {
            let payload = PayloadSchema::compile(&declared.name, declared.payload.as_ref())?.map(Arc::new);
            let retry = manifest.retry.filter(|_| declared.idempotent);
            Ok((declared.name.clone(), Action { payload, retry }))
        })
        .collect()
}
