//! A plugin's own view of its health.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// The result of a health check.
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
    /// A healthy plugin.
    pub fn healthy() -> Health {
        Health { healthy: true, message: String::new(), components: BTreeMap::new(), metrics: BTreeMap::new() }
    }

    /// An unhealthy plugin, with the reason as its message.
    pub fn unhealthy(message: impl Into<String>) -> Health {
        Health { healthy: false, ..Health::healthy().with_message(message) }
    }

    /// Sets the message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Health {
        self.message = message.into();
        self
    }

    /// Adds the state of a part that the plugin depends on: `"connected"`, or an object with more.
    #[must_use]
    pub fn with_component(mut self, name: impl Into<String>, state: impl Into<Value>) -> Health {
        self.components.insert(name.into(), state.into());
        self
    }

    /// Adds a number for monitoring.
    #[must_use]
    pub fn with_metric(mut self, name: impl Into<String>, value: f64) -> Health {
        self.metrics.insert(name.into(), value);
        self
    }

    /// Whether the plugin is healthy.
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }
}
