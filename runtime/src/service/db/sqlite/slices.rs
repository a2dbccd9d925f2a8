//! Statements that compute for long do so in slices, a few of them at a time.
//!
//! Statements run on threads that may block, which the system schedules beside the executor's. With twenty that
//! compute, the executor would get a tenth of the processors. So a statement that goes on for long waits after each
//! slice until fewer statements compute than half of the processors.

use std::sync::LazyLock;

use parking_lot::{Condvar, Mutex};

use crate::limits::DB_SLICE_WAIT_MAX;

/// The slices of this process.
static SLICES: LazyLock<Slices> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Slices { max: (processors / 2).max(1), computing: Mutex::new(0), freed: Condvar::new() }
});

struct Slices {
    max: usize,
    computing: Mutex<usize>,
    freed: Condvar,
}

/// The slice of a statement, if it has one.
#[derive(Default)]
pub(super) struct Slice(Option<Turn<'static>>);

struct Turn<'a>(&'a Slices);

impl Slice {
    /// Ends the slice, and waits for the next one. A statement goes on without one if others compute for too long.
    pub(super) fn next(&mut self) {
        self.end();
        self.0 = SLICES.take();
    }

    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}

impl Slices {
    fn take(&self) -> Option<Turn<'_>> {
        let mut computing = self.computing.lock();
        while *computing >= self.max {
            if self.freed.wait_for(&mut computing, DB_SLICE_WAIT_MAX).timed_out() {
                return None;
            }
        }
        *computing += 1;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.computing.lock() -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_statements_compute_at_once() {
        let slices = Slices { max: 1, computing: Mutex::new(0), freed: Condvar::new() };
        let first = slices.take().expect("none computes");
        assert!(slices.take().is_none(), "it is waited for, but not without end");
        std::thread::scope(|scope| {
            let second = scope.spawn(|| slices.take().is_some());
            drop(first);
            assert!(second.join().expect("it does not panic"), "the first has ended");
        });
        assert_eq!(*slices.computing.lock(), 0);
    }
}
