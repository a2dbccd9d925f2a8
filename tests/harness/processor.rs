//! The processor time of this thread. Unlike wall-clock time it does not grow when the machine is busy with other work,
//! so a test of what a guest costs its host can assert a bound on it.
//!
//! For single-threaded tests, where everything that runs between two readings is under test. Waiting takes no processor
//! time, so the test itself has to check that a wait ends.

use std::time::Duration;

/// A reading of this thread's processor time.
#[derive(Clone, Copy)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Self {
        Moment(spent())
    }

    /// The processor time that this thread has used since.
    #[must_use]
    pub(crate) fn elapsed(self) -> Duration {
        Moment::now().0.saturating_sub(self.0)
    }
}

#[cfg(unix)]
fn spent() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(spent).expect("it counts from zero")
}

/// Wall-clock time, on systems without a per-thread processor clock.
#[cfg(not(unix))]
fn spent() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}
