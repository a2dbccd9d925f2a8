//! Events that clients publish.

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
    let mut event = Event::new(new.topic, new.data);
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
    Ok(Json(json!({ "id": state.runtime().publish(Event::new("ipc", ipc)).await? })))
}
