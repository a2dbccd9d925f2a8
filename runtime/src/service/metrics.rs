//! A plugin's own metrics: counters and gauges, which outlive a reload.
//!
//! The revisions of a plugin share them. They end when the plugin is unloaded.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::Serialize;

use super::limit::ReachedLimit;
use crate::limits::{METRIC_NAME_BYTES_MAX, METRICS_MAX};

/// A metric of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OwnMetric {
    /// A counter, which only grows.
    Counter(u64),
    /// A gauge, which has the value that was set last.
    Gauge(f64),
}

/// The reason why a metric was not changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum MetricError {
    Invalid(String),
    Limit(ReachedLimit),
}

/// The own metrics of one plugin.
pub(crate) struct OwnMetrics {
    /// When the first revision was loaded.
    since: Instant,
    values: Mutex<BTreeMap<String, OwnMetric>>,
}

impl Default for OwnMetrics {
    fn default() -> Self {
        OwnMetrics { since: Instant::now(), values: Mutex::default() }
    }
}

impl OwnMetrics {
    /// Returns the time since the plugin was loaded, reloads included.
    pub(crate) fn uptime(&self) -> Duration {
        self.since.elapsed()
    }

    /// Returns all metrics.
    pub(crate) fn values(&self) -> BTreeMap<String, OwnMetric> {
        self.values.lock().clone()
    }

    /// Adds to a counter, which begins at 0 and stays at the largest number.
    ///
    /// # Errors
    /// [`MetricError`] if the name is not valid or is that of a gauge, or if there are too many metrics.
    pub(crate) fn add(&self, name: &str, by: u64) -> Result<(), MetricError> {
        self.change(name, OwnMetric::Counter(0), |metric| match metric {
            OwnMetric::Counter(count) => {
                *count = count.saturating_add(by);
                true
            }
            OwnMetric::Gauge(_) => false,
        })
    }

    /// Sets a gauge.
    ///
    /// # Errors
    /// [`MetricError`] if the name is not valid or is that of a counter, if the value is not finite, or if there are
    /// too many metrics.
    pub(crate) fn set(&self, name: &str, value: f64) -> Result<(), MetricError> {
        if !value.is_finite() {
            return Err(MetricError::Invalid(format!("the gauge `{name}` cannot be {value}")));
        }
        self.change(name, OwnMetric::Gauge(value), |metric| match metric {
            OwnMetric::Gauge(gauge) => {
                *gauge = value;
                true
            }
            OwnMetric::Counter(_) => false,
        })
    }

    fn change(
        &self,
        name: &str,
        new: OwnMetric,
        change: impl FnOnce(&mut OwnMetric) -> bool,
    ) -> Result<(), MetricError> {
        let mut values = self.values.lock();
        if let Some(metric) = values.get_mut(name) {
            return if change(metric) { Ok(()) } else { Err(MetricError::Invalid(of_other_kind(name, new))) };
        }
        check_name(name)?;
        if values.len() == METRICS_MAX {
            return Err(MetricError::Limit(ReachedLimit::new("metrics", METRICS_MAX, METRICS_MAX + 1)));
        }
        let metric = values.entry(name.to_owned()).or_insert(new);
        change(metric);
        Ok(())
    }
}

fn of_other_kind(name: &str, new: OwnMetric) -> String {
    match new {
        OwnMetric::Counter(_) => format!("`{name}` is a gauge: set it, or choose another name for the counter"),
        OwnMetric::Gauge(_) => format!("`{name}` is a counter: add to it, or choose another name for the gauge"),
    }
}

/// Checks a name by the rule of Prometheus, without upper case and colons.
fn check_name(name: &str) -> Result<(), MetricError> {
    if name.len() > METRIC_NAME_BYTES_MAX {
        return Err(MetricError::Limit(ReachedLimit::new("metric_name_bytes", METRIC_NAME_BYTES_MAX, name.len())));
    }
    let rest = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(rest) {
        let text =
            "the name of a metric has lower-case letters, digits and `_`, a letter first, such as `orders_placed`";
        return Err(MetricError::Invalid(text.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_adds_and_gauge_has_the_last_value() {
        let metrics = OwnMetrics::default();
        metrics.add("orders", 2).expect("added");
        metrics.add("orders", u64::MAX).expect("added");
        metrics.set("queue", 1.5).expect("set");
        metrics.set("queue", -2.0).expect("set");
        let expected =
            [("orders".to_owned(), OwnMetric::Counter(u64::MAX)), ("queue".to_owned(), OwnMetric::Gauge(-2.0))];
        assert_eq!(metrics.values(), BTreeMap::from(expected));
    }

    #[test]
    fn metric_of_another_kind_or_with_an_invalid_name_is_refused() {
        let metrics = OwnMetrics::default();
        metrics.add("orders", 1).expect("added");
        let is_invalid = |result: Result<(), MetricError>| matches!(result, Err(MetricError::Invalid(_)));
        assert!(is_invalid(metrics.set("orders", 1.0)) && is_invalid(metrics.set("nan", f64::NAN)));
        for name in ["", "Orders", "1st", "a-b", "ä"] {
            assert!(is_invalid(metrics.add(name, 1)), "{name}");
        }
        assert!(matches!(metrics.add(&"a".repeat(METRIC_NAME_BYTES_MAX + 1), 1), Err(MetricError::Limit(_))));
    }

    #[test]
    fn metrics_of_one_plugin_are_bounded() {
        let metrics = OwnMetrics::default();
        for number in 0..METRICS_MAX {
            metrics.add(&format!("m{number}"), 1).expect("added");
        }
        assert!(matches!(metrics.add("more", 1), Err(MetricError::Limit(_))));
        metrics.add("m0", 1).expect("it is there");
    }
}
