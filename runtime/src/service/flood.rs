//! So many lines in a period and no more: what keeps one plugin from filling a log that others read too.

use std::time::{Duration, Instant};

/// Lines in the running period.
pub(super) struct Flood {
    period: Duration,
    lines_max: u32,
    since: Instant,
    lines: u32,
    dropped: u64,
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
    pub(super) fn new(lines_max: u32, period: Duration) -> Self {
        Flood { period, lines_max, since: Instant::now(), lines: 0, dropped: 0 }
    }

    /// Counts a line that somebody wants to write now.
    pub(super) fn admit(&mut self, now: Instant) -> Room {
        if now.saturating_duration_since(self.since) >= self.period {
            self.since = now;
            self.lines = 0;
        }
        if self.lines == self.lines_max {
            self.dropped += 1;
            return Room::IsNot;
        }
        self.lines += 1;
        Room::Is { dropped_before: std::mem::take(&mut self.dropped) }
    }

    /// Lines that were dropped, and not told of yet.
    pub(super) fn untold(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_dropped_until_the_period_ends_and_then_told_once() {
        let mut flood = Flood::new(2, Duration::from_secs(1));
        let now = flood.since;
        for _ in 0..2 {
            assert_eq!(flood.admit(now), Room::Is { dropped_before: 0 });
        }
        for _ in 0..5 {
            assert_eq!(flood.admit(now), Room::IsNot);
        }
        assert_eq!(flood.untold(), 5);
        let later = now + Duration::from_secs(1);
        assert_eq!(flood.admit(later), Room::Is { dropped_before: 5 });
        assert_eq!(flood.admit(later), Room::Is { dropped_before: 0 });
    }
}
