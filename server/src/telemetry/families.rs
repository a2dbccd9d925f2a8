//! The figures of a host as families of samples: the one list of what is exported, in whatever format.

use std::collections::BTreeMap;

use plugbay::metrics::OwnMetric;

use super::{HostMetrics, PluginMetrics, RequestMetrics};

/// Samples of one meaning.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: FamilyKind,
    pub(super) samples: Vec<Sample>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyKind {
    /// Grows until the host ends, or a plugin is unloaded.
    Counter,
    Gauge,
    /// Of durations in seconds.
    Histogram,
}

/// A figure with its labels.
pub(super) struct Sample {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) figure: Figure,
}

pub(super) enum Figure {
    Count(u64),
    Number(f64),
    /// Buckets are upper ends in microseconds (the last is open) with their own counts.
    Histogram {
        buckets: Vec<(u64, u64)>,
        sum: f64,
    },
}

/// All figures of a host.
pub(super) fn families(metrics: &HostMetrics) -> Vec<Family> {
    let mut all = Vec::new();
    host(&mut all, metrics);
    requests(&mut all, &metrics.requests);
    all.extend(families_of_plugins(&metrics.plugins));
    all
}

/// The figures of plugins.
pub(super) fn families_of_plugins(metrics: &BTreeMap<String, PluginMetrics>) -> Vec<Family> {
    let mut all = Vec::new();
    plugins(&mut all, metrics);
    own(&mut all, metrics);
    all
}

fn host(all: &mut Vec<Family>, metrics: &HostMetrics) {
    use FamilyKind::Gauge;

    let mut version = family("plugbay_build_info", "The version of the host.", Gauge);
    version.add([("version", env!("CARGO_PKG_VERSION"))], Figure::Count(1));
    let mut uptime = family("plugbay_uptime_seconds", "Time since the server was started.", Gauge);
    uptime.add([], Figure::Number(metrics.uptime_seconds));
    all.extend([version, uptime]);
    if let Some(bytes) = metrics.resident_memory_bytes {
        let mut memory = family("process_resident_memory_bytes", "Resident memory of the host's process.", Gauge);
        memory.add([], Figure::Count(bytes));
        all.push(memory);
    }
    let mut states = family("plugbay_plugins", "Loaded plugins by state.", Gauge);
    metrics.states.iter().for_each(|(state, count)| states.add([("state", *state)], Figure::Count(*count)));
    all.push(states);
}

/// The requests of the server. Kinds of paths without a request are left out.
fn requests(all: &mut Vec<Family>, metrics: &RequestMetrics) {
    let help = "Requests that were answered, by the kind of their path and class of status.";
    let mut answers = family("plugbay_http_requests_total", help, FamilyKind::Counter);
    let help = "Time from the head of a request to that of its answer.";
    let mut durations = family("plugbay_http_request_duration_seconds", help, FamilyKind::Histogram);
    for kind in metrics.kinds.iter().filter(|kind| kind.answers.iter().any(|(_, count)| *count > 0)) {
        let route = ("route", kind.kind.name());
        kind.answers.iter().for_each(|(class, count)| answers.add([route, ("status", *class)], Figure::Count(*count)));
        durations.add([route], Figure::Histogram { buckets: kind.latency_micros.clone(), sum: kind.busy_seconds });
    }
    all.extend([answers, durations]);
    for (name, help, kind, count) in [
        ("plugbay_http_requests_running", "Requests that are being answered.", FamilyKind::Gauge, metrics.running),
        ("plugbay_http_connections", "Open connections.", FamilyKind::Gauge, metrics.connections),
        (
            "plugbay_http_connections_refused_total",
            "Connections above the limit.",
            FamilyKind::Counter,
            metrics.connections_refused,
        ),
    ] {
        let mut family = family(name, help, kind);
        family.add([], Figure::Count(count));
        all.push(family);
    }
}

/// A figure of each plugin.
type OfPlugin = (&'static str, &'static str, FamilyKind, fn(&PluginMetrics) -> u64);

const OF_PLUGINS: &[OfPlugin] = &[
    ("plugbay_calls_total", "Calls of actions, admitted or refused.", FamilyKind::Counter, |m| m.counters.calls),
    ("plugbay_fuel_total", "Units of fuel that calls burned.", FamilyKind::Counter, |m| m.counters.fuel),
    ("plugbay_instances_started_total", "Instances of plugins that were started.", FamilyKind::Counter, |m| {
        m.counters.instances_started
    }),
    ("plugbay_allows_total", "Uses of host capabilities that were allowed.", FamilyKind::Counter, |m| {
        m.counters.allows
    }),
    ("plugbay_denials_total", "Uses of host capabilities that were denied.", FamilyKind::Counter, |m| {
        m.counters.denials
    }),
    ("plugbay_log_lines_dropped_total", "Log lines beyond the quota of a plugin.", FamilyKind::Counter, |m| {
        m.counters.log_lines_dropped
    }),
    ("plugbay_memory_bytes", "Memory of a plugin's live instances.", FamilyKind::Gauge, |m| m.counters.memory_bytes),
    ("plugbay_calls_waiting", "Calls that wait for an instance.", FamilyKind::Gauge, |m| m.counters.calls_waiting),
    ("plugbay_events_given_up_total", "Durable events that became dead letters.", FamilyKind::Counter, |m| {
        m.counters.events_given_up
    }),
    ("plugbay_events_queued", "Events in the queue of a plugin.", FamilyKind::Gauge, |m| m.counters.events_queued),
];

fn plugins(all: &mut Vec<Family>, plugins: &BTreeMap<String, PluginMetrics>) {
    for (name, help, kind, figure) in OF_PLUGINS {
        let mut family = family(name, help, *kind);
        for (plugin, metrics) in plugins {
            family.add([("plugin", plugin.as_str())], Figure::Count(figure(metrics)));
        }
        all.push(family);
    }
    let help = "Reads of a plugin's cache, by whether they found a value.";
    let mut cache = family("plugbay_cache_reads_total", help, FamilyKind::Counter);
    let mut errors = family("plugbay_call_errors_total", "Calls that failed, by error code.", FamilyKind::Counter);
    let help = "Time from the admission of a call to its answer.";
    let mut durations = family("plugbay_call_duration_seconds", help, FamilyKind::Histogram);
    for (plugin, PluginMetrics { counters, .. }) in plugins {
        let plugin = ("plugin", plugin.as_str());
        cache.add([plugin, ("result", "hit")], Figure::Count(counters.cache_hits));
        cache.add([plugin, ("result", "miss")], Figure::Count(counters.cache_misses));
        counters.errors.iter().for_each(|(code, count)| errors.add([plugin, ("code", code)], Figure::Count(*count)));
        let buckets = counters.latency_micros.clone();
        durations.add([plugin], Figure::Histogram { buckets, sum: counters.busy_seconds });
    }
    all.extend([cache, errors, durations]);
}

/// The counters and gauges of plugins, whose names are labels.
fn own(all: &mut Vec<Family>, plugins: &BTreeMap<String, PluginMetrics>) {
    let mut counters =
        family("plugbay_plugin_count_total", "Counters that plugins keep themselves.", FamilyKind::Counter);
    let mut gauges = family("plugbay_plugin_value", "Gauges that plugins keep themselves.", FamilyKind::Gauge);
    for (plugin, metrics) in plugins {
        for (name, metric) in &metrics.counters.own {
            let labels = [("plugin", plugin.as_str()), ("name", name.as_str())];
            match metric {
                OwnMetric::Counter(count) => counters.add(labels, Figure::Count(*count)),
                OwnMetric::Gauge(value) => gauges.add(labels, Figure::Number(*value)),
            }
        }
    }
    all.extend([counters, gauges]);
}

fn family(name: &'static str, help: &'static str, kind: FamilyKind) -> Family {
    Family { name, help, kind, samples: Vec::new() }
}

impl Family {
    fn add<const N: usize>(&mut self, labels: [(&'static str, &str); N], figure: Figure) {
        let labels = labels.map(|(label, text)| (label, text.to_owned())).to_vec();
        self.samples.push(Sample { labels, figure });
    }
}
