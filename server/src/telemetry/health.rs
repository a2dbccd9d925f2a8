//! Health in the shape of Nexus: `{healthy, message, timestamp, components, metrics}`, of the host and of its plugins.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use plugbay::lifecycle::PluginState;
use plugbay::{Plugin, Runtime};
use serde::Serialize;
use serde_json::{Value, json};

/// The time that the health checks of all plugins have together. One that takes longer is not healthy.
const CHECKS_MAX: Duration = Duration::from_secs(10);

/// The health of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginHealth {
    /// Whether it serves, and its own check says that it is healthy.
    pub healthy: bool,
    /// A message for people.
    pub message: String,
    /// The time of the check, as RFC 3339.
    pub timestamp: String,
    /// The health of its parts, with `database` and `events` of the host.
    pub components: BTreeMap<String, Value>,
    /// Its own figures, with its uptime, calls and errors.
    pub metrics: BTreeMap<String, Value>,
}

/// The health of a host.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HostHealth {
    /// Whether all of its parts are healthy, and no plugin has failed.
    pub healthy: bool,
    /// A message for people.
    pub message: String,
    /// The time of the check, as RFC 3339.
    pub timestamp: String,
    /// The health of its parts.
    pub components: BTreeMap<String, Value>,
    /// Its figures.
    pub metrics: BTreeMap<String, Value>,
}

impl PluginHealth {
    /// Checks a plugin. It runs the plugin's own check, if it has one and serves.
    pub async fn check(runtime: &Runtime, plugin: &Plugin) -> Self {
        let status = plugin.status();
        let metrics = plugin.metrics();
        let mut components = BTreeMap::from([("events".to_owned(), events(runtime).await)]);
        components.insert("database".to_owned(), database(plugin).await);
        let mut figures = BTreeMap::from([
            ("uptime".to_owned(), json!(uptime(status.loaded))),
            ("calls".to_owned(), json!(metrics.calls)),
            ("errors".to_owned(), json!(metrics.errors.values().sum::<u64>())),
        ]);
        // A lazy plugin is not started to ask it.
        let (mut healthy, mut message) = (status.state.takes_calls(), format!("the plugin is {}", status.state));
        if status.state.serves() {
            match tokio::time::timeout(CHECKS_MAX, plugin.health()).await {
                Ok(Ok(own)) => {
                    healthy = own.healthy;
                    components.extend(own.components);
                    figures.extend(own.metrics);
                    if !own.message.is_empty() {
                        message = own.message;
                    }
                }
                // A guest's texts are for the operator, who asks here.
                Ok(Err(error)) => (healthy, message) = (false, error.to_string()),
                Err(_) => (healthy, message) = (false, format!("the check took more than {CHECKS_MAX:?}")),
            }
        }
        healthy &= components.values().all(is_healthy);
        PluginHealth { healthy, message, timestamp: now(), components, metrics: figures }
    }
}

impl HostHealth {
    /// Checks a host: its parts and the states of its plugins. No code of a plugin runs.
    pub async fn check(runtime: &Runtime, uptime_seconds: f64) -> Self {
        let plugins = runtime.plugins();
        let failed: Vec<String> =
            plugins.iter().filter(|plugin| plugin.state() == PluginState::Failed).map(Plugin::name).collect();
        let mut components = BTreeMap::from([("events".to_owned(), events(runtime).await)]);
        components.insert(
            "plugins".to_owned(),
            match failed.is_empty() {
                true => json!({ "status": "healthy" }),
                false => json!({ "status": "unhealthy", "message": format!("failed: {}", failed.join(", ")) }),
            },
        );
        let metrics = BTreeMap::from([
            ("uptime".to_owned(), json!(uptime_seconds)),
            ("plugins".to_owned(), json!(plugins.len())),
            ("serving".to_owned(), json!(plugins.iter().filter(|plugin| plugin.state().serves()).count())),
        ]);
        let healthy = components.values().all(is_healthy);
        let message = if healthy { "the host is healthy" } else { "a part of the host is not healthy" }.to_owned();
        HostHealth { healthy, message, timestamp: now(), components, metrics }
    }
}

/// Whether durable events can be stored.
async fn events(runtime: &Runtime) -> Value {
    match tokio::time::timeout(CHECKS_MAX, runtime.dead_letters(0, 1)).await {
        Ok(Ok(_)) => json!({ "status": "healthy" }),
        Ok(Err(error)) => json!({ "status": "unhealthy", "message": error.to_string() }),
        Err(_) => json!({ "status": "unhealthy", "message": "it does not answer" }),
    }
}

/// Whether the plugin's data can be read.
async fn database(plugin: &Plugin) -> Value {
    match tokio::time::timeout(CHECKS_MAX, plugin.data_keys("", None, 1)).await {
        Ok(Ok(_)) => json!({ "status": "healthy" }),
        Ok(Err(error)) => json!({ "status": "unhealthy", "message": error.to_string() }),
        Err(_) => json!({ "status": "unhealthy", "message": "it does not answer" }),
    }
}

fn is_healthy(component: &Value) -> bool {
    component.get("status").is_none_or(|status| status != "unhealthy")
}

fn uptime(since: SystemTime) -> f64 {
    SystemTime::now().duration_since(since).unwrap_or_default().as_secs_f64()
}

fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
