//! `plugbay:plugin/plugins`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::plugins;
use crate::error::Result;
use crate::plugins::{PluginInfo, ServiceInfo};

pub(crate) fn plugins_call(plugin: &str, action: &str, payload: &str) -> Result<String> {
    plugins::call(plugin, action, payload).map_err(failure)
}

pub(crate) fn plugins_call_service(service: &str, action: &str, payload: &str) -> Result<String> {
    plugins::call_service(service, action, payload).map_err(failure)
}

pub(crate) fn plugins_all() -> Result<Vec<PluginInfo>> {
    let all = plugins::plugins().map_err(failure)?;
    Ok(all.iter().map(|plugin| serde_json::from_str(plugin)).collect::<serde_json::Result<_>>()?)
}

pub(crate) fn plugins_describe(plugin: &str) -> Result<String> {
    plugins::describe(plugin).map_err(failure)
}

pub(crate) fn plugins_register_service(name: &str) -> Result<()> {
    plugins::register_service(name).map_err(failure)
}

pub(crate) fn plugins_unregister_service(name: &str) -> Result<bool> {
    plugins::unregister_service(name).map_err(failure)
}

pub(crate) fn plugins_find_service(name: &str) -> Result<String> {
    plugins::find_service(name).map_err(failure)
}

pub(crate) fn plugins_services() -> Result<Vec<ServiceInfo>> {
    let all = plugins::services().map_err(failure)?;
    Ok(all.iter().map(|service| serde_json::from_str(service)).collect::<serde_json::Result<_>>()?)
}
