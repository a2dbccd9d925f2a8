//! Runs a guest, or another future of a call, until it is ready, its deadline passes or it panics.
//!
//! A guest yields its thread in two ways: it waits in a host call, or, if it is metered, it yields after a number of
//! fuel units. Both check the deadline. The second does so without the timer, because timers fire late on a machine
//! full of spinning guests. A call that answers at once never touches the timer.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::Poll;

use crate::host::TimeLimit;

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
    let mut timer = None;
    poll_fn(move |cx| {
        // A panic in a host function unwinds through the guest's fiber. Its store is dropped, so its broken state is
        // never used.
        match catch_unwind(AssertUnwindSafe(|| guest.as_mut().poll(cx))) {
            Ok(Poll::Ready(answer)) => return Poll::Ready(Ok(answer)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(Interrupted::Panicked(panic_message(panic.as_ref())))),
        }
        if limit.is_over() {
            return Poll::Ready(Err(Interrupted::Deadline));
        }
        if timer.is_none() {
            timer = limit.deadline().map(|deadline| Box::pin(tokio::time::sleep_until(deadline.into())));
        }
        let Some(timer) = &mut timer else { return Poll::Pending };
        timer.as_mut().poll(cx).map(|()| Err(Interrupted::Deadline))
    })
    .await
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
    use std::time::Duration;

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
        assert!(limit.is_over());
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
