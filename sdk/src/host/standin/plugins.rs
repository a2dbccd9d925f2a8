//! Other plugins in a native build: functions that a test has set in their place.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Result, error};
use crate::plugins::{PluginInfo, ServiceInfo};

/// The name under which the tested plugin offers its services.
const ITSELF: &str = "native";

/// Takes the place of a plugin: maps an action and its payload to a result.
pub(crate) type Stub = Box<dyn FnMut(&str, Value) -> Result<Value>>;

thread_local! {
    /// `None` while a call runs, so that a second call is reentrant.
    static PLUGINS: RefCell<BTreeMap<String, Option<Stub>>> = const { RefCell::new(BTreeMap::new()) };
    static SERVICES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn plugins_call(plugin: &str, action: &str, payload: &str) -> Result<String> {
    let payload = serde_json::from_str(payload)?;
    let Some(stub) = PLUGINS.with_borrow_mut(|plugins| plugins.get_mut(plugin).map(Option::take)) else {
        return Err(missing(format!(
            "there is no plugin `{plugin}`: set one with `native::set_plugin`, or test the compiled component with \
             `plugbay-testing` and load the other plugin into the same host"
        )));
    };
    let Some(mut stub) = stub else {
        return Err(error(format!(
            "calling plugin `{plugin}` would deadlock: it is waiting for the result of a call that led here"
        ))
        .with_code("reentrant_call"));
    };
    let answer = stub(action, payload);
    PLUGINS.with_borrow_mut(|plugins| {
        plugins.entry(plugin.to_owned()).or_default().get_or_insert(stub);
    });
    Ok(answer?.to_string())
}

pub(crate) fn plugins_call_service(service: &str, action: &str, payload: &str) -> Result<String> {
    plugins_call(&plugins_find_service(service)?, action, payload)
}

pub(crate) fn plugins_describe(plugin: &str) -> Result<String> {
    if !PLUGINS.with_borrow(|plugins| plugins.contains_key(plugin)) {
        return Err(missing(format!("there is no plugin `{plugin}`")));
    }
    let description = serde_json::json!({
        "name": plugin, "version": "0.0.0", "title": plugin, "description": null, "services": [], "actions": [],
    });
    Ok(description.to_string())
}

pub(crate) fn plugins_all() -> Result<Vec<PluginInfo>> {
    let info = |name: &String| PluginInfo {
        name: name.clone(),
        version: "0.0.0".to_owned(),
        title: name.clone(),
        actions: Vec::new(),
    };
    Ok(PLUGINS.with_borrow(|plugins| plugins.keys().map(info).collect()))
}

pub(crate) fn plugins_register_service(name: &str) -> Result<()> {
    SERVICES.with_borrow_mut(|services| match services.get(name) {
        Some(plugin) if plugin != ITSELF => {
            Err(error(format!("the service `{name}` is already offered by plugin `{plugin}`"))
                .with_code("already_exists"))
        }
        _ => {
            services.insert(name.to_owned(), ITSELF.to_owned());
            Ok(())
        }
    })
}

pub(crate) fn plugins_unregister_service(name: &str) -> Result<bool> {
    SERVICES.with_borrow_mut(|services| {
        let held = services.get(name).is_some_and(|plugin| plugin == ITSELF);
        if held {
            services.remove(name);
        }
        Ok(held)
    })
}

pub(crate) fn plugins_find_service(name: &str) -> Result<String> {
    SERVICES.with_borrow(|services| {
        let there: Vec<&str> = services.keys().map(String::as_str).collect();
        let missing =
            || missing(format!("no plugin offers a service `{name}`; the services are: {}", there.join(", ")));
        services.get(name).cloned().ok_or_else(missing)
    })
}

pub(crate) fn plugins_services() -> Result<Vec<ServiceInfo>> {
    let info = |(name, plugin): (&String, &String)| ServiceInfo { name: name.clone(), plugin: plugin.clone() };
    Ok(SERVICES.with_borrow(|services| services.iter().map(info).collect()))
}

pub(crate) fn set_plugin(name: &str, stub: Stub) {
    PLUGINS.with_borrow_mut(|plugins| plugins.insert(name.to_owned(), Some(stub)));
}

pub(crate) fn set_service(name: &str, plugin: &str) {
    SERVICES.with_borrow_mut(|services| services.insert(name.to_owned(), plugin.to_owned()));
}

fn missing(text: String) -> Error {
    error(text).with_code("not_found")
}
