//! The time that the processor has spent on this thread. A machine that is busy with something else takes longer by the
//! clock and no longer by this, so a test of what a guest costs its host can have a bound that means something.
//!
//! For tests with one thread, where all that runs between two looks is what they are about. What waits takes no time here:
//! that it ends at all is for the test to see.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment of this thread.
#[derive(Clone, Copy)]
pub(crate) struct Moment(Duration);

impl Moment {
    pub(crate) fn now() -> Self {
        let spent = clock_gettime(ClockId::ThreadCPUTime);
        Moment(Duration::try_from(spent).expect("it counts from zero"))
    }

    /// How long the processor has worked on this thread since.
    #[must_use]
    pub(crate) fn elapsed(self) -> Duration {
        Moment::now().0.saturating_sub(self.0)
    }
}
