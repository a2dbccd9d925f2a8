//! A plugin's own view of its health.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The answer of a health check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    healthy: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    components: BTreeMap<String, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<String, f64>,
}

impl Health {
    /// All is well.
    pub fn healthy() -> Health {
        Health { healthy: true, message: String::new(), components: BTreeMap::new(), metrics: BTreeMap::new() }
    }

    /// Something is not, and the message says what.
    pub fn unhealthy(message: impl Into<String>) -> Health {
        Health { healthy: false, ..Health::healthy().with_message(message) }
    }

    /// Adds a word to it.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Health {
        self.message = message.into();
        self
    }

    /// Tells of a part that the plugin depends on: `"connected"`, or an object with more.
    #[must_use]
    pub fn with_component(mut self, name: impl Into<String>, state: impl Into<Value>) -> Health {
        self.components.insert(name.into(), state.into());
        self
    }

    /// Adds a number to watch.
    #[must_use]
    pub fn with_metric(mut self, name: impl Into<String>, value: f64) -> Health {
        self.metrics.insert(name.into(), value);
        self
    }

    /// Whether all is well.
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }
}
