//! `plugbay:plugin/db`: a SQL database of the plugin's own.

mod collections;
mod tables;

use wasmtime::component::Resource;

use super::PluginHome;
use super::bindings::plugbay::plugin::db as wit;
use crate::plugin::state::HostState;

/// The db service of one loaded plugin.
pub(crate) struct PluginDb {
    #[allow(dead_code, reason = "until the service is there")]
    home: PluginHome,
}

impl PluginDb {
    pub(crate) fn new(home: PluginHome) -> Self {
        PluginDb { home }
    }
}

/// A transaction that a plugin holds.
pub struct Transaction;

impl wit::HostTransaction for HostState {
    async fn query(
        &mut self,
        _: Resource<Transaction>,
        _: String,
        _: Vec<wit::Value>,
    ) -> Result<wit::Rows, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn execute(
        &mut self,
        _: Resource<Transaction>,
        _: String,
        _: Vec<wit::Value>,
    ) -> Result<wit::Changes, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn commit(&mut self, _: Resource<Transaction>) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn rollback(&mut self, _: Resource<Transaction>) -> Result<(), wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn drop(&mut self, _: Resource<Transaction>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl wit::Host for HostState {
    async fn query(&mut self, _: String, _: Vec<wit::Value>) -> Result<wit::Rows, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn execute(&mut self, _: String, _: Vec<wit::Value>) -> Result<wit::Changes, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn execute_many(&mut self, _: String, _: Vec<Vec<wit::Value>>) -> Result<wit::Changes, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
    async fn begin(&mut self) -> Result<Resource<Transaction>, wit::Error> {
        Err(wit::Error::Other("not served yet".to_owned()))
    }
}
