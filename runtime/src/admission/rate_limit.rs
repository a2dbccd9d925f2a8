//! A sliding window of calls.
//!
//! The period is cut into [`SLOTS`] parts with a counter each, so that a limit of a million calls costs as little memory as
//! one of ten. A part leaves the window only when every call in it is older than the period: never more than `calls` pass
//! in any period, and a caller waits at most 1/64 of the period longer than an exact log of all calls would make it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use plugbay_manifest::RateLimit;

/// Parts of the period.
const SLOTS: usize = 64;

/// Counts the calls of one plugin.
pub(crate) struct RateLimiter {
    limit: RateLimit,
    slot: Duration,
    window: Mutex<Window>,
}

struct Window {
    /// When the newest part began.
    newest_since: Instant,
    newest: usize,
    counts: [u32; SLOTS + 1],
    total: u32,
}

impl RateLimiter {
    pub(crate) fn new(limit: RateLimit, now: Instant) -> Self {
        let slot = (limit.period / SLOTS as u32).max(Duration::from_nanos(1));
        let window = Window { newest_since: now, newest: 0, counts: [0; SLOTS + 1], total: 0 };
        RateLimiter { limit, slot, window: Mutex::new(window) }
    }

    pub(crate) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Counts one call, or says how long to wait. A refused call is not counted.
    pub(crate) fn admit(&self, now: Instant) -> Result<(), Duration> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.advance(now, self.slot);
        if window.total < self.limit.calls {
            let newest = window.newest;
            window.counts[newest] += 1;
            window.total += 1;
            return Ok(());
        }
        Err(window.until_oldest_leaves(now, self.slot))
    }
}

impl Window {
    /// Drops the parts that left the window.
    fn advance(&mut self, now: Instant, slot: Duration) {
        let elapsed = now.saturating_duration_since(self.newest_since);
        if elapsed < slot {
            return;
        }
        let parts = elapsed.as_nanos() / slot.as_nanos();
        for _ in 0..parts.min(self.counts.len() as u128) {
            self.newest = (self.newest + 1) % self.counts.len();
            self.total -= self.counts[self.newest];
            self.counts[self.newest] = 0;
        }
        // `parts * slot` is at most `elapsed`, which fits.
        self.newest_since += Duration::from_nanos_u128(parts * slot.as_nanos());
    }

    fn until_oldest_leaves(&self, now: Instant, slot: Duration) -> Duration {
        // The oldest part is the one that will become the newest: with it, `counts` holds one more part than the period has.
        let ahead = (1..=self.counts.len())
            .find(|ahead| self.counts[(self.newest + ahead) % self.counts.len()] > 0)
            .unwrap_or(1);
        (slot * ahead as u32).saturating_sub(now.saturating_duration_since(self.newest_since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(64);

    fn limiter(calls: u32) -> (RateLimiter, Instant) {
        let start = Instant::now();
        (RateLimiter::new(RateLimit { calls, period: PERIOD }, start), start)
    }

    #[test]
    fn calls_up_to_the_limit_pass_and_the_next_one_waits_for_the_period() {
        let (limiter, start) = limiter(3);
        for _ in 0..3 {
            assert_eq!(limiter.admit(start), Ok(()));
        }
        let wait = limiter.admit(start).expect_err("over the limit");
        assert!(wait >= PERIOD && wait <= PERIOD + PERIOD / 32, "{wait:?}");
        assert!(limiter.admit(start + wait - Duration::from_millis(1)).is_err());
        assert_eq!(limiter.admit(start + wait), Ok(()));
    }

    #[test]
    fn window_slides_with_the_calls_not_with_the_clock() {
        let (limiter, start) = limiter(2);
        assert_eq!(limiter.admit(start), Ok(()));
        assert_eq!(limiter.admit(start + PERIOD / 2), Ok(()));
        assert!(limiter.admit(start + PERIOD - Duration::from_secs(1)).is_err());
        let later = start + PERIOD + Duration::from_secs(1);
        assert_eq!(limiter.admit(later), Ok(()));
        assert!(limiter.admit(later).is_err(), "the second call is still in the window");
    }

    #[test]
    fn refused_call_is_not_counted() {
        let (limiter, start) = limiter(1);
        assert_eq!(limiter.admit(start), Ok(()));
        for _ in 0..1_000 {
            assert!(limiter.admit(start).is_err());
        }
        assert_eq!(limiter.admit(start + PERIOD + PERIOD / 32), Ok(()));
    }

    #[test]
    fn never_more_than_the_limit_in_any_period() {
        let (limiter, start) = limiter(10);
        let step = Duration::from_millis(370);
        let admitted: Vec<Instant> =
            (0..2_000).map(|n| start + step * n).filter(|&now| limiter.admit(now).is_ok()).collect();
        assert!(admitted.len() > 50);
        for window in admitted.windows(11) {
            assert!(window[10] - window[0] >= PERIOD, "{:?}", window[10] - window[0]);
        }
    }

    #[test]
    fn long_silence_empties_the_window() {
        let (limiter, start) = limiter(1);
        assert_eq!(limiter.admit(start), Ok(()));
        assert_eq!(limiter.admit(start + PERIOD * 1_000_000), Ok(()));
    }
}
