//! One plugin called from several threads at once.
//!
//! The threads of the native function share nothing, so its speed-up is the maximum of the machine. The calls of a
//! batch are distributed in portions, as an executor does, so that a delayed thread does not delay the others.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use plugbay::manifest::Instances;
use serde_json::value::RawValue;

use super::{Bench, LIVE_INSTANCES};
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};
use crate::subject::{executor, native, plugbay as bay, raw};

const THREADS: usize = 4;
/// The number of portions of a batch per thread.
const PORTIONS: u32 = 32;

/// The instances that serve the calls.
#[derive(Clone, Copy, PartialEq)]
pub enum Serving {
    /// One instance for each thread.
    Replicas,
    /// A new instance for each call.
    Fresh,
}

pub fn row(bench: &Bench, serving: Serving, action: &'static str, payload: &'static str) -> anyhow::Result<Row> {
    let asked = if serving == Serving::Replicas { Instances::Count(THREADS as u32) } else { Instances::PerCall };
    let raw_plugin = raw::Host::new(LIVE_INSTANCES)?.compile(&bench.wasm)?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let plugin = executor()?.block_on(runtime.load(bay::package("bench", &bench.wasm, asked)))?;

    let native_calls = async |portions: &Portions| {
        portions.take().try_for_each(|calls| native::batch(action, payload, calls).map(drop))
    };
    let raw_calls = async |portions: &Portions| {
        let mut instance = raw_plugin.start().await?;
        for calls in portions.take() {
            match serving {
                Serving::Replicas => raw::warm(&mut instance, action, payload, calls).await?,
                Serving::Fresh => raw::fresh(&raw_plugin, action, payload, calls).await?,
            }
        }
        Ok(())
    };
    let json: &RawValue = serde_json::from_str(payload)?;
    let bay_calls = async |portions: &Portions| {
        for calls in portions.take() {
            bay::batch(&plugin, action, json, calls).await?;
        }
        Ok(())
    };
    let mut subjects = vec![
        Subject::new("native, 1 thread", |calls| on_threads(1, calls, &native_calls)),
        Subject::new("native, 4 threads", |calls| on_threads(THREADS, calls, &native_calls)),
        Subject::new("raw wasmtime, 1 thread", |calls| on_threads(1, calls, &raw_calls)),
        Subject::new("raw wasmtime, 4 threads", |calls| on_threads(THREADS, calls, &raw_calls)),
        Subject::new("plugbay, 1 thread", |calls| on_threads(1, calls, &bay_calls)),
        Subject::new("plugbay, 4 threads", |calls| on_threads(THREADS, calls, &bay_calls)),
    ];
    if let Some(extism) = &bench.extism {
        let mode = if serving == Serving::Replicas { "threads" } else { "threads-fresh-pooled" };
        let mut peer = extism.start(mode, action, payload)?;
        subjects.push(Subject::new("extism, 4 threads", move |calls| peer.batch(calls)));
    }
    let how = if serving == Serving::Replicas { "4 replicas" } else { "a fresh sandbox per call" };
    let name =
        format!("threads, {how}: {action}, payload of {} bytes; time per call of the whole plugin", payload.len());
    Ok(Row::new(name, interleave(subjects, bench.slower(Duration::from_millis(20)))?)
        .ratio("plugbay, 1 thread", "plugbay, 4 threads", Some(Target::AtLeast(3.0)))
        .ratio("raw wasmtime, 1 thread", "raw wasmtime, 4 threads", None)
        .ratio("native, 1 thread", "native, 4 threads", None)
        .ratio("plugbay, 4 threads", "raw wasmtime, 4 threads", None)
        .ratio("extism, 4 threads", "plugbay, 4 threads", None))
}

/// The calls of one batch, in portions.
struct Portions {
    left: AtomicU32,
    calls: u32,
}

impl Portions {
    fn of(calls: u32, threads: u32) -> Self {
        Portions { left: AtomicU32::new(calls), calls: calls.div_ceil(threads * PORTIONS) }
    }

    /// Takes portions until none is left.
    fn take(&self) -> impl Iterator<Item = u32> {
        std::iter::from_fn(|| {
            let all = |left: u32| left.checked_sub(self.calls.min(left)).filter(|_| left > 0);
            let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, all).ok()?;
            Some(self.calls.min(left))
        })
    }
}

/// Runs `calls` calls on `threads` threads that start together, and returns the time until the last one ends.
fn on_threads(
    threads: usize,
    calls: u32,
    work: &(impl AsyncFn(&Portions) -> anyhow::Result<()> + Sync),
) -> anyhow::Result<Duration> {
    let start = Barrier::new(threads);
    let portions = Portions::of(calls, threads as u32);
    let spans = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                let (start, portions) = (&start, &portions);
                scope.spawn(move || -> anyhow::Result<(Instant, Instant)> {
                    let executor = executor()?;
                    start.wait();
                    let began = Instant::now();
                    executor.block_on(work(portions))?;
                    Ok((began, Instant::now()))
                })
            })
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
            .collect::<anyhow::Result<Vec<_>>>()
    })?;
    let began = spans.iter().map(|span| span.0).min().context("no thread")?;
    let ended = spans.iter().map(|span| span.1).max().context("no thread")?;
    Ok(ended - began)
}
