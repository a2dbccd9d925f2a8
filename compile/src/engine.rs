//! The WebAssembly engines of one process, and the clock of the one that has no fuel.
//!
//! There is one engine per process and metering: *metered* code counts fuel, *unmetered* code (trusted plugins) looks at
//! an epoch counter instead. Metering is compiled in, so it cannot be switched for each plugin; the unmetered engine is
//! made when the first trusted plugin is loaded. Both have a memory pool, or, in a process that compiles only, none.
//!
//! Metered code has no epoch checks: every [`FUEL_YIELD_INTERVAL`] it yields to the executor, and that is where its
//! deadline is looked at. Compiling both in costs 10 to 40 % of compute.

use std::sync::OnceLock;

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig,
};

use crate::limits::*;

/// An engine refused its settings or could not reserve its memory pool.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine for {instances} live instances: {message}")]
#[non_exhaustive]
pub struct EngineError {
    /// Live instances that were asked for.
    pub instances: u32,
    /// What the engine reported.
    pub message: String,
}

/// How running code is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metering {
    /// By fuel: sandboxed and legacy plugins.
    Fuel,
    /// By the epoch clock: trusted plugins.
    Epoch,
}

impl Metering {
    /// The name under which a compile worker is told.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Metering::Fuel => "fuel",
            Metering::Epoch => "epoch",
        }
    }

    pub(crate) fn from_str(name: &str) -> Option<Self> {
        [Metering::Fuel, Metering::Epoch].into_iter().find(|metering| metering.as_str() == name)
    }
}

/// The settings that compiled code depends on. A compile worker uses the same, without a pool.
pub(crate) fn config(metering: Metering) -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(metering == Metering::Fuel)
        .epoch_interruption(metering == Metering::Epoch)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .memory_init_cow(true)
        // Proposals that plugins do not need stay off: several of 2026's advisories live there.
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        // Several memories in one module stay on: wasmtime's own adapters between two inner components need them. Guests'
        // modules with more than one are refused by the scan.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(16));
    // Growing a memory or a table costs a system call or a copy, and by default as much fuel as an addition: 10⁸ fuel of
    // failing growth ran for seconds.
    let mut cost = OperatorCost::new();
    cost.MemoryGrow = u8::MAX;
    cost.TableGrow = u8::MAX;
    config.operator_cost(cost);
    config
}

/// The engines of a runtime.
pub struct Engines {
    metered: Engine,
    unmetered: OnceLock<Engine>,
    live_instances: u32,
}

impl Engines {
    /// Makes the metered engine, with a pool for this many live instances.
    ///
    /// # Errors
    /// [`EngineError`], if the pool cannot be reserved.
    pub fn new(live_instances: u32) -> Result<Self, EngineError> {
        Ok(Engines { metered: pooled(Metering::Fuel, live_instances)?, unmetered: OnceLock::new(), live_instances })
    }

    /// Instances that may live at the same time.
    pub fn live_instances(&self) -> u32 {
        self.live_instances
    }

    /// The engine whose code is interrupted in this way.
    ///
    /// # Errors
    /// [`EngineError`], if the unmetered engine was not needed before and cannot be made.
    pub fn get(&self, metering: Metering) -> Result<&Engine, EngineError> {
        match metering {
            Metering::Fuel => Ok(&self.metered),
            Metering::Epoch => {
                if let Some(engine) = self.unmetered.get() {
                    return Ok(engine);
                }
                let engine = pooled(Metering::Epoch, self.live_instances)?;
                tick(&engine, self.live_instances)?;
                // Two loads at once may both make one; the second is dropped, and its ticker ends with it.
                Ok(self.unmetered.get_or_init(|| engine))
            }
        }
    }
}

fn pooled(metering: Metering, live_instances: u32) -> Result<Engine, EngineError> {
    let mut config = config(metering);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(live_instances)));
    Engine::new(&config).map_err(|error| EngineError { instances: live_instances, message: format!("{error:#}") })
}

/// A pool with a slot for each live instance. A component is often several core instances (the plugin and the shims that
/// `wit-component` adds), most of them without a memory of their own.
fn pool(live_instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(live_instances)
        .total_core_instances(live_instances.saturating_mul(4))
        .total_memories(live_instances.saturating_add(live_instances / 8).saturating_add(16))
        .total_tables(live_instances.saturating_mul(3))
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

/// One thread for each unmetered engine: a spinning guest can hold up the executor's timers, but not this. It ends with
/// the engine.
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
