//! The states of plugins: enabled and disabled, restarted, reloaded.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use plugbay_catalog::Catalog;
use plugbay_node::RefreshReport;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::{Path, Query};
use super::plugins;
use crate::access::ScopeKind;

/// `POST /plugins/{plugin}/enable`
pub(super) async fn enable(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    switch(&state, &caller, &key, true, Dependents::Keep).await
}

/// What becomes of the plugins that require one that is disabled or removed, directly or through others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Dependents {
    /// They stay, and their calls of the plugin fail.
    #[default]
    Keep,
    /// If there are any, nothing is changed, and the answer is 409 `plugin_required`.
    Refuse,
    /// They are disabled or removed first.
    Cascade,
}

/// The query of `POST /plugins/{plugin}/disable`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Disable {
    /// What becomes of the plugins that require it.
    #[serde(default)]
    dependents: Dependents,
}

/// `POST /plugins/{plugin}/disable`
pub(super) async fn disable(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Query(asked): Query<Disable>,
) -> Result<Json<Value>, AdminError> {
    switch(&state, &caller, &key, false, asked.dependents).await
}

/// Enables or disables a plugin, for later starts too if there is a data directory.
async fn switch(
    state: &AdminState,
    caller: &Caller,
    key: &str,
    enabled: bool,
    dependents: Dependents,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(state, key, ScopeKind::Manage).await?;
    let catalog = state.catalog(true).await?;
    let mut changing = dependents_of(state, caller, catalog, &name, dependents).await?;
    changing.push(name.clone());
    for plugin in &changing {
        match catalog {
            Some(catalog) => drop(state.node()?.set_enabled(catalog, &**plugin, enabled).await?),
            None if enabled => drop(state.runtime().enable(plugin).await?),
            None if !state.runtime().disable(plugin).await => return Err(AdminError::unknown_plugin(plugin)),
            None => {}
        }
    }
    changed(state, if enabled { "enabled" } else { "disabled" }, &name).await
}

/// The plugins that have to be changed before this one, each before those that it requires: none, unless `dependents`
/// says so.
pub(super) async fn dependents_of(
    state: &AdminState,
    caller: &Caller,
    catalog: Option<&Catalog>,
    name: &str,
    dependents: Dependents,
) -> Result<Vec<String>, AdminError> {
    if dependents == Dependents::Keep {
        return Ok(Vec::new());
    }
    let mut found = state.runtime().dependents(name);
    if let Some(catalog) = catalog {
        let installed = catalog.dependents(name).await?.into_iter().map(|plugin| plugin.name);
        found.extend(installed.filter(|plugin| !found.contains(plugin)).collect::<Vec<_>>());
    }
    if dependents == Dependents::Refuse && !found.is_empty() {
        let message = format!("plugin `{name}` is required by {}", found.join(", "));
        return Err(AdminError::new(StatusCode::CONFLICT, "plugin_required", message));
    }
    if !found.is_empty() && plugins::all(state).await?.iter().all(|plugin| plugin["name"] != name) {
        return Err(AdminError::unknown_plugin(name));
    }
    for plugin in &found {
        caller.manages_plugin(plugin)?;
    }
    Ok(found)
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
