//! Metrics in the text format of Prometheus.
//!
//! Labels are names of plugins, states, error codes and names of plugins' own metrics. The host bounds the number of
//! each, so no client can make more series.

use std::fmt::Write;

use plugbay::metrics::OwnMetric;

use super::{HostMetrics, PluginMetrics};

/// The figures in the text format of Prometheus, version 0.0.4.
pub fn prometheus_text(metrics: &HostMetrics) -> String {
    let mut text = Text(String::new());
    text.family("plugbay_build_info", "gauge", "The version of the host.");
    text.sample("plugbay_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family("plugbay_uptime_seconds", "gauge", "Time since the server was started.");
    text.sample("plugbay_uptime_seconds", &[], metrics.uptime_seconds);
    if let Some(bytes) = metrics.resident_memory_bytes {
        text.family("process_resident_memory_bytes", "gauge", "Resident memory of the host's process.");
        text.sample("process_resident_memory_bytes", &[], bytes);
    }
    text.family("plugbay_plugins", "gauge", "Loaded plugins by state.");
    for (state, count) in &metrics.states {
        text.sample("plugbay_plugins", &[("state", state)], count);
    }
    let each = |text: &mut Text, name: &str, help: &str, value: &dyn Fn(&PluginMetrics) -> u64| {
        text.family(name, "counter", help);
        for (plugin, metrics) in &metrics.plugins {
            text.sample(name, &[("plugin", plugin)], value(metrics));
        }
    };
    each(&mut text, "plugbay_calls_total", "Calls of actions, admitted or refused.", &|m| m.counters.calls);
    each(&mut text, "plugbay_fuel_total", "Units of fuel that calls burned.", &|m| m.counters.fuel);
    each(&mut text, "plugbay_instances_started_total", "Instances of plugins that were started.", &|m| {
        m.counters.instances_started
    });
    each(&mut text, "plugbay_allows_total", "Uses of host capabilities that were allowed.", &|m| m.counters.allows);
    each(&mut text, "plugbay_denials_total", "Uses of host capabilities that were denied.", &|m| m.counters.denials);
    each(&mut text, "plugbay_log_lines_dropped_total", "Log lines beyond the quota of a plugin.", &|m| {
        m.counters.log_lines_dropped
    });
    text.family("plugbay_call_errors_total", "counter", "Calls that failed, by error code.");
    for (plugin, metrics) in &metrics.plugins {
        for (code, count) in &metrics.counters.errors {
            text.sample("plugbay_call_errors_total", &[("plugin", plugin), ("code", code)], count);
        }
    }
    durations(&mut text, metrics);
    own(&mut text, metrics);
    text.0
}

/// The time from admission to answer, as a histogram.
fn durations(text: &mut Text, metrics: &HostMetrics) {
    const NAME: &str = "plugbay_call_duration_seconds";
    text.family(NAME, "histogram", "Time from the admission of a call to its answer.");
    for (plugin, metrics) in &metrics.plugins {
        let mut calls = 0;
        for (end_micros, count) in &metrics.counters.latency_micros {
            calls += count;
            let end = match *end_micros {
                u64::MAX => "+Inf".to_owned(),
                micros => (micros as f64 / 1e6).to_string(),
            };
            text.sample(&format!("{NAME}_bucket"), &[("plugin", plugin), ("le", &end)], calls);
        }
        text.sample(&format!("{NAME}_sum"), &[("plugin", plugin)], metrics.counters.busy_seconds);
        text.sample(&format!("{NAME}_count"), &[("plugin", plugin)], calls);
    }
}

/// The counters and gauges of plugins, whose names are labels.
fn own(text: &mut Text, metrics: &HostMetrics) {
    text.family("plugbay_plugin_count_total", "counter", "Counters that plugins keep themselves.");
    for (plugin, name, metric) in own_metrics(metrics) {
        if let OwnMetric::Counter(value) = metric {
            text.sample("plugbay_plugin_count_total", &[("plugin", plugin), ("name", name)], value);
        }
    }
    text.family("plugbay_plugin_value", "gauge", "Gauges that plugins keep themselves.");
    for (plugin, name, metric) in own_metrics(metrics) {
        if let OwnMetric::Gauge(value) = metric {
            text.sample("plugbay_plugin_value", &[("plugin", plugin), ("name", name)], value);
        }
    }
}

fn own_metrics(metrics: &HostMetrics) -> impl Iterator<Item = (&str, &str, OwnMetric)> {
    metrics.plugins.iter().flat_map(|(plugin, metrics)| {
        metrics.counters.own.iter().map(|(name, metric)| (plugin.as_str(), name.as_str(), *metric))
    })
}

/// A text in the format of Prometheus.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{}\"", if index == 0 { '{' } else { ',' }, escaped(text));
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// A label's value as the format has it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plugbay::lifecycle::PluginState;
    use plugbay::metrics::MetricsSnapshot;

    use super::*;

    fn metrics() -> HostMetrics {
        let counters = MetricsSnapshot {
            calls: 3,
            errors: BTreeMap::from([("a\"b\\c\nd".to_owned(), 2)]),
            fuel: 40,
            busy_seconds: 0.5,
            latency_micros: vec![(1, 1), (4, 0), (u64::MAX, 2)],
            instances_started: 1,
            allows: 5,
            denials: 6,
            denials_unrecorded: 0,
            log_lines_dropped: 7,
            own: BTreeMap::from([
                ("orders".to_owned(), OwnMetric::Counter(8)),
                ("load".to_owned(), OwnMetric::Gauge(0.25)),
            ]),
        };
        HostMetrics {
            uptime_seconds: 1.5,
            resident_memory_bytes: Some(4096),
            states: BTreeMap::from([("ready", 1)]),
            plugins: BTreeMap::from([("shop".to_owned(), PluginMetrics { state: PluginState::Ready, counters })]),
        }
    }

    #[test]
    fn figures_are_samples_with_escaped_labels() {
        let text = prometheus_text(&metrics());
        for line in [
            "# TYPE plugbay_calls_total counter\nplugbay_calls_total{plugin=\"shop\"} 3\n",
            "plugbay_call_errors_total{plugin=\"shop\",code=\"a\\\"b\\\\c\\nd\"} 2\n",
            "plugbay_plugins{state=\"ready\"} 1\n",
            "plugbay_plugin_count_total{plugin=\"shop\",name=\"orders\"} 8\n",
            "plugbay_plugin_value{plugin=\"shop\",name=\"load\"} 0.25\n",
            "plugbay_uptime_seconds 1.5\n",
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn buckets_of_the_histogram_are_cumulative() {
        let text = prometheus_text(&metrics());
        let name = "plugbay_call_duration_seconds";
        for line in [
            format!("{name}_bucket{{plugin=\"shop\",le=\"0.000001\"}} 1\n"),
            format!("{name}_bucket{{plugin=\"shop\",le=\"0.000004\"}} 1\n"),
            format!("{name}_bucket{{plugin=\"shop\",le=\"+Inf\"}} 3\n"),
            format!("{name}_sum{{plugin=\"shop\"}} 0.5\n{name}_count{{plugin=\"shop\"}} 3\n"),
        ] {
            assert!(text.contains(&line), "{line} is not in:\n{text}");
        }
    }
}
