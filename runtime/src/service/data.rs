//! `plugbay:plugin/data`: values that a plugin keeps.

use super::PluginHome;
use super::bindings::plugbay::plugin::data as wit;
use crate::plugin::state::HostState;

/// The data service of one loaded plugin.
pub(crate) struct PluginData {
    #[allow(dead_code, reason = "until the service is there")]
    home: PluginHome,
}

impl PluginData {
    pub(crate) fn new(home: PluginHome) -> Self {
        PluginData { home }
    }
}

impl wit::Host for HostState {
    async fn get(&mut self, _: String) -> Result<Option<String>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn set(&mut self, _: String, _: String) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn set_many(&mut self, _: Vec<(String, String)>) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn delete(&mut self, _: String) -> Result<bool, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn keys(&mut self, _: String, _: Option<String>, _: u32) -> Result<wit::Page, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
}
