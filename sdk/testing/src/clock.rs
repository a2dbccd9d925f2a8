//! A clock that the test controls. Each sleeping task wakes at its own time while the clock advances.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, MutexGuard};
use plugbay::clock::{Clock, ManualClock};

/// The clock of a test, which stands still until it is set. Clones are the same clock.
///
/// [`TestClock::set`] jumps to a time, like setting the clock of a machine.
/// [`TestHost::advance`](crate::TestHost::advance) lets time pass, so that jobs run one after another at their own
/// times.
#[derive(Clone, Default)]
pub struct TestClock {
    clock: ManualClock,
    sleepers: Arc<Mutex<Sleepers>>,
}

/// The last time to which the clock can be advanced, the end of the year 9999. Schedules and the usual date formats
/// have no later ones.
const LAST_MOMENT: Duration = Duration::from_secs(253_402_300_799);

/// The times for which tasks wait, each with the number of tasks.
type Sleepers = BTreeMap<SystemTime, usize>;

impl TestClock {
    /// A clock that shows `now`.
    pub fn new(now: SystemTime) -> Self {
        TestClock { clock: ManualClock::new(now), sleepers: Arc::default() }
    }

    /// Sets the clock, back or ahead.
    pub fn set(&self, now: SystemTime) {
        self.clock.set(now);
    }

    /// The current time.
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// The next time for which a task waits, not later than `end`.
    fn next_until(&self, end: SystemTime) -> Option<SystemTime> {
        let now = self.now();
        self.sleepers().keys().copied().find(|moment| *moment > now && *moment <= end)
    }

    /// The time that is `by` later.
    ///
    /// # Errors
    /// A message if that is after the year 9999.
    pub(crate) fn later(&self, by: Duration) -> Result<SystemTime, String> {
        let last = UNIX_EPOCH + LAST_MOMENT;
        self.now().checked_add(by).filter(|moment| *moment <= last).ok_or_else(|| {
            format!("the clock cannot be advanced by {} seconds: it ends with the year 9999", by.as_secs())
        })
    }

    /// Advances the clock to `end`, from one time for which a task waits to the next, and lets the task run in between.
    pub(crate) async fn pass<F: Future<Output = ()>>(&self, end: SystemTime, settle: impl Fn() -> F) {
        settle().await;
        while let Some(moment) = self.next_until(end) {
            self.set(moment);
            settle().await;
        }
        self.set(end);
        settle().await;
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock()
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn sleep_until(&self, moment: SystemTime) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let _sleeper = Sleeper::new(self, moment);
            self.clock.sleep_until(moment).await;
        })
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestClock").field(&self.now()).finish()
    }
}

/// The registration of a waiting task, removed on drop.
struct Sleeper<'a> {
    clock: &'a TestClock,
    moment: SystemTime,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a TestClock, moment: SystemTime) -> Self {
        *clock.sleepers().entry(moment).or_default() += 1;
        Sleeper { clock, moment }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut sleepers = self.clock.sleepers();
        if let Some(count) = sleepers.get_mut(&self.moment) {
            *count -= 1;
            if *count == 0 {
                sleepers.remove(&self.moment);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_cannot_be_advanced_beyond_the_last_date() {
        let clock = TestClock::default();
        let years = |years: u64| Duration::from_secs(years * 365 * 24 * 3600);
        assert!(clock.later(years(7000)).is_ok());
        for by in [years(8000), Duration::from_secs(i64::MAX as u64), Duration::MAX] {
            let error = clock.later(by).expect_err("too late");
            assert!(error.contains("year 9999"), "{error}");
        }
    }

    #[tokio::test]
    async fn passing_time_wakes_a_sleeper_at_each_of_its_times() {
        let clock = TestClock::default();
        let begin = clock.now();
        let woken: Arc<Mutex<Vec<u64>>> = Arc::default();
        let task = tokio::spawn({
            let (clock, woken) = (clock.clone(), woken.clone());
            async move {
                loop {
                    clock.sleep_until(clock.now() + Duration::from_secs(60)).await;
                    let since = clock.now().duration_since(begin).unwrap_or_default();
                    woken.lock().push(since.as_secs());
                }
            }
        });
        let end = clock.later(Duration::from_secs(150)).expect("it is soon");
        clock.pass(end, tokio::task::yield_now).await;
        assert_eq!(*woken.lock(), [60, 120]);
        assert_eq!(clock.now(), begin + Duration::from_secs(150));
        task.abort();
        let _ = task.await;
        assert!(clock.sleepers().is_empty(), "no task waits any more");
    }
}
