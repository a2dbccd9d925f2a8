//! Runs a guest, or another future of a call, until it is ready, its deadline passes or it panics.
//!
//! A guest yields its thread in two ways: it waits in a host call, or, if it is metered, it yields after a number of
//! fuel units. Both check the deadline. The second does so without the timer, because timers fire late on a machine
//! full of spinning guests. A call that answers at once never touches the timer, and one that computes for long takes
//! [`Turns`].

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::turns::Turns;
use crate::host::TimeLimit;
use crate::limits::LONG_CALL_AFTER;

/// Why a future was interrupted. If it was a guest's, its store must be dropped.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The deadline passed.
    Deadline,
    /// A host function panicked.
    Panicked(String),
}

/// Polls `guest` until it is ready or its deadline passes. The guest stays pinned where it is: its future holds its
/// parameters and its answer, and every call would pay for moving them.
pub(crate) async fn until<F: Future>(limit: TimeLimit, mut guest: Pin<&mut F>) -> Result<F::Output, Interrupted> {
    let mut paused: Option<Box<Paused>> = None;
    poll_fn(move |cx| {
        if let Some(paused) = &mut paused
            && !paused.may_go_on(cx)
        {
            return paused.interruption(limit, cx);
        }
        // A panic in a host function unwinds through the guest's fiber. Its store is dropped, so its broken state is
        // never used.
        match catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(cx))) {
            Ok(Poll::Ready(answer)) => return Poll::Ready(Ok(answer)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(Interrupted::Panicked(panic_message(panic.as_ref())))),
        }
        let paused = match &mut paused {
            Some(paused) => {
                paused.pause();
                paused
            }
            None => paused.insert(Box::new(Paused::new(limit))),
        };
        paused.interruption(limit, cx)
    })
    .await
}

/// A call whose guest has paused: it waits in a host call, or has yielded. How long its guest computed before the first
/// pause is not measured, because reading the clock would cost each call that answers at once.
struct Paused {
    timer: Option<Pin<Box<Sleep>>>,
    /// When the guest went on.
    since: Instant,
    computed: Duration,
    /// Used once the guest has computed for long.
    turns: Turns,
}

impl Paused {
    fn new(limit: TimeLimit) -> Self {
        let timer = limit.deadline().map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
        Paused { timer, since: Instant::now(), computed: Duration::ZERO, turns: Turns::default() }
    }

    /// Returns whether the guest may go on now. If not, the task is woken when it may.
    fn may_go_on(&mut self, cx: &mut Context<'_>) -> bool {
        if self.computed < LONG_CALL_AFTER {
            self.since = Instant::now();
            return true;
        }
        self.turns.poll_begin(cx).is_ready()
    }

    fn pause(&mut self) {
        if self.computed < LONG_CALL_AFTER {
            self.computed += self.since.elapsed();
        } else {
            self.turns.end();
        }
    }

    /// Returns whether the deadline has passed. If not, the task is woken then.
    fn interruption<T>(&mut self, limit: TimeLimit, cx: &mut Context<'_>) -> Poll<Result<T, Interrupted>> {
        if limit.is_over() {
            return Poll::Ready(Err(Interrupted::Deadline));
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        timer.as_mut().poll(cx).map(|()| Err(Interrupted::Deadline))
    }
}

/// The message of a caught panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;

    #[tokio::test]
    async fn ready_future_answers_even_after_its_deadline() {
        let answer = until(TimeLimit::from_now(Some(Duration::ZERO)), pin!(async { 7 })).await;
        assert!(matches!(answer, Ok(7)));
    }

    #[tokio::test]
    async fn waiting_future_ends_at_its_deadline() {
        let limit = TimeLimit::from_now(Some(Duration::from_millis(20)));
        let answer = until(limit, pin!(std::future::pending::<()>())).await;
        assert!(matches!(answer, Err(Interrupted::Deadline)));
        // The timer has a clock of its own.
        assert!(limit.left() < Some(Duration::from_millis(1)));
    }

    #[tokio::test]
    async fn yielding_future_ends_at_its_deadline() {
        let spinning = poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        let answer = until(TimeLimit::from_now(Some(Duration::from_millis(20))), pin!(spinning)).await;
        assert!(matches!(answer, Err(Interrupted::Deadline)));
    }

    #[tokio::test]
    async fn panic_under_the_guest_is_caught_with_its_message() {
        let answer = until(TimeLimit::from_now(None), pin!(async { panic!("broken host") })).await;
        assert!(matches!(answer, Err(Interrupted::Panicked(message)) if message == "broken host"));
    }
}
