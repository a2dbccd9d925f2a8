//! Health reports of plugins.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{InvokeError, InvokeErrorKind};

/// A plugin's health report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether the plugin can do its work.
    pub healthy: bool,
    /// A message for people.
    #[serde(default)]
    pub message: String,
    /// The health of the plugin's parts.
    #[serde(default)]
    pub components: serde_json::Map<String, Value>,
    /// The plugin's own metrics.
    #[serde(default)]
    pub metrics: serde_json::Map<String, Value>,
}

impl Health {
    pub(crate) fn healthy() -> Self {
        Health {
            healthy: true,
            message: String::new(),
            components: serde_json::Map::new(),
            metrics: serde_json::Map::new(),
        }
    }

    pub(crate) fn unhealthy(message: String) -> Self {
        Health { healthy: false, message, ..Health::healthy() }
    }

    pub(crate) fn parse(plugin: &str, json: &str) -> Result<Self, InvokeError> {
        serde_json::from_str(json)
            .map_err(|error| InvokeError::new(plugin, "health", InvokeErrorKind::Answer { message: error.to_string() }))
    }
}
