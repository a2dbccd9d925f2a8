//! The lifecycle hooks and event subscriptions of a plugin.

use std::fmt;

use crate::error::Result;
use crate::event::Event;
use crate::health::Health;
use crate::invocation::Reload;

/// The state that an older revision passes to a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The version of the format, which the plugin chooses.
    pub format: u32,
    /// The state.
    pub bytes: Vec<u8>,
}

/// A state in format 1.
impl From<Vec<u8>> for SavedState {
    fn from(bytes: Vec<u8>) -> Self {
        SavedState { format: 1, bytes }
    }
}

/// The hook that returns the state for a newer revision.
pub type SaveState<S> = fn(&mut S) -> Result<Option<SavedState>>;

/// The handler of an event.
pub type OnEvent<S> = fn(&mut S, &Event<'_>) -> Result<()>;

/// The hook that takes over from an older revision, with the bytes of its state.
pub type OnReload<S> = fn(&mut S, &Reload, Option<Vec<u8>>) -> Result<()>;

/// The lifecycle hooks, the handler of other events and the health check, each optional.
pub struct Hooks<S: 'static> {
    pub(crate) on_load: Option<fn(&mut S) -> Result<()>>,
    pub(crate) save_state: Option<SaveState<S>>,
    pub(crate) on_reload: Option<OnReload<S>>,
    pub(crate) on_unload: Option<fn(&mut S)>,
    pub(crate) on_event: Option<OnEvent<S>>,
    pub(crate) health: Option<fn(&mut S) -> Result<Health>>,
}

impl<S> Hooks<S> {
    pub(crate) const NONE: Hooks<S> =
        Hooks { on_load: None, save_state: None, on_reload: None, on_unload: None, on_event: None, health: None };

    pub(crate) const fn any_of_lifecycle(&self) -> bool {
        self.on_load.is_some() || self.save_state.is_some() || self.on_reload.is_some() || self.on_unload.is_some()
    }
}

impl<S> Clone for Hooks<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Hooks<S> {}

impl<S> fmt::Debug for Hooks<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

/// A subscription: a pattern of topics, and the handler of the events that match it.
pub struct Subscription<S: 'static> {
    pub(crate) id: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) priority: i32,
    pub(crate) once: bool,
    pub(crate) durable: bool,
    /// Whether the plugin's code subscribes, instead of its manifest.
    pub(crate) dynamic: bool,
    pub(crate) run: OnEvent<S>,
}

impl<S> Subscription<S> {
    /// The default priority. Among the handlers of an event in all plugins, higher priorities run first.
    pub const PRIORITY: i32 = 50;

    /// Calls a function for each event whose topic matches the pattern: `order.placed`, `order.*`, `**`.
    ///
    /// The pattern must have the canonical spelling, with dots: `container.start`, not `onContainerStart`. Any other
    /// spelling fails the build.
    pub const fn new(pattern: &'static str, run: OnEvent<S>) -> Self {
        Subscription {
            id: pattern,
            pattern,
            priority: Self::PRIORITY,
            once: false,
            durable: false,
            dynamic: false,
            run,
        }
    }

    /// Calls a function for each event of a subscription that the plugin makes at run time, with
    /// [`events::subscribe`](crate::events::subscribe) and exactly this pattern. The manifest does not have it, and its
    /// options are those of that call.
    pub const fn dynamic(pattern: &'static str, run: OnEvent<S>) -> Self {
        Subscription { dynamic: true, ..Subscription::new(pattern, run) }
    }

    /// Sets the id, by which the host names the subscription. Default: the pattern. Two subscriptions with one pattern
    /// need ids.
    #[must_use]
    pub const fn id(mut self, id: &'static str) -> Self {
        self.id = id;
        self
    }

    /// Sets the priority.
    #[must_use]
    pub const fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Ends the subscription with the first event whose handler succeeds.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Stores each event until its handler has succeeded, so that it survives the end of the host. The event may then
    /// be delivered more than once, and its publisher does not wait for the handler.
    #[must_use]
    pub const fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Whether this is the handler for the events of the subscription with this id.
    pub(crate) fn handles(&self, id: &str) -> bool {
        match id.strip_prefix('#') {
            Some(pattern) if self.dynamic => pattern == self.pattern,
            _ => !self.dynamic && id == self.id,
        }
    }
}

impl<S> Clone for Subscription<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Subscription<S> {}

impl<S> fmt::Debug for Subscription<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}
