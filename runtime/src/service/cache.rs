//! `plugbay:plugin/cache`: values that may be forgotten.

use super::PluginHome;
use super::bindings::plugbay::plugin::cache as wit;
use crate::plugin::state::HostState;

/// The cache service of one loaded plugin.
pub(crate) struct PluginCache {
    #[allow(dead_code, reason = "until the service is there")]
    home: PluginHome,
}

impl PluginCache {
    pub(crate) fn new(home: PluginHome) -> Self {
        PluginCache { home }
    }
}

impl wit::Host for HostState {
    async fn get(&mut self, _: String) -> Result<Option<String>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn set(&mut self, _: String, _: String, _: Option<i64>) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn get_or_set(&mut self, _: String, _: String, _: Option<i64>) -> Result<String, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn delete(&mut self, _: String) -> Result<bool, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn get_many(&mut self, _: Vec<String>) -> Result<Vec<Option<String>>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn set_many(&mut self, _: Vec<(String, String)>, _: Option<i64>) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn delete_pattern(&mut self, _: String) -> Result<u64, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn clear(&mut self) -> Result<u64, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
}
