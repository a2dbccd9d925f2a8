//! Durable events that a plugin failed to handle too often.

use axum::Json;
use axum::extract::State;
use plugbay::store::DeadLetter;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::{Path, Query};

/// Dead letters that are returned at once.
const LETTERS_MAX: usize = 1_000;

/// The query of `GET /dead-letters`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Page {
    /// Only those of this plugin.
    plugin: Option<String>,
    /// The last number of the page before.
    #[serde(default)]
    after: u64,
    /// At most this many; 1,000 at most.
    #[serde(default = "letters")]
    limit: usize,
}

fn letters() -> usize {
    100
}

/// `GET /dead-letters`
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<Value>, AdminError> {
    let (after, limit) = (page.after, page.limit.clamp(1, LETTERS_MAX));
    let letters = match &page.plugin {
        Some(plugin) => {
            caller.reads_plugin(plugin)?;
            state.runtime().dead_letters_of(plugin, after, limit).await?
        }
        None => {
            caller.reads()?;
            state.runtime().dead_letters(after, limit).await?
        }
    };
    let letters: Vec<Value> = letters.iter().map(describe).collect();
    Ok(Json(json!({ "dead_letters": letters })))
}

/// `POST /dead-letters/{number}/retry`
pub(super) async fn retry(
    State(state): State<AdminState>,
    caller: Caller,
    Path(number): Path<u64>,
) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    match state.runtime().retry_dead_letter(number).await? {
        true => Ok(Json(json!({ "status": "ok", "change": "retried", "number": number }))),
        false => Err(unknown(number)),
    }
}

/// `DELETE /dead-letters/{number}`
pub(super) async fn remove(
    State(state): State<AdminState>,
    caller: Caller,
    Path(number): Path<u64>,
) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    match state.runtime().remove_dead_letter(number).await? {
        true => Ok(Json(json!({ "status": "ok", "change": "removed", "number": number }))),
        false => Err(unknown(number)),
    }
}

fn unknown(number: u64) -> AdminError {
    AdminError::not_found(format!("there is no dead letter with the number {number}"))
}

fn describe(letter: &DeadLetter) -> Value {
    let mut value = json!(letter);
    // The data of a stored event is JSON text.
    let data = serde_json::from_str(&letter.event.data).unwrap_or_else(|_| letter.event.data.as_str().into());
    value["event"]["data"] = data;
    value
}
