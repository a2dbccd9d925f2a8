//! Plugins that the application provides. Their actions are Rust functions of the application, which plugins call like
//! actions of other plugins.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use plugbay_manifest::{check_action_name, check_plugin_name};
use semver::Version;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Failure, ProvideError};
use crate::metrics::Metrics;
use crate::plugin_limits::Limits;

/// A plugin whose actions are Rust functions of the application.
///
/// [`Runtime::provide`](crate::Runtime::provide) adds it. Plugins call its actions like those of any other plugin
/// (`plugbay:plugin/plugins`, `plugins::call` of the SDK), and need the same permission, `plugin.<name>:execute`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use plugbay::host_plugin::HostCall;
/// use plugbay::{Failure, HostPlugin, Runtime};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Item {
///     item: String,
/// }
///
/// #[derive(Serialize)]
/// struct Price {
///     cents: u32,
/// }
///
/// async fn price(call: HostCall, wanted: Item) -> Result<Price, Failure> {
///     match wanted.item.as_str() {
///         "apple" => Ok(Price { cents: 40 }),
///         item => Err(Failure::new("unknown_item", format!("{} asked for `{item}`", call.plugin()))),
///     }
/// }
///
/// let shop = HostPlugin::new("shop")
///     .version("1.0.0")
///     .action("price", price)
///     .action("currency", |_, (): ()| async { Ok("CHF") });
/// Runtime::new()?.provide(shop)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a plugin of the application serves once `Runtime::provide` has added it"]
pub struct HostPlugin {
    name: String,
    version: String,
    actions: Vec<(String, Handler)>,
}

/// An action whose payload and answer are JSON.
pub(crate) type Handler = Box<dyn Fn(HostCall, &str) -> Handling + Send + Sync>;

/// A running action.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Result<String, HandlerError>> + Send>>;

/// Why an action of the application has no answer.
#[derive(Debug)]
pub(crate) enum HandlerError {
    /// The payload does not fit the action's type.
    Payload(serde_json::Error),
    /// The action failed.
    Failed(Failure),
    /// The answer cannot be serialised as JSON.
    Answer(serde_json::Error),
}

/// A call of an action that the application provides.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HostCall {
    pub(crate) plugin: String,
    pub(crate) request_id: String,
    pub(crate) time_left: Option<Duration>,
}

impl HostCall {
    /// Returns the name of the calling plugin. The host sets it.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Returns the id of the request in which the plugin calls, for logs.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Returns the time that the action had when it began: its caller's remaining time. `None` is unlimited. When it is
    /// over, the action's future is dropped.
    pub fn time_left(&self) -> Option<Duration> {
        self.time_left
    }
}

impl HostPlugin {
    /// Creates a plugin of this name without actions. The rule for plugin names applies: lower-case letters, digits,
    /// `_` and `-`, beginning with a letter.
    pub fn new(name: impl Into<String>) -> Self {
        HostPlugin { name: name.into(), version: "0.0.0".to_owned(), actions: Vec::new() }
    }

    /// Sets the version, which plugins may require with `requires`. Default: `0.0.0`.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = version.into();
        self
    }

    /// Adds an action: an asynchronous function from a payload to an answer, converted by serde. The payload of an
    /// action without one is `()`.
    ///
    /// The action runs on the caller's task, and its future is dropped when the caller's time is over or its call is
    /// dropped. Blocking work belongs on a separate thread, such as that of `tokio::task::spawn_blocking`. A panic is
    /// an error for the caller only.
    ///
    /// The calling plugin's instance waits meanwhile. If the action calls the same plugin, it needs another instance;
    /// if there is none, that call fails at once with `reentrant_call`. A task that the action spawns is not recognised
    /// as part of it: a call from there waits until its time is over.
    pub fn action<P, R, F>(
        mut self,
        name: impl Into<String>,
        handler: impl Fn(HostCall, P) -> F + Send + Sync + 'static,
    ) -> Self
    where
        P: DeserializeOwned,
        R: Serialize,
        F: Future<Output = Result<R, Failure>> + Send + 'static,
    {
        let handler = move |call: HostCall, payload: &str| -> Handling {
            let answer = match serde_json::from_str(payload) {
                Ok(payload) => handler(call, payload),
                Err(error) => return Box::pin(std::future::ready(Err(HandlerError::Payload(error)))),
            };
            Box::pin(async move {
                let answer = answer.await.map_err(HandlerError::Failed)?;
                serde_json::to_string(&answer).map_err(HandlerError::Answer)
            })
        };
        self.actions.push((name.into(), Box::new(handler)));
        self
    }
}

impl fmt::Debug for HostPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions: Vec<&str> = self.actions.iter().map(|(name, _)| &**name).collect();
        let HostPlugin { name, version, .. } = self;
        f.debug_struct("HostPlugin").field("name", name).field("version", version).field("actions", &actions).finish()
    }
}

/// A plugin of the application with checked names and version.
pub(crate) struct ProvidedPlugin {
    name: String,
    version: Version,
    actions: BTreeMap<String, Handler>,
    payload_bytes: usize,
    result_bytes: usize,
    metrics: Metrics,
}

impl ProvidedPlugin {
    /// Checks the plugin, and bounds its payloads and results by the runtime's limits.
    pub(crate) fn check(plugin: HostPlugin, limits: &Limits) -> Result<Self, ProvideError> {
        let HostPlugin { name, version, actions } = plugin;
        check_plugin_name(&name).map_err(|message| ProvideError::Name { message })?;
        let version = Version::parse(&version).map_err(|error| ProvideError::Version {
            name: name.clone(),
            version: version.clone(),
            message: error.to_string(),
        })?;
        let mut by_name = BTreeMap::new();
        for (action, handler) in actions {
            check_action_name(&action).map_err(|message| ProvideError::Action { name: name.clone(), message })?;
            if by_name.contains_key(&action) {
                let message = format!("it has two actions `{action}`");
                return Err(ProvideError::Action { name, message });
            }
            by_name.insert(action, handler);
        }
        let &Limits { payload_bytes, result_bytes, .. } = limits;
        Ok(ProvidedPlugin { name, version, actions: by_name, payload_bytes, result_bytes, metrics: Metrics::default() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn version(&self) -> &Version {
        &self.version
    }

    /// Returns the counters of its calls.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Returns the maximum size of a payload, in bytes of JSON.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Returns the maximum size of an answer, in bytes of JSON.
    pub(crate) fn result_bytes(&self) -> usize {
        self.result_bytes
    }

    pub(crate) fn action_names(&self) -> Vec<String> {
        self.actions.keys().cloned().collect()
    }

    pub(crate) fn action(&self, name: &str) -> Option<&Handler> {
        self.actions.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(plugin: HostPlugin) -> Result<Vec<String>, String> {
        let checked = ProvidedPlugin::check(plugin, &Limits::default());
        checked.map(|plugin| plugin.action_names()).map_err(|error| error.to_string())
    }

    fn shop() -> HostPlugin {
        HostPlugin::new("shop").action("price", |_, (): ()| async { Ok(1) })
    }

    #[test]
    fn names_and_version_are_checked() {
        assert_eq!(check(shop().version("1.2.3")), Ok(vec!["price".to_owned()]));
        let refused = |plugin, text: &str| {
            let error = check(plugin).expect_err("it is wrong");
            assert!(error.contains(text), "{error}");
        };
        refused(HostPlugin::new("The Shop"), "not a plugin name");
        refused(shop().version("one"), "its version `one` is not a semantic version");
        refused(shop().action("a b", |_, (): ()| async { Ok(1) }), "not an action name");
        refused(shop().action("price", |_, (): ()| async { Ok(1) }), "two actions `price`");
    }
}
