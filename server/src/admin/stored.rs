//! What a plugin has stored: configuration, scheduled jobs, data.

use axum::Json;
use axum::extract::State;
use plugbay::Invocation;
use plugbay::store::{DataValue, Job, JobOutcome};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::body::Body;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::{Path, Query};
use super::state::now;
use crate::access::ScopeKind;

/// Outcomes of a job that are returned with it.
const OUTCOMES: u32 = 20;
/// Keys of data that are returned at once, unless the caller asks for fewer.
const KEYS_MAX: usize = 1_000;

/// `GET /plugins/{plugin}/config`
pub(super) async fn configuration(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Read).await?;
    Ok(Json(json!({ "configuration": plugin.configuration() })))
}

/// The body of `PUT /plugins/{plugin}/config/{key}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewValue {
    /// The value, which the declaration of the key has to allow.
    value: Value,
}

/// `PUT /plugins/{plugin}/config/{key}`
pub(super) async fn configure(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, setting)): Path<(String, String)>,
    Body(new): Body<NewValue>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    plugin.set_configuration(&setting, new.value).await?;
    Ok(Json(json!({ "status": "ok", "configuration": plugin.configuration() })))
}

/// `GET /plugins/{plugin}/jobs`
pub(super) async fn jobs(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Read).await?;
    let jobs: Vec<Value> = plugin.jobs().await?.iter().map(describe).collect();
    Ok(Json(json!({ "jobs": jobs })))
}

/// `GET /plugins/{plugin}/jobs/{job}`
pub(super) async fn job(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Read).await?;
    let mut described = describe(&find(&plugin, &id).await?);
    let outcomes = plugin.job_outcomes(&id, OUTCOMES).await?;
    described["outcomes"] = outcomes.iter().map(describe_outcome).collect();
    Ok(Json(described))
}

/// `POST /plugins/{plugin}/jobs/{job}/pause`
pub(super) async fn pause_job(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    set_paused(&state, &caller, &key, &id, true).await
}

/// `POST /plugins/{plugin}/jobs/{job}/resume`
pub(super) async fn resume_job(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    set_paused(&state, &caller, &key, &id, false).await
}

async fn set_paused(
    state: &AdminState,
    caller: &Caller,
    key: &str,
    id: &str,
    paused: bool,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(state, key, ScopeKind::Manage).await?;
    let changed = plugin.set_job_paused(id, paused).await?;
    Ok(Json(json!({ "status": "ok", "changed": changed, "job": describe(&find(&plugin, id).await?) })))
}

/// `POST /plugins/{plugin}/jobs/{job}/run`: calls the action of a job now, with the payload of a run that is due now.
/// The job's own schedule is unchanged, and the answer is not stored among its outcomes.
pub(super) async fn run_job(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    let job = find(&plugin, &id).await?;
    let payload = job.payload(now().saturating_mul(1_000));
    let outcome = plugin.invoke(Invocation::new(job.action).payload_json(payload)).await?;
    Ok(Json(json!({ "status": "ok", "result": or_text(outcome.json()) })))
}

/// `DELETE /plugins/{plugin}/jobs/{job}`
pub(super) async fn remove_job(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    match plugin.remove_job(&id).await? {
        true => Ok(Json(json!({ "status": "ok", "change": "removed", "job": id }))),
        false => Err(no_job(&id)),
    }
}

/// The query of `GET /plugins/{plugin}/data`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Keys {
    /// Only keys that begin with this.
    #[serde(default)]
    prefix: String,
    /// The last key of the page before.
    after: Option<String>,
    /// At most this many keys; 1,000 at most.
    #[serde(default = "keys_max")]
    limit: usize,
}

fn keys_max() -> usize {
    KEYS_MAX
}

/// `GET /plugins/{plugin}/data`
pub(super) async fn data(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Query(asked): Query<Keys>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    let limit = asked.limit.clamp(1, KEYS_MAX);
    let keys = plugin.data_keys(&asked.prefix, asked.after.as_deref(), limit).await?;
    Ok(Json(json!({ "keys": keys, "more": keys.len() == limit })))
}

/// `GET /plugins/{plugin}/data/{key}`
pub(super) async fn value(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, name)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    match plugin.data_value(&name).await? {
        Some(DataValue::Json(text)) => Ok(Json(json!({ "key": name, "value": or_text(&text) }))),
        Some(DataValue::Bytes(bytes)) => Ok(Json(json!({ "key": name, "bytes": bytes.len() }))),
        None => Err(no_value(&name)),
    }
}

/// `DELETE /plugins/{plugin}/data/{key}`
pub(super) async fn remove_value(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, name)): Path<(String, String)>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    match plugin.remove_data_value(&name).await? {
        true => Ok(Json(json!({ "status": "ok", "change": "removed", "key": name }))),
        false => Err(no_value(&name)),
    }
}

async fn find(plugin: &plugbay::Plugin, id: &str) -> Result<Job, AdminError> {
    plugin.jobs().await?.into_iter().find(|job| job.id == id).ok_or_else(|| no_job(id))
}

fn no_job(id: &str) -> AdminError {
    AdminError::not_found(format!("the plugin has no job `{}`", id.escape_debug()))
}

fn no_value(key: &str) -> AdminError {
    AdminError::not_found(format!("the plugin has no value with the key `{}`", key.escape_debug()))
}

fn describe(job: &Job) -> Value {
    json!({
        "id": job.id, "action": job.action, "args": or_text(&job.args), "schedule": job.schedule,
        "paused": job.state.paused, "next_run_ms": job.next_run_ms(), "running_since_ms": job.state.begun_ms,
    })
}

fn describe_outcome(outcome: &JobOutcome) -> Value {
    let mut value = json!({
        "scheduled_ms": outcome.scheduled_ms, "started_ms": outcome.started_ms, "finished_ms": outcome.finished_ms,
    });
    match &outcome.answer {
        Ok(result) => value["result"] = or_text(result),
        Err(error) => value["error"] = or_text(error),
    }
    value
}

/// A text as JSON, or as a string if it is not.
fn or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
