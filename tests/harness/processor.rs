//! The time that the processor has spent on this thread. A machine that is busy with something else takes longer by the
//! clock and no longer by this, so a test of what a guest costs its host can have a bound that means something.
//!
//! For tests with one thread, where all that runs between two looks is what they are about. What waits takes no time here:
//! that it ends at all is for the test to see.

use std::time::Duration;

/// A moment of this thread.
#[derive(Clone, Copy)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Self {
        Moment(spent())
    }

    /// How long the processor has worked on this thread since.
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

/// By the clock, where the processor's time is not to be had.
#[cfg(not(unix))]
fn spent() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}
