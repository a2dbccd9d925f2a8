//! One plugin called from several threads at once.

use std::future::Future;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::Context;
use plugbay::manifest::Instances;

use super::{Bench, LIVE_INSTANCES};
use crate::measure::{Subject, interleave};
use crate::report::{Row, Target};
use crate::subject::{executor, plugbay as bay, raw};

const THREADS: usize = 4;

/// Which instances serve the calls.
#[derive(Clone, Copy, PartialEq)]
pub enum Serving {
    /// As many as there are threads.
    Replicas,
    /// A fresh one for each call.
    Fresh,
}

pub fn row(bench: &Bench, serving: Serving, action: &'static str, payload: &'static str) -> anyhow::Result<Row> {
    let asked = if serving == Serving::Replicas { Instances::Count(THREADS as u32) } else { Instances::PerCall };
    let raw_plugin = raw::Host::new(LIVE_INSTANCES)?.compile(&bench.wasm)?;
    let runtime = bay::runtime(LIVE_INSTANCES, None)?;
    let plugin = executor()?.block_on(runtime.load(bay::package("bench", &bench.wasm, asked)))?;

    let raw_calls = async |calls: u32| match serving {
        Serving::Replicas => raw::warm(&mut raw_plugin.start().await?, action, payload, calls).await,
        Serving::Fresh => raw::fresh(&raw_plugin, action, payload, calls).await,
    };
    let bay_calls = async |calls: u32| bay::batch(&plugin, action, payload, calls).await;
    let mut subjects = vec![
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
    Ok(Row::new(name, interleave(subjects, bench.slower(Duration::from_millis(10)))?)
        .ratio("plugbay, 1 thread", "plugbay, 4 threads", Some(Target::AtLeast(3.0)))
        .ratio("raw wasmtime, 1 thread", "raw wasmtime, 4 threads", None)
        .ratio("plugbay, 4 threads", "raw wasmtime, 4 threads", None)
        .ratio("extism, 4 threads", "plugbay, 4 threads", None))
}

/// Runs `calls` calls, spread over so many threads that start together; answers when the last one ended.
fn on_threads<F, R>(threads: usize, calls: u32, work: &F) -> anyhow::Result<Duration>
where
    F: Fn(u32) -> R + Sync,
    R: Future<Output = anyhow::Result<()>>,
{
    let start = Barrier::new(threads);
    let spans = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                let start = &start;
                let share = calls / threads as u32 + u32::from((thread as u32) < calls % threads as u32);
                scope.spawn(move || -> anyhow::Result<(Instant, Instant)> {
                    let executor = executor()?;
                    start.wait();
                    let began = Instant::now();
                    executor.block_on(work(share))?;
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
