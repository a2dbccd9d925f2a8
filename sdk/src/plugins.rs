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
//!     plugins::service("mailer")?.call("send", &Letter { to: &address, text: "Your order has arrived." })
//! }
//! ```
//!
//! A call needs two permissions: this plugin needs `plugin.<name>` with `execute`, and the other plugin's manifest must
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

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, error};
use crate::host;

/// A plugin that is serving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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

/// Calls an action of another plugin and waits for its result.
///
/// # Errors
/// The other plugin's own error, or one of those of the [module](self).
pub fn call<R: DeserializeOwned>(plugin: &str, action: &str, payload: &(impl Serialize + ?Sized)) -> Result<R> {
    let payload = serde_json::to_string(payload)?;
    let answer = host::plugins_call(plugin, action, &payload)
        .map_err(|failure| failure.context(format_args!("`{action}` of plugin `{plugin}`")))?;
    serde_json::from_str(&answer).map_err(|reason| {
        let wanted = std::any::type_name::<R>();
        error(format!("`{action}` of plugin `{plugin}`: the result is not a `{wanted}`: {reason}"))
            .with_code("invalid_answer")
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

/// Registers a service, under whose name other plugins find this plugin's actions. A name has lower-case letters,
/// digits, `_`, `-` and `.`, a letter first. The registration survives reloads and ends when the plugin is unloaded.
///
/// # Errors
/// `permission_denied` unless the plugin may `write` `plugin.<service>`, or if another plugin offers it;
/// `limit_exceeded` if it has too many services; `invalid_argument` if the name is not valid.
pub fn register_service(name: &str) -> Result<()> {
    host::plugins_register_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// Unregisters a service. Returns whether this plugin offered it.
///
/// # Errors
/// `permission_denied` unless the plugin may `write` `plugin.<service>`; `invalid_argument` if the name is not valid.
pub fn unregister_service(name: &str) -> Result<bool> {
    host::plugins_unregister_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// The plugin that offers a service. Calling it requires `plugin.<name>` with `execute`, for the name of the plugin.
///
/// # Errors
/// `not_found` if no plugin does, with a list of the services; `permission_denied` unless the plugin may `read`
/// `plugin.<service>`; `invalid_argument` if the name is not valid.
pub fn service(name: &str) -> Result<OtherPlugin> {
    let found = host::plugins_find_service(name);
    found.map(get).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// All services that this plugin may see, by name.
///
/// # Errors
/// If the host cannot list them.
pub fn services() -> Result<Vec<ServiceInfo>> {
    host::plugins_services()
}
