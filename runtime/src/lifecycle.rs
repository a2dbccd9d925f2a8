//! The state of a plugin, from its load to its unload, as applications see it.
//!
//! ```text
//!            load                  reload                      unload
//!  (nothing) ────▶ Ready ──────────▶ Reloading ──▶ Ready ──────▶ Unloading ──▶ Unloaded
//!                    │  ▲
//!            disable │  │ enable: Loading
//!                    ▼  │
//!    Unloading ──▶ Disabled
//! ```
//!
//! A [lazy](crate::Package::lazy) plugin begins as `Lazy`, and its first use leads to `Ready` by way of `Loading`.
//!
//! A plugin whose instances break again and again goes from `Ready` to `Restarting`, and back after a delay, or to
//! `Failed`: see [`RestartPolicy`].
//!
//! Each change is an event on the bus, published by the host if anything subscribed to it:
//!
//! | Topic | When | Data |
//! |---|---|---|
//! | `plugin.<name>.state_changed` | a plugin enters another state | `plugin`, `from`, `to` |
//! | `plugin.loaded`, `plugin.reloaded`, `plugin.unloaded` | that has been done | `plugin`, `version` |
//! | `plugin.enabled`, `plugin.disabled`, `plugin.restarted` | that has been done | `plugin`, `version` |
//! | `plugin.failed` | its instances broke too often | `plugin`, `code`, `error` |
//! | `<name>.initialized`, `<name>.shutdown` | a plugin begins or ceases to serve | `plugin` |
//! | `plugins.booted` | [`Runtime::load_all`](crate::Runtime::load_all) has ended | `loaded`, `failed`, `skipped` |
//!
//! A plugin that is disabled or has failed stays in [`Runtime::plugins`](crate::Runtime::plugins), and its handles stay
//! valid: its calls fail with an error of their own until it serves again.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;

/// The state of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PluginState {
    /// It starts: it was lazy, disabled or had failed. Another plugin that is loaded for the first time is not listed
    /// before it is ready.
    Loading,
    /// It is loaded, but none of its code has run. The first call of an action or of an HTTP handler starts it,
    /// whichever trigger makes the call, and so does loading a plugin that requires it. Calls that arrive meanwhile
    /// wait. Until then it receives no events, its jobs rest, and its health is not checked.
    ///
    /// If it does not start, these calls fail with `load_failed`. The first call after 5 seconds by the runtime's clock
    /// tries again.
    Lazy,
    /// It serves.
    Ready,
    /// It serves, and another revision is being prepared to replace it.
    Reloading,
    /// It serves nothing until a delay has passed, because its instances broke again and again.
    Restarting,
    /// It serves nothing until it is enabled.
    Disabled,
    /// It serves nothing until it is restarted or reloaded: its instances broke too often.
    Failed,
    /// It finishes its calls in flight, to be disabled or removed.
    Unloading,
    /// It is gone. Only handles that were obtained earlier report this state.
    Unloaded,
}

impl PluginState {
    /// Returns the name of this state, such as `ready`.
    pub fn name(self) -> &'static str {
        match self {
            PluginState::Loading => "loading",
            PluginState::Lazy => "lazy",
            PluginState::Ready => "ready",
            PluginState::Reloading => "reloading",
            PluginState::Restarting => "restarting",
            PluginState::Disabled => "disabled",
            PluginState::Failed => "failed",
            PluginState::Unloading => "unloading",
            PluginState::Unloaded => "unloaded",
        }
    }

    /// Returns whether the plugin runs and serves calls in this state.
    pub fn serves(self) -> bool {
        matches!(self, PluginState::Ready | PluginState::Reloading)
    }

    /// Returns whether a call is served in this state: the plugin serves, or it is lazy and the call starts it.
    pub fn takes_calls(self) -> bool {
        self.serves() || self == PluginState::Lazy
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of a plugin with its circumstances. All times are by the runtime's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginStatus {
    /// The state.
    pub state: PluginState,
    /// The time at which the plugin entered this state.
    pub since: SystemTime,
    /// The time at which the plugin was loaded. Reloading does not change it.
    pub loaded: SystemTime,
    /// The last error of its lifecycle: a reload or a start that failed, or what broke its last instance. Other calls
    /// that failed are counted in [`Plugin::metrics`](crate::Plugin::metrics).
    pub last_error: Option<LastError>,
    /// The number of instances that broke in a row: since the last one that answered a call.
    pub broken_in_a_row: u32,
    /// If the plugin is [`Restarting`](PluginState::Restarting), the time at which it serves again.
    pub restarts_at: Option<SystemTime>,
}

/// When a plugin whose instances break again and again is restarted, and when it has failed.
///
/// An instance breaks if the guest traps (a panic, an abort, an access out of bounds), or if a new instance cannot be
/// started. A call that exceeds its own limits (time, fuel, memory, the size of its answer) costs the plugin its
/// instance, too, but does not count: another call may need less.
///
/// The first instance that breaks is replaced at once, by the next call. If the next one breaks as well and none has
/// answered a call in between, calls are refused with `plugin_failed` until a delay has passed, which doubles each
/// time. After a number of restarts in a row the plugin has failed, and serves nothing until it is
/// [restarted](crate::Runtime::restart) or reloaded.
///
/// Callers that an application does not trust can break a plugin that nothing else calls on purpose, with payloads on
/// which it traps. For those, [`RestartPolicy::always`] replaces every instance at once and never gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestartPolicy {
    /// Restarts in a row after which a plugin has failed. Default: 3.
    pub restarts_max: u32,
    /// The delay of the second restart in a row, by the runtime's clock. Default: 1 s.
    pub delay: Duration,
    /// The time without a broken instance after which a row ends. Default: 60 s.
    pub window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy { restarts_max: 3, delay: Duration::from_secs(1), window: Duration::from_secs(60) }
    }
}

impl RestartPolicy {
    /// Returns the policy that replaces every broken instance at once, however many there are.
    pub fn always() -> Self {
        RestartPolicy { restarts_max: u32::MAX, delay: Duration::ZERO, ..RestartPolicy::default() }
    }
}

/// What happens to the plugins that require, directly or through others, a plugin that is unloaded, disabled, or
/// replaced by a version that they do not accept. Disabled plugins do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dependents {
    /// They stay loaded, and their calls of the plugin fail.
    Keep,
    /// If there are any, nothing is changed.
    Refuse,
    /// They are unloaded, or disabled, with the plugin.
    Unload,
}

/// The last error of a plugin's lifecycle.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastError {
    /// The stable code of the error.
    pub code: String,
    /// The text of the error, for the operator.
    pub message: String,
    /// The time of the error.
    pub time: SystemTime,
}

impl LastError {
    pub(crate) fn new(code: &str, error: &impl fmt::Display, time: SystemTime) -> Self {
        LastError { code: code.to_owned(), message: error.to_string(), time }
    }

    /// Returns the first line of the text: what a guest prints when it panics may have many.
    pub(crate) fn line(&self) -> String {
        self.message.lines().next().unwrap_or_default().to_owned()
    }
}
