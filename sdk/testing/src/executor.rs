//! Where a host's plugins run: a current-thread executor of its own, driven only while the test waits for it.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime};

/// Jobs end at the deadlines of their calls; a plugin without one is not waited for any longer than this.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);
/// How often it is looked whether what runs on other threads is done.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// Turns that tasks which wait for nothing outside get to come to rest.
const TURNS: usize = 64;

pub(crate) struct Executor {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Executor {
    /// # Panics
    /// Where the system has no more handles for one.
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        Executor { runtime: Some(runtime.unwrap_or_else(|error| panic!("no executor can be made: {error}"))) }
    }

    /// Runs a future to its end. In a test that is asynchronous itself, on a thread of its own meanwhile.
    pub(crate) fn wait<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let Some(runtime) = &self.runtime else { unreachable!("it is there until it is dropped") };
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
    /// Does not wait: a host may be dropped where waiting is not allowed.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets everything in the background run until it waits again, and the jobs that have become due to their ends.
pub(crate) async fn settle(plugins: &plugbay::Runtime) {
    let begun = Instant::now();
    loop {
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        if plugins.jobs_are_at_rest() || begun.elapsed() > SETTLED_WITHIN {
            return;
        }
        // Something runs on another thread, such as a database. This thread has to wait for it.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
