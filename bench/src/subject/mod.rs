//! The four that do the same job.

pub mod extism;
pub mod native;
pub mod plugbay;
pub mod raw;

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

/// An executor on the caller's thread: nothing hops between threads, whoever is measured.
pub fn executor() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_time().build()?)
}

/// How long a future takes on the caller's thread.
pub fn timed<T>(executor: &Runtime, future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<Duration> {
    executor.block_on(async {
        let started = Instant::now();
        future.await?;
        Ok(started.elapsed())
    })
}
