//! The executor of a host: a current-thread Tokio runtime that is driven only while the test waits for it.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

/// The time limit of [`settle`]. Jobs end at the deadlines of their calls, so it concerns plugins without a deadline.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// The interval of checks for work on other threads.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// The number of turns in which tasks that wait for nothing external settle.
const TURNS: usize = 64;

pub(crate) struct Executor {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Executor {
    /// # Panics
    /// If the operating system is out of handles.
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        Executor {
            runtime: Some(runtime.unwrap_or_else(|error| panic!("the test executor cannot be created: {error}"))),
        }
    }

    /// Runs a future to completion. In an asynchronous test, it runs on a separate thread.
    pub(crate) fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let Some(runtime) = &self.runtime else { unreachable!("the runtime is only taken on drop") };
        if Handle::try_current().is_err() {
            return runtime.block_on(future);
        }
        std::thread::scope(|scope| match scope.spawn(|| runtime.block_on(future)).join() {
            Ok(output) => output,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

impl Drop for Executor {
    /// Does not wait, because a host may be dropped in an asynchronous context, which must not block.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs background tasks until they wait, and due jobs and the handlers of published events until they end.
pub(crate) async fn settle(plugins: &plugbay::Runtime) {
    let begun = Instant::now();
    loop {
        turns().await;
        if (plugins.jobs_are_idle() && plugins.events_are_idle()) || begun.elapsed() > SETTLED_WITHIN {
            return;
        }
        // Work on another thread, such as a database call, is still running.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Runs the handlers of published events until they end.
pub(crate) async fn settle_events(plugins: &plugbay::Runtime) {
    let begun = Instant::now();
    while !plugins.events_are_idle() && begun.elapsed() < SETTLED_WITHIN {
        turns().await;
        if !plugins.events_are_idle() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

async fn turns() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}
