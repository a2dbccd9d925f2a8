//! Waiting for what a test expects: by looking again and again while other tasks run, never by the clock.
//!
//! A test that would wait forever fails after [`PATIENCE`] instead. That is a guard for a hang and measures nothing: it
//! is far longer than anything here takes on a busy machine.

use std::future::Future;
use std::time::Duration;

pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Runs a future that must end without being waited for. A call "that does not wait for its deadline" gets a deadline
/// beyond [`PATIENCE`] and is awaited through this.
pub(crate) async fn ends<F: Future>(future: F) -> F::Output {
    let ended = tokio::time::timeout(PATIENCE, future).await;
    ended.unwrap_or_else(|_| panic!("it did not end within {PATIENCE:?}"))
}

/// Looks until `look` returns something, and lets other tasks run in between. `what` describes what is missing.
pub(crate) async fn until<T>(what: impl std::fmt::Display, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("{what}: not seen within {PATIENCE:?}"))
}
