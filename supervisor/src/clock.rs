//! The wall clock of the supervisor: delays of restarts, timeouts and schedules. A test controls it.
//!
//! The time that the operating system has to end a process group after SIGKILL, and the looks at watched files, are
//! real.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// The longest sleep before the wall clock is read again, because it may have been set in the meantime.
const SLEEP_MAX: Duration = Duration::from_secs(30);

/// A wall clock.
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> SystemTime;

    /// Completes when this clock reaches `moment`, or earlier; the caller then reads the clock again.
    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let left = moment.duration_since(SystemTime::now()).unwrap_or_default();
        Box::pin(tokio::time::sleep(left.min(SLEEP_MAX)))
    }
}

/// A clock for tests, which changes only when it is set. Clones share one time.
#[derive(Clone)]
pub struct ManualClock(watch::Sender<SystemTime>);

impl ManualClock {
    /// Creates a clock that shows `now`.
    pub fn new(now: SystemTime) -> Self {
        ManualClock(watch::Sender::new(now))
    }

    /// Advances the clock.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
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
        *self.0.borrow()
    }

    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut seen = self.0.subscribe();
        Box::pin(async move {
            // `self` owns the sender, so the wait can only end with the moment.
            let _ = seen.wait_for(|now| *now >= moment).await;
        })
    }
}
