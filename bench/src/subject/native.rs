//! The job as a native function.

#[path = "../../guest/src/job.rs"]
mod job;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Runs the job once.
pub fn call(action: &str, payload: &str) -> anyhow::Result<String> {
    job::run(action, payload).with_context(|| format!("no action `{action}` takes this payload"))
}

/// Runs the job `calls` times.
pub fn batch(action: &str, payload: &str, calls: u32) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for _ in 0..calls {
        black_box(call(black_box(action), black_box(payload))?);
    }
    Ok(started.elapsed())
}
