//! A future that is polled again at once if it has woken itself.
//!
//! Hyper wakes its own connection twice for each request with a body: when the handler asks for the body, and when the
//! handler gets it. For Tokio, a task that wakes itself lets others go first: the task is queued again, and another
//! thread is woken that may take it. If the server has little to do, waking that thread costs more than the request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// How often a future is polled again at once. Then it lets others go first, as a plugin does that computes for long.
const AGAIN_MAX: u32 = 2;

/// A future, polled again at once if it has woken itself.
pub(super) struct SelfWake<F> {
    pub(super) future: F,
    waker: Option<(Arc<Notes>, Waker)>,
}

impl<F> SelfWake<F> {
    pub(super) fn new(future: F) -> Self {
        SelfWake { future, waker: None }
    }
}

impl<F: Future + Unpin> Future for SelfWake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let SelfWake { future, waker } = &mut *self;
        if waker.as_ref().is_none_or(|(notes, _)| !notes.task.will_wake(context.waker())) {
            let notes = Arc::new(Notes { task: context.waker().clone(), state: AtomicU8::new(IDLE) });
            *waker = Some((notes.clone(), notes.into()));
        }
        let Some((notes, waker)) = waker else { return Poll::Pending };
        for _ in 0..=AGAIN_MAX {
            notes.state.store(POLLED, Ordering::Release);
            if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if notes.state.swap(IDLE, Ordering::AcqRel) == POLLED {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The states: the future is not being polled, is being polled, or was woken while it was.
const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// The waker of the future. It wakes the task unless the task is polling the future.
struct Notes {
    task: Waker,
    state: AtomicU8,
}

impl Wake for Notes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = self.state.compare_exchange(POLLED, WOKEN, Ordering::AcqRel, Ordering::Acquire);
        if noted == Err(IDLE) {
            self.task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls a future once that wakes itself in its first polls and is ready after them. Returns its result, how often
    /// it was polled, and how often its task was woken.
    fn polled(self_wakes: u32) -> (Poll<()>, u32, u32) {
        let (task, mut polls) = (Arc::<Count>::default(), 0);
        let future = poll_fn(|context| {
            polls += 1;
            if polls > self_wakes {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        let result = Pin::new(&mut SelfWake::new(future)).poll(&mut Context::from_waker(&task.clone().into()));
        (result, polls, task.0.load(Ordering::Relaxed))
    }

    #[test]
    fn future_that_wakes_itself_is_polled_again_at_once() {
        assert_eq!(polled(0), (Poll::Ready(()), 1, 0));
        assert_eq!(polled(2), (Poll::Ready(()), 3, 0));
    }

    #[test]
    fn future_that_wakes_itself_often_lets_others_go_first() {
        assert_eq!(polled(3), (Poll::Pending, 3, 1));
    }

    #[test]
    fn wake_of_another_wakes_the_task() {
        let (task, mut waker) = (Arc::<Count>::default(), None);
        let mut future = SelfWake::new(poll_fn(|context| {
            waker = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        let context = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut future).poll(context).is_pending());
        // The task may be polled with another waker.
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&task.clone().into())).is_pending());
        drop(future);
        waker.expect("it was polled").wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
    }
}
