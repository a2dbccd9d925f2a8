//! WASI 0.2 for guests: the interfaces that standard libraries import, and the host resources behind them.
//!
//! A sandboxed guest finds all interfaces that Rust's, C's or Python's standard library imports, but nothing behind
//! them: no preopened directories, no arguments, no environment except what its manifest declares, no sockets. Clocks
//! and random numbers work: the wall clock is the runtime's own, the monotonic clock is the machine's. Trusted plugins
//! get the directories, variables and addresses that their manifest asks for and the operator allows. `plugin/check.rs`
//! decides before anything runs which interfaces may be imported in which mode.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use plugbay_manifest::PermissionAction;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsCtxView};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtxView;

use super::directory::{Directories, Directory};
use super::http::InstanceHttp;
use super::output::Output;
use super::poll::Polling;
use super::socket::GuardedSockets;
use super::{CallState, HostState, HostWork, PluginContext};
use crate::capability::Refused;
use crate::clock::Clock;
use crate::limits::{RANDOM_BYTES_MAX, RESOURCES_MAX};

/// The host resources behind WASI for a plugin.
#[derive(Debug)]
pub(crate) struct WasiGrants {
    /// Host directories that a trusted plugin can access.
    pub(crate) directories: Vec<Directory>,
    /// Why sockets are denied; `None` if they are not. Each address is then checked against `net.<address>`.
    pub(crate) no_network: Option<Refused>,
}

impl Default for WasiGrants {
    /// The resources of a sandboxed plugin: none.
    fn default() -> Self {
        WasiGrants { directories: Vec::new(), no_network: Some(Refused::ByMode) }
    }
}

/// The WASI state of an instance, created when the guest first uses it: many plugins never do.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    http: InstanceHttp,
}

impl Wasi {
    fn new(plugin: &Arc<PluginContext>, output: &Output, stdin: Option<Vec<u8>>) -> Self {
        let network = plugin.wasi.no_network.is_none();
        let mut builder = WasiCtx::builder();
        if stdin.is_some() {
            // Programs expect their name there, and many read it without checking the number of arguments.
            builder.arg(&*plugin.name);
        }
        builder
            .stdin(MemoryInputPipe::new(stdin.unwrap_or_default()))
            .stdout(output.stdout())
            .stderr(output.stderr())
            .envs(&plugin.environment)
            .wall_clock(GuestClock(plugin.clock.clone()))
            .allow_tcp(network)
            .allow_udp(network)
            .allow_ip_name_lookup(network)
            .max_random_size(RANDOM_BYTES_MAX);
        if network {
            let plugin = plugin.clone();
            builder.socket_addr_check(move |address, usage| {
                // A free port of this machine, to connect or send from. The destination is checked separately.
                let local = matches!(usage, SocketAddrUse::TcpBind | SocketAddrUse::UdpBind)
                    && address.ip().is_unspecified()
                    && address.port() == 0;
                // The guest can choose any scope, which would give one address many names.
                let resource = format!("net.{}", SocketAddr::new(address.ip().to_canonical(), address.port()));
                let granted = local || plugin.permissions.check(&resource, PermissionAction::Execute).is_ok();
                Box::pin(std::future::ready(granted))
            });
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Wasi { ctx: builder.build(), table, http: InstanceHttp::new(plugin.clone()) }
    }
}

/// Adapts the runtime's clock to WASI.
struct GuestClock(Arc<dyn Clock>);

impl HostWallClock for GuestClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// The calling plugin, and the cost of its host calls so far.
struct WasiCaller<'a> {
    plugin: &'a PluginContext,
    call: &'a CallState,
    work: &'a mut HostWork,
}

impl HostState {
    /// Returns the WASI state, created on first use, with the rest of the state.
    fn wasi(&mut self) -> (&mut Wasi, WasiCaller<'_>) {
        let wasi = self.wasi.get_or_insert_with(|| {
            let output = self.output.get_or_insert_with(|| {
                let output = Output::to_log(self.plugin.clone());
                output.start_call(&self.call.origin.request_id);
                output
            });
            Box::new(Wasi::new(&self.plugin, output, self.stdin.take()))
        });
        (wasi, WasiCaller { plugin: &self.plugin, call: &self.call, work: &mut self.host_work })
    }

    /// Returns the state for `wasi:io/poll`.
    pub(crate) fn polling(&mut self) -> Polling<'_> {
        let (wasi, caller) = self.wasi();
        Polling { table: &mut wasi.table, work: caller.work }
    }

    /// Returns the state for `wasi:filesystem/preopens`.
    pub(crate) fn directories(&mut self) -> Directories<'_> {
        let (wasi, WasiCaller { plugin, call, .. }) = self.wasi();
        Directories { plugin, call, table: &mut wasi.table }
    }

    /// Returns the state for those interfaces of `wasi:sockets` that create a socket or look up a name.
    pub(crate) fn guarded_sockets(&mut self) -> GuardedSockets<'_> {
        let (wasi, WasiCaller { plugin, call, .. }) = self.wasi();
        let sockets = WasiSocketsCtxView { ctx: wasi.ctx.sockets(), table: &mut wasi.table };
        GuardedSockets { plugin, call, sockets }
    }

    /// Returns the state for `wasi:http`.
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (wasi, _) = self.wasi();
        wasi.http.view(&mut wasi.table)
    }

    /// Counts a request of the running call, and returns the state for it.
    pub(crate) fn http_request(&mut self) -> WasiHttpCtxView<'_> {
        let call = self.call.count_http_request();
        let (wasi, _) = self.wasi();
        wasi.http.ask_for(call);
        wasi.http.view(&mut wasi.table)
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (wasi, _) = self.wasi();
        WasiCtxView { ctx: &mut wasi.ctx, table: &mut wasi.table }
    }
}
