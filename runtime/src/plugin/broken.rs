//! Counts the instances of a plugin that break in a row, and decides what follows. Pure: reads no clock.

use std::time::SystemTime;

use crate::lifecycle::RestartPolicy;

/// The instances that broke in a row.
#[derive(Debug, Default)]
pub(crate) struct BrokenInstances {
    in_a_row: u32,
    /// The time at which calls were served again after the last one.
    replaced: Option<SystemTime>,
}

/// What follows from a broken instance.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// The next call gets another instance.
    ReplacedAtOnce,
    /// Calls are refused until this time.
    ReplacedAt(SystemTime),
    /// Calls are refused.
    Failed,
}

impl BrokenInstances {
    /// Counts an instance that broke now. `answered` is whether an instance answered a call since the one before.
    pub(crate) fn count(&mut self, policy: &RestartPolicy, now: SystemTime, answered: bool) -> Consequence {
        let is_recent = self.replaced.is_none_or(|replaced| {
            // A clock that was set back does not end the row.
            now.duration_since(replaced).map_or(true, |gap| gap <= policy.window)
        });
        self.in_a_row = if answered || !is_recent { 1 } else { self.in_a_row.saturating_add(1) };
        if self.in_a_row > policy.restarts_max {
            return Consequence::Failed;
        }
        let doublings = self.in_a_row.checked_sub(2);
        let delay = doublings.map(|doublings| policy.delay.saturating_mul(2_u32.saturating_pow(doublings)));
        let at = delay.filter(|delay| !delay.is_zero()).and_then(|delay| now.checked_add(delay));
        self.replaced = Some(at.unwrap_or(now));
        at.map_or(Consequence::ReplacedAtOnce, Consequence::ReplacedAt)
    }

    pub(crate) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn delay_doubles_until_the_plugin_has_failed() {
        let (policy, mut broken) = (RestartPolicy::default(), BrokenInstances::default());
        assert_eq!(broken.count(&policy, at(0), false), Consequence::ReplacedAtOnce);
        assert_eq!(broken.count(&policy, at(0), false), Consequence::ReplacedAt(at(1)));
        assert_eq!(broken.count(&policy, at(1), false), Consequence::ReplacedAt(at(3)));
        assert_eq!(broken.count(&policy, at(3), false), Consequence::Failed);
        assert_eq!(broken.in_a_row(), 4);
    }

    #[test]
    fn answer_in_between_ends_the_row() {
        let (policy, mut broken) = (RestartPolicy::default(), BrokenInstances::default());
        for _ in 0..100 {
            assert_eq!(broken.count(&policy, at(0), true), Consequence::ReplacedAtOnce);
        }
    }

    #[test]
    fn time_without_a_broken_instance_ends_the_row() {
        let (policy, mut broken) = (RestartPolicy::default(), BrokenInstances::default());
        broken.count(&policy, at(0), false);
        assert_eq!(broken.count(&policy, at(60), false), Consequence::ReplacedAt(at(61)));
        assert_eq!(broken.count(&policy, at(122), false), Consequence::ReplacedAtOnce);
    }

    #[test]
    fn clock_that_is_set_back_does_not_end_the_row() {
        let (policy, mut broken) = (RestartPolicy::default(), BrokenInstances::default());
        broken.count(&policy, at(100), false);
        assert_eq!(broken.count(&policy, at(0), false), Consequence::ReplacedAt(at(1)));
    }

    #[test]
    fn policy_that_always_restarts_never_waits() {
        let (policy, mut broken) = (RestartPolicy::always(), BrokenInstances::default());
        for _ in 0..100 {
            assert_eq!(broken.count(&policy, at(0), false), Consequence::ReplacedAtOnce);
        }
    }

    #[test]
    fn policy_without_restarts_fails_at_the_first_broken_instance() {
        let policy = RestartPolicy { restarts_max: 0, ..RestartPolicy::default() };
        assert_eq!(BrokenInstances::default().count(&policy, at(0), false), Consequence::Failed);
    }
}
