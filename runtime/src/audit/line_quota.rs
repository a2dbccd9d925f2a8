//! A limit on the lines that a plugin writes per period, so that it cannot flood a log that it shares with others.

use std::time::{Duration, Instant};

/// The lines of the current period. The limit is a parameter of [`LineQuota::admit`] because each plugin has several
/// quotas.
pub(crate) struct LineQuota {
    since: Instant,
    lines: u32,
    dropped: u32,
}

/// Whether another line may be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Quota {
    /// The line may be written; `dropped_before` lines were dropped since the last written one.
    Left { dropped_before: u64 },
    /// The quota is used up. The line is dropped and counted.
    Spent,
}

impl LineQuota {
    pub(crate) fn new() -> Self {
        LineQuota { since: Instant::now(), lines: 0, dropped: 0 }
    }

    /// Counts a line to be written now, if the period has had fewer than `lines_max`.
    pub(crate) fn admit(&mut self, now: Instant, lines_max: u32, period: Duration) -> Quota {
        if now.saturating_duration_since(self.since) >= period {
            self.since = now;
            self.lines = 0;
        }
        if self.lines == lines_max {
            self.dropped = self.dropped.saturating_add(1);
            return Quota::Spent;
        }
        self.lines += 1;
        Quota::Left { dropped_before: std::mem::take(&mut self.dropped).into() }
    }

    /// Returns the number of dropped lines that have not been reported yet.
    pub(crate) fn unreported(&self) -> u64 {
        self.dropped.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_over_the_quota_are_reported_once_after_the_period() {
        let mut quota = LineQuota::new();
        let now = quota.since;
        let mut admit = |now| quota.admit(now, 2, Duration::from_secs(1));
        for _ in 0..2 {
            assert_eq!(admit(now), Quota::Left { dropped_before: 0 });
        }
        for _ in 0..5 {
            assert_eq!(admit(now), Quota::Spent);
        }
        let later = now + Duration::from_secs(1);
        assert_eq!(admit(later), Quota::Left { dropped_before: 5 });
        assert_eq!(admit(later), Quota::Left { dropped_before: 0 });
    }
}
