//! Events that clients publish.
//!
//! Plugins act on the events of their host, so a client that does not manage the host cannot publish on the host's own
//! topics, and the source of its events is its name.

use axum::Json;
use axum::extract::State;
use plugbay::Event;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::body::Body;
use super::caller::Caller;
use super::error::AdminError;
use crate::access::Refusal;

/// Topics of the host, and first words of those on which it reports what happens in it.
const HOST_TOPICS: [&str; 8] =
    ["application_state", "init", "log", "permission", "plugin", "plugins", "terminating", "watchdog"];

/// The body of `POST /events`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEvent {
    /// The topic.
    topic: String,
    /// Its data. Default: `null`.
    #[serde(default)]
    data: Value,
    /// The id that it shares with the calls and events that it leads to.
    correlation_id: Option<String>,
    /// Whether to wait for the handlers, and return their outcome.
    #[serde(default)]
    wait: bool,
}

/// `POST /events`
pub(super) async fn publish(
    State(state): State<AdminState>,
    caller: Caller,
    Body(new): Body<NewEvent>,
) -> Result<Json<Value>, AdminError> {
    caller.calls()?;
    let mut event = event_of(&caller, new.topic, new.data)?;
    if let Some(id) = new.correlation_id {
        event = event.correlation_id(id);
    }
    Ok(Json(match new.wait {
        true => json!(state.runtime().emit(event).await?),
        false => json!({ "id": state.runtime().publish(event).await? }),
    }))
}

/// Pup's `POST /ipc`: a message to a plugin or a program, as an event. The host sets the sender.
pub(super) async fn ipc(
    State(state): State<AdminState>,
    caller: Caller,
    Body(message): Body<Value>,
) -> Result<Json<Value>, AdminError> {
    caller.calls()?;
    let text = |name: &str| message[name].as_str().filter(|text| !text.is_empty());
    let target = text("target").ok_or_else(|| AdminError::invalid("Missing target"))?;
    let event = text("event").ok_or_else(|| AdminError::invalid("Missing event"))?;
    let data = message.get("eventData").ok_or_else(|| AdminError::invalid("Missing event data"))?;
    let ipc = json!({ "sender": caller.name(), "target": target, "event": event, "eventData": data });
    Ok(Json(json!({ "id": state.runtime().publish(event_of(&caller, "ipc".to_owned(), ipc)?).await? })))
}

/// An event of a client. One that manages the host publishes in the host's name.
fn event_of(caller: &Caller, topic: String, data: Value) -> Result<Event, Refusal> {
    let mut event = Event::new(topic, data);
    if let Err(refusal) = caller.manages() {
        let first = event.name.split('.').next().unwrap_or_default();
        if HOST_TOPICS.contains(&first) || first.starts_with("process_") || event.name == "server.boot" {
            return Err(refusal);
        }
        event.source = format!("client:{}", caller.name());
    }
    Ok(event)
}
