//! The baseline: raw wasmtime, with the limits of Plugbay and without its services.
//!
//! The same component runs on the same engine and pool (`plugbay_compile::Engines`), async, with fuel, a limiter that
//! sums over all memories, and a deadline by `tokio::time::timeout`. WASI is linked, and created when a guest first
//! uses it. It has no manifests, permissions, rate limits, metrics or leases.

use std::path::Path;

use anyhow::{Context, anyhow};
use plugbay_compile::{Engines, Metering};
use serde::de::IgnoredAny;
use tokio::time::timeout;
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker, Lower, ResourceTable, TypedFunc,
};
use wasmtime::{Engine, ResourceLimiter, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use self::limits::*;

/// The host's bounds. They are no part of the library's interface, so the baseline reads its table of them.
#[allow(dead_code, unused_imports, reason = "the baseline needs some of them")]
#[path = "../../../runtime/src/limits.rs"]
pub(super) mod limits;

/// The contract's failure.
#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Failure {
    code: String,
    message: String,
    #[component(name = "details")]
    _details: Option<String>,
    #[component(name = "status-code")]
    _status_code: Option<u16>,
}

/// The function with payloads that live as long as the process, so that it can be looked up once and borrow them.
type Handle = TypedFunc<(&'static str, &'static str), (Result<String, Failure>,)>;
/// The function with payloads that are created for each call.
type HandleOwned = TypedFunc<(&'static str, String), (Result<String, Failure>,)>;

struct State {
    memory: Limiter,
    wasi: Option<Box<(WasiCtx, ResourceTable)>>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.get_or_insert_with(|| {
            let mut table = ResourceTable::new();
            table.set_max_capacity(RESOURCES_MAX);
            Box::new((WasiCtx::builder().max_random_size(RANDOM_BYTES_MAX).build(), table))
        });
        WasiCtxView { ctx: &mut wasi.0, table: &mut wasi.1 }
    }
}

struct Limiter {
    bytes: u64,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.bytes += (desired - current) as u64;
        if self.bytes > MEMORY_BYTES_DEFAULT { Err(wasmtime::Error::msg("memory limit")) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

/// An engine with its pool and linker.
pub struct Host {
    engine: Engine,
    linker: Linker<State>,
}

impl Host {
    pub fn new(live_instances: u32) -> anyhow::Result<Self> {
        let engine = Engines::new(live_instances)?.get(Metering::Fuel)?.engine.clone();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(plain)?;
        Ok(Host { engine, linker })
    }

    /// Compiles a component.
    pub fn compile(&self, wasm: &[u8]) -> anyhow::Result<Plugin> {
        self.link(Component::new(&self.engine, wasm).map_err(plain)?)
    }

    /// Compiles a component that reads its configuration. Without a check, each read returns `value`.
    pub fn compile_with_config(&mut self, wasm: &[u8], value: &'static str) -> anyhow::Result<Plugin> {
        let component = Component::new(&self.engine, wasm).map_err(plain)?;
        let mut config = self.linker.instance("plugbay:plugin/config@0.2.0").map_err(plain)?;
        config
            .func_wrap("get", move |_, (_key,): (String,)| Ok((Ok::<Option<String>, Failure>(Some(value.to_owned())),)))
            .map_err(plain)?;
        // The other services are not called.
        self.linker.define_unknown_imports_as_traps(&component).map_err(plain)?;
        self.link(component)
    }

    /// Compiles a component into a file.
    pub fn precompile(&self, wasm: &[u8], into: &Path) -> anyhow::Result<()> {
        Ok(std::fs::write(into, self.engine.precompile_component(wasm).map_err(plain)?)?)
    }

    /// Maps a file that [`Host::precompile`] wrote.
    pub fn load(&self, file: &Path) -> anyhow::Result<Plugin> {
        // SAFETY: the benchmark has just compiled this file for this engine, in a private temporary directory.
        #[expect(unsafe_code, reason = "the benchmark measures the mapping of compiled code")]
        let component = unsafe { Component::deserialize_file(&self.engine, file).map_err(plain)? };
        self.link(component)
    }

    fn link(&self, component: Component) -> anyhow::Result<Plugin> {
        let actions = component.get_export_index(None, "plugbay:plugin/actions@0.2.0").context("no actions")?;
        let handle = component.get_export_index(Some(&actions), "handle").context("no handle")?;
        Ok(Plugin { pre: self.linker.instantiate_pre(&component).map_err(plain)?, handle })
    }
}

/// A component that is ready to be instantiated.
pub struct Plugin {
    pre: InstancePre<State>,
    handle: ComponentExportIndex,
}

impl Plugin {
    pub async fn start(&self) -> anyhow::Result<Instance> {
        let mut store = Store::new(self.pre.engine(), State { memory: Limiter { bytes: 0 }, wasi: None });
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        store.fuel_async_yield_interval(Some(FUEL_YIELD_INTERVAL)).map_err(plain)?;
        store.set_fuel(FUEL_DEFAULT).map_err(plain)?;
        let instance = timeout(TIMEOUT_DEFAULT, self.pre.instantiate_async(&mut store)).await?.map_err(plain)?;
        let handle = instance.get_typed_func(&mut store, self.handle).map_err(plain)?;
        Ok(Instance { store, handle, handle_owned: None })
    }
}

/// A live instance in its store.
pub struct Instance {
    store: Store<State>,
    handle: Handle,
    /// Looked up on first use.
    handle_owned: Option<HandleOwned>,
}

impl Instance {
    pub async fn call(&mut self, action: &'static str, payload: &'static str) -> anyhow::Result<String> {
        self.store.set_fuel(FUEL_DEFAULT).map_err(plain)?;
        answer(
            timeout(TIMEOUT_DEFAULT, self.handle.call_async(&mut self.store, (action, payload)))
                .await?
                .map_err(plain)?,
        )
    }

    /// Makes a call with a payload that was created for it.
    pub async fn call_owned(&mut self, action: &'static str, payload: String) -> anyhow::Result<String> {
        let handle = match self.handle_owned {
            Some(handle) => handle,
            None => *self.handle_owned.insert(self.handle.func().typed(&self.store).map_err(plain)?),
        };
        self.store.set_fuel(FUEL_DEFAULT).map_err(plain)?;
        answer(timeout(TIMEOUT_DEFAULT, handle.call_async(&mut self.store, (action, payload))).await?.map_err(plain)?)
    }
}

fn answer((answer,): (Result<String, Failure>,)) -> anyhow::Result<String> {
    answer.map_err(|Failure { code, message, .. }| anyhow!("{code}: {message}"))
}

/// Converts an error of wasmtime, which does not implement the standard trait.
pub(super) fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

/// Runs `calls` calls in one instance.
pub async fn warm(
    instance: &mut Instance,
    action: &'static str,
    payload: &'static str,
    calls: u32,
) -> anyhow::Result<()> {
    for _ in 0..calls {
        std::hint::black_box(instance.call(action, payload).await?);
    }
    Ok(())
}

/// Runs `calls` calls in one instance, and checks that the payload and the result are JSON, as Plugbay does.
pub async fn warm_checked(
    instance: &mut Instance,
    action: &'static str,
    payload: &'static str,
    calls: u32,
) -> anyhow::Result<()> {
    for _ in 0..calls {
        serde_json::from_str::<IgnoredAny>(payload)?;
        let answer = instance.call(action, payload).await?;
        serde_json::from_str::<IgnoredAny>(&answer)?;
        std::hint::black_box(answer);
    }
    Ok(())
}

/// Runs `calls` calls, each in a new instance.
pub async fn fresh(plugin: &Plugin, action: &'static str, payload: &'static str, calls: u32) -> anyhow::Result<()> {
    for _ in 0..calls {
        std::hint::black_box(plugin.start().await?.call(action, payload).await?);
    }
    Ok(())
}
