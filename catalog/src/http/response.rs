//! The reply to a request. Its body is read up to a bound.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use hyper::{HeaderMap, StatusCode};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{TransferError, TransferObserver, TransferProblem};
use crate::limits::REPLY_BYTES_MAX;

/// A reply whose body was not read yet. Dropping it closes the connection.
pub(crate) struct Response {
    pub(super) url: Url,
    pub(super) head: http::response::Parts,
    pub(super) body: Incoming,
    pub(super) bounds: Bounds,
    pub(super) _connection: Connection,
}

/// The time that a transfer has.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    pub(super) idle: Duration,
}

/// The task that drives a connection. It ends when this is dropped.
pub(super) struct Connection(pub(super) AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Bounds {
    /// Waits for the server to do the next thing.
    pub(super) async fn wait<T>(&self, next: impl Future<Output = T>) -> Result<T, TransferProblem> {
        let idle_end = Instant::now() + self.idle;
        let waited = timeout_at(idle_end.min(self.deadline), next).await;
        waited.map_err(|_| match Instant::now() >= self.deadline {
            true => TransferProblem::Timeout(self.timeout),
            false => TransferProblem::Idle(self.idle),
        })
    }
}

impl Response {
    /// The URL that answered, after redirects.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The header fields.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// One header field as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    /// The body of a successful reply, of at most `bytes_max` bytes.
    ///
    /// An announced length above the bound is refused before anything is read. What is read is counted, whatever was
    /// announced: memory grows with the bytes that arrive, never with the announced length.
    pub(crate) async fn read(
        mut self,
        bytes_max: u64,
        what: &str,
        observer: &dyn TransferObserver,
    ) -> Result<Vec<u8>, TransferError> {
        if !self.status().is_success() {
            return Err(self.into_error().await);
        }
        if let Some(encoding) = self.header(CONTENT_ENCODING.as_str()).filter(|encoding| *encoding != "identity") {
            let encoding = encoding.chars().take(40).collect::<String>().escape_debug().to_string();
            return Err(TransferProblem::Compressed(encoding).at(&self.url));
        }
        let announced: Option<u64> = self.header(CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
        if announced.is_some_and(|announced| announced > bytes_max) {
            return Err(TransferProblem::TooLarge(bytes_max).at(&self.url));
        }
        observer.begun(what, announced);
        let bytes = self.read_counted(bytes_max, observer).await.map_err(|problem| problem.at(&self.url))?;
        observer.finished();
        Ok(bytes)
    }

    /// The error for a reply that is not a success, with the message of a registry.
    pub(crate) async fn into_error(mut self) -> TransferError {
        let problem = match self.status().as_u16() {
            status @ (401 | 403) => TransferProblem::Denied(status),
            404 => TransferProblem::NotFound,
            status => {
                let text = self.read_counted(REPLY_BYTES_MAX, &()).await.unwrap_or_default();
                TransferProblem::Status { status, message: registry_message(&text).unwrap_or_default() }
            }
        };
        problem.at(&self.url)
    }

    async fn read_counted(
        &mut self,
        bytes_max: u64,
        observer: &dyn TransferObserver,
    ) -> Result<Vec<u8>, TransferProblem> {
        let mut bytes = Vec::new();
        while let Some(frame) = self.bounds.wait(self.body.frame()).await? {
            let frame = frame.map_err(|error| TransferProblem::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            if (bytes.len() + data.len()) as u64 > bytes_max {
                return Err(TransferProblem::TooLarge(bytes_max));
            }
            bytes.extend_from_slice(&data);
            observer.moved(data.len() as u64);
        }
        Ok(bytes)
    }
}

/// The first message of a registry's error document.
fn registry_message(body: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let error = document.get("errors")?.get(0)?;
    let text = |name: &str| error.get(name).and_then(serde_json::Value::as_str);
    text("message").filter(|message| !message.is_empty()).or_else(|| text("code")).map(str::to_owned)
}
