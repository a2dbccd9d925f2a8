//! `wasi:config/store@0.2.0-rc.1` over the plugin's configuration: strings unchanged, other values as JSON text.
//!
//! Secrets are returned to their plugin, as by `plugbay:plugin/config`. For a key that may not be read, `get` returns
//! an error; `get-all` omits it.

use plugbay_manifest::PermissionAction;
use serde_json::Value;

use super::bindings::wasi::config::store as wit;
use crate::host::HostState;

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

impl wit::Host for HostState {
    async fn get(&mut self, key: String) -> Result<Option<String>, wit::Error> {
        let granted = self.may_use_config(&key, PermissionAction::Read);
        let value = granted.map(|()| self.plugin.config.get(&key).map(text));
        self.end_host_call(value.iter().flatten().map(String::len).sum()).await;
        value.map_err(wit::Error::Upstream)
    }

    async fn get_all(&mut self) -> Result<Vec<(String, String)>, wit::Error> {
        let all: Vec<(String, String)> = self.readable().into_iter().map(|(key, value)| (key, text(value))).collect();
        self.end_host_call(all.iter().map(|(key, value)| key.len() + value.len()).sum()).await;
        Ok(all)
    }
}
