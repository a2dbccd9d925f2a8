//! `wasi:sockets`: offered to all plugins, usable by those that asked for `net.` addresses and were granted them.
//!
//! Guests built with Python, Go or a whole C library import these interfaces regardless of the program, so an import
//! does not mean that the program uses the network. Without a grant, creating a socket and looking up a name are
//! denied; nothing else in the interfaces works without one of them.

use plugbay_manifest::PermissionAction;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::ResolveAddressStream;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sockets::{
    instance_network, ip_name_lookup, network, tcp, tcp_create_socket, udp, udp_create_socket,
};
use wasmtime_wasi::p2::{DynPollable, SocketError, SocketResult, TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView, WasiSocketsView};

use super::{CallState, HostState, PluginContext};
use crate::capability::Denial;

/// Adds the interfaces to a linker.
pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    let sockets = <HostState as WasiSocketsView>::sockets;
    let options = network::LinkOptions::default();
    instance_network::add_to_linker::<_, WasiSockets>(linker, sockets)?;
    network::add_to_linker::<_, WasiSockets>(linker, &options, sockets)?;
    tcp::add_to_linker::<_, WasiSockets>(linker, sockets)?;
    udp::add_to_linker::<_, WasiSockets>(linker, sockets)?;
    tcp_create_socket::add_to_linker::<_, Guarded>(linker, HostState::guarded_sockets)?;
    udp_create_socket::add_to_linker::<_, Guarded>(linker, HostState::guarded_sockets)?;
    ip_name_lookup::add_to_linker::<_, Guarded>(linker, HostState::guarded_sockets)
}

struct Guarded;

impl HasData for Guarded {
    type Data<'a> = GuardedSockets<'a>;
}

/// wasmtime-wasi's sockets for a plugin that may use them, and denials for one that may not.
pub(crate) struct GuardedSockets<'a> {
    pub(crate) plugin: &'a PluginContext,
    pub(crate) call: &'a CallState,
    pub(crate) sockets: WasiSocketsCtxView<'a>,
}

impl GuardedSockets<'_> {
    /// Checks that sockets may be used at all. Each address is checked separately when it is used.
    fn check(&self) -> SocketResult<()> {
        let Some(refused) = self.plugin.wasi.no_network else { return Ok(()) };
        let denial = Denial::of_kind("net.*", PermissionAction::Execute, refused);
        self.plugin.permissions.note_denied(&self.call.origin, &denial);
        Err(ErrorCode::AccessDenied.into())
    }
}

impl tcp_create_socket::Host for GuardedSockets<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        self.check()?;
        tcp_create_socket::Host::create_tcp_socket(&mut self.sockets, family)
    }
}

impl udp_create_socket::Host for GuardedSockets<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        self.check()?;
        udp_create_socket::Host::create_udp_socket(&mut self.sockets, family).await
    }
}

impl ip_name_lookup::Host for GuardedSockets<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> SocketResult<Resource<ResolveAddressStream>> {
        self.check()?;
        ip_name_lookup::Host::resolve_addresses(&mut self.sockets, network, name)
    }
}

/// Unchanged: only plugins that may look up names get streams of addresses.
impl ip_name_lookup::HostResolveAddressStream for GuardedSockets<'_> {
    fn resolve_next_address(&mut self, stream: Resource<ResolveAddressStream>) -> SocketResult<Option<IpAddress>> {
        ip_name_lookup::HostResolveAddressStream::resolve_next_address(&mut self.sockets, stream)
    }

    fn subscribe(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<Resource<DynPollable>> {
        ip_name_lookup::HostResolveAddressStream::subscribe(&mut self.sockets, stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        ip_name_lookup::HostResolveAddressStream::drop(&mut self.sockets, stream)
    }
}

/// Unchanged: converts the errors of the other interfaces.
impl network::Host for GuardedSockets<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.sockets, error)
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.sockets, error)
    }
}

impl network::HostNetwork for GuardedSockets<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        network::HostNetwork::drop(&mut self.sockets, network)
    }
}
