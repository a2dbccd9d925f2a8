//! Calls to other plugins, by name or by the service that they offer.
//!
//! ```no_run
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::plugins;
//!
//! #[derive(Serialize)]
//! struct Letter<'a> {
//!     to: &'a str,
//!     text: &'a str,
//! }
//!
//! fn remind(customer: u64) -> Result<()> {
//!     let address: String = plugins::call("erp-core", "get_address", &json!({ "id": customer }))?;
//!     // The plugin that has registered as the mailer.
//!     plugins::service("mailer").call("send", &Letter { to: &address, text: "Your order has arrived." })
//! }
//! ```
//!
//! A call needs two permissions: this plugin needs `plugin.<name>` or `service.<name>` with `execute`, and the other
//! plugin's manifest must
//! list this one in `allowed_callers` (without that list, plugins that `require` it may call it). The other call ends
//! with this call's deadline at the latest.
//!
//! # Errors
//!
//! An error that the other plugin returns keeps its code, details and status. Other errors have these codes:
//!
//! - `permission_denied`: one of the two permissions is missing. The message says what to add and where.
//! - `not_found`: there is no such plugin, action or service. The message lists those that exist.
//! - `reentrant_call`: the call would deadlock, because the other plugin waits for this one, directly or through
//!   others.
//! - `rate_limit_exceeded`, `busy`, `timeout`, `payload_too_large`, `call_depth`: the call exceeded a limit.
//! - `plugin_trapped`, `out_of_fuel`, `memory_limit` and others: the other plugin failed during the call. It is serving
//!   again.
//! - `validation_error`, `invalid_payload`: the payload does not match the action's declaration.
//! - `invalid_answer`: the result is not of the type that this plugin expects.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Result, error};
use crate::host;

/// A plugin that is serving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its title.
    pub title: String,
    /// The actions that its manifest declares.
    pub actions: Vec<String>,
}

/// A service that a plugin offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ServiceInfo {
    /// Its name.
    pub name: String,
    /// The plugin whose actions it offers.
    pub plugin: String,
}

/// A handle of another plugin. Its existence is checked only by a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherPlugin {
    name: String,
}

impl OtherPlugin {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls one of its actions and waits for the result.
    ///
    /// # Errors
    /// The other plugin's own error, or one of those of the [module](self).
    pub fn call<R: DeserializeOwned>(&self, action: &str, payload: &(impl Serialize + ?Sized)) -> Result<R> {
        call(&self.name, action, payload)
    }
}

/// A handle of a service: the plugin that offers it, whichever that is. Its existence is checked only by a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    name: String,
}

impl Service {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls an action of the plugin that offers it, and waits for the result. Requires `service.<name>` with
    /// `execute`.
    ///
    /// # Errors
    /// The other plugin's own error, or one of those of the [module](self).
    pub fn call<R: DeserializeOwned>(&self, action: &str, payload: &(impl Serialize + ?Sized)) -> Result<R> {
        let whose = format!("service `{}`", self.name);
        answer(action, &whose, host::plugins_call_service(&self.name, action, &serde_json::to_string(payload)?))
    }
}

/// Calls an action of another plugin and waits for its result.
///
/// # Errors
/// The other plugin's own error, or one of those of the [module](self).
pub fn call<R: DeserializeOwned>(plugin: &str, action: &str, payload: &(impl Serialize + ?Sized)) -> Result<R> {
    let payload = serde_json::to_string(payload)?;
    answer(action, &format!("plugin `{plugin}`"), host::plugins_call(plugin, action, &payload))
}

fn answer<R: DeserializeOwned>(action: &str, whose: &str, answer: Result<String>) -> Result<R> {
    let answer = answer.map_err(|failure| failure.context(format_args!("`{action}` of {whose}")))?;
    serde_json::from_str(&answer).map_err(|reason| {
        let wanted = std::any::type_name::<R>();
        error(format!("`{action}` of {whose}: the result is not a `{wanted}`: {reason}")).with_code("invalid_answer")
    })
}

/// A handle of the plugin with this name.
pub fn get(name: impl Into<String>) -> OtherPlugin {
    OtherPlugin { name: name.into() }
}

/// The serving plugins that this one may see (`plugin.<name>` with `read`), by name.
///
/// # Errors
/// If the host cannot list them.
pub fn all() -> Result<Vec<PluginInfo>> {
    host::plugins_all()
}

/// A description of one of these plugins: a JSON object with `name`, `version`, `title`, `description`, `services` and
/// `actions`, with the schemas of their payloads and results. Requires `plugin.<name>` with `read`.
///
/// # Errors
/// `permission_denied`, and `not_found` if no such plugin is serving.
pub fn describe(plugin: &str) -> Result<Value> {
    let description =
        host::plugins_describe(plugin).map_err(|failure| failure.context(format_args!("plugin `{plugin}`")));
    Ok(serde_json::from_str(&description?)?)
}

/// Registers a service, under whose name other plugins find this plugin's actions. A name has lower-case letters,
/// digits, `_`, `-` and `.`, a letter first. The registration survives reloads and ends when the plugin is unloaded.
/// Names below the plugin's own, `<name>` and `<name>.*`, need no permission; others need `service.<name>` with
/// `write`.
///
/// # Errors
/// `permission_denied`; `already_exists` if another plugin offers it; `limit_exceeded` if the plugin offers too many
/// services; `invalid_argument` if the name is not valid.
pub fn register_service(name: &str) -> Result<()> {
    host::plugins_register_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// Unregisters a service. Returns whether this plugin offered it.
///
/// # Errors
/// `permission_denied` unless the plugin may register it; `invalid_argument` if the name is not valid.
pub fn unregister_service(name: &str) -> Result<bool> {
    host::plugins_unregister_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// A handle of the service with this name.
pub fn service(name: impl Into<String>) -> Service {
    Service { name: name.into() }
}

/// The name of the plugin that offers a service.
///
/// # Errors
/// `not_found` if no plugin does, with a list of the services; `permission_denied` unless the plugin may `read`
/// `service.<name>`; `invalid_argument` if the name is not valid.
pub fn find_service(name: &str) -> Result<String> {
    host::plugins_find_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// All services that this plugin may see, by name.
///
/// # Errors
/// If the host cannot list them.
pub fn services() -> Result<Vec<ServiceInfo>> {
    host::plugins_services()
}
