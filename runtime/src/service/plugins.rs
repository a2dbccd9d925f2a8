//! `plugbay:plugin/plugins`: other plugins and the services that they offer.

use super::PluginHome;
use super::bindings::plugbay::plugin::plugins as wit;
use crate::plugin::state::HostState;

/// The plugins service of one loaded plugin.
pub(crate) struct PluginCalls {
    #[allow(dead_code, reason = "until the service is there")]
    home: PluginHome,
}

impl PluginCalls {
    pub(crate) fn new(home: PluginHome) -> Self {
        PluginCalls { home }
    }
}

impl wit::Host for HostState {
    async fn call(&mut self, _: String, _: String, _: String) -> Result<String, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn plugins(&mut self) -> Result<Vec<wit::PluginInfo>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn register_service(&mut self, _: String) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn unregister_service(&mut self, _: String) -> Result<bool, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn find_service(&mut self, _: String) -> Result<String, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn services(&mut self) -> Result<Vec<wit::ServiceInfo>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
}
