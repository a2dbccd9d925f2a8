//! Limits that differ, as texts and as amounts.

use plugbay_manifest::{Instances, RateLimit, Resources};

use super::LimitChange;

/// A limit as a number that can be compared: without a limit it is infinite.
fn amount(value: f64) -> f64 {
    if value == 0.0 { f64::INFINITY } else { value }
}

pub(super) fn limits(old: &Resources, new: &Resources, defaults: &Resources) -> Vec<LimitChange> {
    let seconds = |resources: &Resources| resources.timeout.or(defaults.timeout).map(|timeout| timeout.as_secs_f64());
    let bytes = |resources: &Resources| resources.max_memory_bytes.or(defaults.max_memory_bytes);
    let fuel = |resources: &Resources| resources.max_fuel.or(defaults.max_fuel);
    let rate = |resources: &Resources| resources.rate_limit.or(defaults.rate_limit);
    let instances = |resources: &Resources| resources.instances.or(defaults.instances);
    let per_second = |rate: &RateLimit| f64::from(rate.calls) / rate.period.as_secs_f64();
    let count = |instances: &Instances| match instances {
        Instances::Count(count) => f64::from(*count),
        Instances::PerCall => 0.0,
    };
    let counted = |value: Option<u64>| value.map(|value| (value as f64, value.to_string()));
    let timed = |value: Option<f64>| value.map(|seconds| (seconds, format!("{seconds} s")));
    let memory = |value: Option<u64>| value.map(|bytes| (bytes as f64, format!("{} MiB", bytes >> 20)));
    let rated = |rate: Option<RateLimit>| {
        rate.map(|rate| (per_second(&rate), format!("{} in {} s", rate.calls, rate.period.as_secs_f64())))
    };
    let many = |instances: Option<Instances>| {
        instances.map(|instances| match instances {
            Instances::Count(value) => (count(&instances), value.to_string()),
            Instances::PerCall => (count(&instances), "per_call".to_owned()),
        })
    };
    let pairs = [
        ("timeout_seconds", timed(seconds(old)), timed(seconds(new))),
        ("max_memory_mb", memory(bytes(old)), memory(bytes(new))),
        ("max_fuel", counted(fuel(old)), counted(fuel(new))),
        ("rate_limit", rated(rate(old)), rated(rate(new))),
        ("instances", many(instances(old)), many(instances(new))),
    ];
    pairs.into_iter().filter_map(|(limit, from, to)| limit_change(limit, from, to)).collect()
}

/// The change of one limit, from values with their texts. If the host has no default, a written value counts as growth.
fn limit_change(limit: &'static str, from: Option<(f64, String)>, to: Option<(f64, String)>) -> Option<LimitChange> {
    let text = |value: &Option<(f64, String)>| match value {
        Some((0.0, text)) if text != "per_call" => "no limit".to_owned(),
        Some((_, text)) => text.clone(),
        None => "the host's default".to_owned(),
    };
    if from == to {
        return None;
    }
    let grows = match (&from, &to) {
        (Some((from, _)), Some((to, _))) => amount(*to) > amount(*from),
        (None, Some(_)) => true,
        _ => false,
    };
    Some(LimitChange { limit, from: text(&from), to: text(&to), grows })
}
