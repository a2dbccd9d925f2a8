//! `wasi:http` over the http service.
//!
//! Each request is admitted separately: its host must be granted (`http.<host>`, or `http.<host>:<port>` if the port is
//! not the scheme's default), and the host's addresses must be public or named by the operator. Redirects are ordinary
//! responses: a plugin that follows one sends another request.

mod body;
mod exchange;
pub(crate) mod incoming;
pub(crate) mod types;

use std::sync::Arc;

use http::{HeaderName, Request};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks,
};

use self::exchange::{Exchange, Sent};
use super::{CallState, HostState, PluginContext};
use crate::limits::{HTTP_CHUNK_BYTES, HTTP_HEADER_BYTES_MAX, HTTP_REQUESTS_PER_CALL_MAX};

/// The `wasi:http` state of an instance.
pub(crate) struct InstanceHttp {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    plugin: Arc<PluginContext>,
    /// The current call, in which the request has been counted.
    call: CallState,
}

impl InstanceHttp {
    pub(crate) fn new(plugin: Arc<PluginContext>) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(HTTP_HEADER_BYTES_MAX);
        InstanceHttp { ctx, hooks: Hooks { plugin, call: CallState::default() } }
    }

    /// Assigns the next request to this call.
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
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        match self.begin(&request) {
            Ok((exchange, turns)) => {
                let span = exchange.span(request.method());
                span.in_scope(|| exchange.continue_trace(&mut request));
                Box::new(exchange.send(request, options.unwrap_or_default(), turns).instrument(span))
            }
            Err(refused) => Box::new(std::future::ready(Err(refused))),
        }
    }
}

/// Adds the function that sends requests to a linker, and counts its calls.
pub(crate) fn link_handler(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<_, WasiHttp>(linker, HostState::http_request)
}
