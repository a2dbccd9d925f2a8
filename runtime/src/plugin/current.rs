//! A plugin under its name: the revision that serves now, and the plugin's state.
//!
//! The registry, the triggers and every handle of a plugin share one of these, so that all of them follow the plugin
//! through reloads, and through being disabled and enabled.
//!
//! A plugin that does not serve has a revision whose instances are closed. So a call that is served never looks at the
//! state: only a call that finds the instances closed asks why ([`CurrentRevision::refusal`]).
//!
//! A plugin that waits for its restart needs no task: whatever looks at its state after the delay opens the instances
//! again, and the next call starts one.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use arc_swap::{ArcSwap, Guard};
use parking_lot::{Mutex, MutexGuard};
use serde_json::json;

use super::broken::{BrokenInstances, Consequence};
use super::loaded::LoadedPlugin;
use crate::clock::time_of;
use crate::error::{InvokeError, InvokeErrorKind, LoadError};
use crate::lifecycle::{LastError, PluginState, PluginStatus, RestartPolicy};
use crate::limits::LAZY_START_PAUSE;
use crate::metrics::MetricsSnapshot;

/// The revision of a plugin that serves now, which a reload replaces, and the plugin's state.
pub(crate) struct CurrentRevision {
    revision: ArcSwap<LoadedPlugin>,
    life: Mutex<Life>,
    restarts: RestartPolicy,
    /// Starts the plugin at its first use, if it is lazy.
    starter: Option<StartLazy>,
    /// Revisions that were replaced and still serve calls. Their counters are added to the plugin's when they end.
    retiring: Mutex<Vec<Weak<LoadedPlugin>>>,
}

/// Starts a lazy plugin, or waits until another caller has. Fails with the reason why it does not serve.
pub(crate) type StartLazy = Box<dyn Fn() -> StartingLazy + Send + Sync>;

/// A lazy plugin that starts. The start goes on if this is dropped.
pub(crate) type StartingLazy = Pin<Box<dyn Future<Output = Result<(), InvokeErrorKind>> + Send>>;

struct Life {
    state: PluginState,
    since: SystemTime,
    loaded: SystemTime,
    last_error: Option<Box<LastError>>,
    broken: BrokenInstances,
    /// Why calls are refused while the instances are closed.
    refusal: Refusal,
    /// Why a lazy plugin did not start.
    failed_start: Option<Box<FailedStart>>,
}

/// The failure of a lazy plugin to start.
struct FailedStart {
    code: String,
    reason: String,
    time: SystemTime,
}

/// Why a plugin without open instances refuses calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unloaded,
    Disabled,
    /// It starts at its first use.
    Lazy,
    /// Its instances broke too often. It serves again at this time, if there is one.
    Failed(Option<SystemTime>),
}

impl CurrentRevision {
    /// Registers a revision in its first state, which is ready or disabled.
    pub(crate) fn new(revision: LoadedPlugin, state: PluginState, restarts: RestartPolicy) -> Arc<Self> {
        let refusal = if state == PluginState::Disabled { Refusal::Disabled } else { Refusal::Unloaded };
        CurrentRevision::in_state(revision, state, refusal, restarts, None)
    }

    /// Registers a closed revision that `starter` starts at its first use.
    pub(crate) fn lazy(revision: LoadedPlugin, restarts: RestartPolicy, starter: StartLazy) -> Arc<Self> {
        CurrentRevision::in_state(revision, PluginState::Lazy, Refusal::Lazy, restarts, Some(starter))
    }

    fn in_state(
        revision: LoadedPlugin,
        state: PluginState,
        refusal: Refusal,
        restarts: RestartPolicy,
        starter: Option<StartLazy>,
    ) -> Arc<Self> {
        let now = time_of(&*revision.context.clock);
        let life = Life {
            state,
            since: now,
            loaded: now,
            last_error: None,
            broken: BrokenInstances::default(),
            refusal,
            failed_start: None,
        };
        Arc::new(CurrentRevision {
            revision: ArcSwap::from_pointee(revision),
            life: Mutex::new(life),
            restarts,
            starter,
            retiring: Mutex::default(),
        })
    }

    /// Publishes the first state of a plugin that was just registered.
    pub(crate) fn announce_first_state(&self) {
        self.announce_change(PluginState::Loading, self.life.lock().state);
    }

    /// Borrows the revision for the duration of a call, which is cheaper than [`CurrentRevision::get`].
    pub(crate) fn borrow(&self) -> Guard<Arc<LoadedPlugin>> {
        self.revision.load()
    }

    /// Returns the revision.
    pub(crate) fn get(&self) -> Arc<LoadedPlugin> {
        self.revision.load_full()
    }

    /// Replaces the revision, and returns the previous one, which is to be [retired](Self::retire).
    pub(crate) fn swap(&self, revision: LoadedPlugin) -> Arc<LoadedPlugin> {
        let mut retiring = self.retiring.lock();
        let old = self.revision.swap(Arc::new(revision));
        retiring.push(Arc::downgrade(&old));
        old
    }

    /// Unloads a revision that was replaced, once its calls have ended.
    pub(crate) async fn retire(&self, old: Arc<LoadedPlugin>) {
        old.drain_and_unload().await;
        let mut retiring = self.retiring.lock();
        old.context.metrics.absorb(old.instances.counters());
        retiring.retain(|revision| !std::ptr::eq(revision.as_ptr(), Arc::as_ptr(&old)));
    }

    /// Returns the counters of all revisions since the plugin was loaded.
    pub(crate) fn metrics(&self) -> MetricsSnapshot {
        let retiring = self.retiring.lock();
        let (revision, old) = (self.get(), retiring.iter().filter_map(Weak::upgrade).collect::<Vec<_>>());
        let revisions = old.iter().chain([&revision]);
        let waiting = revisions.clone().map(|revision| revision.instances.waiting() as u64).sum();
        let mut snapshot = revision.context.metrics.snapshot(
            revisions.flat_map(|revision| revision.instances.counters()),
            Some(revision.context.permissions.audit()),
            revision.context.log.dropped(),
        );
        snapshot.calls_waiting = waiting;
        let (queued, given_up) = revision.context.events.queued_and_given_up(revision.name());
        (snapshot.events_queued, snapshot.events_given_up) = (queued as u64, given_up);
        snapshot
    }

    pub(crate) fn state(&self) -> PluginState {
        self.life().state
    }

    pub(crate) fn status(&self) -> PluginStatus {
        let life = self.life();
        PluginStatus {
            state: life.state,
            since: life.since,
            loaded: life.loaded,
            last_error: life.last_error.as_deref().cloned(),
            broken_in_a_row: life.broken.in_a_row(),
            restarts_at: match life.refusal {
                Refusal::Failed(time) if life.state == PluginState::Restarting => time,
                _ => None,
            },
        }
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
        let state = if life.refusal == Refusal::Disabled { PluginState::Disabled } else { PluginState::Unloaded };
        self.enter(&mut life, state);
    }

    /// Records the error of a change that failed before it began.
    pub(crate) fn note_error(&self, error: &LoadError) {
        let time = time_of(&*self.borrow().context.clock);
        self.life.lock().last_error = Some(Box::new(LastError::new(error.code(), error, time)));
    }

    /// Begins a change that may fail. Until the transition is completed the plugin is in `state`, and if it fails or is
    /// dropped, in the state before.
    pub(crate) fn begin(&self, state: PluginState) -> Transition<'_> {
        let mut life = self.life();
        let before = life.state;
        self.enter(&mut life, state);
        Transition { plugin: self, during: state, before }
    }

    /// Counts an instance of `revision` that broke, and refuses calls if there were too many.
    #[cold]
    pub(crate) fn instance_broke(&self, revision: &Arc<LoadedPlugin>, error: &InvokeError) {
        let mut life = self.life.lock();
        // Calls that were running when the plugin stopped serving, and those of a replaced revision, count no more.
        if !life.state.serves() || !self.is(revision) {
            return;
        }
        let now = time_of(&*revision.context.clock);
        life.last_error = Some(Box::new(LastError::new(error.code(), error, now)));
        let (plugin, answered) = (revision.name(), revision.instances.take_answered());
        let (state, at) = match life.broken.count(&self.restarts, now, answered) {
            Consequence::ReplacedAtOnce => return,
            Consequence::ReplacedAt(time) => (PluginState::Restarting, Some(time)),
            Consequence::Failed => (PluginState::Failed, None),
        };
        let in_a_row = life.broken.in_a_row();
        tracing::warn!(plugin, in_a_row, %state, "its instances break again and again, the last one with: {error}");
        life.refusal = Refusal::Failed(at);
        self.enter(&mut life, state);
        revision.instances.close();
        if state == PluginState::Failed {
            let data = || json!({ "plugin": plugin, "code": error.code(), "error": error.public() });
            revision.context.events.host_event("plugin.failed", data);
        }
    }

    /// Returns why a call that found the instances of `revision` closed is refused; `None` if it should be tried again.
    pub(crate) fn refusal(&self, revision: &Arc<LoadedPlugin>) -> Option<InvokeErrorKind> {
        let life = self.life();
        if !self.is(revision) || !revision.instances.is_closed() {
            return None;
        }
        Some(match life.refusal {
            Refusal::Unloaded | Refusal::Lazy => InvokeErrorKind::NotLoaded,
            Refusal::Disabled => InvokeErrorKind::PluginDisabled,
            Refusal::Failed(time) => InvokeErrorKind::PluginFailed {
                message: life.last_error.as_deref().map(LastError::line).unwrap_or_default(),
                retry_after: time
                    .map(|time| time.duration_since(time_of(&*revision.context.clock)).unwrap_or_default()),
            },
        })
    }

    /// Returns whether the plugin is lazy and does not serve yet. It may be starting.
    pub(crate) fn is_lazy(&self) -> bool {
        self.life.lock().refusal == Refusal::Lazy && self.borrow().instances.is_closed()
    }

    /// Starts a lazy plugin, or waits until another caller has.
    pub(crate) fn start_lazy(&self) -> StartingLazy {
        match &self.starter {
            Some(starter) => starter(),
            None => Box::pin(std::future::ready(Err(InvokeErrorKind::NotLoaded))),
        }
    }

    /// Records that a lazy plugin did not start.
    pub(crate) fn note_failed_start(&self, error: &LoadError) {
        let time = time_of(&*self.borrow().context.clock);
        let failed = FailedStart { code: error.code().to_owned(), reason: error.reason(), time };
        self.life.lock().failed_start = Some(Box::new(failed));
    }

    /// Returns why a lazy plugin did not start, unless it is time to try again.
    pub(crate) fn failed_start(&self) -> Option<InvokeErrorKind> {
        let now = time_of(&*self.borrow().context.clock);
        let life = self.life.lock();
        let FailedStart { code, reason, time } = life.failed_start.as_deref()?;
        // A clock that was set back starts the pause anew at most.
        let retry_after = LAZY_START_PAUSE.checked_sub(now.duration_since(*time).unwrap_or_default())?;
        let (code, reason) = (code.clone(), reason.clone());
        (!retry_after.is_zero()).then_some(InvokeErrorKind::LoadFailed { code, reason, retry_after })
    }

    /// Locks the state, after opening the instances if the time of a restart has come.
    fn life(&self) -> MutexGuard<'_, Life> {
        let mut life = self.life.lock();
        if life.state == PluginState::Restarting
            && let Refusal::Failed(Some(time)) = life.refusal
        {
            let revision = self.borrow();
            if time_of(&*revision.context.clock) >= time {
                revision.instances.open();
                self.enter(&mut life, PluginState::Ready);
            }
        }
        life
    }

    /// Changes the state and publishes that. The caller holds the lock, so events are in the order of the changes.
    fn enter(&self, life: &mut Life, state: PluginState) {
        if life.state != state {
            let from = std::mem::replace(&mut life.state, state);
            life.since = time_of(&*self.borrow().context.clock);
            self.announce_change(from, state);
        }
    }

    fn announce_change(&self, from: PluginState, to: PluginState) {
        let revision = self.borrow();
        let name = revision.name();
        let topic = format!("plugin.{name}.state_changed");
        revision.context.events.host_event(&topic, || json!({ "plugin": name, "from": from, "to": to }));
    }

    /// Publishes `plugin.<what>`, unless nothing subscribed to it.
    pub(crate) fn announce(&self, what: &str) {
        let revision = self.borrow();
        let data = || json!({ "plugin": revision.name(), "version": revision.manifest.version.to_string() });
        revision.context.events.host_event(&format!("plugin.{what}"), data);
    }

    /// Publishes that the plugin begins to serve, as `plugin.<what>` and `<name>.initialized`.
    pub(crate) fn announce_start(&self, what: &str) {
        self.announce(what);
        let revision = self.borrow();
        let topic = format!("{}.initialized", revision.name());
        revision.context.events.host_event(&topic, || json!({ "plugin": revision.name() }));
    }

    /// Publishes that the plugin no longer serves, as `plugin.<what>` and `<name>.shutdown`.
    pub(crate) fn announce_end(&self, what: &str) {
        self.announce(what);
        let revision = self.borrow();
        let topic = format!("{}.shutdown", revision.name());
        revision.context.events.host_event(&topic, || json!({ "plugin": revision.name() }));
    }

    /// Returns whether this revision serves now.
    fn is(&self, revision: &Arc<LoadedPlugin>) -> bool {
        Arc::ptr_eq(revision, &self.borrow())
    }
}

/// A change of a plugin that has begun.
pub(crate) struct Transition<'a> {
    plugin: &'a CurrentRevision,
    during: PluginState,
    before: PluginState,
}

impl Transition<'_> {
    /// Completes the change. The revision is another one, so instances that broke before count no more.
    pub(crate) fn complete(self, state: PluginState) {
        let mut life = self.plugin.life.lock();
        life.broken = BrokenInstances::default();
        life.failed_start = None;
        self.plugin.enter(&mut life, state);
    }

    /// Records the error of a change that failed, and returns to the state before.
    pub(crate) fn fail(self, error: LoadError) -> LoadError {
        self.plugin.note_error(&error);
        error
    }
}

impl Drop for Transition<'_> {
    fn drop(&mut self) {
        let mut life = self.plugin.life.lock();
        // A change that was completed, or a plugin that failed meanwhile, stays in its state.
        if life.state == self.during {
            self.plugin.enter(&mut life, self.before);
        }
    }
}
