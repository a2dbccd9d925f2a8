//! The limits of a plugin: the defaults, the ceilings for a manifest's requests, and the resulting limits.

use std::time::Duration;

use plugbay_manifest::{Instances, RateLimit, Resources};

use crate::limits::{
    FUEL_CEILING_DEFAULT, FUEL_DEFAULT, MEMORY_BYTES_CEILING_DEFAULT, MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MAX,
    PAYLOAD_BYTES_MAX, RATE_CALLS_DEFAULT, RATE_PERIOD_DEFAULT, REPLICAS_MAX, RESULT_BYTES_MAX,
    TIMEOUT_CEILING_DEFAULT, TIMEOUT_DEFAULT,
};

/// The limits that a loaded plugin runs under.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Fuel for a call; `None` is unlimited. Trusted plugins are not metered unless their manifest, the host or a
    /// ceiling sets a limit.
    pub fuel: Option<u64>,
    /// Memory of an instance in bytes, summed over all its linear memories.
    pub memory_bytes: u64,
    /// Wall-clock time of a call, including waiting; `None` is unlimited.
    pub timeout: Option<Duration>,
    /// Calls per period; `None` is unlimited.
    pub rate: Option<RateLimit>,
    /// The number of instances that serve the plugin.
    pub instances: Instances,
    /// Maximum size of a JSON payload, in bytes.
    pub payload_bytes: usize,
    /// Maximum size of a JSON result, in bytes.
    pub result_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            fuel: Some(FUEL_DEFAULT),
            memory_bytes: MEMORY_BYTES_DEFAULT,
            timeout: Some(TIMEOUT_DEFAULT),
            rate: Some(RateLimit { calls: RATE_CALLS_DEFAULT, period: RATE_PERIOD_DEFAULT }),
            instances: Instances::Count(1),
            payload_bytes: PAYLOAD_BYTES_MAX,
            result_bytes: RESULT_BYTES_MAX,
        }
    }
}

/// The highest limits that an operator permits to any plugin. `None` sets no ceiling, so that a manifest's `0`
/// (unlimited) is granted.
///
/// With the defaults, a manifest can ask for more than [`Limits::default`], but never for unlimited resources.
#[derive(Debug, Clone, PartialEq)]
pub struct Ceilings {
    /// Fuel for a call. Default: 10¹² units. Any other value also limits trusted plugins, which are then metered.
    pub fuel: Option<u64>,
    /// Memory of an instance, in bytes. Default: 1 GiB. `None` means 4 GiB, the maximum for 32-bit addresses.
    pub memory_bytes: Option<u64>,
    /// Wall-clock time of a call. Default: 10 minutes.
    pub timeout: Option<Duration>,
    /// Calls per second. Default: none.
    pub calls_per_second: Option<f64>,
    /// Instances of a plugin. Default: 256, which is also the maximum.
    pub instances: u32,
}

impl Default for Ceilings {
    fn default() -> Self {
        Ceilings {
            fuel: Some(FUEL_CEILING_DEFAULT),
            memory_bytes: Some(MEMORY_BYTES_CEILING_DEFAULT),
            timeout: Some(TIMEOUT_CEILING_DEFAULT),
            calls_per_second: None,
            instances: REPLICAS_MAX,
        }
    }
}

impl Ceilings {
    /// No ceilings except those that cannot be lifted, for hosts that trust their plugins' manifests.
    pub fn unlimited() -> Self {
        Ceilings { fuel: None, memory_bytes: None, timeout: None, calls_per_second: None, instances: REPLICAS_MAX }
    }
}

impl Limits {
    /// Applies a manifest's requests to these defaults, up to `ceilings`.
    #[must_use]
    pub fn asked(&self, asked: &Resources, ceilings: &Ceilings) -> Limits {
        let replicas_max = ceilings.instances.clamp(1, REPLICAS_MAX);
        Limits {
            fuel: lower(zero_is_none(asked.max_fuel, self.fuel), ceilings.fuel),
            memory_bytes: lower(zero_is_none(asked.max_memory_bytes, Some(self.memory_bytes)), ceilings.memory_bytes)
                .unwrap_or(MEMORY_BYTES_MAX)
                .min(MEMORY_BYTES_MAX),
            timeout: lower(
                match asked.timeout {
                    Some(Duration::ZERO) => None,
                    Some(timeout) => Some(timeout),
                    None => self.timeout,
                },
                ceilings.timeout,
            ),
            rate: rate(
                match asked.rate_limit {
                    Some(RateLimit { calls: 0, .. }) => None,
                    Some(rate) => Some(rate),
                    None => self.rate,
                },
                ceilings.calls_per_second,
            ),
            instances: match asked.instances.unwrap_or(self.instances) {
                Instances::Count(0) => Instances::Count(replicas_max),
                Instances::Count(count) => Instances::Count(count.min(replicas_max)),
                Instances::PerCall => Instances::PerCall,
            },
            payload_bytes: self.payload_bytes,
            result_bytes: self.result_bytes,
        }
    }
}

fn zero_is_none(asked: Option<u64>, default: Option<u64>) -> Option<u64> {
    match asked {
        Some(0) => None,
        Some(limit) => Some(limit),
        None => default,
    }
}

/// Returns the lower of two optional limits.
fn lower<T: Ord>(asked: Option<T>, ceiling: Option<T>) -> Option<T> {
    match (asked, ceiling) {
        (Some(asked), Some(ceiling)) => Some(asked.min(ceiling)),
        (limit, None) | (None, limit) => limit,
    }
}

fn rate(asked: Option<RateLimit>, calls_per_second: Option<f64>) -> Option<RateLimit> {
    let Some(per_second) = calls_per_second else { return asked };
    let period = asked.map_or(RATE_PERIOD_DEFAULT, |rate| rate.period);
    let most = (per_second * period.as_secs_f64()).clamp(1.0, f64::from(u32::MAX)) as u32;
    Some(RateLimit { calls: asked.map_or(most, |rate| rate.calls.min(most)), period })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_an_empty_manifest_are_the_defaults() {
        assert_eq!(Limits::default().asked(&Resources::default(), &Ceilings::default()), Limits::default());
    }

    #[test]
    fn zero_asks_for_no_limit_and_gets_the_ceiling() {
        let asked = Resources {
            timeout: Some(Duration::ZERO),
            max_fuel: Some(0),
            max_memory_bytes: Some(0),
            rate_limit: Some(RateLimit { calls: 0, period: RATE_PERIOD_DEFAULT }),
            ..Resources::default()
        };
        let ceilings = Ceilings { calls_per_second: Some(10.0), ..Ceilings::default() };
        let limits = Limits::default().asked(&asked, &ceilings);
        assert_eq!(limits.timeout, ceilings.timeout);
        assert_eq!(limits.fuel, ceilings.fuel);
        assert_eq!(Some(limits.memory_bytes), ceilings.memory_bytes);
        assert_eq!(limits.rate, Some(RateLimit { calls: 600, period: RATE_PERIOD_DEFAULT }));

        let unlimited = Limits::default().asked(&asked, &Ceilings::unlimited());
        assert_eq!((unlimited.timeout, unlimited.fuel, unlimited.rate), (None, None, None));
        assert_eq!(unlimited.memory_bytes, MEMORY_BYTES_MAX);
    }

    #[test]
    fn asking_above_the_ceiling_gets_the_ceiling() {
        let asked =
            Resources { instances: Some(Instances::Count(10_000)), max_fuel: Some(u64::MAX), ..Resources::default() };
        let limits = Limits::default().asked(&asked, &Ceilings::default());
        assert_eq!(limits.instances, Instances::Count(REPLICAS_MAX));
        assert_eq!(limits.fuel, Ceilings::default().fuel);
    }
}
