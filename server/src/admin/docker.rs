//! The Docker engines of a host.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;

/// `GET /docker`
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    let engines = state.server().node().map(|node| node.docker()).unwrap_or_default();
    Ok(Json(json!({ "engines": engines })))
}
