//! A sliding window of calls.
//!
//! The period is cut into [`SLOTS`] parts with a counter each, so that a limit of a million calls costs as little
//! memory as one of ten. A part leaves the window only when every call in it is older than the period: never more than
//! `calls` pass in any period, and a caller waits at most 1/64 of the period longer than an exact log of all calls
//! would make it.
//!
//! What is left of the limit is lent to those who call, as numbers that calls take from without a lock: one for each
//! thread that may call at the same time, because threads that all write to one number wait for each other. The lock is
//! for the moments at which a part ends or a number is used up. What one thread was lent and did not use, another one
//! gets before any call is refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use plugbay_manifest::RateLimit;

/// Parts of the period.
const SLOTS: usize = 64;
/// The most numbers that calls are lent; a power of two.
const LOANS_MAX: usize = 8;
/// The half of a [`Loan`] that says how many calls are left.
const LEFT: u64 = u32::MAX as u64;

/// Counts the calls of one plugin.
pub(crate) struct RateLimiter {
    limit: RateLimit,
    start: Instant,
    slot_nanos: u64,
    /// A power of two of them.
    loans: Box<[Loan]>,
    window: Mutex<Window>,
}

/// The current part's number (its lower 32 bits, above) and how many calls it may still take (below). It has a cache
/// line of its own.
#[repr(align(64))]
#[derive(Default)]
struct Loan(AtomicU64);

/// The calls of the parts that are in the window.
struct Window {
    /// The current part, counted from the start.
    number: u64,
    counts: [u32; SLOTS + 1],
    /// All counts together.
    total: u32,
    /// What was lent in the current part, and was not counted yet.
    lent: u32,
}

impl RateLimiter {
    /// A limiter that counts from `now` on, for a plugin of which `concurrency` calls may run at once.
    pub(crate) fn new(limit: RateLimit, now: Instant, concurrency: usize) -> Self {
        let slot_nanos = u64::try_from(limit.period.as_nanos()).unwrap_or(u64::MAX).div_ceil(SLOTS as u64);
        RateLimiter {
            limit,
            start: now,
            slot_nanos: slot_nanos.max(1),
            loans: (0..concurrency.clamp(1, LOANS_MAX).next_power_of_two()).map(|_| Loan::default()).collect(),
            window: Mutex::new(Window { number: 0, counts: [0; SLOTS + 1], total: 0, lent: 0 }),
        }
    }

    pub(crate) fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Counts one call of this thread, or says how long to wait. A refused call is not counted.
    pub(crate) fn admit(&self, now: Instant, thread: usize) -> Result<(), Duration> {
        let nanos = u64::try_from(now.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        let number = nanos / self.slot_nanos;
        let Loan(loan) = &self.loans[thread & (self.loans.len() - 1)];
        let mut current = loan.load(Ordering::Relaxed);
        while current >> 32 == number & LEFT && current & LEFT > 0 {
            match loan.compare_exchange_weak(current, current - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(changed) => current = changed,
            }
        }
        self.admit_first(loan, number, nanos)
    }

    /// The first call of a loan.
    fn admit_first(&self, loan: &AtomicU64, number: u64, nanos: u64) -> Result<(), Duration> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that read the clock earlier may come later.
        let number = number.max(window.number);
        let mut free = self.limit.calls - window.total - window.lent;
        if number > window.number || free == 0 {
            // From here on no thread takes anything without the lock.
            let unused: u32 = self.loans.iter().map(|Loan(loan)| (loan.swap(0, Ordering::Relaxed) & LEFT) as u32).sum();
            let used = std::mem::take(&mut window.lent) - unused;
            window.count(used);
            window.advance(number);
            free = self.limit.calls - window.total;
        }
        if free == 0 {
            return Err(window.until_oldest_leaves(nanos, self.slot_nanos));
        }
        // What is left is halved, so that the others find something; alone, one gets the rest in a few steps.
        let lent = if self.loans.len() == 1 { free } else { free.div_ceil(2) };
        window.lent += lent;
        // What another thread of the same number was lent in the meantime is still there.
        let before = (loan.swap(0, Ordering::Relaxed) & LEFT) as u32;
        loan.store((number & LEFT) << 32 | u64::from(before + lent - 1), Ordering::Relaxed);
        Ok(())
    }
}

impl Window {
    /// Adds calls to the current part.
    fn count(&mut self, calls: u32) {
        let newest = self.index(0);
        self.counts[newest] += calls;
        self.total += calls;
    }

    /// Drops the parts that left the window.
    fn advance(&mut self, number: u64) {
        for _ in 0..(number - self.number).min(self.counts.len() as u64) {
            self.number += 1;
            let newest = self.index(0);
            self.total -= self.counts[newest];
            self.counts[newest] = 0;
        }
        // After a long silence all parts are empty, and which of them is the newest does not matter.
        self.number = number;
    }

    fn until_oldest_leaves(&self, nanos: u64, slot_nanos: u64) -> Duration {
        // The oldest part is the one that will become the newest: with it, `counts` holds one more part than the period
        // has.
        let ahead = (1..=self.counts.len() as u64).find(|&ahead| self.counts[self.index(ahead)] > 0).unwrap_or(1);
        Duration::from_nanos((self.number + ahead).saturating_mul(slot_nanos).saturating_sub(nanos))
    }

    /// The index of the part that comes `ahead` parts after the current one.
    fn index(&self, ahead: u64) -> usize {
        ((self.number + ahead) % self.counts.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(64);

    fn limiter(calls: u32) -> (RateLimiter, Instant) {
        let start = Instant::now();
        (RateLimiter::new(RateLimit { calls, period: PERIOD }, start, 4), start)
    }

    #[test]
    fn calls_up_to_the_limit_pass_and_the_next_one_waits_for_the_period() {
        let (limiter, start) = limiter(3);
        for _ in 0..3 {
            assert_eq!(limiter.admit(start, 0), Ok(()));
        }
        let wait = limiter.admit(start, 0).expect_err("over the limit");
        assert!(wait >= PERIOD && wait <= PERIOD + PERIOD / 32, "{wait:?}");
        assert!(limiter.admit(start + wait - Duration::from_millis(1), 0).is_err());
        assert_eq!(limiter.admit(start + wait, 0), Ok(()));
    }

    #[test]
    fn window_slides_with_the_calls_not_with_the_clock() {
        let (limiter, start) = limiter(2);
        assert_eq!(limiter.admit(start, 0), Ok(()));
        assert_eq!(limiter.admit(start + PERIOD / 2, 0), Ok(()));
        assert!(limiter.admit(start + PERIOD - Duration::from_secs(1), 0).is_err());
        let later = start + PERIOD + Duration::from_secs(1);
        assert_eq!(limiter.admit(later, 0), Ok(()));
        assert!(limiter.admit(later, 0).is_err(), "the second call is still in the window");
    }

    #[test]
    fn refused_call_is_not_counted() {
        let (limiter, start) = limiter(1);
        assert_eq!(limiter.admit(start, 0), Ok(()));
        for _ in 0..1_000 {
            assert!(limiter.admit(start, 0).is_err());
        }
        assert_eq!(limiter.admit(start + PERIOD + PERIOD / 32, 0), Ok(()));
    }

    #[test]
    fn never_more_than_the_limit_in_any_period() {
        let (limiter, start) = limiter(10);
        let step = Duration::from_millis(370);
        let admitted: Vec<Instant> = (0..2_000)
            .map(|n| (start + step * n, n as usize % 3))
            .filter(|&(now, thread)| limiter.admit(now, thread).is_ok())
            .map(|(now, _)| now)
            .collect();
        assert!(admitted.len() > 50);
        for window in admitted.windows(11) {
            assert!(window[10] - window[0] >= PERIOD, "{:?}", window[10] - window[0]);
        }
    }

    #[test]
    fn what_one_thread_does_not_use_another_one_gets() {
        let (limiter, start) = limiter(100);
        assert_eq!(limiter.admit(start, 0), Ok(()));
        assert_eq!(limiter.admit(start, 1), Ok(()));
        for _ in 0..98 {
            assert_eq!(limiter.admit(start, 2), Ok(()));
        }
        for thread in 0..4 {
            assert!(limiter.admit(start, thread).is_err());
        }
    }

    /// Four threads at once, each with a number of its own or all with one: what passes is exactly the limit.
    #[test]
    fn threads_together_get_the_limit_and_no_more() {
        for shared in [false, true] {
            let (limiter, start) = limiter(10_000);
            let pass = |thread| {
                let now = |n: u32| start + Duration::from_micros(u64::from(n));
                (0..20_000).filter(|n| limiter.admit(now(*n), thread).is_ok()).count()
            };
            let passed: usize = std::thread::scope(|scope| {
                let pass = &pass;
                let thread = |number| scope.spawn(move || pass(if shared { 0 } else { number }));
                let counts: Vec<_> = (0..4).map(thread).collect();
                counts.into_iter().map(|count| count.join().expect("counted")).sum()
            });
            assert_eq!(passed, 10_000, "shared: {shared}");
        }
    }

    #[test]
    fn long_silence_empties_the_window() {
        let (limiter, start) = limiter(1);
        assert_eq!(limiter.admit(start, 0), Ok(()));
        assert_eq!(limiter.admit(start + PERIOD * 1_000_000, 0), Ok(()));
    }
}
