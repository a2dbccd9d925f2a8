//! A problem of a plugin's configuration, found when it is loaded.

use std::fmt;

use serde::Serialize;

/// One way in which a configuration is incomplete or wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigProblem {
    /// The key.
    pub key: String,
    /// Where the value came from, such as `config/default.yaml` or `options`; empty where there is none.
    pub origin: String,
    /// What is wrong with it. Never shows a secret's value.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)?;
        if self.origin.is_empty() { Ok(()) } else { write!(f, " (from {})", self.origin) }
    }
}
