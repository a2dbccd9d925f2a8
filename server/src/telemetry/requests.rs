//! Counters of the requests that a server answers, by the kind of their path and the class of their status.
//!
//! Paths are not labels, because clients choose them. A request costs four additions.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use http::StatusCode;
use plugbay::metrics::LATENCY_BUCKETS_MICROS;
use serde::Serialize;

/// What the path of a request leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RouteKind {
    /// A route of a plugin, or a report on one.
    Plugin,
    /// An action of a plugin by its name.
    Action,
    /// The administration.
    Admin,
    /// Health, metrics and log lines.
    Observe,
    /// The tools of assistants (MCP).
    Mcp,
    /// Anything else: documents, and paths that the server does not have.
    Other,
}

impl RouteKind {
    /// All kinds.
    pub const ALL: [RouteKind; 6] =
        [RouteKind::Plugin, RouteKind::Action, RouteKind::Admin, RouteKind::Observe, RouteKind::Mcp, RouteKind::Other];

    /// The kind of a path.
    pub fn of_path(path: &str) -> Self {
        // Most requests are for plugins.
        if let Some(path) = path.strip_prefix("/plugins/") {
            let (plugin, below) = path.split_at(path.bytes().position(|byte| byte == b'/').unwrap_or(path.len()));
            return match below.strip_prefix("/actions") {
                _ if matches!(plugin, "" | "routes") => RouteKind::Admin,
                Some(action) if action.is_empty() || action.starts_with('/') => RouteKind::Action,
                _ => RouteKind::Plugin,
            };
        }
        let mut parts = path.split('/').skip(1);
        match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
            ("ipc", Some(_), Some(_)) => RouteKind::Action,
            ("health" | "healthz" | "readyz" | "metrics" | "logs", ..) => RouteKind::Observe,
            ("api", Some("v1"), Some("metrics" | "health" | "logs")) => RouteKind::Observe,
            ("api" | "plugins" | "log" | "events" | "ipc" | "state" | "terminate" | "wss", ..) => RouteKind::Admin,
            ("mcp", ..) => RouteKind::Mcp,
            _ => RouteKind::Other,
        }
    }

    /// The kind's word, as a label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            RouteKind::Plugin => "plugin",
            RouteKind::Action => "action",
            RouteKind::Admin => "admin",
            RouteKind::Observe => "observe",
            RouteKind::Mcp => "mcp",
            RouteKind::Other => "other",
        }
    }
}

/// The classes of statuses, from the first digit 1 on.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counters of a server.
#[derive(Debug, Default)]
pub(crate) struct RequestCounters {
    kinds: [KindCounters; RouteKind::ALL.len()],
    running: AtomicU64,
    connections: AtomicU64,
    connections_refused: AtomicU64,
}

#[derive(Debug, Default)]
struct KindCounters {
    classes: [AtomicU64; CLASSES.len()],
    latency: [AtomicU64; LATENCY_BUCKETS_MICROS.len()],
    nanos: AtomicU64,
}

/// A request or a connection that is counted among those that are there now, until dropped.
pub(crate) struct Present<'a>(&'a AtomicU64);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl RequestCounters {
    pub(crate) fn answered(&self, kind: RouteKind, status: StatusCode, duration: Duration) {
        let counters = &self.kinds[kind as usize];
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = LATENCY_BUCKETS_MICROS.partition_point(|end| *end < micros);
        counters.classes[class].fetch_add(1, Relaxed);
        counters.latency[bucket.min(LATENCY_BUCKETS_MICROS.len() - 1)].fetch_add(1, Relaxed);
        counters.nanos.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Counts a request among those that run.
    pub(crate) fn running(&self) -> Present<'_> {
        self.running.fetch_add(1, Relaxed);
        Present(&self.running)
    }

    /// Counts a connection among those that are open.
    pub(crate) fn connection(&self) -> Present<'_> {
        self.connections.fetch_add(1, Relaxed);
        Present(&self.connections)
    }

    pub(crate) fn connection_refused(&self) {
        self.connections_refused.fetch_add(1, Relaxed);
    }

    pub(crate) fn read(&self) -> RequestMetrics {
        let of_kind = |kind: RouteKind| {
            let counters = &self.kinds[kind as usize];
            let ends = LATENCY_BUCKETS_MICROS.into_iter();
            KindMetrics {
                kind,
                answers: CLASSES.into_iter().zip(counters.classes.iter().map(|count| count.load(Relaxed))).collect(),
                busy_seconds: Duration::from_nanos(counters.nanos.load(Relaxed)).as_secs_f64(),
                latency_micros: ends.zip(counters.latency.iter().map(|count| count.load(Relaxed))).collect(),
            }
        };
        RequestMetrics {
            kinds: RouteKind::ALL.map(of_kind).to_vec(),
            running: self.running.load(Relaxed),
            connections: self.connections.load(Relaxed),
            connections_refused: self.connections_refused.load(Relaxed),
        }
    }
}

/// The figures of a server's requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RequestMetrics {
    /// The answers by the kind of their path.
    pub kinds: Vec<KindMetrics>,
    /// The requests that run now.
    pub running: u64,
    /// The connections that are open now, without those of web sockets.
    pub connections: u64,
    /// The connections that were refused because there were too many.
    pub connections_refused: u64,
}

/// The figures of the requests whose paths are of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct KindMetrics {
    /// The kind of the path.
    pub kind: RouteKind,
    /// The number of answers by class of status: `1xx` to `5xx`.
    pub answers: Vec<(&'static str, u64)>,
    /// The time from the head of each request to that of its answer, summed, in seconds.
    pub busy_seconds: f64,
    /// Answers by that time. Each entry is a bucket's upper end in microseconds (the last bucket is open) and its
    /// count.
    pub latency_micros: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_of_a_path_is_one_of_few() {
        for (path, kind) in [
            ("/plugins/shop", RouteKind::Plugin),
            ("/plugins/shop/items/7", RouteKind::Plugin),
            ("/plugins/shop/actions/add", RouteKind::Action),
            ("/plugins/shop/actions", RouteKind::Action),
            ("/plugins/shop/actionsx", RouteKind::Plugin),
            ("/plugins/", RouteKind::Admin),
            ("/ipc/shop/add", RouteKind::Action),
            ("/ipc", RouteKind::Admin),
            ("/plugins", RouteKind::Admin),
            ("/plugins/routes", RouteKind::Admin),
            ("/api/v1/plugins/shop/enable", RouteKind::Admin),
            ("/api/v1/metrics", RouteKind::Observe),
            ("/healthz", RouteKind::Observe),
            ("/mcp", RouteKind::Mcp),
            ("/", RouteKind::Other),
            ("*", RouteKind::Other),
            ("/plugin", RouteKind::Other),
        ] {
            assert_eq!(RouteKind::of_path(path), kind, "{path}");
        }
        for (index, kind) in RouteKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    #[test]
    fn answer_is_counted_by_class_and_time() {
        let counters = RequestCounters::default();
        counters.answered(RouteKind::Plugin, StatusCode::OK, Duration::from_micros(4));
        counters.answered(RouteKind::Plugin, StatusCode::BAD_GATEWAY, Duration::from_secs(3_600));
        let running = counters.running();
        let read = counters.read();
        let plugin = &read.kinds[0];
        assert_eq!((plugin.answers[1], plugin.answers[4]), (("2xx", 1), ("5xx", 1)));
        assert_eq!((plugin.latency_micros[1], plugin.latency_micros[13]), ((4, 1), (u64::MAX, 1)));
        assert_eq!(read.running, 1);
        drop(running);
        assert_eq!(counters.read().running, 0);
    }
}
