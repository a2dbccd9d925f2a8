//! Other plugins: their actions, and the services by which they are found.
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
//!     plugins::service("mailer")?.call("send", &Letter { to: &address, text: "Your books are due." })
//! }
//! ```
//!
//! A call needs two permissions: this plugin's own, `plugin.<name>` with `execute`, and the other plugin's word, its
//! manifest's `allowed_callers` (without one, it takes calls of those that `require` it). What is left of this call's time
//! is all that the other plugin gets.
//!
//! # Errors
//!
//! An error that the other plugin answers keeps its code, details and status. The others have these codes:
//!
//! - `permission_denied`: one of the two permissions is missing. The message says what to add, and where.
//! - `not_found`: there is no such plugin, action or service. The message lists what there is.
//! - `reentrant_call`: the other plugin itself waits for this call, directly or through others.
//! - `rate_limit_exceeded`, `busy`, `timeout`, `payload_too_large`, `call_depth`: the call was over a limit.
//! - `plugin_trapped`, `out_of_fuel`, `memory_limit` and others: the other plugin broke. It serves again by now.
//! - `validation_error`, `invalid_payload`: the payload does not fit what the action declares.
//! - `invalid_answer`: the answer is not what this plugin expects.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Result, error};
use crate::host;

/// A plugin that serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PluginInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its name for people.
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
    /// The plugin whose actions it stands for.
    pub plugin: String,
}

/// Another plugin, to be called. That it is there shows when it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherPlugin {
    name: String,
}

impl OtherPlugin {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Calls one of its actions and waits for the answer.
    ///
    /// # Errors
    /// What the other plugin answers, or why it does not: see [the module](self).
    pub fn call<R: DeserializeOwned>(&self, action: &str, payload: &(impl Serialize + ?Sized)) -> Result<R> {
        call(&self.name, action, payload)
    }
}

/// Calls an action of another plugin and waits for its answer.
///
/// # Errors
/// What the other plugin answers, or why it does not: see [the module](self).
pub fn call<R: DeserializeOwned>(plugin: &str, action: &str, payload: &(impl Serialize + ?Sized)) -> Result<R> {
    let payload = serde_json::to_string(payload)?;
    let answer = host::plugins_call(plugin, action, &payload)
        .map_err(|failure| failure.context(format_args!("`{action}` of plugin `{plugin}`")))?;
    serde_json::from_str(&answer).map_err(|reason| {
        let wanted = std::any::type_name::<R>();
        error(format!("`{action}` of plugin `{plugin}`: the answer is not a `{wanted}`: {reason}"))
            .with_code("invalid_answer")
    })
}

/// A plugin by its name.
pub fn get(name: impl Into<String>) -> OtherPlugin {
    OtherPlugin { name: name.into() }
}

/// The plugins that serve and that this one may see (`plugin.<name>` with `read`), by name.
///
/// # Errors
/// Where the host cannot tell.
pub fn all() -> Result<Vec<PluginInfo>> {
    host::plugins_all()
}

/// Offers this plugin's actions under the name of a service: lower-case letters, digits, `_`, `-` and `.`, a letter first.
/// The name is kept over reloads, and goes when the plugin does.
///
/// # Errors
/// `permission_denied` unless the plugin may `write` `plugin.<service>`, or where another plugin offers it;
/// `limit_exceeded` for too many services; `invalid_argument` if the name is none.
pub fn register_service(name: &str) -> Result<()> {
    host::plugins_register_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// Takes a service back. Answers whether this plugin offered it.
///
/// # Errors
/// `permission_denied` unless the plugin may `write` `plugin.<service>`; `invalid_argument` if the name is none.
pub fn unregister_service(name: &str) -> Result<bool> {
    host::plugins_unregister_service(name).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// The plugin that offers a service. To call it takes `plugin.<name>` with `execute`, for the name of the plugin.
///
/// # Errors
/// `not_found` if no plugin does, with the services that there are; `permission_denied` unless the plugin may `read`
/// `plugin.<service>`; `invalid_argument` if the name is none.
pub fn service(name: &str) -> Result<OtherPlugin> {
    let found = host::plugins_find_service(name);
    found.map(get).map_err(|failure| failure.context(format_args!("service `{name}`")))
}

/// All services that this plugin may see, by name.
///
/// # Errors
/// Where the host cannot tell.
pub fn services() -> Result<Vec<ServiceInfo>> {
    host::plugins_services()
}
