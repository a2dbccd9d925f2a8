//! Metrics in the text format of Prometheus.
//!
//! Labels are names of plugins, states, error codes, names of plugins' own metrics, and kinds of paths with classes of
//! statuses. The host bounds the number of each, so no client can make more series.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::families::{Family, FamilyKind, Figure, families, families_of_plugins};
use super::{HostMetrics, PluginMetrics};

/// The figures in the text format of Prometheus, version 0.0.4.
pub fn prometheus_text(metrics: &HostMetrics) -> String {
    text_of(&families(metrics))
}

/// The figures of some plugins in the same format.
pub(super) fn prometheus_text_of_plugins(plugins: &BTreeMap<String, PluginMetrics>) -> String {
    text_of(&families_of_plugins(plugins))
}

fn text_of(families: &[Family]) -> String {
    let mut text = Text(String::new());
    families.iter().for_each(|family| text.family(family));
    text.0
}

/// A text in the format of Prometheus.
struct Text(String);

impl Text {
    fn family(&mut self, family: &Family) {
        let Family { name, help, .. } = family;
        let kind = match family.kind {
            FamilyKind::Counter => "counter",
            FamilyKind::Gauge => "gauge",
            FamilyKind::Histogram => "histogram",
        };
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for sample in &family.samples {
            let labels: Vec<(&str, &str)> = sample.labels.iter().map(|(label, text)| (*label, text.as_str())).collect();
            match &sample.figure {
                Figure::Count(count) => self.sample(name, &labels, count),
                Figure::Number(number) => self.sample(name, &labels, number),
                Figure::Histogram { buckets, sum } => self.histogram(name, &labels, buckets, *sum),
            }
        }
    }

    /// The samples of a histogram of seconds. Buckets are upper ends in microseconds with their own counts.
    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], buckets: &[(u64, u64)], sum: f64) {
        let mut total = 0;
        for (end_micros, count) in buckets {
            total += count;
            let end = match *end_micros {
                u64::MAX => "+Inf".to_owned(),
                micros => (micros as f64 / 1e6).to_string(),
            };
            self.sample(&format!("{name}_bucket"), &[labels, &[("le", &end)]].concat(), total);
        }
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, total);
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
    use plugbay::lifecycle::PluginState;
    use plugbay::metrics::{MetricsSnapshot, OwnMetric};

    use super::*;
    use crate::telemetry::RequestMetrics;

    fn metrics() -> HostMetrics {
        let counters = MetricsSnapshot {
            calls: 3,
            errors: BTreeMap::from([("a\"b\\c\nd".to_owned(), 2)]),
            fuel: 40,
            busy_seconds: 0.5,
            latency_micros: vec![(1, 1), (4, 0), (u64::MAX, 2)],
            instances_started: 1,
            memory_bytes: 65_536,
            calls_waiting: 2,
            events_queued: 9,
            events_given_up: 1,
            cache_hits: 10,
            cache_misses: 11,
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
            requests: RequestMetrics { running: 12, ..RequestMetrics::default() },
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
            "# TYPE plugbay_memory_bytes gauge\nplugbay_memory_bytes{plugin=\"shop\"} 65536\n",
            "plugbay_calls_waiting{plugin=\"shop\"} 2\n",
            "plugbay_events_queued{plugin=\"shop\"} 9\n",
            "plugbay_events_given_up_total{plugin=\"shop\"} 1\n",
            "plugbay_cache_reads_total{plugin=\"shop\",result=\"miss\"} 11\n",
            "plugbay_http_requests_running 12\n",
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
