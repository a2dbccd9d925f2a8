//! A minimal host of `wasi:http`, as `wasmtime serve` is: an instance for each request, on the engine and pool of
//! Plugbay and with its limits of fuel and time, and nothing else.

use std::sync::Arc;

use anyhow::anyhow;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use plugbay_compile::{Engines, Metering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime::Store;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use super::raw::limits::{FUEL_DEFAULT, TIMEOUT_DEFAULT};
use super::raw::plain;

/// A component that is ready to answer requests.
pub struct MinimalHost(ProxyPre<State>);

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoRequests,
}

/// Refuses requests of guests.
struct NoRequests;

/// The answer to a request, and what drives its connection.
type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for NoRequests {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        Box::new(std::future::ready(Err(Error::HttpRequestDenied)))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

impl MinimalHost {
    pub fn new(live_instances: u32, wasm: &[u8]) -> anyhow::Result<Self> {
        let engine = Engines::new(live_instances)?.get(Metering::Fuel)?.engine.clone();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(plain)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(plain)?;
        let component = Component::new(&engine, wasm).map_err(plain)?;
        let pre = linker.instantiate_pre(&component).map_err(plain)?;
        Ok(MinimalHost(ProxyPre::new(pre).map_err(plain)?))
    }

    /// Answers requests until the future is dropped.
    pub async fn serve(self, listener: TcpListener) {
        let host = Arc::new(self);
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_connection(host.clone(), stream));
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<HyperOutgoingBody>> {
        let (table, wasi, http) = (ResourceTable::new(), WasiCtx::builder().build(), WasiHttpCtx::new());
        let state = State { table, wasi, http, hooks: NoRequests };
        let mut store = Store::new(self.0.engine(), state);
        store.set_fuel(FUEL_DEFAULT).map_err(plain)?;
        let (sender, receiver) = oneshot::channel();
        let request = store.data_mut().http().new_incoming_request(Scheme::Http, request).map_err(plain)?;
        let response = store.data_mut().http().new_response_outparam(sender).map_err(plain)?;
        let pre = self.0.clone();
        // The guest goes on after it has sent the head of its response.
        tokio::spawn(tokio::time::timeout(TIMEOUT_DEFAULT, async move {
            let guest = pre.instantiate_async(&mut store).await?;
            guest.wasi_http_incoming_handler().call_handle(store, request, response).await
        }));
        receiver.await?.map_err(|code| anyhow!("{code:?}"))
    }
}

async fn serve_connection(host: Arc<MinimalHost>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let host = host.clone();
        async move { host.answer(request).await }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}
