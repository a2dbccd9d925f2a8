//! The future that the methods of stores return.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of a store's method: a value that is ready, or a boxed future. A store that has its answer at once
/// allocates nothing for it.
#[must_use = "futures do nothing unless they are polled"]
pub struct StoreFuture<'a, T>(State<'a, T>);

enum State<'a, T> {
    /// `None` after the value was returned.
    Ready(Option<T>),
    Waiting(Pin<Box<dyn Future<Output = T> + Send + 'a>>),
}

impl<'a, T> StoreFuture<'a, T> {
    /// A future that waits, as an `async` block does.
    pub fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        StoreFuture(State::Waiting(Box::pin(future)))
    }

    /// A value that is ready.
    #[inline]
    pub fn ready(value: T) -> Self {
        StoreFuture(State::Ready(Some(value)))
    }

    /// The value if it is ready, otherwise the future to wait for.
    #[inline]
    pub(crate) fn into_ready(self) -> Result<T, Self> {
        match self.0 {
            State::Ready(Some(value)) => Ok(value),
            state => Err(StoreFuture(state)),
        }
    }
}

/// The value of a ready future is moved, never pinned.
impl<T> Unpin for StoreFuture<'_, T> {}

impl<T> Future for StoreFuture<'_, T> {
    type Output = T;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            State::Ready(value) => Poll::Ready(value.take().expect("a future is not polled after it has completed")),
            State::Waiting(future) => future.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for StoreFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "StoreFuture(ready)",
            State::Waiting(_) => "StoreFuture(waiting)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn future_returns_its_value_whether_ready_or_not() {
        assert_eq!(StoreFuture::ready(7).await, 7);
        let later = StoreFuture::new(async {
            tokio::task::yield_now().await;
            7
        });
        assert_eq!(later.await, 7);
    }

    #[tokio::test]
    async fn ready_value_is_taken_without_polling() {
        assert_eq!(StoreFuture::ready(7).into_ready().ok(), Some(7));
        let waiting = StoreFuture::new(async { 7 }).into_ready().expect_err("it is not ready");
        assert_eq!(waiting.await, 7);
    }
}
