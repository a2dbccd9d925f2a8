//! A collector of telemetry: it receives OTLP over HTTP and stores what it got.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use plugbay_server::{Server, ServerSettings, ServerState, TlsCertificate};
use prost::Message;

use super::tls::CertificateFiles;

/// A collector on a free port, until the test ends.
#[derive(Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Received>>);

#[derive(Default)]
struct Received {
    spans: Vec<Span>,
    logs: Vec<LogRecord>,
    metrics: Vec<Metric>,
    services: Vec<String>,
    keys: Vec<String>,
}

impl Collector {
    /// Starts to listen, and returns the address.
    pub(crate) async fn start() -> (Self, SocketAddr) {
        let (collector, router, listener) = Collector::bind().await;
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, address)
    }

    /// Starts to listen over TLS, and returns the address.
    pub(crate) async fn start_tls(files: &CertificateFiles) -> (Self, SocketAddr) {
        let (collector, router, listener) = Collector::bind().await;
        let address = listener.local_addr().expect("it is bound");
        let certificate = TlsCertificate::open(files.path("cert.pem"), files.path("key.pem")).expect("a certificate");
        let runtime = plugbay::Runtime::new().expect("a runtime");
        let server = Server::new(&ServerState::new(&runtime, ServerSettings::default()), router);
        tokio::spawn(async move { server.serve_tls(listener, &certificate).await });
        (collector, address)
    }

    async fn bind() -> (Self, Router, tokio::net::TcpListener) {
        let collector = Collector::default();
        let router = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .route("/v1/logs", post(logs))
            .with_state(collector.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        (collector, router, listener)
    }

    /// All spans, in the order of their ends.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.0.lock().spans.clone()
    }

    pub(crate) fn logs(&self) -> Vec<LogRecord> {
        self.0.lock().logs.clone()
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.0.lock().metrics.clone()
    }

    /// The names of the services that sent something.
    pub(crate) fn services(&self) -> Vec<String> {
        self.0.lock().services.clone()
    }

    /// The keys that clients sent, in `x-api-key`.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.0.lock().keys.clone()
    }
}

fn received<T: Message + Default>(state: &Collector, headers: &HeaderMap, body: &Bytes) -> Result<T, StatusCode> {
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    state.0.lock().keys.push(key.to_owned());
    T::decode(body.as_ref()).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn traces(State(state): State<Collector>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let request: ExportTraceServiceRequest = received(&state, &headers, &body)?;
    let mut received = state.0.lock();
    for resource in request.resource_spans {
        received.services.extend(resource.resource.and_then(|resource| text(&resource.attributes, "service.name")));
        received.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    Ok(())
}

async fn metrics(State(state): State<Collector>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let request: ExportMetricsServiceRequest = received(&state, &headers, &body)?;
    let mut received = state.0.lock();
    // The latest export has the figures of all earlier ones.
    received.metrics.clear();
    for resource in request.resource_metrics {
        received.services.extend(resource.resource.and_then(|resource| text(&resource.attributes, "service.name")));
        received.metrics.extend(resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics));
    }
    Ok(())
}

async fn logs(State(state): State<Collector>, headers: HeaderMap, body: Bytes) -> Result<(), StatusCode> {
    let request: ExportLogsServiceRequest = received(&state, &headers, &body)?;
    let mut received = state.0.lock();
    for resource in request.resource_logs {
        received.services.extend(resource.resource.and_then(|resource| text(&resource.attributes, "service.name")));
        received.logs.extend(resource.scope_logs.into_iter().flat_map(|scope| scope.log_records));
    }
    Ok(())
}

/// The value of an attribute that is a text.
pub(crate) fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

/// An id in hexadecimal digits.
pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
