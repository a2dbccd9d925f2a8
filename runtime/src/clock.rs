//! The wall clock of everything that stores or compares moments: expiry, schedules, outcomes.
//!
//! The embedder passes the clock to the runtime, so a test can control it. Call deadlines do not use it: they bound
//! real time.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The longest sleep before the wall clock is read again, because it may have been set in the meantime.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// How far the wall clock may fall behind between two reads before it counts as set back: time servers slow it down
/// without setting it.
const SLEWED_MAX: Duration = Duration::from_secs(1);

/// A wall clock.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> SystemTime;

    /// Completes when this clock reaches `moment`, or earlier if the clock is set back meanwhile; the caller must then
    /// read the clock again.
    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Returns the time of a clock, and that of the machine if the application's clock panics: for the host's own records,
/// whose failure would be no caller's.
pub(crate) fn time_of(clock: &dyn Clock) -> SystemTime {
    catch_unwind(AssertUnwindSafe(|| clock.now())).unwrap_or_else(|_| SystemTime::now())
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut shown = SystemTime::now();
            while let Ok(left) = moment.duration_since(shown) {
                if left.is_zero() {
                    break;
                }
                let since = Instant::now();
                tokio::time::sleep(left.min(SLEEP_MAX)).await;
                let before = std::mem::replace(&mut shown, SystemTime::now());
                if shown + SLEWED_MAX < before + since.elapsed() {
                    break;
                }
            }
        })
    }
}

/// A clock for tests, which changes only when it is set. Clones share one time.
#[derive(Clone)]
pub struct ManualClock {
    now: watch::Sender<SystemTime>,
}

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn new(now: SystemTime) -> Self {
        ManualClock { now: watch::Sender::new(now) }
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.now.send_modify(|now| *now += by);
    }

    /// Sets the clock, backwards or forwards.
    pub fn set(&self, now: SystemTime) {
        self.now.send_replace(now);
    }
}

impl Default for ManualClock {
    /// Starts at 2026-01-01 00:00 UTC.
    fn default() -> Self {
        ManualClock::new(UNIX_EPOCH + Duration::from_secs(1_767_225_600))
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ManualClock").field(&self.now()).finish()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        *self.now.borrow()
    }

    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut seen = self.now.subscribe();
        let mut shown = *seen.borrow();
        Box::pin(async move {
            // `self` owns the sender, so the wait can only end with the moment.
            let mut set_back = |now: SystemTime| std::mem::replace(&mut shown, now) > now;
            let _ = seen.wait_for(|now| *now >= moment || set_back(*now)).await;
        })
    }
}

/// Milliseconds since the Unix epoch; 0 for earlier moments.
pub(crate) fn unix_ms(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The moment `ms` milliseconds after the Unix epoch; `None` if the system cannot represent it.
pub(crate) fn from_unix_ms(ms: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manual_clock_wakes_who_waited_for_the_moment() {
        let clock = ManualClock::default();
        let moment = clock.now() + Duration::from_secs(60);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(moment).await }
        });
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(Duration::from_secs(1));
        waiting.await.expect("the sleep ends");
    }

    #[tokio::test]
    async fn manual_clock_that_is_set_back_wakes_who_waited() {
        let clock = ManualClock::default();
        let moment = clock.now() + Duration::from_secs(60);
        let mut waiting = Box::pin(clock.sleep_until(moment));
        assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx))).await.is_pending());
        clock.set(clock.now() - Duration::from_secs(1));
        waiting.await;
    }

    #[tokio::test]
    async fn moment_that_is_past_is_not_waited_for() {
        SystemClock.sleep_until(UNIX_EPOCH).await;
        ManualClock::default().sleep_until(UNIX_EPOCH).await;
    }

    #[test]
    fn unix_milliseconds_round_trip() {
        let moment = from_unix_ms(1_767_225_600_123).expect("in range");
        assert_eq!(unix_ms(moment), 1_767_225_600_123);
        assert_eq!(unix_ms(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }
}
