//! Measurements of containers, from `GET /containers/{id}/stats`.
//!
//! One measurement has only counters. The use of the processor is the difference to the one before.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::connection::Connection;
use crate::error::DockerError;

/// The longest answer that is read, in bytes.
const STATS_BYTES_MAX: usize = 1 << 20;

/// The use of a machine by a container, in the members of DockStat's `ContainerStatsInfo`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContainerMetrics {
    /// The use of processors in percent of one, since the last measurement. `None` at the first one.
    pub cpu_percent: Option<f64>,
    /// The memory in use without the cache of files, in bytes.
    pub memory_bytes: u64,
    /// The limit of the memory, in bytes.
    pub memory_bytes_max: u64,
    /// Bytes received from networks since the start.
    pub network_received_bytes: u64,
    /// Bytes sent to networks since the start.
    pub network_sent_bytes: u64,
    /// Bytes read from block devices since the start.
    pub block_read_bytes: u64,
    /// Bytes written to block devices since the start.
    pub block_written_bytes: u64,
}

impl ContainerMetrics {
    pub(crate) fn write<T>(&self, set: &mut impl FnMut(&str, Value) -> T) {
        set("cpuUsage", json!(self.cpu_percent));
        set("memoryUsage", json!(self.memory_bytes));
        set("memoryLimit", json!(self.memory_bytes_max));
        set("networkRx", json!(self.network_received_bytes));
        set("networkTx", json!(self.network_sent_bytes));
        set("blockRead", json!(self.block_read_bytes));
        set("blockWrite", json!(self.block_written_bytes));
    }
}

/// Counters of processor time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CpuTime {
    container: u64,
    machine: u64,
}

#[derive(Deserialize)]
struct Stats {
    #[serde(default)]
    cpu_stats: CpuStats,
    #[serde(default)]
    memory_stats: MemoryStats,
    #[serde(default)]
    networks: Option<HashMap<String, NetworkStats>>,
    #[serde(default)]
    blkio_stats: BlockStats,
}

#[derive(Default, Deserialize)]
struct CpuStats {
    #[serde(default)]
    cpu_usage: CpuUsage,
    #[serde(default)]
    system_cpu_usage: u64,
    #[serde(default)]
    online_cpus: u32,
}

#[derive(Default, Deserialize)]
struct CpuUsage {
    #[serde(default)]
    total_usage: u64,
}

#[derive(Default, Deserialize)]
struct MemoryStats {
    #[serde(default)]
    usage: u64,
    #[serde(default)]
    limit: u64,
    #[serde(default)]
    stats: Option<HashMap<String, Value>>,
}

#[derive(Deserialize)]
struct NetworkStats {
    #[serde(default)]
    rx_bytes: u64,
    #[serde(default)]
    tx_bytes: u64,
}

#[derive(Default, Deserialize)]
struct BlockStats {
    #[serde(default)]
    io_service_bytes_recursive: Option<Vec<BlockEntry>>,
}

#[derive(Deserialize)]
struct BlockEntry {
    #[serde(default)]
    op: String,
    #[serde(default)]
    value: u64,
}

/// Measures a container. `last` has the counters of the measurement before.
pub(crate) async fn measure(
    connection: &mut Connection,
    base: &str,
    id: &str,
    last: Option<CpuTime>,
) -> Result<(ContainerMetrics, CpuTime), DockerError> {
    // Engines before 1.41 ignore `one-shot`, and measure for a second.
    let path = format!("{base}/containers/{id}/stats?stream=0&one-shot=1");
    let (stats, _): (Stats, _) = connection.get(&path, STATS_BYTES_MAX).await?;
    Ok(metrics_of(&stats, last))
}

fn metrics_of(stats: &Stats, last: Option<CpuTime>) -> (ContainerMetrics, CpuTime) {
    let Stats { cpu_stats, memory_stats, networks, blkio_stats } = stats;
    let now = CpuTime { container: cpu_stats.cpu_usage.total_usage, machine: cpu_stats.system_cpu_usage };
    let cpu_percent = last.and_then(|last| {
        let container = now.container.checked_sub(last.container)?;
        let machine = now.machine.checked_sub(last.machine).filter(|machine| *machine > 0)?;
        Some(container as f64 / machine as f64 * f64::from(cpu_stats.online_cpus.max(1)) * 100.0)
    });
    // The cache of files: `inactive_file` of cgroups 2, `total_inactive_file` of cgroups 1.
    let cache = |name: &str| memory_stats.stats.as_ref().and_then(|stats| stats.get(name)?.as_u64());
    let cache = cache("total_inactive_file").or_else(|| cache("inactive_file")).unwrap_or(0);
    let networks = || networks.iter().flat_map(HashMap::values);
    let blocks = |op: &str| {
        let entries = blkio_stats.io_service_bytes_recursive.iter().flatten();
        entries.filter(|entry| entry.op.eq_ignore_ascii_case(op)).map(|entry| entry.value).sum()
    };
    let metrics = ContainerMetrics {
        cpu_percent,
        memory_bytes: memory_stats.usage.saturating_sub(cache),
        memory_bytes_max: memory_stats.limit,
        network_received_bytes: networks().map(|network| network.rx_bytes).sum(),
        network_sent_bytes: networks().map(|network| network.tx_bytes).sum(),
        block_read_bytes: blocks("read"),
        block_written_bytes: blocks("write"),
    };
    (metrics, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurement_of_docker_is_read() {
        let text = r#"{"cpu_stats":{"cpu_usage":{"total_usage":300},"system_cpu_usage":2000,"online_cpus":4},
            "memory_stats":{"usage":1000,"limit":5000,"stats":{"inactive_file":400}},
            "networks":{"eth0":{"rx_bytes":1,"tx_bytes":2},"eth1":{"rx_bytes":10,"tx_bytes":20}},
            "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":7},{"op":"write","value":8}]}}"#;
        let stats: Stats = serde_json::from_str(text).expect("it has Docker's shape");
        let (metrics, now) = metrics_of(&stats, Some(CpuTime { container: 100, machine: 1_000 }));
        assert_eq!(metrics.cpu_percent.map(f64::round), Some(80.0));
        assert_eq!((metrics.memory_bytes, metrics.memory_bytes_max), (600, 5_000));
        assert_eq!((metrics.network_received_bytes, metrics.network_sent_bytes), (11, 22));
        assert_eq!((metrics.block_read_bytes, metrics.block_written_bytes), (7, 8));
        assert_eq!(metrics_of(&stats, Some(now)).0.cpu_percent, None, "no time has passed");
        assert_eq!(metrics_of(&stats, None).0.cpu_percent, None);
    }

    #[test]
    fn container_that_has_ended_has_no_counters() {
        let stats: Stats = serde_json::from_str(r#"{"networks":null,"blkio_stats":{}}"#).expect("Docker's shape");
        assert_eq!(metrics_of(&stats, None).0.memory_bytes, 0);
    }
}
