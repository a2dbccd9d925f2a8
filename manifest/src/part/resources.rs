//! The resources that a plugin asks for. The operator's ceilings have the same fields.
//!
//! In a manifest, 0 asks for no limit, which the host grants only if the operator sets no ceiling. In the host's file,
//! 0 means no ceiling. An omitted field has the host's default.

use std::time::Duration;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::field::{Table, field};
use crate::limits::{INSTANCES_MAX, MEMORY_MB_MAX, PERIOD_SECONDS_MAX, TIMEOUT_SECONDS_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// Limits that a plugin asks for, or that an operator sets. `None` is an omitted field; zero means unlimited.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Wall-clock time of a call (`timeout_seconds`).
    pub timeout: Option<Duration>,
    /// Linear memory of an instance in bytes, summed over all its memories (`max_memory_mb`, in units of 2^20 bytes).
    pub max_memory_bytes: Option<u64>,
    /// Fuel of a call.
    pub max_fuel: Option<u64>,
    /// Maximum number of calls in a sliding window.
    pub rate_limit: Option<RateLimit>,
    /// The number of instances.
    pub instances: Option<Instances>,
}

/// A rate limit: the number of calls in any window of the given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of calls; 0 is unlimited.
    pub calls: u32,
    /// The length of the window, more than zero (`period_seconds`).
    pub period: Duration,
}

/// The number of instances of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instances {
    /// At most this many at once; 0 means as many as the host allows. A single instance retains state in memory between
    /// calls; several are for plugins that are stateless or share state only through services.
    Count(u32),
    /// A fresh instance for each call.
    PerCall,
}

/// The default window of a rate limit.
pub const DEFAULT_PERIOD: Duration = Duration::from_secs(60);
/// The default number of calls of a rate limit.
pub const DEFAULT_CALLS: u32 = 100;

const BYTES_PER_MB: u64 = 1 << 20;

const RESOURCES: Table = &[
    field(
        "timeout_seconds",
        "Wall time of one call in seconds; fractions are allowed. 0 asks for no limit.",
        || json!({ "type": "number", "minimum": 0, "maximum": TIMEOUT_SECONDS_MAX }),
    ),
    field("max_memory_mb", "Memory of an instance in units of 2^20 bytes. 0 asks for no limit.", || {
        shape::count(0, MEMORY_MB_MAX)
    }),
    field(
        "max_fuel",
        "Fuel of one call: about one unit for each WebAssembly instruction. 0 asks for no limit.",
        || shape::count(0, u64::MAX),
    ),
    field("rate_limit", "The number of calls that are accepted within a period.", || shape::object(RATE_LIMIT, &[])),
    field("instances", "The number of instances, or `per_call` for a fresh one for each call.", || {
        shape::any_of([shape::count(0, INSTANCES_MAX), shape::word(&[PER_CALL])])
    }),
];
const RATE_LIMIT: Table = &[
    field("calls", "Calls within the period, 100 if left out. 0 asks for no limit.", || {
        shape::count(0, u64::from(u32::MAX))
    }),
    field(
        "period_seconds",
        "The length of the sliding window in seconds, 60 if left out.",
        || json!({ "type": "number", "exclusiveMinimum": 0, "maximum": PERIOD_SECONDS_MAX }),
    ),
];
const PER_CALL: &str = "per_call";

impl Resources {
    /// Overrides these resources with the members of `later`.
    pub(crate) fn overridden_by(self, later: Resources) -> Resources {
        Resources {
            timeout: later.timeout.or(self.timeout),
            max_memory_bytes: later.max_memory_bytes.or(self.max_memory_bytes),
            max_fuel: later.max_fuel.or(self.max_fuel),
            rate_limit: later.rate_limit.or(self.rate_limit),
            instances: later.instances.or(self.instances),
        }
    }

    /// Returns whether all fields are omitted.
    pub fn is_empty(&self) -> bool {
        *self == Resources::default()
    }
}

pub(crate) fn read_resources(node: &Node<'_>, report: &mut Report) -> Option<Resources> {
    let object = node.object(RESOURCES, report)?;
    let timeout =
        object.get("timeout_seconds").and_then(|node| read_seconds_or_zero(&node, TIMEOUT_SECONDS_MAX, report));
    let memory_mb = object.get("max_memory_mb").and_then(|node| node.count(0..=MEMORY_MB_MAX, report));
    let max_fuel = object.get("max_fuel").and_then(|node| node.count(0..=u64::MAX, report));
    let rate_limit = object.get("rate_limit").and_then(|node| read_rate_limit(&node, report));
    let instances = object.get("instances").and_then(|node| read_instances(&node, report));
    Some(Resources {
        timeout,
        max_memory_bytes: memory_mb.map(|mb| mb * BYTES_PER_MB),
        max_fuel,
        rate_limit,
        instances,
    })
}

/// Reads a duration, or 0, which has a special meaning.
pub(crate) fn read_seconds_or_zero(node: &Node<'_>, seconds_max: u64, report: &mut Report) -> Option<Duration> {
    match node.value.as_f64() {
        Some(0.0) => Some(Duration::ZERO),
        _ => read_length(node, "0, or from 0.001", seconds_max, report),
    }
}

/// Reads a duration of at least a millisecond.
pub(crate) fn read_seconds(node: &Node<'_>, seconds_max: u64, report: &mut Report) -> Option<Duration> {
    read_length(node, "from 0.001", seconds_max, report)
}

/// Reads a duration of at least a millisecond: a shorter one would round down to zero.
fn read_length(node: &Node<'_>, least: &str, seconds_max: u64, report: &mut Report) -> Option<Duration> {
    let Some(seconds) = node.value.as_f64() else {
        node.wrong_type(report, "a number of seconds");
        return None;
    };
    let length = Duration::try_from_secs_f64(seconds).ok();
    let fits = |length: &Duration| *length >= Duration::from_millis(1) && *length <= Duration::from_secs(seconds_max);
    let length = length.filter(fits);
    if length.is_none() {
        node.problem(report, code::OUT_OF_RANGE, format!("must be {least} to {seconds_max} seconds"));
    }
    length
}

fn read_rate_limit(node: &Node<'_>, report: &mut Report) -> Option<RateLimit> {
    let object = node.object(RATE_LIMIT, report)?;
    let calls = object.get("calls").map(|node| node.count(0..=u64::from(u32::MAX), report));
    let period = object.get("period_seconds").map(|node| read_seconds(&node, PERIOD_SECONDS_MAX, report));
    let calls = calls.unwrap_or(Some(u64::from(DEFAULT_CALLS)))?;
    Some(RateLimit { calls: u32::try_from(calls).ok()?, period: period.unwrap_or(Some(DEFAULT_PERIOD))? })
}

fn read_instances(node: &Node<'_>, report: &mut Report) -> Option<Instances> {
    match node.value {
        Value::String(word) if word == PER_CALL => Some(Instances::PerCall),
        Value::Number(_) => {
            node.count(0..=INSTANCES_MAX, report).and_then(|count| u32::try_from(count).ok()).map(Instances::Count)
        }
        Value::String(word) => {
            let message = format!("{} is neither an integer nor `{PER_CALL}`", quoted(word));
            node.problem(report, code::INVALID_VALUE, message);
            None
        }
        _ => {
            node.wrong_type(report, "an integer or `per_call`");
            None
        }
    }
}

pub(crate) fn resources_shape() -> Value {
    shape::object(RESOURCES, &[])
}

/// Returns a duration as it is written in a manifest, as an integer if possible.
pub(crate) fn seconds(length: Duration) -> Value {
    match length.subsec_nanos() {
        0 => json!(length.as_secs()),
        _ => json!(length.as_secs_f64()),
    }
}

impl Serialize for Resources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serde_json::Map::new();
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        add("timeout_seconds", self.timeout.map(seconds));
        // Rounded up: a fraction of a unit must not become 0, which means unlimited.
        add("max_memory_mb", self.max_memory_bytes.map(|bytes| json!(bytes.div_ceil(BYTES_PER_MB))));
        add("max_fuel", self.max_fuel.map(|fuel| json!(fuel)));
        add("rate_limit", self.rate_limit.map(|limit| json!(limit)));
        add("instances", self.instances.map(|instances| json!(instances)));
        members.serialize(serializer)
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("RateLimit", 2)?;
        object.serialize_field("calls", &self.calls)?;
        object.serialize_field("period_seconds", &seconds(self.period))?;
        object.end()
    }
}

impl Serialize for Instances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Instances::Count(count) => serializer.serialize_u32(*count),
            Instances::PerCall => serializer.serialize_str(PER_CALL),
        }
    }
}
