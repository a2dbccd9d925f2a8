//! A problem in a plugin's configuration, found when it is loaded.

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
