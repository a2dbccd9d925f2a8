//! The turns of calls that compute for long.
//!
//! A guest that computes yields its thread every 50 to 250 µs and goes to the end of the executor's queue. With a
//! hundred such guests, each other task of the process waits for a hundred of these slices, and the executor, whose
//! queue is never empty, seldom looks at its sockets and timers. So a call that has computed for [`LONG_CALL_AFTER`]
//! runs each further slice in a turn. There are as many turns as processors, they are given in the order in which they
//! were asked for, and before each one the executor looks at everything else.
//!
//! [`LONG_CALL_AFTER`]: crate::limits::LONG_CALL_AFTER

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::TURN_WAIT_MAX;

/// The free turns of this process: all its runtimes share the processors.
static FREE: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)));

/// The turns of one call.
#[derive(Default)]
pub(super) struct Turns {
    next: Option<Waiting>,
    /// Held while the guest runs.
    current: Option<SemaphorePermit<'static>>,
}

type Waiting = Pin<Box<dyn Future<Output = Option<SemaphorePermit<'static>>> + Send>>;

impl Turns {
    /// Waits for the next turn, which begins when this is ready.
    pub(super) fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let next = self.next.get_or_insert_with(|| Box::pin(wait()));
        next.as_mut().poll(cx).map(|turn| {
            self.next = None;
            self.current = turn;
        })
    }

    /// Ends the turn.
    pub(super) fn end(&mut self) {
        self.current = None;
    }
}

/// Waits for a turn. A call goes on without one if others hold all turns for too long, as a call does whose future an
/// application neither polls nor drops.
async fn wait() -> Option<SemaphorePermit<'static>> {
    let turn = tokio::time::timeout(TURN_WAIT_MAX, FREE.acquire()).await;
    // Unlike a task that wakes itself, one that yields is not polled again before the sockets were looked at.
    tokio::task::yield_now().await;
    turn.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    /// The only test of this process that may hold all turns.
    #[tokio::test]
    async fn turns_are_given_in_order_and_waited_for_only_so_long() {
        let mut holding: Vec<Turns> = Vec::new();
        for _ in 0..FREE.available_permits() {
            let mut turns = Turns::default();
            poll_fn(|cx| turns.poll_begin(cx)).await;
            holding.push(turns);
        }
        let mut second = Turns::default();
        let mut begin = Box::pin(async {
            poll_fn(|cx| second.poll_begin(cx)).await;
            second.current.is_some()
        });
        let waits = poll_fn(|cx| Poll::Ready(begin.as_mut().poll(cx).is_pending())).await;
        assert!(waits, "all turns are held");
        holding[0].end();
        assert!(begin.await, "a turn was freed");
        let mut third = Turns::default();
        poll_fn(|cx| third.poll_begin(cx)).await;
        assert!(third.current.is_none(), "it goes on without a turn after {TURN_WAIT_MAX:?}");
    }
}
