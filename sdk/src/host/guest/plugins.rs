//! `plugbay:plugin/plugins`.

use crate::bindings::imports::plugbay::plugin::plugins;
use crate::error::{Error, INTERNAL_ERROR, Result, error};
use crate::plugins::{PluginInfo, ServiceInfo};

pub(crate) fn plugins_call(plugin: &str, action: &str, payload: &str) -> Result<String> {
    plugins::call(plugin, action, payload).map_err(refused)
}

pub(crate) fn plugins_all() -> Result<Vec<PluginInfo>> {
    let all = plugins::plugins().map_err(refused)?;
    let info = |plugin: plugins::PluginInfo| PluginInfo {
        name: plugin.name,
        version: plugin.version,
        title: plugin.title,
        actions: plugin.actions,
    };
    Ok(all.into_iter().map(info).collect())
}

pub(crate) fn plugins_register_service(name: &str) -> Result<()> {
    plugins::register_service(name).map_err(refused)
}

pub(crate) fn plugins_unregister_service(name: &str) -> Result<bool> {
    plugins::unregister_service(name).map_err(refused)
}

pub(crate) fn plugins_find_service(name: &str) -> Result<String> {
    plugins::find_service(name).map_err(refused)
}

pub(crate) fn plugins_services() -> Result<Vec<ServiceInfo>> {
    let all = plugins::services().map_err(refused)?;
    Ok(all.into_iter().map(|service| ServiceInfo { name: service.name, plugin: service.plugin }).collect())
}

fn refused(failure: plugins::Error) -> Error {
    match failure {
        plugins::Error::Denied(text) => error(text).with_code("permission_denied"),
        plugins::Error::NotFound(text) => error(text).with_code("not_found"),
        plugins::Error::ReentrantCall(text) => error(text).with_code("reentrant_call"),
        plugins::Error::Limit(failure)
        | plugins::Error::Failed(failure)
        | plugins::Error::Broken(failure)
        | plugins::Error::Invalid(failure) => {
            Error::from_parts(failure.code, failure.message, failure.details, failure.status_code)
        }
        plugins::Error::Other(text) => error(text).with_code(INTERNAL_ERROR),
    }
}
