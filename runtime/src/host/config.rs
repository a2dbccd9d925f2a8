//! `plugbay:plugin/config` over the configuration of the plugin.

use std::collections::BTreeMap;

use plugbay_manifest::PermissionAction;
use serde_json::Value;

use super::HostState;
use super::bindings::plugbay::plugin::config as wit;
use super::failure::{Failure, UNAVAILABLE, failure};
use crate::capability::resource;
use crate::service::config::{ConfigError, check_key};

/// The code of a key that the manifest does not declare, or of a value that does not fit its schema.
const INVALID_CONFIGURATION: &str = "invalid_configuration";

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::Invalid(text) => failure(INVALID_CONFIGURATION, text),
            ConfigError::Unavailable(text) => failure(UNAVAILABLE, text),
        }
    }
}

impl HostState {
    /// Returns all values that the plugin may read.
    pub(super) fn readable(&self) -> BTreeMap<String, Value> {
        let mut readable = self.plugin.config.all();
        readable.retain(|key, _| self.plugin.permissions.holds(&resource("config", key), PermissionAction::Read));
        readable
    }

    async fn config_set(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        self.may(key, PermissionAction::Write)?;
        let value = serde_json::from_str(value)
            .map_err(|error| failure(INVALID_CONFIGURATION, format!("{key}: the value is not JSON: {error}")))?;
        if self.plugin.config.is_secret(key) {
            // Masked before anything can read the value, and even if the service refuses it.
            self.plugin.log.mask.add([&value]);
        }
        Ok(self.plugin.config.set(key, value).await?)
    }

    fn may(&self, key: &str, action: PermissionAction) -> Result<(), Failure> {
        self.check(&resource("config", key), action)?;
        Ok(check_key(key)?)
    }

    /// Like [`HostState::may`], for `wasi:config`, whose errors are plain texts.
    pub(super) fn may_use_config(&self, key: &str, action: PermissionAction) -> Result<(), String> {
        self.may(key, action).map_err(|failure| failure.message)
    }
}

impl wit::Host for HostState {
    fn get(&mut self, key: String) -> Result<Option<String>, Failure> {
        self.may(&key, PermissionAction::Read)?;
        Ok(self.plugin.config.get_json(&key))
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), Failure> {
        let bytes = key.len() + value.len();
        let set = self.config_set(&key, &value).await;
        self.end_host_call(bytes).await;
        set
    }

    async fn all(&mut self) -> Result<String, Failure> {
        let json = serde_json::to_string(&self.readable());
        self.end_host_call(json.as_ref().map_or(0, String::len)).await;
        json.map_err(|error| failure("internal_error", error.to_string()))
    }
}
