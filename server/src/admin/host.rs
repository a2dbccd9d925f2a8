//! The host as a whole: its status, policy and denials, and its end.

use std::collections::BTreeMap;

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
use super::plugins;

/// `GET /status`
pub(super) async fn status(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    let mut states: BTreeMap<String, u64> = BTreeMap::new();
    for plugin in plugins::all(&state).await? {
        *states.entry(plugin["state"].as_str().unwrap_or("unknown").to_owned()).or_default() += 1;
    }
    let data_dir = state.server().node().and_then(|node| node.data_dir());
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id(), "uptime_seconds": state.uptime_seconds(),
        "plugins": states, "data_dir": data_dir, "url": state.server().url(),
    })))
}

/// `GET /policy`
pub(super) async fn policy(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    Ok(Json(described_policy(&state)))
}

/// The body of `PUT /policy`: rules in their text form, which are put above all others. The last one is the first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRules {
    /// Rules that permit, such as `data.*:read`.
    #[serde(default)]
    allow: Vec<String>,
    /// Rules that deny.
    #[serde(default)]
    deny: Vec<String>,
}

/// How long rules that were set over HTTP are in force.
const POLICY_UNTIL: &str = "the host restarts or reads its file again (SIGHUP): lasting rules belong in `policy` of the \
    host's file";

/// `PUT /policy`: denials come above permissions. The answer says until when: the policy of a later start, or after the
/// host's file was read again, is that of the file.
pub(super) async fn set_policy(
    State(state): State<AdminState>,
    caller: Caller,
    Body(new): Body<NewRules>,
) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    let changed = state.runtime().update_policy(|mut policy| {
        for rule in &new.allow {
            policy = policy.allow_first(rule)?;
        }
        for rule in &new.deny {
            policy = policy.deny_first(rule)?;
        }
        Ok(policy)
    });
    changed.map_err(|error: plugbay::policy::PolicyError| AdminError::invalid(error))?;
    tracing::info!(caller = caller.name(), allow = ?new.allow, deny = ?new.deny, "the policy was changed");
    let mut described = described_policy(&state);
    described["until"] = POLICY_UNTIL.into();
    Ok(Json(described))
}

fn described_policy(state: &AdminState) -> Value {
    let rules: Vec<_> = state.runtime().policy().rules().collect();
    json!({ "rules": rules })
}

/// `GET /audit`
pub(super) async fn audit(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    Ok(Json(json!({ "denials": state.runtime().audit_trail() })))
}

/// `POST /terminate`: processes end, running requests are completed, and plugins are unloaded.
pub(super) async fn terminate(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<(StatusCode, Json<Value>), AdminError> {
    caller.manages()?;
    tracing::info!(caller = caller.name(), "the server is shut down through the administration");
    state.server().close();
    Ok((StatusCode::ACCEPTED, Json(json!({ "status": "ok", "change": "terminating" }))))
}
