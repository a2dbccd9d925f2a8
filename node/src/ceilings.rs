//! The ceilings in force: those of the host's file, and defaults for those that it does not set.

use plugbay::Ceilings;
use plugbay::manifest::{Instances, Resources};

/// The ceilings for plugins whose limits the operator sets to `asked`. In a file, 0 removes a ceiling. If the file does
/// not set one, a larger limit of `asked` raises the default, and a limit of 0 removes it.
pub(crate) fn in_force(file: &Resources, asked: &Resources) -> Ceilings {
    let default = Ceilings::default();
    Ceilings {
        timeout: ceiling(file.timeout, asked.timeout, default.timeout),
        memory_bytes: ceiling(file.max_memory_bytes, asked.max_memory_bytes, default.memory_bytes),
        fuel: ceiling(file.max_fuel, asked.max_fuel, default.fuel),
        calls_per_second: match file.rate_limit {
            Some(rate) if rate.calls == 0 => None,
            Some(rate) => Some(f64::from(rate.calls) / rate.period.as_secs_f64()),
            None => default.calls_per_second,
        },
        instances: match file.instances {
            Some(Instances::Count(count)) if count > 0 => count,
            _ => default.instances,
        },
    }
}

fn ceiling<T: Ord + Default>(file: Option<T>, asked: Option<T>, default: Option<T>) -> Option<T> {
    match (file, asked) {
        (Some(file), _) => Some(file).filter(|file| *file != T::default()),
        (None, Some(asked)) if asked == T::default() => None,
        (None, asked) => default.map(|default| asked.unwrap_or_default().max(default)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use plugbay::Limits;
    use plugbay::manifest::RateLimit;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn resources(timeout: Duration, max_memory_bytes: u64, max_fuel: u64) -> Resources {
        Resources {
            timeout: Some(timeout),
            max_memory_bytes: Some(max_memory_bytes),
            max_fuel: Some(max_fuel),
            ..Resources::default()
        }
    }

    #[track_caller]
    fn check(file: &Resources, asked: &Resources, expected: (Option<Duration>, u64, Option<u64>)) {
        let limits = Limits::default().asked(asked, &in_force(file, asked));
        assert_eq!((limits.timeout, limits.memory_bytes, limits.fuel), expected);
    }

    #[test]
    fn asked_limit_above_the_default_ceiling_raises_it() {
        let asked = resources(30 * MINUTE, 2 << 30, u64::MAX);
        check(&Resources::default(), &asked, (Some(30 * MINUTE), 2 << 30, Some(u64::MAX)));
    }

    #[test]
    fn asked_limit_above_the_files_ceiling_is_cut() {
        let asked = resources(30 * MINUTE, 2 << 30, u64::MAX);
        check(&resources(MINUTE, 1 << 20, 7), &asked, (Some(MINUTE), 1 << 20, Some(7)));
    }

    #[test]
    fn zero_is_no_limit_below_the_files_ceilings() {
        let asked = resources(Duration::ZERO, 0, 0);
        // 4 GiB are the maximum of 32-bit memory.
        check(&Resources::default(), &asked, (None, 4 << 30, None));
        check(&resources(Duration::ZERO, 0, 0), &asked, (None, 4 << 30, None));
        check(&resources(MINUTE, 1 << 20, 7), &asked, (Some(MINUTE), 1 << 20, Some(7)));
    }

    #[test]
    fn zero_in_the_file_removes_a_ceiling_and_an_omitted_one_is_the_default() {
        let rate_limit = Some(RateLimit { calls: 10, period: Duration::from_secs(2) });
        let file = Resources { max_fuel: Some(0), rate_limit, ..Resources::default() };
        let ceilings = in_force(&file, &Resources::default());
        assert_eq!((ceilings.fuel, ceilings.calls_per_second), (None, Some(5.0)));
        assert_eq!(ceilings.timeout, Ceilings::default().timeout);
    }
}
