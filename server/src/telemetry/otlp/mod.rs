//! Telemetry sent to a collector as OTLP over HTTP: traces, metrics and log lines.
//!
//! Traces are the `tracing` spans of this project: a request of the server, the calls of plugins in it, and what they
//! use. Without a collector nothing subscribes to them, and a call pays one comparison. The exporters have an executor
//! of their own, so the last batch is sent after the server's has ended.

mod client;
mod logs;
mod metrics;

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request};
use opentelemetry::logs::LoggerProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{ExporterBuildError, LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use plugbay::log::LogSink;
use plugbay::manifest::OtlpEntry;
use prost::Message;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use self::client::{CollectorClient, REQUEST_TIMEOUT};
use self::logs::OtlpLog;
use super::HostMetrics;
use crate::TlsError;
use crate::admin::AdminState;

/// The time that the last batches have when the host ends.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The exporters of a host to its collector.
#[derive(Debug)]
pub struct Otlp {
    entry: OtlpEntry,
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    client: CollectorClient,
    /// `None` once it was shut down.
    executor: Option<tokio::runtime::Runtime>,
}

/// Telemetry cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtlpError {
    /// The executor of the exporters cannot be started.
    #[error("the exporters of telemetry cannot be started: {0}")]
    Executor(#[from] std::io::Error),
    /// The file of the collector's authorities cannot be used.
    #[error("telemetry cannot be exported over TLS: {0}; correct `server.otlp.ca`")]
    Tls(#[from] TlsError),
    /// The settings are not valid.
    #[error("telemetry cannot be exported with these settings: {0}")]
    Settings(#[from] ExporterBuildError),
}

impl Otlp {
    /// Starts the exporters. Nothing is sent to the collector before there is something to send, so a collector that
    /// does not answer is logged later.
    ///
    /// # Errors
    /// [`OtlpError`] if the exporters cannot be started.
    pub fn open(entry: &OtlpEntry) -> Result<Self, OtlpError> {
        let mut executor = tokio::runtime::Builder::new_multi_thread();
        let executor = executor.worker_threads(1).thread_name("plugbay-otlp").enable_all().build()?;
        let client = CollectorClient::new(executor.handle().clone(), entry.ca.as_deref())?;
        let resource = Resource::builder_empty()
            .with_service_name(entry.service_name.clone())
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let traces = entry.traces.then(|| traces(entry, &client, resource.clone())).transpose()?;
        let logs = entry.logs.then(|| logs(entry, &client, resource)).transpose()?;
        Ok(Otlp { entry: entry.clone(), traces, logs, client, executor: Some(executor) })
    }

    /// The layer of a `tracing` subscriber that exports the spans of this project as traces, and its events from
    /// [`Level::INFO`] on as log lines. Spans of other crates are left out.
    pub fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let mut layers: Vec<Box<dyn Layer<S> + Send + Sync>> = Vec::new();
        if let Some(provider) = &self.traces {
            let layer = tracing_opentelemetry::layer()
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_tracer(provider.tracer("plugbay"));
            layers.push(layer.with_filter(filter_fn(|of| of.is_span() && is_ours(of))).boxed());
        }
        if let Some(provider) = &self.logs {
            let is_sent = |of: &Metadata<'_>| of.is_event() && *of.level() <= Level::INFO && is_ours(of);
            layers.push(OpenTelemetryTracingBridge::new(provider).with_filter(filter_fn(is_sent)).boxed());
        }
        layers.boxed()
    }

    /// A sink that sends the log lines of plugins, from `info` on, and passes all on to `next`.
    pub fn log_sink(&self, next: Box<dyn LogSink>) -> Box<dyn LogSink> {
        match &self.logs {
            Some(provider) => Box::new(OtlpLog { logger: provider.logger("plugbay"), next }),
            None => next,
        }
    }

    /// Exports the metrics of a host at the interval of the settings, until the exporters are shut down.
    pub fn export_metrics(&self, state: &AdminState) {
        let Some(executor) = self.executor.as_ref().filter(|_| self.entry.metrics) else { return };
        let (entry, client, state) = (self.entry.clone(), self.client.clone(), state.clone());
        executor.spawn(async move {
            let mut ticks = tokio::time::interval(entry.interval);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // A failure is logged by the client, and the next export has the same figures.
                let _ = client.send(export(&entry, &state)).await;
            }
        });
    }

    /// Exports the metrics of a host as they are now: for the last time, before its plugins are unloaded.
    pub async fn export_metrics_now(&self, state: &AdminState) {
        if self.entry.metrics {
            let sent = self.client.send(export(&self.entry, state));
            let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, sent).await;
        }
    }

    /// Sends the traces and log lines that have not been sent yet, within 5 s for each, and ends the exporters. Blocks,
    /// so it must not be called on a thread of an executor.
    pub fn shutdown(self) {
        if let Some(traces) = &self.traces {
            let _ = traces.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
        }
        if let Some(logs) = &self.logs {
            let _ = logs.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
        }
    }
}

impl Drop for Otlp {
    /// An executor must not be dropped on a thread of another one.
    fn drop(&mut self) {
        if let Some(executor) = self.executor.take() {
            executor.shutdown_background();
        }
    }
}

fn traces(entry: &OtlpEntry, client: &CollectorClient, resource: Resource) -> Result<SdkTracerProvider, OtlpError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client.clone())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", entry.endpoint))
        .with_headers(entry.headers.clone().into_iter().collect())
        .with_timeout(REQUEST_TIMEOUT)
        .build()?;
    let own = Sampler::TraceIdRatioBased(f64::from(entry.sample_percent) / 100.0);
    let builder =
        SdkTracerProvider::builder().with_resource(resource).with_sampler(Sampler::ParentBased(Box::new(own)));
    Ok(builder.with_batch_exporter(exporter).build())
}

fn logs(entry: &OtlpEntry, client: &CollectorClient, resource: Resource) -> Result<SdkLoggerProvider, OtlpError> {
    let exporter = LogExporter::builder()
        .with_http()
        .with_http_client(client.clone())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/logs", entry.endpoint))
        .with_headers(entry.headers.clone().into_iter().collect())
        .with_timeout(REQUEST_TIMEOUT)
        .build()?;
    Ok(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// The request that exports the present figures.
fn export(entry: &OtlpEntry, state: &AdminState) -> Request<Bytes> {
    let figures = HostMetrics::read(state.server(), state.uptime_seconds());
    let body = metrics::export_request(&figures, &entry.service_name).encode_to_vec();
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = http::Method::POST;
    // The settings were checked when they were read; a URL that is not one fails as a request.
    *request.uri_mut() = format!("{}/v1/metrics", entry.endpoint).parse().unwrap_or_default();
    for (name, value) in &entry.headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), HeaderValue::try_from(value)) {
            request.headers_mut().insert(name, value);
        }
    }
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    request
}

fn is_ours(of: &Metadata<'_>) -> bool {
    of.target().split("::").next().is_some_and(|name| name == "plugbay" || name.starts_with("plugbay_"))
}
