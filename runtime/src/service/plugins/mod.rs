//! The plugins service: other plugins, their actions and the named services that they offer.
//!
//! A call is dispatched like every call: the adapter checks the calling plugin's grants, and dispatch checks that the
//! called plugin admits the caller, and admits, runs and counts the call. The service reaches the runtime through a
//! [`Directory`], which it holds weakly because the runtime holds its plugins.

mod service_registry;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use serde_json::Value;

use self::service_registry::Held;
pub(crate) use self::service_registry::{NotRegistered, ServiceRegistry};
use crate::admission::{Chain, Waits};
use crate::error::InvokeError;
use crate::invocation::CallContext;
use crate::limits::SERVICE_NAME_BYTES_MAX;

/// The plugins of the runtime, as other plugins see them.
pub(crate) trait Directory: Send + Sync {
    /// Makes a call. The plugin is looked up immediately.
    fn call(&self, call: PluginCall) -> Calling;
    /// Returns whether a plugin of this name serves.
    fn serves(&self, plugin: &str) -> bool;
    /// Returns all plugins, by name.
    fn plugins(&self) -> Vec<PluginInfo>;
    /// Returns the description of a plugin that serves, as a JSON object.
    fn describe(&self, plugin: &str) -> Option<Value>;
    /// Returns the host's figures about a plugin that serves, as a JSON object.
    fn figures(&self, plugin: &str) -> Option<Value>;
}

/// A plugin, as other plugins see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginInfo {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The display name; the plugin's name if the manifest has no title.
    pub(crate) title: String,
    /// The declared actions.
    pub(crate) actions: Vec<String>,
}

/// A named service that a plugin offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceInfo {
    pub(crate) name: String,
    /// The plugin that offers it.
    pub(crate) plugin: Arc<str>,
}

/// A call in progress. Dropping it drops the other plugin's call.
pub(crate) type Calling = Pin<Box<dyn Future<Output = Result<String, InvokeError>> + Send>>;

/// A call from one plugin to another.
pub(crate) struct PluginCall {
    pub(crate) plugin: String,
    pub(crate) action: String,
    pub(crate) payload: String,
    pub(crate) request_id: String,
    pub(crate) time_left: Option<Duration>,
    pub(crate) chain: Arc<Chain>,
    pub(crate) context: Option<Arc<CallContext>>,
}

/// A call that a plugin begins.
pub(crate) struct NewCall {
    pub(crate) plugin: String,
    pub(crate) action: String,
    pub(crate) payload: String,
    pub(crate) request_id: String,
    pub(crate) time_left: Option<Duration>,
    pub(crate) context: Option<Arc<CallContext>>,
}

/// The plugins service of a loaded revision.
pub(crate) struct PluginCalls {
    directory: Weak<dyn Directory>,
    requires: Arc<[String]>,
    held: Held,
    /// The waiting calls of all plugins of the runtime.
    pub(crate) waits: Arc<Waits>,
}

impl PluginCalls {
    /// Creates the service of a plugin of this name that requires these plugins.
    pub(crate) fn new(
        plugin: Arc<str>,
        requires: impl IntoIterator<Item = String>,
        directory: Weak<dyn Directory>,
        registry: Arc<ServiceRegistry>,
        waits: Arc<Waits>,
    ) -> Self {
        static NONE: LazyLock<Arc<[String]>> = LazyLock::new(|| Arc::new([]));
        let mut requires = requires.into_iter().peekable();
        // Most plugins require none, and share this.
        let requires = if requires.peek().is_none() { NONE.clone() } else { requires.collect() };
        PluginCalls { directory, requires, held: Held::new(registry, plugin), waits }
    }

    /// Also holds the services of the revision that this one replaces.
    pub(crate) fn take_over(&self, old: &PluginCalls) {
        self.held.take_over(&old.held);
    }

    /// Releases all services.
    pub(crate) fn release(&self) {
        self.held.release();
    }

    /// Returns the plugins that this one requires.
    pub(crate) fn requires(&self) -> Arc<[String]> {
        self.requires.clone()
    }

    /// Makes a call for which the plugins of `chain` wait, the last of which is this one.
    ///
    /// # Errors
    /// The name of the plugin to be called, if the runtime is gone.
    pub(crate) fn call(&self, chain: Arc<Chain>, call: NewCall) -> Result<Calling, String> {
        let NewCall { plugin, action, payload, request_id, time_left, context } = call;
        let Some(directory) = self.directory.upgrade() else { return Err(plugin) };
        Ok(directory.call(PluginCall { plugin, action, payload, request_id, time_left, chain, context }))
    }

    /// Returns all plugins that serve, by name.
    pub(crate) fn plugins(&self) -> Vec<PluginInfo> {
        self.directory.upgrade().map(|directory| directory.plugins()).unwrap_or_default()
    }

    /// Returns the description of a plugin that serves, as a JSON object.
    pub(crate) fn describe(&self, plugin: &str) -> Option<Value> {
        self.directory.upgrade()?.describe(plugin)
    }

    /// Returns the host's figures about a plugin that serves, as a JSON object.
    pub(crate) fn figures(&self, plugin: &str) -> Option<Value> {
        self.directory.upgrade()?.figures(plugin)
    }

    /// Offers a service under this name.
    ///
    /// # Errors
    /// [`NotRegistered`] if another plugin offers it or this one already offers the maximum number.
    pub(crate) fn register(&self, service: &str) -> Result<(), NotRegistered> {
        self.held.register(service)
    }

    /// Withdraws a service. Returns whether this plugin offered it.
    pub(crate) fn unregister(&self, service: &str) -> bool {
        self.held.unregister(service)
    }

    /// Returns the plugin that offers a service, if it serves.
    pub(crate) fn find(&self, service: &str) -> Option<Arc<str>> {
        self.held.registry().find(service).filter(|plugin| self.serves(plugin))
    }

    /// Returns all services whose plugin serves.
    pub(crate) fn services(&self) -> Vec<ServiceInfo> {
        let all = self.held.registry().all().into_iter().map(|(name, plugin)| ServiceInfo { name, plugin });
        all.filter(|service| self.serves(&service.plugin)).collect()
    }

    /// Returns whether a plugin serves, that is, is neither still loading nor being unloaded.
    fn serves(&self, plugin: &str) -> bool {
        self.directory.upgrade().is_some_and(|directory| directory.serves(plugin))
    }
}

/// Returns whether the name is valid for a service: the rule for plugin names, and `.` in addition.
pub(crate) fn is_service_name(name: &str) -> bool {
    let goes_on = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-' | b'.');
    name.len() <= SERVICE_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_follow_the_rule_of_plugin_names_with_dots() {
        for good in ["a", "mailer", "my_plugin.api", "mail-2"] {
            assert!(is_service_name(good), "{good}");
        }
        for bad in ["", "Mailer", "2x", ".x", "a b", "ä", "a/b", "*", &"a".repeat(SERVICE_NAME_BYTES_MAX + 1)] {
            assert!(!is_service_name(bad), "{bad}");
        }
    }
}
