//! `wasi:http`: requests to the world outside, by the standard interface.
//!
//! Every request is admitted by itself: the host that it names is granted (`http.<host>`, or `http.<host>:<port>` where
//! the port is not the scheme's own), the addresses that the host stands for are of the public internet or named by the
//! operator, and size, time and number are bounded. Redirects are answers like any other: who follows one sends another
//! request. There are no cookies, no proxies, no connections that two requests share.

mod address;
mod body;
mod exchange;
mod network;
mod target;
pub(crate) mod types;

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::{HeaderName, Request};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use self::exchange::{Exchange, Sent};
pub(crate) use self::network::Network;
use super::PluginContext;
use crate::limits::{
    HTTP_CHUNK_BYTES, HTTP_HEADER_BYTES_MAX, HTTP_LOOKUPS_MAX, HTTP_REQUESTS_OPEN_MAX, HTTP_REQUESTS_PER_CALL_MAX,
};
use crate::plugin::state::{CallState, HostState};

/// Answers the outgoing requests of plugins in place of the network, after all that is checked about a request was
/// checked. For tests.
pub trait HttpResponder: Send + Sync + 'static {
    /// Answers one request, whose URI is absolute. A text is an error of the connection, and the plugin gets to see it.
    fn respond(
        &self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, String>> + Send>>;
}

/// Looks up the names of hosts in place of the system. The addresses that it answers are checked as the system's are.
pub trait HttpResolver: Send + Sync + 'static {
    /// The addresses of a name, which is in lower case, in ASCII and without a dot at its end.
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;
}

/// What the requests of one loaded plugin share.
pub(crate) struct PluginHttp {
    network: Arc<Network>,
    /// Made for the plugin's first request.
    turns: OnceLock<Turns>,
}

/// What bounds the requests of one plugin.
struct Turns {
    /// One turn for each request that is under way.
    open: Arc<Semaphore>,
    /// One turn for each name that is looked up.
    lookups: Arc<Semaphore>,
}

impl PluginHttp {
    pub(crate) fn new(network: Arc<Network>) -> Self {
        PluginHttp { network, turns: OnceLock::new() }
    }

    fn turns(&self) -> &Turns {
        self.turns.get_or_init(|| Turns {
            open: Arc::new(Semaphore::new(HTTP_REQUESTS_OPEN_MAX)),
            lookups: Arc::new(Semaphore::new(HTTP_LOOKUPS_MAX)),
        })
    }

    /// A place among the plugin's open requests and among those of all plugins.
    fn take_turn(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let open = self.turns().open.clone();
        Some([open.try_acquire_owned().ok()?, self.network.connections.clone().try_acquire_owned().ok()?])
    }
}

/// The `wasi:http` side of one instance.
pub(crate) struct InstanceHttp {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    plugin: Arc<PluginContext>,
    /// The call that asks. It has counted the request.
    call: CallState,
}

impl InstanceHttp {
    pub(crate) fn new(plugin: Arc<PluginContext>) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(HTTP_HEADER_BYTES_MAX);
        InstanceHttp { ctx, hooks: Hooks { plugin, call: CallState::default() } }
    }

    /// The next request is one of this call.
    pub(crate) fn ask_for(&mut self, call: CallState) {
        self.hooks.call = call;
    }

    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView { hooks: &mut self.hooks, table, ctx: &mut self.ctx }
    }
}

impl Hooks {
    fn begin(&mut self, request: &Request<WasiBody>) -> Result<(Exchange, [OwnedSemaphorePermit; 2]), Error> {
        let exchange = Exchange::admit(&self.plugin, &self.call, request)?;
        if self.call.http_requests > HTTP_REQUESTS_PER_CALL_MAX {
            return Err(exchange.too_many_sent(self.call.http_requests));
        }
        match self.plugin.http.take_turn() {
            Some(turns) => Ok((exchange, turns)),
            None => Err(exchange.too_many_open()),
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        DEFAULT_FORBIDDEN_HEADERS.contains(name)
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        HTTP_CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        match self.begin(&request) {
            Ok((exchange, turns)) => Box::new(exchange.send(request, options.unwrap_or_default(), turns)),
            Err(refused) => Box::new(std::future::ready(Err(refused))),
        }
    }
}

/// Puts the function that sends requests into a linker, and counts its calls.
pub(crate) fn link_handler(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<_, WasiHttp>(linker, HostState::http_request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{HTTP_CONNECTIONS_MAX, HTTP_TIMEOUT};

    #[test]
    fn open_requests_are_bounded_for_each_plugin_and_for_all_together() {
        let network = Arc::new(Network::new(None, None, Vec::new(), HTTP_TIMEOUT));
        let plugins = Vec::from_iter((0..20).map(|_| PluginHttp::new(network.clone())));
        let open = |plugin: &PluginHttp| Vec::from_iter(std::iter::from_fn(|| plugin.take_turn()));
        let mut turns = Vec::from_iter(plugins.iter().map(open));
        assert!(turns.iter().all(|turns| turns.len() <= HTTP_REQUESTS_OPEN_MAX));
        assert_eq!(turns.iter().map(Vec::len).sum::<usize>(), HTTP_CONNECTIONS_MAX);
        let waiting = PluginHttp::new(network);
        assert!(waiting.take_turn().is_none(), "its own turns are not all that counts");
        drop(turns.swap_remove(0));
        assert!(waiting.take_turn().is_some());
    }
}
