//! The HTTP client that carries telemetry to the collector.
//!
//! The batches of traces and log lines are exported by threads without an executor, so a request runs on the executor
//! of this client and the thread waits for it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;

use crate::{TlsError, client_tls};

/// The time that the collector has for one request.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer of the collector that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Sends requests to the collector. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct CollectorClient {
    executor: Handle,
    tls: Arc<ClientConfig>,
    /// Whether the last request failed, so that an outage is logged once.
    is_failing: Arc<AtomicBool>,
}

impl CollectorClient {
    /// `ca` is the file of the authorities that may have issued the collector's certificate.
    pub(super) fn new(executor: Handle, ca: Option<&Path>) -> Result<Self, TlsError> {
        Ok(CollectorClient { executor, tls: Arc::new(client_tls(ca)?), is_failing: Arc::default() })
    }

    /// Sends a request on the client's executor, and waits for its answer on any thread.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (tls, uri) = (self.tls.clone(), request.uri().clone());
        // The time limit is made in the task, because the waiting thread may have no executor.
        let sent = self.executor.spawn(async { tokio::time::timeout(REQUEST_TIMEOUT, exchange(tls, request)).await });
        let sent = sent.await;
        let answered = match sent {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(format!("it does not answer within {REQUEST_TIMEOUT:?}").into()),
            Err(ended) => Err(ended.into()),
        };
        self.note(&uri, &answered);
        answered
    }

    /// Logs the first failure after a success, and the first success after a failure.
    fn note(&self, uri: &Uri, answered: &Result<Response<Bytes>, HttpError>) {
        let problem = match answered {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answers with the status {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let was_failing = self.is_failing.swap(problem.is_some(), Ordering::Relaxed);
        match problem {
            Some(problem) if !was_failing => tracing::warn!("telemetry cannot be sent to {uri}: {problem}"),
            None if was_failing => tracing::info!("telemetry is sent to {uri} again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.send(request).await
    }
}

async fn exchange(tls: Arc<ClientConfig>, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or("the URL of the collector names no host")?;
    let is_https = uri.scheme_str() == Some("https");
    let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    request.headers_mut().insert(HOST, HeaderValue::try_from(authority.as_str())?);
    *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let stream = TcpStream::connect((host, port)).await?;
    let request = request.map(Full::new);
    match is_https {
        false => on(stream, request).await,
        true => {
            let name = ServerName::try_from(host.to_owned())?;
            on(TlsConnector::from(tls).connect(name, stream).await?, request).await
        }
    }
}

/// Sends a request on a connection, and closes it after the answer.
async fn on(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(parts, body))
}
