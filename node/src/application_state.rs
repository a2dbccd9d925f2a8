//! The state of a host as Pup's clients know it: the process of the host, the machine, and all processes.
//!
//! Figures of the machine are those of Linux. Other systems have none.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use plugbay_supervisor::{Supervisor, iso_time};
use serde_json::{Value, json};

/// The state of this host.
pub(crate) fn application_state(processes: Option<&Supervisor>, port: Option<u16>) -> Value {
    let now = SystemTime::now();
    let machine = figures("/proc/meminfo");
    let own = figures("/proc/self/status");
    let of = |figures: &BTreeMap<String, u64>, name: &str| figures.get(name).copied().unwrap_or_default();
    let statuses: Vec<_> =
        processes.map(Supervisor::list).unwrap_or_default().into_iter().map(|(status, _)| status).collect();
    let is_ending = processes.is_some_and(Supervisor::is_shut_down);
    json!({
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
        "status": if is_ending { "Terminating" } else { "Running" },
        "updated": iso_time(now),
        "started": iso_time(started(now)),
        "memory": {
            "rss": of(&own, "VmRSS"), "heapTotal": of(&own, "VmData"), "heapUsed": of(&own, "RssAnon"),
            "external": of(&own, "RssFile"),
        },
        "port": port,
        "systemMemory": {
            "total": of(&machine, "MemTotal"), "free": of(&machine, "MemFree"),
            "available": of(&machine, "MemAvailable"), "buffers": of(&machine, "Buffers"),
            "cached": of(&machine, "Cached"), "swapTotal": of(&machine, "SwapTotal"),
            "swapFree": of(&machine, "SwapFree"),
        },
        "loadAvg": numbers("/proc/loadavg", 3),
        "osUptime": numbers("/proc/uptime", 1).first(),
        "osRelease": std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "runtime": concat!("plugbay ", env!("CARGO_PKG_VERSION")),
        "type": "main",
        "processes": statuses,
    })
}

/// The moment at which this process started: its directory in `/proc` was made then.
fn started(now: SystemTime) -> SystemTime {
    let ticks_per_second = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19)?.parse::<f64>().ok());
    let uptime = numbers("/proc/uptime", 1).first().copied();
    let age = ticks.zip(uptime).map(|(ticks, uptime)| (uptime - ticks / ticks_per_second).max(0.0));
    let age = age.and_then(|age| Duration::try_from_secs_f64(age).ok()).unwrap_or_default();
    now.checked_sub(age).unwrap_or(now)
}

/// The figures in kilobytes of a file with lines such as `MemTotal: 12 kB`, in bytes.
fn figures(path: &str) -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let figure = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let kilobytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some((name.to_owned(), kilobytes << 10))
    };
    text.lines().filter_map(figure).collect()
}

/// The first numbers of a file.
fn numbers(path: &str, count: usize) -> Vec<f64> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().take(count).filter_map(|word| word.parse().ok()).collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn state_has_figures_of_the_machine_and_of_the_host() {
        let state = application_state(None, Some(7));
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        for (part, figure) in [("memory", "rss"), ("systemMemory", "total"), ("systemMemory", "available")] {
            assert!(number(&state[part][figure]) > 0.0, "{part}.{figure}: {state}");
        }
        assert_eq!(state["loadAvg"].as_array().map(Vec::len), Some(3));
        assert!(number(&state["osUptime"]) > 0.0 && state["osRelease"] != "");
        assert_eq!((&state["type"], &state["port"], &state["processes"]), (&json!("main"), &json!(7), &json!([])));
        assert!(state["started"].as_str() <= state["updated"].as_str());
    }
}
