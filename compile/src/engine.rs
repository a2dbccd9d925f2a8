//! The WebAssembly engines of a process, and the epoch clock of the one without fuel.
//!
//! There is one engine per process and metering: *metered* code counts fuel, *unmetered* code (trusted plugins) checks
//! an epoch counter instead. Metering is compiled in, so it cannot be switched per plugin; the unmetered engine is made
//! when the first trusted plugin is loaded.
//!
//! Each engine allocates from a memory pool that is reserved in advance ([`Memories::Pooled`]). If the address space
//! does not suffice for it, as under `ulimit -v`, the engine maps memories as they are needed ([`Memories::OnDemand`]).
//!
//! Metered code has no epoch checks: every [`FUEL_YIELD_INTERVAL`] it yields to the executor, and its deadline is
//! checked there. Compiling in both costs 10 to 40 % of compute.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig,
};

use crate::code_cache::fingerprint;
use crate::limits::*;

/// The engine could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine for {instances} live instances: {message}")]
#[non_exhaustive]
pub struct EngineError {
    /// Requested live instances.
    pub instances: u32,
    /// The engine's message.
    pub message: String,
}

/// How running code is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metering {
    /// By fuel: sandboxed and legacy plugins.
    Fuel,
    /// By the epoch clock: trusted plugins.
    Epoch,
}

/// Where linear memories, tables and stacks are allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memories {
    /// In a pool that is reserved when the engine is made. Each memory has 4 GiB of address space, so that its code
    /// needs no bounds checks.
    Pooled,
    /// By the operating system, when an instance is made. Memories take little more address space than they hold and
    /// move when they grow, and their code checks bounds.
    OnDemand,
}

/// The variable settings that compiled code depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CodeSettings {
    /// How the code is interrupted.
    pub metering: Metering,
    /// How its memories are allocated.
    pub memories: Memories,
}

/// An engine, and the settings that code for it is compiled with.
#[derive(Clone)]
#[non_exhaustive]
pub struct CodeEngine {
    /// The engine.
    pub engine: Engine,
    /// Its settings.
    pub settings: CodeSettings,
    /// The [`fingerprint`] of the engine, which names its entries in the code cache.
    pub(crate) fingerprint: [u8; 32],
}

impl CodeEngine {
    pub(crate) fn new(engine: Engine, settings: CodeSettings) -> Self {
        let fingerprint = fingerprint(&engine);
        CodeEngine { engine, settings, fingerprint }
    }
}

/// The WebAssembly proposals that components may use. Proposals that plugins do not need are disabled: several of
/// 2026's advisories are in them. Several memories in a module are accepted, because wasmtime's own adapters between
/// two inner components need them; the scan refuses guest modules with more than one.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM3
    .difference(WasmFeatures::GC)
    .difference(WasmFeatures::FUNCTION_REFERENCES)
    .difference(WasmFeatures::EXCEPTIONS)
    .difference(WasmFeatures::THREADS)
    .difference(WasmFeatures::MEMORY64)
    .union(WasmFeatures::COMPONENT_MODEL);

/// Returns the configuration of an engine with these settings, without a pool, which a process that only compiles does
/// not need.
pub(crate) fn config(settings: CodeSettings) -> Config {
    let metering = settings.metering;
    let mut config = Config::new();
    if settings.memories == Memories::OnDemand {
        config
            .memory_reservation(0)
            .memory_reservation_for_growth(MEMORY_GROWTH_BYTES)
            .memory_guard_size(MEMORY_GUARD_BYTES)
            .guard_before_linear_memory(false);
    }
    config
        .consume_fuel(metering == Metering::Fuel)
        .epoch_interruption(metering == Metering::Epoch)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .memory_init_cow(true)
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    // Growing a memory or a table costs a system call or a copy, and by default as much fuel as an addition: 10⁸ fuel
    // of failing growth ran for seconds.
    let mut cost = OperatorCost::new();
    cost.MemoryGrow = u8::MAX;
    cost.TableGrow = u8::MAX;
    config.operator_cost(cost);
    config
}

/// The engines of a runtime.
pub struct Engines {
    metered: CodeEngine,
    unmetered: OnceLock<CodeEngine>,
    live_instances: u32,
}

impl Engines {
    /// Makes the metered engine, with a pool for this many live instances if the address space suffices. Without a pool
    /// the engine does not bound the number of live instances; the caller must.
    ///
    /// # Errors
    /// [`EngineError`] if the engine cannot be made even without a pool.
    pub fn new(live_instances: u32) -> Result<Self, EngineError> {
        Ok(Engines { metered: make(Metering::Fuel, live_instances)?, unmetered: OnceLock::new(), live_instances })
    }

    /// Returns the maximum number of live instances.
    pub fn live_instances(&self) -> u32 {
        self.live_instances
    }

    /// Returns whether the metered engine has a memory pool.
    pub fn has_pool(&self) -> bool {
        self.metered.settings.memories == Memories::Pooled
    }

    /// Returns the engine whose code is interrupted in this way.
    ///
    /// # Errors
    /// [`EngineError`] if the unmetered engine was not needed before and cannot be made.
    pub fn get(&self, metering: Metering) -> Result<&CodeEngine, EngineError> {
        match metering {
            Metering::Fuel => Ok(&self.metered),
            Metering::Epoch => {
                if let Some(engine) = self.unmetered.get() {
                    return Ok(engine);
                }
                let engine = make(Metering::Epoch, self.live_instances)?;
                tick(&engine.engine, self.live_instances)?;
                // Two concurrent loads may each make one; the second is dropped, and its ticker ends with it.
                Ok(self.unmetered.get_or_init(|| engine))
            }
        }
    }
}

fn make(metering: Metering, live_instances: u32) -> Result<CodeEngine, EngineError> {
    let settings = CodeSettings { metering, memories: Memories::Pooled };
    let mut config = config(settings);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(live_instances)));
    match Engine::new(&config) {
        Ok(engine) => Ok(CodeEngine::new(engine, settings)),
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(live_instances, error, "the memory pool cannot be reserved; plugins run without it, slower");
            on_demand(metering, live_instances)
        }
    }
}

fn on_demand(metering: Metering, live_instances: u32) -> Result<CodeEngine, EngineError> {
    let settings = CodeSettings { metering, memories: Memories::OnDemand };
    match Engine::new(&config(settings)) {
        Ok(engine) => Ok(CodeEngine::new(engine, settings)),
        Err(error) => Err(EngineError { instances: live_instances, message: format!("{error:#}") }),
    }
}

/// The number of linear memories in a pool. Nearly every component has one; a composed one has one for each part. The
/// 16 are for two of the largest components in a pool of few instances.
pub fn pooled_memories(live_instances: u32) -> u32 {
    live_instances.saturating_add(live_instances / 8).saturating_add(16)
}

/// A pool in which each live instance may have the maximum size, except for its memories, which take much address
/// space, 4 GiB each. Core instances are only counted; a table takes 160 kB of address space.
fn pool(live_instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(live_instances)
        .total_core_instances(live_instances.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(pooled_memories(live_instances))
        .total_tables(live_instances.saturating_mul(TABLES_MAX))
        .total_stacks(live_instances)
        .max_component_instance_size(INSTANCE_DATA_BYTES_MAX)
        .max_core_instance_size(INSTANCE_DATA_BYTES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_memories_per_module(1)
        .max_tables_per_component(TABLES_MAX)
        .max_tables_per_module(4)
        .table_elements(TABLE_ELEMENTS_MAX)
        .max_memory_size(MEMORY_BYTES_MAX as usize)
        .linear_memory_keep_resident(MEMORY_KEPT_RESIDENT_BYTES)
        .table_keep_resident(TABLE_KEPT_RESIDENT_BYTES)
        .async_stack_keep_resident(STACK_KEPT_RESIDENT_BYTES)
        .max_unused_warm_slots(live_instances.min(100));
    if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Yes);
    }
    pool
}

/// Starts the ticker of an unmetered engine, a thread of its own: a spinning guest can delay the executor's timers, but
/// not this thread. It ends with the engine.
fn tick(engine: &Engine, live_instances: u32) -> Result<(), EngineError> {
    let engine: EngineWeak = engine.weak();
    std::thread::Builder::new()
        .name("plugbay-epoch".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH_TICK);
            }
        })
        .map(drop)
        .map_err(|error| EngineError {
            instances: live_instances,
            message: format!("the epoch clock cannot start: {error}"),
        })
}

/// Makes an engine without a pool that compiles for one with a pool.
#[cfg(test)]
pub(crate) fn compiling(metering: Metering) -> CodeEngine {
    let settings = CodeSettings { metering, memories: Memories::Pooled };
    CodeEngine::new(Engine::new(&config(settings)).expect("the settings are right"), settings)
}
