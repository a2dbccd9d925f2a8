//! The permissions of a plugin: what its manifest asks for, what is granted of it now, and what was denied lately.

use axum::Json;
use axum::extract::State;
use plugbay::manifest::{Effect, PermissionAction, Rule};
use plugbay::policy::Grants;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::Path;
use crate::access::ScopeKind;

/// `GET /plugins/{plugin}/permissions`
pub(super) async fn permissions(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Read).await?;
    let (name, manifest, grants, metrics) = (plugin.name(), plugin.manifest(), plugin.grants(), plugin.metrics());
    let asked: Vec<Value> = manifest.permissions.iter().map(|rule| describe(rule, &grants)).collect();
    let trail = state.runtime().audit_trail();
    let denied: Vec<_> = trail.iter().filter(|entry| entry.plugin == name).collect();
    Ok(Json(json!({
        "execution_mode": manifest.execution_mode, "asked": asked, "denied": denied, "allows": metrics.allows,
        "denials": metrics.denials,
    })))
}

/// A rule of the manifest, with the actions that are not granted, and the rules for the operator's file that grant and
/// deny it.
fn describe(rule: &Rule, grants: &Grants) -> Value {
    let names = |actions: &[PermissionAction]| actions.iter().map(|action| action.name()).collect::<Vec<_>>();
    let all = rule.actions.as_deref().unwrap_or(&PermissionAction::ALL);
    let is_allowed = |action: &&PermissionAction| grants.check(&rule.resource, **action).is_ok();
    let missing: Vec<&str> = match rule.effect {
        Effect::Allow => all.iter().filter(|action| !is_allowed(action)).map(|action| action.name()).collect(),
        Effect::Deny => Vec::new(),
    };
    let permission = match &rule.actions {
        Some(actions) => format!("{}:{}", rule.resource, names(actions).join(",")),
        None => rule.resource.clone(),
    };
    // JSON text is also YAML.
    let resource = Value::from(&*rule.resource);
    let actions = rule.actions.as_ref().map(|actions| format!(", actions: [{}]", names(actions).join(", ")));
    let actions = actions.unwrap_or_default();
    json!({
        "permission": permission, "resource": rule.resource, "actions": rule.actions, "effect": rule.effect,
        "is_granted_partly": !missing.is_empty() && missing.len() < all.len(), "missing": missing,
        "allow_line": format!("- {{resource: {resource}{actions}}}"),
        "deny_line": format!("- {{resource: {resource}{actions}, effect: deny}}"),
    })
}
