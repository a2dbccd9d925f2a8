//! Problems in a plugin's configuration, found when it is loaded or set.

use std::fmt;

use serde::Serialize;

/// A problem in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The key.
    pub key: String,
    /// The origin of the value, such as `config/default.yaml` or `options`; empty if there is none.
    pub origin: String,
    /// The problem. Never contains a secret's value.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)?;
        if self.origin.is_empty() { Ok(()) } else { write!(f, " (from {})", self.origin) }
    }
}

/// A configuration value was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// The value does not fit the plugin's configuration, or a limit was reached.
    #[error("the configuration of plugin `{plugin}` was not changed: {message}")]
    Invalid {
        /// The plugin.
        plugin: String,
        /// The key and the problem. Never contains a secret's value.
        message: String,
    },
    /// The value cannot be stored.
    #[error("the configuration of plugin `{plugin}` cannot be stored: {message}")]
    Unavailable {
        /// The plugin.
        plugin: String,
        /// The reason.
        message: String,
    },
}

impl ConfigureError {
    /// Returns the stable name of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigureError::Invalid { .. } => "invalid_configuration",
            ConfigureError::Unavailable { .. } => "unavailable",
        }
    }
}
