//! Tokens, made and revoked by their owners' administrator.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::body::Body;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::Path;
use super::state::now;
use crate::access::{NewToken, Scope, Token, TokenStore, TokenStoreError};

/// How long a token is valid unless the request says so, as with `plugbay token create`.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// The body of `POST /tokens`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken")]
pub(super) struct Create {
    /// The person or program that gets it.
    #[schemars(length(min = 1, max = 100))]
    consumer: String,
    /// What it may do.
    #[schemars(length(min = 1))]
    scopes: Vec<Scope>,
    /// How long it is valid, in seconds; 0 is until it is revoked. Default: 2,592,000, which is 30 days.
    expires_in_seconds: Option<u64>,
}

/// `GET /tokens`
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    let tokens = run(state.tokens()?, |store| store.list()).await?;
    let tokens: Vec<Value> = tokens.iter().map(describe).collect();
    Ok(Json(json!({ "tokens": tokens })))
}

/// `POST /tokens`. The answer alone has the token's text.
pub(super) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Body(asked): Body<Create>,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    caller.manages()?;
    let mut new = NewToken::new(asked.consumer, asked.scopes);
    let lifetime = asked.expires_in_seconds.map_or(DEFAULT_LIFETIME, Duration::from_secs);
    if !lifetime.is_zero() {
        new = new.expires_in(lifetime);
    }
    let created = run(state.tokens()?, move |store| store.create(&new, now())).await?;
    tracing::info!(
        caller = caller.name(),
        token = created.record.id,
        consumer = created.record.consumer,
        "a token was made"
    );
    Ok((StatusCode::CREATED, Json(json!(created))))
}

/// `DELETE /tokens/{id}`
pub(super) async fn revoke(
    State(state): State<AdminState>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    let revoked = run(state.tokens()?, move |store| store.revoke(id, now())).await?;
    tracing::info!(caller = caller.name(), token = id, "a token was revoked");
    Ok(Json(json!({ "status": "ok", "change": "revoked", "token": describe(&revoked) })))
}

/// Runs on a thread that may block.
async fn run<T: Send + 'static>(
    tokens: &Arc<TokenStore>,
    work: impl FnOnce(&TokenStore) -> Result<T, TokenStoreError> + Send + 'static,
) -> Result<T, AdminError> {
    let tokens = tokens.clone();
    let done = tokio::task::spawn_blocking(move || work(&tokens)).await;
    Ok(done.map_err(|error| AdminError::host(&error))??)
}

fn describe(token: &Token) -> Value {
    let mut value = json!(token);
    value["state"] = json!(token.state(now()));
    value
}
