//! Dispatches a call of the host to the plugin's function.
//!
//! An instance has one state, and the host makes one call at a time. The component model traps a call into a busy
//! instance, so the state is never borrowed twice. If it ever were, the second call would fail and leave the state
//! intact.

use std::cell::RefCell;
use std::fmt;

use crate::answer::to_json;
use crate::builder::{Hooks, SavedState, Subscription};
use crate::error::{Error, Result, error};
use crate::event::Event;
use crate::invocation::Reload;
use crate::log;

/// The name and the function of an action.
pub struct Entry<S: 'static> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut S, &str) -> Result<String>,
}

impl<S> Entry<S> {
    pub(crate) const NONE: Entry<S> = Entry { name: "", run: |_, _| Err(error("no action")) };
}

impl<S> Clone for Entry<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Entry<S> {}

/// All functions of a plugin, without the parts of the declaration that only the host reads.
pub struct Table<S: 'static> {
    pub(crate) state: fn() -> S,
    pub(crate) actions: &'static [Entry<S>],
    pub(crate) subscriptions: &'static [Subscription<S>],
    pub(crate) hooks: Hooks<S>,
}

/// The slot for the state of an instance. It is empty before the first call and after the unload.
pub type Slot<S> = RefCell<Option<S>>;

impl<S> Table<S> {
    /// Runs an action.
    pub fn handle(&self, slot: &Slot<S>, action: &str, payload: &str) -> Result<String> {
        let Some(entry) = self.actions.iter().find(|entry| entry.name == action) else {
            return Err(self.unknown_action(action));
        };
        self.with(slot, |state| (entry.run)(state, payload))?
    }

    /// Creates the state and runs the load hook.
    pub fn on_load(&self, slot: &Slot<S>) -> Result<()> {
        self.with(slot, |state| match self.hooks.on_load {
            Some(hook) => hook(state),
            None => Ok(()),
        })?
    }

    /// Runs the hook that returns the state for a newer revision.
    pub fn save_state(&self, slot: &Slot<S>) -> Result<Option<SavedState>> {
        self.with(slot, |state| match self.hooks.save_state {
            Some(hook) => hook(state),
            None => Ok(None),
        })?
    }

    /// Creates the state and runs the reload hook. Without that hook, it runs the load hook.
    pub fn on_reload(&self, slot: &Slot<S>, from: String, saved: Option<SavedState>) -> Result<()> {
        let reload = Reload { from, format: saved.as_ref().map(|saved| saved.format) };
        match self.hooks.on_reload {
            Some(hook) => self.with(slot, |state| hook(state, &reload, saved.map(|saved| saved.bytes)))?,
            None => self.on_load(slot),
        }
    }

    /// Runs the unload hook and drops the state.
    pub fn on_unload(&self, slot: &Slot<S>) {
        if let Some(hook) = self.hooks.on_unload {
            // A borrowed state can neither run the hook nor be dropped. The host discards the instance in any case.
            let _ = self.with(slot, hook);
        }
        if let Ok(mut state) = slot.try_borrow_mut() {
            *state = None;
        }
    }

    /// Passes an event to the handler of its subscription, or else to the handler of all other events.
    pub fn on_event(&self, slot: &Slot<S>, event: &Event<'_>) -> Result<()> {
        let id = event.subscription();
        let handler = self.subscriptions.iter().find(|it| it.handles(id)).map(|it| it.run).or(self.hooks.on_event);
        let Some(handler) = handler else { return Err(unknown_subscription(id)) };
        self.with(slot, |state| handler(state, event))?
    }

    /// Runs the health check; the result is JSON.
    pub fn health(&self, slot: &Slot<S>) -> Result<String> {
        self.with(slot, |state| match self.hooks.health {
            Some(hook) => to_json(&hook(state)?),
            None => Ok(r#"{"healthy":true}"#.to_owned()),
        })?
    }

    /// Borrows the state, and creates it first if there is none.
    fn with<T>(&self, slot: &Slot<S>, work: impl FnOnce(&mut S) -> T) -> Result<T> {
        let Ok(mut state) = slot.try_borrow_mut() else {
            return Err(error("the plugin instance is already running a call").with_code("reentrant_call"));
        };
        log::begin_call();
        let state = match &mut *state {
            Some(state) => state,
            empty => {
                log::begin_life();
                empty.insert((self.state)())
            }
        };
        Ok(work(state))
    }

    #[cold]
    fn unknown_action(&self, action: &str) -> Error {
        let mut known = String::new();
        for entry in self.actions {
            if !known.is_empty() {
                known.push_str(", ");
            }
            known.push_str(entry.name);
        }
        error(format!("the plugin has no action `{action}`; its actions are: {known}"))
            .with_code("unknown_action")
            .with_status(404)
    }
}

#[cold]
fn unknown_subscription(id: &str) -> Error {
    let handler = match id.strip_prefix('#') {
        Some(pattern) => format!("#[on_event(\"{pattern}\", dynamic)]"),
        None => "#[on_event(\"…\")] with this id".to_owned(),
    };
    let message = format!(
        "the plugin has no handler for the events of subscription `{id}`: mark a method `{handler}`, or one `#[on_event]` \
         for all other events"
    );
    error(message).with_code("unknown_subscription")
}

impl<S> fmt::Debug for Table<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Entry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}
