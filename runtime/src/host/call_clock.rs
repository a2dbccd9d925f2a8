//! The clock of calls.
//!
//! Each call reads it twice. So a process that makes many calls uses the processor's own counter where that is
//! reliable: a reading takes 10 ns, and one of the operating system's clock 24. Finding out how fast the counter runs
//! takes about a millisecond, on a thread of its own; the first calls, which are all that most commands make, use the
//! system's clock.
//!
//! The rates of the two differ by some millionths, so moments of the two are compared only once, at the change.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// The calls of a process that use the system's clock.
const SYSTEM_CALLS: u32 = 1_000;

/// The first moment of the process.
static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The calls that have used the system's clock.
static CALLS: AtomicU32 = AtomicU32::new(0);
/// Set when the counter is ready.
static COUNTER: OnceLock<Counter> = OnceLock::new();

/// The moment of the change from the system's clock to the counter.
struct Counter {
    at: quanta::Instant,
    /// The time from the first moment of the process to this one, by the system's clock.
    since_first: Duration,
}

/// The moment at which a call began.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    System(Instant),
    Counter(quanta::Instant),
}

impl Moment {
    #[inline]
    pub(super) fn now() -> Self {
        match COUNTER.get() {
            Some(_) => Moment::Counter(quanta::Instant::now()),
            None => Moment::system(),
        }
    }

    #[cold]
    fn system() -> Self {
        if CALLS.fetch_add(1, Ordering::Relaxed) == SYSTEM_CALLS {
            // Without the thread, calls continue to use the system's clock.
            let _ = thread::Builder::new().name("call clock".to_owned()).spawn(|| {
                let at = quanta::Instant::now();
                COUNTER.get_or_init(|| Counter { at, since_first: FIRST.elapsed() });
            });
        }
        Moment::System(Instant::now())
    }

    #[inline]
    pub(super) fn elapsed(self) -> Duration {
        match self {
            Moment::Counter(began) => began.elapsed(),
            Moment::System(began) => began.elapsed(),
        }
    }

    /// The time since the first moment of the process, or since one that was about as early.
    #[inline]
    pub(super) fn since_first(self) -> Duration {
        match self {
            Moment::Counter(moment) => {
                COUNTER.get().map_or(Duration::ZERO, |counter| counter.since_first + moment.duration_since(counter.at))
            }
            Moment::System(moment) => moment.duration_since(*FIRST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_changes() {
        let system = Moment::system();
        while COUNTER.get().is_none() {
            Moment::now();
        }
        let counter = Moment::now();
        assert!(matches!((system, counter), (Moment::System(_), Moment::Counter(_))));
        let (before, after) = (system.since_first(), counter.since_first());
        assert!(before <= after && after <= FIRST.elapsed() + Duration::from_secs(1), "{before:?} {after:?}");
        assert!(counter.elapsed() <= system.elapsed());
    }
}
