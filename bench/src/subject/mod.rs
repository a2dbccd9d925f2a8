//! The subjects, which do the same job.

pub mod extism;
pub mod http;
pub mod minimal;
pub mod native;
pub mod plugbay;
pub mod raw;
pub mod raw_http;

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// An executor on the caller's thread, so that no subject switches threads.
pub fn executor() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}

/// The duration of a future on the caller's thread.
pub fn timed<T>(executor: &Runtime, future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Duration> {
    executor.block_on(async {
        let started = Instant::now();
        future.await?;
        Ok(started.elapsed())
    })
}
