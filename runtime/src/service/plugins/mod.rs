//! Other plugins, their actions and the named services that they offer.
//!
//! A call is dispatched like every call: the adapter checks what its plugin was granted, dispatch checks whether the
//! other plugin's manifest lets the caller in, and admits, runs and counts it. What the service needs of the runtime is
//! a [`Directory`]; it holds it weakly, because the runtime holds its plugins.

mod service_registry;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use self::service_registry::Held;
pub(crate) use self::service_registry::{NotRegistered, ServiceRegistry};
use crate::admission::{Chain, Waits};
use crate::error::InvokeError;
use crate::limits::SERVICE_NAME_BYTES_MAX;

/// The plugins of the runtime, as far as other plugins have to do with them.
pub(crate) trait Directory: Send + Sync {
    /// Makes a call. The plugin is looked up at once.
    fn call(&self, call: PluginCall) -> Calling;
    /// Whether there is a plugin of this name.
    fn serves(&self, plugin: &str) -> bool;
    /// All plugins, by name.
    fn plugins(&self) -> Vec<PluginInfo>;
}

/// What other plugins may know of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginInfo {
    pub(crate) name: String,
    pub(crate) version: String,
    /// What people call it; its name if the manifest has no title.
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

/// A call on its way. Dropping it drops the other plugin's call.
pub(crate) type Calling = Pin<Box<dyn Future<Output = Result<String, InvokeError>> + Send>>;

/// What one plugin asks of another.
pub(crate) struct PluginCall {
    pub(crate) plugin: String,
    pub(crate) action: String,
    pub(crate) payload: String,
    pub(crate) request_id: String,
    pub(crate) time_left: Option<Duration>,
    pub(crate) chain: Arc<Chain>,
}

/// A call that a plugin begins.
pub(crate) struct NewCall {
    pub(crate) plugin: String,
    pub(crate) action: String,
    pub(crate) payload: String,
    pub(crate) request_id: String,
    pub(crate) time_left: Option<Duration>,
}

/// The plugins service of one loaded revision.
pub(crate) struct PluginCalls {
    directory: Weak<dyn Directory>,
    requires: Arc<[String]>,
    held: Held,
    /// The calls of all plugins of the runtime that wait for one another.
    pub(crate) waits: Arc<Waits>,
}

impl PluginCalls {
    /// For a plugin of this name that requires these.
    pub(crate) fn new(
        plugin: Arc<str>,
        requires: impl IntoIterator<Item = String>,
        directory: Weak<dyn Directory>,
        registry: Arc<ServiceRegistry>,
        waits: Arc<Waits>,
    ) -> Self {
        PluginCalls { directory, requires: requires.into_iter().collect(), held: Held::new(registry, plugin), waits }
    }

    /// Holds the services of the revision that this one replaces.
    pub(crate) fn take_over(&self, old: &PluginCalls) {
        self.held.take_over(&old.held);
    }

    /// Takes all services back.
    pub(crate) fn release(&self) {
        self.held.release();
    }

    /// A call that the plugin `caller` makes, for which the plugins of `before` wait.
    ///
    /// # Errors
    /// The name of the plugin that was to be called, if the runtime is gone.
    pub(crate) fn call(&self, caller: Arc<str>, before: Option<Arc<Chain>>, call: NewCall) -> Result<Calling, String> {
        let NewCall { plugin, action, payload, request_id, time_left } = call;
        let Some(directory) = self.directory.upgrade() else { return Err(plugin) };
        let chain = Chain::new(caller, self.requires.clone(), before);
        Ok(directory.call(PluginCall { plugin, action, payload, request_id, time_left, chain }))
    }

    /// All plugins that serve, by name.
    pub(crate) fn plugins(&self) -> Vec<PluginInfo> {
        self.directory.upgrade().map(|directory| directory.plugins()).unwrap_or_default()
    }

    /// Offers a service under this name.
    ///
    /// # Errors
    /// [`NotRegistered`] if another plugin offers it or this one offers too many.
    pub(crate) fn register(&self, service: &str) -> Result<(), NotRegistered> {
        self.held.register(service)
    }

    /// Takes a service back. Returns whether this plugin offered it.
    pub(crate) fn unregister(&self, service: &str) -> bool {
        self.held.unregister(service)
    }

    /// The plugin that offers a service and serves.
    pub(crate) fn find(&self, service: &str) -> Option<Arc<str>> {
        self.held.registry().find(service).filter(|plugin| self.serves(plugin))
    }

    /// All services whose plugin serves.
    pub(crate) fn services(&self) -> Vec<ServiceInfo> {
        let all = self.held.registry().all().into_iter().map(|(name, plugin)| ServiceInfo { name, plugin });
        all.filter(|service| self.serves(&service.plugin)).collect()
    }

    /// Whether a plugin serves. One that still loads or is being unloaded does not.
    fn serves(&self, plugin: &str) -> bool {
        self.directory.upgrade().is_some_and(|directory| directory.serves(plugin))
    }
}

/// The rule for the names of services: that of plugin names, and `.` besides.
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
