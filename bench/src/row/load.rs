//! Loading a plugin from a file, compiled or from the code cache.

use std::time::{Duration, Instant};

use anyhow::ensure;
use plugbay::manifest::Instances;

use super::{Bench, LIVE_INSTANCES};
use crate::measure::{Subject, interleave};
use crate::report::Row;
use crate::subject::{executor, plugbay as bay, raw};

/// Reads the component, loads it, calls `ping` and unloads it.
pub fn row(bench: &Bench, cached: bool) -> anyhow::Result<Row> {
    let executor = executor()?;
    let host = raw::Host::new(LIVE_INSTANCES)?;
    let cwasm = bench.scratch("raw.cwasm");
    host.precompile(&bench.wasm, &cwasm)?;
    let raw_load = || -> anyhow::Result<()> {
        let plugin = if cached { host.load(&cwasm)? } else { host.compile(&std::fs::read(&bench.wasm_path)?)? };
        let answer = executor.block_on(async { plugin.start().await?.call("ping", "null").await })?;
        ensure!(answer == "\"pong\"", "raw wasmtime returned {answer}");
        Ok(())
    };
    let directory = bench.scratch("code");
    let runtime = bay::runtime(LIVE_INSTANCES, cached.then_some(&*directory))?;
    let bay_load = || -> anyhow::Result<()> {
        executor.block_on(async {
            let package = bay::package("bench", &std::fs::read(&bench.wasm_path)?, Instances::Count(1));
            let plugin = runtime.load(package).await?;
            let answer = bay::call(&plugin, "ping", "null").await?;
            ensure!(answer == "\"pong\"", "Plugbay returned {answer}");
            drop(plugin);
            runtime.unload("bench").await;
            Ok(())
        })
    };
    let mut subjects = vec![
        Subject::new("raw wasmtime", |calls| repeat(calls, raw_load)),
        Subject::new("plugbay", |calls| repeat(calls, bay_load)),
    ];
    if let Some(extism) = bench.extism.as_ref().filter(|_| !cached) {
        let mut peer = extism.start("load", "ping", "null")?;
        subjects.push(Subject::new("extism", move |calls| peer.batch(calls)));
    }
    let name = if cached { "load from the code cache, first call" } else { "load from .wasm, first call" };
    let plan = bench.slower(Duration::from_millis(2));
    Ok(Row::new(name, interleave(subjects, plan)?)
        .ratio("plugbay", "raw wasmtime", None)
        .ratio("extism", "plugbay", None))
}

fn repeat(calls: u32, mut load: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let started = Instant::now();
    for _ in 0..calls {
        load()?;
    }
    Ok(started.elapsed())
}
