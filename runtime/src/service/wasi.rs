//! WASI 0.2 for guests: what the standard library of a guest expects to find, and what of it leads anywhere.
//!
//! A sandboxed guest finds all interfaces that Rust's, C's or Python's standard library imports, but nothing behind them:
//! no preopened directory, no arguments, no environment but what its manifest declares, no sockets at all. Clocks and random
//! numbers work: the wall clock is the runtime's own, the monotonic one is the machine's. Trusted plugins get the
//! directories, variables and addresses that their manifest asks for and the operator allows. Which interfaces may be
//! imported in which mode is decided before anything runs, in `plugin/check.rs`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use plugbay_manifest::PermissionAction;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtxView;

use super::http::InstanceHttp;
use super::output::Output;
use super::poll::Polling;
use super::{HostWork, PluginContext};
use crate::clock::Clock;
use crate::limits::{RANDOM_BYTES_MAX, RESOURCES_MAX};
use crate::plugin::state::HostState;

/// What lies behind WASI for one plugin.
#[derive(Debug, Default)]
pub(crate) struct WasiGrants {
    /// Host directories that a trusted plugin sees: where, under which name, and whether it may write.
    pub(crate) directories: Vec<Directory>,
    /// Whether sockets lead anywhere at all; each address is checked against `net.<address>`.
    pub(crate) network: bool,
}

/// One preopened directory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) host_path: PathBuf,
    pub(crate) guest_path: String,
    pub(crate) writable: bool,
}

/// The WASI side of one instance, made when the guest first uses it: many plugins never do.
pub(crate) struct Wasi {
    ctx: WasiCtx,
    table: ResourceTable,
    http: InstanceHttp,
}

impl Wasi {
    fn new(plugin: &Arc<PluginContext>, output: &Output, stdin: Vec<u8>) -> Self {
        let mut builder = WasiCtx::builder();
        builder
            .stdin(MemoryInputPipe::new(stdin))
            .stdout(output.stdout())
            .stderr(output.stderr())
            .envs(&plugin.environment)
            .wall_clock(GuestClock(plugin.clock.clone()))
            .allow_tcp(plugin.wasi.network)
            .allow_udp(plugin.wasi.network)
            .allow_ip_name_lookup(plugin.wasi.network)
            .max_random_size(RANDOM_BYTES_MAX);
        if plugin.wasi.network {
            let plugin = plugin.clone();
            builder.socket_addr_check(move |address, usage| {
                // Any free port of this machine, to connect or send from: where to is checked by itself.
                let local = matches!(usage, SocketAddrUse::TcpBind | SocketAddrUse::UdpBind)
                    && address.ip().is_unspecified()
                    && address.port() == 0;
                let resource = format!("net.{address}");
                let granted = local || plugin.check(&resource, PermissionAction::Execute).is_ok();
                Box::pin(std::future::ready(granted))
            });
        }
        for directory in &plugin.wasi.directories {
            // The operator may have taken back what the plugin was loaded with.
            let resource = format!("fs.{}", directory.guest_path);
            if plugin.check(&resource, PermissionAction::Read).is_err() {
                continue;
            }
            let writable = directory.writable && plugin.grants.check(&resource, PermissionAction::Write).is_ok();
            let permissions = if writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            let opened = builder.preopened_dir(&directory.host_path, &directory.guest_path, permissions);
            if let Err(error) = opened {
                tracing::warn!(plugin = &*plugin.name, path = %directory.host_path.display(), "not preopened: {error:#}");
            }
        }
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Wasi { ctx: builder.build(), table, http: InstanceHttp::new(plugin.clone()) }
    }
}

/// The runtime's clock, as WASI wants it.
struct GuestClock(Arc<dyn Clock>);

impl HostWallClock for GuestClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        self.0.now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl HostState {
    /// The WASI side, made on its first use, and what host calls have cost so far.
    fn wasi(&mut self) -> (&mut Wasi, &mut HostWork) {
        let wasi = self.wasi.get_or_insert_with(|| {
            let output = self.output.get_or_insert_with(|| Output::to_log(self.plugin.clone()));
            Box::new(Wasi::new(&self.plugin, output, std::mem::take(&mut self.stdin)))
        });
        (wasi, &mut self.host_work)
    }

    /// What `wasi:io/poll` works on.
    pub(crate) fn polling(&mut self) -> Polling<'_> {
        let (wasi, work) = self.wasi();
        Polling { table: &mut wasi.table, work }
    }

    /// What `wasi:http` works on.
    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (wasi, _) = self.wasi();
        wasi.http.view(&mut wasi.table)
    }

    /// The same for a request of the call that runs, which counts it.
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
