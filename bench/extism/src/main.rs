//! The benchmark's Extism process, which runs one batch of the job for each line of its input, with all limits of
//! Extism.
//!
//! Usage: `plugbay-bench-extism MODULE MODE ACTION`. The first line of standard input is the payload, for which the
//! process prints the result of the action. Every other line is a number of calls, for which it prints their duration
//! in nanoseconds (in mode `memory`, a number of instances, for which it prints the bytes per instance).

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};

/// Plugbay's default limits.
const FUEL: u64 = 10_000_000_000;
const TIMEOUT: Duration = Duration::from_secs(10);
const MEMORY_PAGES: u32 = 2_048;

/// The duration of the warm-up before a timed batch.
const WAKING: Duration = Duration::from_millis(1);
const THREADS: usize = 4;
/// The size of the pool in instances.
const POOL: u32 = 1_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, mode, action] = &arguments[..] else { bail!("plugbay-bench-extism MODULE MODE ACTION") };
    let mut lines = std::io::stdin().lock().lines();
    let payload = lines.next().context("no payload")??;
    let mut peer = Peer::new(module.into(), mode, action, payload)?;
    println!("{}", peer.once()?);
    for line in lines {
        println!("{}", peer.run(line?.parse()?)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}

struct Peer<'a> {
    module: PathBuf,
    mode: &'a str,
    action: &'a str,
    payload: String,
    compiled: CompiledPlugin,
    /// The warm instances, one for each thread.
    warm: Vec<Plugin>,
}

impl<'a> Peer<'a> {
    fn new(module: PathBuf, mode: &'a str, action: &'a str, payload: String) -> anyhow::Result<Self> {
        let compiled = compile(&module, mode.contains("pooled"))?;
        let warm = (0..THREADS).map(|_| Plugin::new_from_compiled(&compiled)).collect::<Result<_, _>>()?;
        Ok(Peer { module, mode, action, payload, compiled, warm })
    }

    fn once(&mut self) -> anyhow::Result<String> {
        call(&mut self.warm[0], self.action, &self.payload)
    }

    fn run(&mut self, calls: u32) -> anyhow::Result<u128> {
        self.wake()?;
        let started = Instant::now();
        match self.mode {
            "warm" => repeat(&mut self.warm[0], self.action, &self.payload, calls)?,
            "fresh" | "fresh-pooled" => fresh(&self.compiled, self.action, &self.payload, calls)?,
            "threads" | "threads-fresh-pooled" => return self.threads(calls),
            "load" => {
                for _ in 0..calls {
                    let mut plugin = Plugin::new_from_compiled(&compile(&self.module, false)?)?;
                    black_box(call(&mut plugin, self.action, &self.payload)?);
                }
            }
            "memory" => return self.memory(calls),
            mode => bail!("unknown mode {mode}"),
        }
        Ok(started.elapsed().as_nanos())
    }

    /// Warms the process up: it has just slept, whereas the batches of other subjects follow directly upon one another.
    fn wake(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + WAKING;
        while Instant::now() < until {
            match self.mode {
                "load" | "memory" => break,
                mode if mode.contains("fresh") => fresh(&self.compiled, self.action, &self.payload, 1)?,
                _ => repeat(&mut self.warm[0], self.action, &self.payload, 1)?,
            }
        }
        Ok(())
    }

    /// The duration of the calls of all threads, which start at the same time.
    fn threads(&mut self, calls: u32) -> anyhow::Result<u128> {
        let (compiled, action, payload) = (&self.compiled, self.action, &self.payload);
        let (barrier, is_fresh) = (Barrier::new(THREADS), self.mode != "threads");
        let share = calls.div_ceil(THREADS as u32);
        let spans = std::thread::scope(|scope| {
            let handles: Vec<_> = self
                .warm
                .iter_mut()
                .map(|plugin| {
                    let barrier = &barrier;
                    scope.spawn(move || -> anyhow::Result<(Instant, Instant)> {
                        barrier.wait();
                        let began = Instant::now();
                        if is_fresh {
                            fresh(compiled, action, payload, share)?;
                        } else {
                            repeat(plugin, action, payload, share)?;
                        }
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
        // Each thread makes the same number of calls, which may be a few more than requested. The duration is scaled.
        Ok((ended - began).as_nanos() * u128::from(calls) / u128::from(share * THREADS as u32))
    }

    fn memory(&mut self, instances: u32) -> anyhow::Result<u128> {
        let before = resident_bytes()?;
        let mut live = Vec::new();
        for _ in 0..instances {
            let mut plugin = Plugin::new_from_compiled(&self.compiled)?;
            call(&mut plugin, self.action, &self.payload)?;
            live.push(plugin);
        }
        Ok(u128::from(resident_bytes()? - before) / u128::from(instances.max(1)))
    }
}

fn compile(module: &Path, pooled: bool) -> anyhow::Result<CompiledPlugin> {
    let manifest =
        Manifest::new([Wasm::data(std::fs::read(module)?)]).with_memory_max(MEMORY_PAGES).with_timeout(TIMEOUT);
    let mut builder = PluginBuilder::new(manifest).with_wasi(true).with_fuel_limit(FUEL).with_cache_disabled();
    if pooled {
        let mut pool = wasmtime::PoolingAllocationConfig::default();
        pool.total_core_instances(4 * POOL)
            .total_memories(2 * POOL)
            .total_tables(4 * POOL)
            .max_memory_size(1 << 32)
            .linear_memory_keep_resident(4 << 20)
            .table_keep_resident(64 << 10);
        if wasmtime::PoolingAllocationConfig::is_pagemap_scan_available() {
            pool.pagemap_scan(wasmtime::Enabled::Yes);
        }
        let mut config = wasmtime::Config::new();
        config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
        builder = builder.with_wasmtime_config(config);
    }
    builder.compile()
}

fn call(plugin: &mut Plugin, action: &str, payload: &str) -> anyhow::Result<String> {
    plugin.call::<&str, String>(action, payload)
}

fn repeat(plugin: &mut Plugin, action: &str, payload: &str, calls: u32) -> anyhow::Result<()> {
    for _ in 0..calls {
        black_box(call(plugin, action, payload)?);
    }
    Ok(())
}

fn fresh(compiled: &CompiledPlugin, action: &str, payload: &str, calls: u32) -> anyhow::Result<()> {
    for _ in 0..calls {
        black_box(call(&mut Plugin::new_from_compiled(compiled)?, action, payload)?);
    }
    Ok(())
}

fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
