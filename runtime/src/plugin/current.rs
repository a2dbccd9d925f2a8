//! A plugin under its name: the revision that serves now, and the plugin's state.
//!
//! The registry, the triggers and every handle of a plugin share one of these, so that all of them follow the plugin
//! through reloads, and through being disabled and enabled.
//!
//! A plugin that does not serve has a revision whose instances are closed. So a call that is served never looks at the
//! state: only a call that finds the instances closed asks why ([`CurrentRevision::refusal`]).

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

use super::loaded::LoadedPlugin;
use crate::error::{InvokeErrorKind, LoadError};
use crate::lifecycle::{LastError, PluginState, PluginStatus};

/// The revision of a plugin that serves now, which a reload replaces, and the plugin's state.
pub(crate) struct CurrentRevision {
    revision: ArcSwap<LoadedPlugin>,
    life: Mutex<Life>,
}

struct Life {
    status: PluginStatus,
    /// Why calls are refused while the instances are closed.
    refusal: Refusal,
}

/// Why a plugin without open instances refuses calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unloaded,
    Disabled,
}

impl CurrentRevision {
    /// Registers a revision in its first state, which is ready or disabled.
    pub(crate) fn new(revision: LoadedPlugin, state: PluginState) -> Arc<Self> {
        let now = revision.context.clock.now();
        let status = PluginStatus { state, since: now, loaded: now, last_error: None };
        let refusal = if state == PluginState::Disabled { Refusal::Disabled } else { Refusal::Unloaded };
        let life = Mutex::new(Life { status, refusal });
        Arc::new(CurrentRevision { revision: ArcSwap::from_pointee(revision), life })
    }

    /// Borrows the revision for the duration of a call, which is cheaper than [`CurrentRevision::get`].
    pub(crate) fn borrow(&self) -> Guard<Arc<LoadedPlugin>> {
        self.revision.load()
    }

    /// Returns the revision.
    pub(crate) fn get(&self) -> Arc<LoadedPlugin> {
        self.revision.load_full()
    }

    /// Replaces the revision, and returns the previous one.
    pub(crate) fn swap(&self, revision: LoadedPlugin) -> Arc<LoadedPlugin> {
        self.revision.swap(Arc::new(revision))
    }

    pub(crate) fn state(&self) -> PluginState {
        self.life.lock().status.state
    }

    pub(crate) fn status(&self) -> PluginStatus {
        self.life.lock().status.clone()
    }

    /// Begins to unload the plugin: its calls are refused for this reason once its instances are closed.
    pub(crate) fn end(&self, refusal: Refusal) {
        let mut life = self.life.lock();
        life.refusal = refusal;
        self.enter(&mut life, PluginState::Unloading);
    }

    /// Records that the plugin has been unloaded for the reason that [`end`](Self::end) was given.
    pub(crate) fn ended(&self) {
        let mut life = self.life.lock();
        let state = match life.refusal {
            Refusal::Unloaded => PluginState::Unloaded,
            Refusal::Disabled => PluginState::Disabled,
        };
        self.enter(&mut life, state);
    }

    /// Begins a change that may fail. Until the transition is completed the plugin is in `state`, and if it fails or is
    /// dropped, in the state before.
    pub(crate) fn begin(&self, state: PluginState) -> Transition<'_> {
        let mut life = self.life.lock();
        let before = life.status.state;
        self.enter(&mut life, state);
        Transition { plugin: self, before: Some(before) }
    }

    fn enter(&self, life: &mut Life, state: PluginState) {
        life.status.state = state;
        life.status.since = self.borrow().context.clock.now();
    }

    /// Returns why a call that found the instances of `revision` closed is refused; `None` if it should be tried again,
    /// because another revision serves now.
    pub(crate) fn refusal(&self, revision: &Arc<LoadedPlugin>) -> Option<InvokeErrorKind> {
        if !Arc::ptr_eq(revision, &self.borrow()) {
            return None;
        }
        Some(match self.life.lock().refusal {
            Refusal::Unloaded => InvokeErrorKind::NotLoaded,
            Refusal::Disabled => InvokeErrorKind::PluginDisabled,
        })
    }
}

/// A change of a plugin that has begun.
pub(crate) struct Transition<'a> {
    plugin: &'a CurrentRevision,
    /// The state to return to; `None` once the change is completed.
    before: Option<PluginState>,
}

impl Transition<'_> {
    /// Completes the change.
    pub(crate) fn complete(mut self, state: PluginState) {
        self.before = None;
        self.plugin.enter(&mut self.plugin.life.lock(), state);
    }

    /// Records the error of a change that failed, and returns to the state before.
    pub(crate) fn fail(self, error: LoadError) -> LoadError {
        let time = self.plugin.borrow().context.clock.now();
        self.plugin.life.lock().status.last_error = Some(LastError::new(error.code(), &error, time));
        error
    }
}

impl Drop for Transition<'_> {
    fn drop(&mut self) {
        if let Some(before) = self.before {
            self.plugin.enter(&mut self.plugin.life.lock(), before);
        }
    }
}
