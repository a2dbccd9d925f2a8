//! The states of plugins: enabled and disabled, restarted, reloaded.

use axum::Json;
use axum::extract::State;
use plugbay_node::RefreshReport;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::Path;
use super::plugins;
use crate::access::ScopeKind;

/// `POST /plugins/{plugin}/enable`
pub(super) async fn enable(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    switch(&state, &caller, &key, true).await
}

/// `POST /plugins/{plugin}/disable`
pub(super) async fn disable(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    switch(&state, &caller, &key, false).await
}

/// Enables or disables a plugin, for later starts too if there is a data directory.
async fn switch(state: &AdminState, caller: &Caller, key: &str, enabled: bool) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(state, key, ScopeKind::Manage).await?;
    match state.catalog(true).await? {
        Some(catalog) => drop(state.node()?.set_enabled(catalog, &*name, enabled).await?),
        None if enabled => drop(state.runtime().enable(&name).await?),
        None if !state.runtime().disable(&name).await => return Err(AdminError::unknown_plugin(&name)),
        None => {}
    }
    changed(state, if enabled { "enabled" } else { "disabled" }, &name).await
}

/// `POST /plugins/{plugin}/restart`
pub(super) async fn restart(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Manage).await?;
    state.runtime().restart(&name).await?;
    changed(&state, "restarted", &name).await
}

/// `POST /plugins/{plugin}/reload`: from the files that it was loaded from, or its installed package.
pub(super) async fn reload(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Manage).await?;
    let plugin = state.runtime().plugin(&name).ok_or_else(|| AdminError::unknown_plugin(&name))?;
    match state.catalog(false).await? {
        Some(catalog) if plugin.files().is_empty() => {
            let stored = catalog.package(&*name).await?;
            let package = state.node()?.installed(stored).map_err(|error| AdminError::host(&error))?;
            state.runtime().reload(package).await?;
        }
        _ => drop(state.runtime().reload_from_source(&name).await?),
    }
    changed(&state, "reloaded", &name).await
}

/// `POST /refresh`
pub(super) async fn refresh(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.manages()?;
    let Some(catalog) = state.catalog(false).await? else { return Ok(Json(report(&RefreshReport::default()))) };
    Ok(Json(report(&state.node()?.refresh(catalog).await?)))
}

/// A report as JSON.
pub(super) fn report(report: &RefreshReport) -> Value {
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    json!({
        "status": "ok", "loaded": report.loaded, "reloaded": report.reloaded, "disabled": report.disabled,
        "unloaded": report.unloaded, "errors": errors,
    })
}

/// The answer to a change of a plugin.
pub(super) async fn changed(state: &AdminState, change: &str, name: &str) -> Result<Json<Value>, AdminError> {
    let plugin = plugins::all(state).await?.into_iter().find(|plugin| plugin["name"] == name);
    tracing::info!(plugin = name, "{change} through the administration");
    Ok(Json(json!({ "status": "ok", "change": change, "plugin": plugin })))
}
