//! The handle of a loaded plugin: what an application holds and calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use plugbay_manifest::Manifest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::capability::Grants;
use crate::dispatch;
use crate::error::InvokeError;
use crate::event::{Event, Health, Reaction};
use crate::invocation::{Invocation, Outcome};
use crate::limits::Limits;
use crate::metrics::MetricsSnapshot;
use crate::plugin::current::CurrentRevision;

/// A loaded plugin, for its callers. Cheap to clone; follows the plugin through reloads.
#[derive(Clone)]
pub struct Plugin {
    current: Arc<CurrentRevision>,
}

impl Plugin {
    pub(crate) fn new(current: Arc<CurrentRevision>) -> Self {
        Plugin { current }
    }

    /// The plugin's name.
    pub fn name(&self) -> String {
        self.current.get().name().to_owned()
    }

    /// The manifest of the revision that serves now.
    pub fn manifest(&self) -> Manifest {
        self.current.get().manifest.clone()
    }

    /// The limits of the revision that serves now.
    pub fn limits(&self) -> Limits {
        self.current.get().limits.clone()
    }

    /// What the plugin may use. A change of the runtime's policy shows in it.
    pub fn grants(&self) -> Grants {
        self.current.get().context.permissions.grants().clone()
    }

    /// SHA-256 of the component that serves now, in lower-case hexadecimal.
    pub fn digest(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.current.get().digest)
    }

    /// The configuration that the plugin sees, with secrets hidden.
    pub fn configuration(&self) -> BTreeMap<String, serde_json::Value> {
        self.current.get().context.config.shown()
    }

    /// What the plugin did since it was loaded.
    pub fn metrics(&self) -> MetricsSnapshot {
        let plugin = self.current.get();
        plugin.metrics.snapshot(
            plugin.instances.counters(),
            plugin.context.permissions.audit(),
            plugin.context.log.dropped(),
        )
    }

    /// Calls an action with a value and gets its answer as a value.
    ///
    /// # Errors
    /// [`InvokeError`]: what stopped the call, or [`InvokeError::Guest`] with what the plugin answered, or
    /// [`InvokeError::Answer`] where the answer does not fit `R`.
    pub async fn call<R: DeserializeOwned>(
        &self,
        action: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> Result<R, InvokeError> {
        let outcome = self.invoke(Invocation::new(action).payload(payload)?.unchecked_answer()).await?;
        outcome.parse(self.current.borrow().name(), action)
    }

    /// Makes a call that says who makes it, under which id and until when, and gets the JSON answer with what it cost.
    ///
    /// # Errors
    /// [`InvokeError`]: what stopped the call, or what the plugin answered.
    pub async fn invoke(&self, mut invocation: Invocation<'_>) -> Result<Outcome, InvokeError> {
        dispatch::invoke(&self.current, &mut invocation).await
    }

    /// Hands an event to the plugin: once for each of its subscriptions that fits, those of higher priority first. A
    /// plugin without a subscription that fits receives nothing, which is not an error.
    ///
    /// Events do not count against the plugin's rate limit, which bounds its callers: the emitter was counted, and an
    /// event that is refused would be lost.
    ///
    /// # Errors
    /// [`InvokeError`]: what stopped the first handler that failed, or what it reported. Later handlers are called all
    /// the same.
    pub async fn deliver(&self, event: &Event) -> Result<Reaction, InvokeError> {
        dispatch::deliver(&self.current, event).await
    }

    /// Asks the plugin how it is. One that exports no health check is healthy as long as it is loaded. The check does
    /// not count against the plugin's rate limit: a busy plugin is not an unhealthy one.
    ///
    /// # Errors
    /// [`InvokeError`] where the check could not run. A check that reports a failure is an unhealthy plugin, not an
    /// error.
    pub async fn health(&self) -> Result<Health, InvokeError> {
        dispatch::health(&self.current).await
    }

    /// How many of the plugin's calls may run at once.
    pub fn concurrency(&self) -> usize {
        self.current.get().instances.concurrency()
    }

    /// Whether the plugin still serves.
    pub fn is_loaded(&self) -> bool {
        !self.current.get().instances.is_closed()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plugin = self.current.get();
        f.debug_struct("Plugin")
            .field("name", &plugin.name())
            .field("version", &plugin.manifest.version)
            .finish_non_exhaustive()
    }
}
