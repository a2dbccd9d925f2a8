//! `plugbay:plugin/metrics`: the plugin's own counters and gauges, and the host's figures about it. It requires no
//! permission.

use serde_json::json;

use super::HostState;
use super::bindings::plugbay::plugin::metrics as wit;
use super::failure::{Failure, INVALID_ARGUMENT, failure};
use crate::limits::HOST_BYTES_UNTIL_YIELD;
use crate::service::metrics::MetricError;

impl From<MetricError> for Failure {
    fn from(error: MetricError) -> Self {
        match error {
            MetricError::Invalid(text) => failure(INVALID_ARGUMENT, text),
            MetricError::Limit(limit) => limit.into(),
        }
    }
}

impl wit::Host for HostState {
    async fn snapshot(&mut self) -> String {
        let own = &self.plugin.metrics.own;
        // Before the plugin serves, there are no figures about it.
        let mut snapshot = self.plugin.plugins.figures(&self.plugin.name).unwrap_or_else(|| json!({}));
        snapshot["uptime_ms"] = u64::try_from(own.uptime().as_millis()).unwrap_or(u64::MAX).into();
        snapshot["own"] = json!(own.values());
        let snapshot = snapshot.to_string();
        // It sums the counters of all instances.
        self.end_host_call(HOST_BYTES_UNTIL_YIELD + snapshot.len()).await;
        snapshot
    }

    async fn add(&mut self, name: String, by: u64) -> Result<(), Failure> {
        let added = self.plugin.metrics.own.add(&name, by);
        self.end_host_call(name.len()).await;
        Ok(added?)
    }

    async fn set(&mut self, name: String, value: f64) -> Result<(), Failure> {
        let set = self.plugin.metrics.own.set(&name, value);
        self.end_host_call(name.len()).await;
        Ok(set?)
    }
}
