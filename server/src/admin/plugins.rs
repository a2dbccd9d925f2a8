//! Plugins with their states: those that are loaded, and those that are installed and could not be loaded.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use plugbay::Plugin;
use plugbay_catalog::Installed;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::Path;
use super::state::seconds;
use crate::access::ScopeKind;

/// `GET /plugins`
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    if !caller.may_anything(ScopeKind::Read) {
        caller.reads()?;
    }
    let plugins: Vec<Value> = all(&state).await?.into_iter().filter(|plugin| may_read(&caller, plugin)).collect();
    Ok(Json(json!({ "plugins": plugins })))
}

/// `GET /plugins/{plugin}`
pub(super) async fn get(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Read).await?;
    let loaded = state.runtime().plugin(&name);
    let installed = installed(&state).await?.remove(&name);
    let mut plugin = match (&loaded, &installed) {
        (None, None) => return Err(AdminError::unknown_plugin(&name)),
        (loaded, installed) => describe(&name, loaded.as_ref(), installed.as_ref()),
    };
    if let Some(loaded) = &loaded {
        plugin["manifest"] = json!(loaded.manifest());
        plugin["configuration"] = json!(loaded.configuration());
        plugin["metrics"] = json!(loaded.metrics());
    }
    Ok(Json(plugin))
}

fn may_read(caller: &Caller, plugin: &Value) -> bool {
    plugin["name"].as_str().is_some_and(|name| caller.may_read(name))
}

/// All plugins, by name.
pub(super) async fn all(state: &AdminState) -> Result<Vec<Value>, AdminError> {
    let mut installed = installed(state).await?;
    let mut described: BTreeMap<String, Value> = BTreeMap::new();
    for plugin in state.runtime().plugins() {
        let name = plugin.name();
        let value = describe(&name, Some(&plugin), installed.remove(&name).as_ref());
        described.insert(name, value);
    }
    for (name, plugin) in installed {
        let value = describe(&name, None, Some(&plugin));
        described.insert(name, value);
    }
    Ok(described.into_values().collect())
}

async fn installed(state: &AdminState) -> Result<BTreeMap<String, Installed>, AdminError> {
    let Some(catalog) = state.catalog(false).await? else { return Ok(BTreeMap::new()) };
    Ok(catalog.list().await?.into_iter().map(|plugin| (plugin.name.clone(), plugin)).collect())
}

/// What is known of a plugin: its record in the catalog, with the state in this host. A plugin that is installed and
/// not loaded has the state that was recorded of it.
fn describe(name: &str, loaded: Option<&Plugin>, installed: Option<&Installed>) -> Value {
    let mut value = match installed {
        Some(installed) => {
            let mut value = json!(installed);
            value["version"] = json!(installed.current.version);
            value["origin"] = installed.current.origin.as_str().into();
            if !installed.enabled {
                value["state"] = "disabled".into();
            }
            value
        }
        None => json!({ "name": name }),
    };
    let Some(plugin) = loaded else { return value };
    let status = plugin.status();
    value["version"] = json!(plugin.manifest().version);
    value["state"] = json!(status.state);
    value["digest"] = plugin.digest().into();
    value["since"] = seconds(status.since).into();
    value["loaded_at"] = seconds(status.loaded).into();
    if installed.is_none() {
        value["enabled"] = (status.state != plugbay::lifecycle::PluginState::Disabled).into();
    }
    match &status.last_error {
        Some(error) => {
            value["last_error"] = error.message.as_str().into();
            value["last_error_code"] = error.code.as_str().into();
        }
        None => {
            if let Some(members) = value.as_object_mut() {
                members.remove("last_error");
            }
        }
    }
    if let Some(at) = status.restarts_at {
        value["restarts_at"] = seconds(at).into();
    }
    value
}
