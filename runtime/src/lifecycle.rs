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
//! A plugin that is disabled or has failed stays in [`Runtime::plugins`](crate::Runtime::plugins), and its handles stay
//! valid: its calls fail with an error of their own until it serves again.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

/// The state of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PluginState {
    /// It starts again after it was disabled or has failed. A plugin that is loaded for the first time is not listed
    /// before it is ready.
    Loading,
    /// It serves.
    Ready,
    /// It serves, and another revision is being prepared to replace it.
    Reloading,
    /// It serves nothing until it is enabled.
    Disabled,
    /// It serves nothing until it is restarted or reloaded: its instances failed too often.
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
            PluginState::Ready => "ready",
            PluginState::Reloading => "reloading",
            PluginState::Disabled => "disabled",
            PluginState::Failed => "failed",
            PluginState::Unloading => "unloading",
            PluginState::Unloaded => "unloaded",
        }
    }

    /// Returns whether calls are served in this state.
    pub fn serves(self) -> bool {
        matches!(self, PluginState::Ready | PluginState::Reloading)
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
    /// The last error of its lifecycle: a reload or a start that failed. Calls that failed are counted in
    /// [`Plugin::metrics`](crate::Plugin::metrics).
    pub last_error: Option<LastError>,
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
}
