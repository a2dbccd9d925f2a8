//! The figures of a host, read from the counters of its runtime.

use std::collections::BTreeMap;

use plugbay::lifecycle::PluginState;
use plugbay::metrics::MetricsSnapshot;
use plugbay::{Plugin, Runtime};
use serde::Serialize;

use super::RequestMetrics;
use crate::ServerState;

/// The figures of a host.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HostMetrics {
    /// The time since the server was started, in seconds.
    pub uptime_seconds: f64,
    /// The memory of the host's process, in bytes. `None` if the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_memory_bytes: Option<u64>,
    /// The number of plugins in each state.
    pub states: BTreeMap<&'static str, u64>,
    /// The figures of the server's requests.
    pub requests: RequestMetrics,
    /// The figures of each plugin, by name.
    pub plugins: BTreeMap<String, PluginMetrics>,
}

/// The figures of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PluginMetrics {
    /// Its state.
    pub state: PluginState,
    /// Its counters since it was loaded.
    #[serde(flatten)]
    pub counters: MetricsSnapshot,
}

impl PluginMetrics {
    /// Reads the figures of all plugins of a runtime, by name.
    pub(super) fn read_all(runtime: &Runtime) -> BTreeMap<String, Self> {
        let read = |plugin: Plugin| {
            let metrics = PluginMetrics { state: plugin.state(), counters: plugin.metrics() };
            (plugin.name(), metrics)
        };
        runtime.plugins().into_iter().map(read).collect()
    }
}

impl HostMetrics {
    /// Reads the figures of a server and of all plugins of its runtime.
    pub fn read(server: &ServerState, uptime_seconds: f64) -> Self {
        let plugins = PluginMetrics::read_all(server.runtime());
        let mut states = BTreeMap::new();
        plugins.values().for_each(|plugin| *states.entry(plugin.state.name()).or_default() += 1);
        HostMetrics {
            uptime_seconds,
            resident_memory_bytes: resident_memory_bytes(),
            states,
            requests: server.requests().read(),
            plugins,
        }
    }
}

/// Linux reports the resident pages of a process in the second field of this file.
fn resident_memory_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 4 << 10;
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(pages.split(' ').nth(1)?.parse::<u64>().ok()? * PAGE_BYTES)
}
