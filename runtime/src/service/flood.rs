//! So many lines in a period and no more: what keeps one plugin from filling a log that others read too.

use std::time::{Duration, Instant};

/// Lines in the running period. Each plugin has a few of these, so how many lines a period may have is not in them.
pub(super) struct Flood {
    since: Instant,
    lines: u32,
    dropped: u32,
}

/// Whether there is room for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// There is, and so many were dropped since the last one.
    Is { dropped_before: u64 },
    /// There is none: the line is dropped, and counted.
    IsNot,
}

impl Flood {
    pub(super) fn new() -> Self {
        Flood { since: Instant::now(), lines: 0, dropped: 0 }
    }

    /// Counts a line that somebody wants to write now, of so many in a period.
    pub(super) fn admit(&mut self, now: Instant, lines_max: u32, period: Duration) -> Room {
        if now.saturating_duration_since(self.since) >= period {
            self.since = now;
            self.lines = 0;
        }
        if self.lines == lines_max {
            self.dropped = self.dropped.saturating_add(1);
            return Room::IsNot;
        }
        self.lines += 1;
        Room::Is { dropped_before: std::mem::take(&mut self.dropped).into() }
    }

    /// Lines that were dropped, and not told of yet.
    pub(super) fn untold(&self) -> u64 {
        self.dropped.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_dropped_until_the_period_ends_and_then_told_once() {
        let mut flood = Flood::new();
        let now = flood.since;
        let mut admit = |now| flood.admit(now, 2, Duration::from_secs(1));
        for _ in 0..2 {
            assert_eq!(admit(now), Room::Is { dropped_before: 0 });
        }
        for _ in 0..5 {
            assert_eq!(admit(now), Room::IsNot);
        }
        let later = now + Duration::from_secs(1);
        assert_eq!(admit(later), Room::Is { dropped_before: 5 });
        assert_eq!(admit(later), Room::Is { dropped_before: 0 });
    }
}
