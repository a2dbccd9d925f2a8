//! The sample plugin of the Nexus Platform's documentation, in Rust: configuration, events, services, stored state,
//! collections, health and metrics.
//!
//! `manifest.json` is that of the sample, with the collections that it declares in code. `initialize` is `#[on_load]`
//! and `shutdown` is `#[on_unload]`. The host makes the subscriptions of the manifest; the methods below are their
//! handlers.

use std::collections::BTreeMap;
use std::time::SystemTime;

use plugbay_sdk::prelude::*;
use plugbay_sdk::{config, data, db, events, metrics, plugins};

#[derive(Deserialize, Schema)]
struct ActionRequest {
    /// The action to perform: `ping`, `echo` or `count`.
    action: String,
    #[serde(default)]
    #[schema(any)]
    parameters: BTreeMap<String, Value>,
}

#[derive(Serialize, Schema)]
struct ActionResponse {
    success: bool,
    message: String,
    #[schema(any)]
    result: Option<Value>,
}

#[derive(Clone, Serialize, Deserialize, Schema)]
struct LastAction {
    action: String,
    /// In ISO 8601, such as `2026-01-01T00:00:00Z`.
    timestamp: String,
}

#[derive(Deserialize)]
struct User {
    user_id: String,
    #[serde(default = "unknown")]
    username: String,
}

fn unknown() -> String {
    "Unknown".to_owned()
}

/// The version in `manifest.json`.
const VERSION: &str = "1.0.0";
/// The number of seconds for which the plugin waits for the external service, unless it is configured.
const TIMEOUT_SECONDS: u64 = 30;

#[derive(Default)]
struct MyAwesomePlugin {
    initialized: bool,
    action_count: u64,
    last_action: Option<LastAction>,
}

#[plugin]
impl MyAwesomePlugin {
    #[on_load]
    fn initialize(&mut self) -> Result<bool> {
        log::info!("initializing");
        // The host has checked that there is a value.
        let api_key: String = config::require("api_key")?;
        if api_key.trim().is_empty() {
            log::error!("API key is required but not configured");
            return Ok(false);
        }
        let timeout: u64 = config::get_or("timeout", TIMEOUT_SECONDS)?;
        if timeout == 0 {
            log::error!("Timeout must be positive");
            return Ok(false);
        }
        self.action_count = config::get_or("action_count", 0)?;
        self.last_action = data::get("last_action")?;
        plugins::register_service("my_awesome_plugin.api")?;
        self.initialized = true;
        events::publish("my_awesome_plugin.initialized", &json!({ "version": VERSION, "timestamp": now() }))?;
        Ok(true)
    }

    #[on_unload]
    fn shutdown(&mut self) -> Result<()> {
        self.save_state()?;
        events::publish("my_awesome_plugin.shutdown", &json!({ "action_count": self.action_count }))?;
        log::info!("shut down", action_count = self.action_count);
        Ok(())
    }

    /// Returns the plugin's status and statistics.
    #[action(idempotent)]
    #[get("/status")]
    fn status(&self) -> Value {
        json!({
            "plugin": "my_awesome_plugin",
            "version": VERSION,
            "initialized": self.initialized,
            "action_count": self.action_count,
            "last_action": self.last_action,
            "uptime": metrics::snapshot()["uptime_ms"].as_f64().unwrap_or_default() / 1_000.0,
        })
    }

    /// Performs an action. A failure is part of the response, as in the sample.
    #[action(name = "post_action")]
    #[post("/action", responses(503 = "The plugin is disabled."))]
    fn perform_action(&mut self, request: ActionRequest) -> Result<ActionResponse> {
        if !config::get_or("enabled", true)? {
            return Err(error("Plugin is disabled").with_code("plugin_disabled").with_status(503));
        }
        let ActionRequest { action, parameters } = request;
        let result = match self.execute(&action, &parameters) {
            Ok(result) => result,
            Err(error) => {
                log::error!("action failed: {error}");
                let message = format!("Action failed: {}", error.message());
                return Ok(ActionResponse { success: false, message, result: None });
            }
        };
        self.action_count += 1;
        metrics::add("actions_total", 1)?;
        let last_action = LastAction { action: action.clone(), timestamp: now() };
        db::collection("plugin_actions").insert(&last_action)?;
        self.last_action = Some(last_action);
        emit!("my_awesome_plugin.action_completed", {
            "action": action, "parameters": parameters, "result": result,
        })?;
        let message = format!("Action '{action}' completed successfully");
        Ok(ActionResponse { success: true, message, result: Some(result) })
    }

    /// Returns the actions that were performed, oldest first.
    #[action(idempotent)]
    fn history(&self) -> Result<Vec<LastAction>> {
        let actions = db::collection::<LastAction>("plugin_actions");
        Ok(actions
            .find(db::field("timestamp").ge(""))
            .order_by("timestamp")
            .all()?
            .into_iter()
            .map(|it| it.doc)
            .collect())
    }

    #[on_event("user.created")]
    fn user_created(&mut self, event: &Event) -> Result<()> {
        let User { user_id, username } = event.data()?;
        log::info!("new user created", username = username, user_id = user_id);
        Ok(())
    }

    #[on_event("system.maintenance")]
    fn maintenance(&mut self) -> Result<()> {
        log::info!("system maintenance event received");
        self.save_state()
    }

    #[health]
    fn health_check(&self) -> Result<Health> {
        let enabled = config::get_or("enabled", true)?;
        let configuration = json!({ "status": if enabled { "healthy" } else { "disabled" } });
        Ok(Health::healthy()
            .with_component("actions", json!({ "status": "healthy", "count": self.action_count }))
            .with_component("configuration", configuration)
            .with_metric("actions_total", self.action_count as f64))
    }

    fn execute(&self, action: &str, parameters: &BTreeMap<String, Value>) -> Result<Value> {
        match action {
            "ping" => Ok(json!({ "message": "pong", "timestamp": now() })),
            "echo" => Ok(json!({ "echo": parameters.get("message").unwrap_or(&json!("Hello, World!")) })),
            "count" => Ok(json!({ "current_count": self.action_count })),
            other => bail!("Unknown action: {other}"),
        }
    }

    fn save_state(&self) -> Result<()> {
        config::set("action_count", self.action_count)?;
        data::set("last_action", &self.last_action)
    }
}

fn now() -> String {
    humantime::format_rfc3339_millis(SystemTime::now()).to_string()
}
