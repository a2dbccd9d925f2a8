//! Counters of a plugin since it was loaded. They cost a call a few nanoseconds and are summed when they are read.
//!
//! They are plain numbers that an application can export in any format.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;

use crate::audit::PluginAudit;
use crate::error::InvokeError;
use crate::limits::ERROR_CODES_MAX;
pub use crate::service::metrics::OwnMetric;
use crate::service::metrics::OwnMetrics;

/// Upper ends of the latency buckets in microseconds, a factor of four apart, from a warm call to the longest deadline.
pub const LATENCY_BUCKETS_MICROS: [u64; 14] =
    [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, u64::MAX];

/// The counters of one plugin that do not belong to one of its instances.
#[derive(Default)]
pub(crate) struct Metrics {
    /// Calls that ran in no instance, in several, or in instances of revisions that are gone.
    elsewhere: OnceLock<Box<Counters>>,
    /// Calls by error code. A lock is cheap enough here: errors are rare.
    errors: Mutex<BTreeMap<String, u64>>,
    instances_started: AtomicU64,
    /// The memory of all live instances, in bytes.
    memory_bytes: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
    /// The plugin's own counters and gauges.
    pub(crate) own: OwnMetrics,
}

/// The counters that every call updates. Concurrent calls update different copies, which are summed when they are read.
/// The order of the fields matters: short calls write to the first ones.
#[repr(C)]
#[derive(Default)]
pub(crate) struct Counters {
    fuel: AtomicU64,
    nanos: AtomicU64,
    latency: [AtomicU64; LATENCY_BUCKETS_MICROS.len()],
}

impl Counters {
    /// Counts a call while no other thread counts here, which is several times as fast as [`Counters::count`].
    pub(crate) fn count_alone(&self, duration: Duration, fuel: Option<u64>) {
        let add = |counter: &AtomicU64, by| counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
        self.add(duration, fuel, add);
    }

    fn count(&self, duration: Duration, fuel: Option<u64>) {
        self.add(duration, fuel, |counter, by| _ = counter.fetch_add(by, Relaxed));
    }

    fn add_all(&self, other: &Counters) {
        let pairs = [(&self.fuel, &other.fuel), (&self.nanos, &other.nanos)];
        for (sum, counter) in pairs.into_iter().chain(self.latency.iter().zip(&other.latency)) {
            sum.fetch_add(counter.load(Relaxed), Relaxed);
        }
    }

    fn add(&self, duration: Duration, fuel: Option<u64>, add: impl Fn(&AtomicU64, u64)) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        add(&self.nanos, nanos);
        add(&self.latency[bucket(nanos)], 1);
        if let Some(fuel) = fuel {
            add(&self.fuel, fuel);
        }
    }
}

/// A snapshot of a plugin's counters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricsSnapshot {
    /// Calls, admitted or refused.
    pub calls: u64,
    /// Calls that failed, by error code.
    pub errors: BTreeMap<String, u64>,
    /// Fuel burned by all calls.
    pub fuel: u64,
    /// Time from admission to answer in seconds, summed over all calls.
    pub busy_seconds: f64,
    /// Calls by duration. Each entry is a bucket's upper end in microseconds (the last bucket is open) and its count.
    pub latency_micros: Vec<(u64, u64)>,
    /// Instances created, including the first.
    pub instances_started: u64,
    /// The memory that the plugin's live instances hold now, in bytes.
    pub memory_bytes: u64,
    /// The calls that wait for an instance now.
    pub calls_waiting: u64,
    /// The events in the plugin's queue now, including those on their way to it. Durable events are stored elsewhere.
    pub events_queued: u64,
    /// Durable events that became dead letters since the host began to serve the plugin.
    pub events_given_up: u64,
    /// Reads of the plugin's cache that found a value.
    pub cache_hits: u64,
    /// Reads of the plugin's cache that found none.
    pub cache_misses: u64,
    /// Accesses to host capabilities that were granted.
    pub allows: u64,
    /// Accesses to host capabilities that were denied.
    pub denials: u64,
    /// Denials that were counted but not recorded: those of events that were withheld, after the first, and those above
    /// the quota of a second.
    pub denials_unrecorded: u64,
    /// Log lines that were dropped because the plugin exceeded its quota.
    pub log_lines_dropped: u64,
    /// The plugin's own counters and gauges.
    pub own: BTreeMap<String, OwnMetric>,
}

impl Metrics {
    /// Counts a call that no instance's counters include.
    pub(crate) fn call(&self, duration: Duration, fuel: Option<u64>) {
        self.elsewhere.get_or_init(Box::default).count(duration, fuel);
    }

    /// Counts the error of a failed call.
    pub(crate) fn error(&self, error: &InvokeError) {
        let mut errors = self.errors.lock();
        let known = errors.len() < ERROR_CODES_MAX || errors.contains_key(error.code());
        *errors.entry(if known { error.code() } else { "other" }.to_owned()).or_default() += 1;
    }

    /// Adds the counters of instances that are gone.
    pub(crate) fn absorb<'a>(&self, counted: impl Iterator<Item = &'a Counters>) {
        let all = self.elsewhere.get_or_init(Box::default);
        for counters in counted {
            all.add_all(counters);
        }
    }

    /// Counts the growth of an instance's memory.
    pub(crate) fn memory_grew(&self, bytes: u64) {
        self.memory_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts the memory of an instance that is gone.
    pub(crate) fn memory_released(&self, bytes: u64) {
        self.memory_bytes.fetch_sub(bytes, Relaxed);
    }

    /// Counts a read of the cache.
    pub(crate) fn cache_read(&self, found: bool) {
        let counter = if found { &self.cache_hits } else { &self.cache_misses };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn instance_started(&self) {
        self.instances_started.fetch_add(1, Relaxed);
    }

    /// Returns a snapshot of these counters and those of the instances. `audit` is `None` for a provided plugin, which
    /// uses no host capabilities.
    pub(crate) fn snapshot<'a>(
        &'a self,
        counted: impl Iterator<Item = &'a Counters> + Clone,
        audit: Option<&PluginAudit>,
        log_lines_dropped: u64,
    ) -> MetricsSnapshot {
        let counted = counted.chain(self.elsewhere.get().map(|counters| &**counters));
        let sum = |counter: &dyn Fn(&Counters) -> &AtomicU64| -> u64 {
            counted.clone().map(|counters| counter(counters).load(Relaxed)).sum()
        };
        let latency_micros: Vec<(u64, u64)> = LATENCY_BUCKETS_MICROS
            .into_iter()
            .enumerate()
            .map(|(bucket, end)| (end, sum(&|counters| &counters.latency[bucket])))
            .collect();
        MetricsSnapshot {
            calls: latency_micros.iter().map(|(_, calls)| calls).sum(),
            errors: self.errors.lock().clone(),
            fuel: sum(&|counters| &counters.fuel),
            busy_seconds: Duration::from_nanos(sum(&|counters| &counters.nanos)).as_secs_f64(),
            latency_micros,
            instances_started: self.instances_started.load(Relaxed),
            memory_bytes: self.memory_bytes.load(Relaxed),
            calls_waiting: 0,
            events_queued: 0,
            events_given_up: 0,
            cache_hits: self.cache_hits.load(Relaxed),
            cache_misses: self.cache_misses.load(Relaxed),
            allows: audit.map_or(0, PluginAudit::allowed),
            denials: audit.map_or(0, PluginAudit::denied),
            denials_unrecorded: audit.map_or(0, PluginAudit::left_out),
            log_lines_dropped,
            own: self.own.values(),
        }
    }
}

/// The bucket of a duration: the logarithm to base 4 of its microseconds, rounded up.
fn bucket(nanos: u64) -> usize {
    let micros = nanos.div_ceil(1_000).max(1);
    let bits = (u64::BITS - (micros - 1).leading_zeros()) as usize;
    bits.div_ceil(2).min(LATENCY_BUCKETS_MICROS.len() - 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::{Audit, TracingAudit};
    use crate::clock::SystemClock;

    fn snapshot(metrics: &Metrics) -> MetricsSnapshot {
        let audit = Arc::new(Audit::new(Arc::new(TracingAudit), Arc::new(SystemClock)));
        metrics.snapshot([].iter(), Some(&PluginAudit::new("p".into(), audit, Arc::default(), Arc::default())), 0)
    }

    #[test]
    fn calls_are_counted_in_the_bucket_of_their_duration() {
        let metrics = Metrics::default();
        metrics.call(Duration::from_nanos(500), Some(10));
        metrics.call(Duration::from_micros(1), None);
        metrics.call(Duration::from_secs(1_000), Some(5));
        let snapshot = snapshot(&metrics);
        assert_eq!((snapshot.calls, snapshot.fuel), (3, 15));
        assert_eq!(snapshot.latency_micros[0], (1, 2));
        assert_eq!(snapshot.latency_micros.last().map(|bucket| bucket.1), Some(1));
    }

    #[test]
    fn bucket_ends_where_the_table_says() {
        for (index, end) in LATENCY_BUCKETS_MICROS.into_iter().enumerate().take(LATENCY_BUCKETS_MICROS.len() - 1) {
            assert_eq!(bucket(end * 1_000), index, "{end} µs");
            assert_eq!(bucket(end * 1_000 + 1), index + 1, "just over {end} µs");
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), LATENCY_BUCKETS_MICROS.len() - 1);
    }

    #[test]
    fn codes_that_a_guest_makes_up_do_not_fill_the_table() {
        let metrics = Metrics::default();
        for n in 0..1_000 {
            let failure = crate::error::Failure {
                code: format!("code_{n}"),
                message: String::new(),
                details: None,
                status_code: None,
            };
            let kind = crate::error::InvokeErrorKind::Guest { failure: Box::new(failure) };
            metrics.error(&InvokeError::new("p", "a", kind));
        }
        let errors = snapshot(&metrics).errors;
        assert_eq!(errors.len(), ERROR_CODES_MAX + 1);
        assert_eq!(errors["other"], 1_000 - ERROR_CODES_MAX as u64);
    }
}
