//! The handle of a loaded plugin, which an application holds and calls.
//!
//! It refers to the plugin, not to a revision, so it stays valid through reloads and while the plugin is disabled.
//! After an unload its calls fail.

mod stored;
mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use plugbay_manifest::Manifest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::capability::Grants;
use crate::dispatch;
use crate::error::InvokeError;
#[cfg(doc)]
use crate::error::InvokeErrorKind;
use crate::event::{Event, Health, Reaction};
use crate::invocation::{Invocation, Outcome};
use crate::lifecycle::{PluginState, PluginStatus};
use crate::metrics::MetricsSnapshot;
use crate::plugin::current::CurrentRevision;
use crate::plugin_limits::Limits;

/// A handle of a loaded plugin. Cheap to clone; follows the plugin through reloads.
#[derive(Clone)]
pub struct Plugin {
    current: Arc<CurrentRevision>,
}

impl Plugin {
    pub(crate) fn new(current: Arc<CurrentRevision>) -> Self {
        Plugin { current }
    }

    /// Returns the plugin's name.
    pub fn name(&self) -> String {
        self.current.get().name().to_owned()
    }

    /// Returns the manifest of the revision that serves now.
    pub fn manifest(&self) -> Manifest {
        self.current.get().manifest.clone()
    }

    /// Returns whether the component answers HTTP requests by a handler of its own, `wasi:http/incoming-handler`
    /// ([`Runtime::handle_http`](crate::Runtime::handle_http)).
    pub fn has_http_handler(&self) -> bool {
        self.current.borrow().has_http_handler()
    }

    /// Returns the limits of the revision that serves now.
    pub fn limits(&self) -> Limits {
        self.current.get().limits.clone()
    }

    /// Returns the plugin's grants, as of the runtime's current policy.
    pub fn grants(&self) -> Grants {
        self.current.get().context.permissions.grants().clone()
    }

    /// Returns the SHA-256 of the component that serves now, in lower-case hexadecimal.
    pub fn digest(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.current.get().digest)
    }

    /// Returns the files and directories that the plugin was loaded from, as absolute paths; none if it was loaded from
    /// memory.
    pub fn files(&self) -> Vec<PathBuf> {
        self.current.get().origin.files()
    }

    /// Returns the configuration that the plugin sees, with secrets hidden.
    pub fn configuration(&self) -> BTreeMap<String, serde_json::Value> {
        self.current.get().context.config.shown()
    }

    /// Returns the plugin's counters since it was loaded. Reloading, disabling and restarting do not reset them.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.current.metrics()
    }

    /// Calls an action with a value and returns its answer as a value.
    ///
    /// # Errors
    /// [`InvokeError`] if the call did not complete; [`Guest`](InvokeErrorKind::Guest) if the plugin answered with a
    /// failure; [`Answer`](InvokeErrorKind::Answer) if the answer does not fit `R`.
    pub async fn call<R: DeserializeOwned>(
        &self,
        action: &str,
        payload: &(impl Serialize + ?Sized),
    ) -> Result<R, InvokeError> {
        let outcome = self.invoke(Invocation::new(action).payload(payload).unchecked_answer()).await?;
        outcome.parse(self.current.borrow().name(), action)
    }

    /// Makes a call with the caller, request id and deadline of `invocation`, and returns the JSON answer with its
    /// cost.
    ///
    /// # Errors
    /// [`InvokeError`] if the call did not complete or the plugin answered with a failure.
    pub async fn invoke(&self, mut invocation: Invocation<'_>) -> Result<Outcome, InvokeError> {
        dispatch::invoke(&self.current, &mut invocation).await
    }

    /// Delivers an event to the plugin, once for each matching subscription, those of higher priority first. Without a
    /// matching subscription the plugin receives nothing, which is not an error.
    ///
    /// Events do not count against the plugin's rate limit, which bounds its callers: the emitter has been counted, and
    /// a refused event would be lost.
    ///
    /// # Errors
    /// [`InvokeError`] of the first handler that failed. Later handlers are called nevertheless.
    pub async fn deliver(&self, event: &Event) -> Result<Reaction, InvokeError> {
        dispatch::deliver(&self.current, event).await
    }

    /// Runs the plugin's health check. A plugin that exports none is healthy as long as it is loaded. The check does
    /// not count against the plugin's rate limit: a busy plugin is not an unhealthy one.
    ///
    /// # Errors
    /// [`InvokeError`] if the check could not run. A check that reports a failure is an unhealthy plugin, not an error.
    pub async fn health(&self) -> Result<Health, InvokeError> {
        dispatch::health(&self.current).await
    }

    /// Returns how many of the plugin's calls may run at once.
    pub fn concurrency(&self) -> usize {
        self.current.get().instances.concurrency()
    }

    /// Returns whether calls reach the plugin: it is loaded, and neither disabled nor failed. The first call of a lazy
    /// plugin starts it.
    pub fn is_loaded(&self) -> bool {
        self.state().takes_calls()
    }

    /// Returns the plugin's state.
    pub fn state(&self) -> PluginState {
        self.current.state()
    }

    /// Returns the plugin's state with its times and the last error.
    pub fn status(&self) -> PluginStatus {
        self.current.status()
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
