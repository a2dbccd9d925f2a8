//! `plugbay:plugin/scheduler`: actions that the host runs later or again and again.

use super::PluginHome;
use super::bindings::plugbay::plugin::scheduler as wit;
use crate::plugin::state::HostState;

/// The scheduler service of one loaded plugin.
pub(crate) struct PluginJobs {
    #[allow(dead_code, reason = "until the service is there")]
    home: PluginHome,
}

impl PluginJobs {
    pub(crate) fn new(home: PluginHome) -> Self {
        PluginJobs { home }
    }
}

impl wit::Host for HostState {
    async fn add(
        &mut self,
        _: String,
        _: String,
        _: String,
        _: wit::Schedule,
        _: bool,
    ) -> Result<Option<u64>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn get(&mut self, _: String) -> Result<Option<wit::Job>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn jobs(&mut self) -> Result<Vec<wit::Job>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn pause(&mut self, _: String) -> Result<bool, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn resume(&mut self, _: String) -> Result<bool, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn remove(&mut self, _: String) -> Result<bool, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn outcomes(&mut self, _: String, _: u32) -> Result<Vec<wit::Outcome>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
}
