//! Rate limits in memory: a sliding window of calls for each plugin.
//!
//! The period is cut into [`SLOTS`] slots with a counter each, so that a limit of a million calls takes as little
//! memory as one of ten. A slot leaves the window only when every call in it is older than the period. So at most
//! `calls` calls are admitted in any period, and a caller waits at most 1/64 of the period longer than an exact log of
//! all calls would make it wait.
//!
//! The window is behind a mutex, with everything that a call writes beside it: processors hand the memory from one to
//! the other in lines of 64 bytes, and a call that writes to three of them took 10 ns longer on two threads. An atomic
//! counter in place of the mutex was no faster, on one thread or four.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use plugbay_manifest::RateLimit;

use super::store::{RateCounter, RateCounters, RateError, RateFuture};
use crate::scope::drop_dead;
use crate::store_future::StoreFuture;

/// The number of slots of a period.
const SLOTS: usize = 64;

/// A backend for rate limits in memory. The window of a plugin is dropped when the plugin is unloaded.
#[derive(Clone, Default)]
pub struct MemoryRates(Arc<Mutex<HashMap<Box<str>, Weak<Window>>>>);

impl RateCounters for MemoryRates {
    fn counter(&self, plugin: &str, limit: RateLimit) -> Arc<dyn RateCounter> {
        let mut plugins = self.0.lock();
        let present = plugins.get(plugin).and_then(Weak::upgrade).filter(|window| window.period == limit.period);
        let window = present.unwrap_or_else(|| {
            drop_dead(&mut plugins, |window| window.strong_count() > 0);
            let window = Arc::new(Window::new(limit.period));
            plugins.insert(plugin.into(), Arc::downgrade(&window));
            window
        });
        Arc::new(MemoryCounter { window, calls: limit.calls })
    }
}

impl fmt::Debug for MemoryRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRates").field("plugins", &self.0.lock().len()).finish()
    }
}

/// The counter of one revision.
struct MemoryCounter {
    window: Arc<Window>,
    calls: u32,
}

impl RateCounter for MemoryCounter {
    #[inline]
    fn admit(&self, now: Duration) -> RateFuture<'_> {
        let admitted = self.window.admit(self.calls, now);
        StoreFuture::ready(admitted.map_err(|retry_after| RateError::Limited { retry_after }))
    }
}

/// The calls of one plugin in the last period.
#[repr(C)]
struct Window {
    slots: Mutex<Slots>,
    period: Duration,
    slot_nanos: u64,
}

/// The calls in each slot of the window. Its first fields are those that every call uses.
#[repr(C)]
struct Slots {
    /// The end of the current slot, in nanoseconds of the clock that calls come with.
    end_nanos: u64,
    /// The calls in all slots.
    total: u32,
    /// The calls in the current slot.
    in_current: u32,
    /// The number of the current slot, counted from the zero of that clock.
    current: u64,
    /// Its index in `calls`.
    index: usize,
    /// The calls in each earlier slot. One slot more than the period has: the current one has only begun.
    calls: [u32; SLOTS + 1],
}

impl Window {
    fn new(period: Duration) -> Self {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let slot_nanos = nanos.div_ceil(SLOTS as u64).max(1);
        let slots =
            Slots { end_nanos: slot_nanos, total: 0, in_current: 0, current: 0, index: 0, calls: [0; SLOTS + 1] };
        Window { slots: Mutex::new(slots), period, slot_nanos }
    }

    /// Counts one call if there are fewer than `calls_max` in the window. Otherwise returns how long to wait.
    fn admit(&self, calls_max: u32, now: Duration) -> Result<(), Duration> {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let mut slots = self.slots.lock();
        // A thread that read the clock earlier may get here later: its call is counted in the current slot.
        if nanos >= slots.end_nanos {
            slots.advance(nanos / self.slot_nanos, self.slot_nanos);
        }
        if slots.total >= calls_max {
            let free_at = slots.first_below(calls_max).saturating_mul(self.slot_nanos);
            return Err(Duration::from_nanos(free_at.saturating_sub(nanos)));
        }
        slots.in_current += 1;
        slots.total += 1;
        Ok(())
    }
}

impl Slots {
    /// Makes a later slot the current one, and drops the slots that leave the window.
    fn advance(&mut self, number: u64, slot_nanos: u64) {
        self.calls[self.index] = std::mem::take(&mut self.in_current);
        for _ in 0..(number - self.current).min(self.calls.len() as u64) {
            self.index = (self.index + 1) % self.calls.len();
            self.total -= self.calls[self.index];
            self.calls[self.index] = 0;
        }
        // After a long silence all slots are empty, and it does not matter which of them is the current one.
        self.current = number;
        self.end_nanos = number.saturating_add(1).saturating_mul(slot_nanos);
    }

    /// The number of the first slot in which the window has fewer calls than this.
    fn first_below(&self, calls_max: u32) -> u64 {
        let mut left = self.total;
        for ahead in 1..=self.calls.len() {
            // A slot that becomes the current one loses the calls that it had a period ago.
            left -= self.calls[(self.index + ahead) % self.calls.len()];
            if left < calls_max {
                return self.current + ahead as u64;
            }
        }
        self.current + self.calls.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PERIOD: Duration = Duration::from_secs(64);

    /// A window, and a moment long after the first call of the process, at which a slot begins.
    fn window() -> (Window, Duration) {
        (Window::new(PERIOD), PERIOD * 1_000)
    }

    #[test]
    fn full_window_admits_again_within_a_slot_of_its_period() {
        let (window, start) = window();
        for _ in 0..3 {
            assert_eq!(window.admit(3, start), Ok(()));
        }
        let wait = window.admit(3, start).expect_err("over the limit");
        assert!(wait >= PERIOD && wait <= PERIOD + PERIOD / 32, "{wait:?}");
        assert!(window.admit(3, start + wait - Duration::from_millis(1)).is_err());
        assert_eq!(window.admit(3, start + wait), Ok(()));
    }

    #[test]
    fn window_slides_with_the_calls_and_not_with_the_clock() {
        let (window, start) = window();
        assert_eq!(window.admit(2, start), Ok(()));
        assert_eq!(window.admit(2, start + PERIOD / 2), Ok(()));
        assert!(window.admit(2, start + PERIOD - Duration::from_secs(1)).is_err());
        let later = start + PERIOD + Duration::from_secs(1);
        assert_eq!(window.admit(2, later), Ok(()));
        assert!(window.admit(2, later).is_err(), "the second call is still in the window");
    }

    #[test]
    fn lower_limit_waits_until_enough_calls_have_left() {
        let (window, start) = window();
        for second in 0..4 {
            assert_eq!(window.admit(4, start + Duration::from_secs(second)), Ok(()));
        }
        let now = start + Duration::from_secs(10);
        let wait = window.admit(2, now).expect_err("four calls are in the window");
        assert!(window.admit(2, now + wait - Duration::from_millis(1)).is_err());
        assert_eq!(window.admit(2, now + wait), Ok(()));
        assert_eq!(wait, Duration::from_secs(2) + PERIOD + PERIOD / 64 - Duration::from_secs(10), "the third has left");
    }

    #[test]
    fn any_period_has_at_most_the_limit() {
        let (window, start) = window();
        let step = Duration::from_millis(370);
        let admitted: Vec<Duration> =
            (0..2_000).map(|n| start + step * n).filter(|&now| window.admit(10, now).is_ok()).collect();
        assert!(admitted.len() > 50);
        for calls in admitted.windows(11) {
            assert!(calls[10] - calls[0] >= PERIOD, "{:?}", calls[10] - calls[0]);
        }
    }

    #[test]
    fn long_silence_empties_the_window() {
        let (window, start) = window();
        assert_eq!(window.admit(1, start), Ok(()));
        assert_eq!(window.admit(1, start + PERIOD * 1_000_000), Ok(()));
    }

    #[test]
    fn threads_together_get_the_limit_and_no_more() {
        const LIMIT: u32 = 20_000;
        let (window, start) = window();
        let step = PERIOD / 50_000;
        let admitted = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    // Within one period, over all its slots.
                    let calls = (0..50_000).filter(|&number| window.admit(LIMIT, start + step * number).is_ok());
                    admitted.fetch_add(calls.count(), Ordering::Relaxed);
                });
            }
        });
        assert_eq!(admitted.into_inner(), LIMIT as usize);
        assert!(window.admit(LIMIT, start + PERIOD - step).is_err());
        assert_eq!(window.admit(LIMIT, start + PERIOD * 3), Ok(()), "all have left");
        assert_eq!(window.slots.into_inner().total, 1);
    }

    #[test]
    fn call_with_an_earlier_moment_is_counted_in_the_current_slot() {
        let (window, start) = window();
        assert_eq!(window.admit(2, start + PERIOD), Ok(()));
        assert_eq!(window.admit(2, start), Ok(()));
        assert!(window.admit(2, start + PERIOD + PERIOD / 2).is_err());
    }
}
