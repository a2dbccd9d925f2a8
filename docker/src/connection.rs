//! Requests to an engine. A connection is used for one request after another; the stream of events has its own.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::endpoint::DockerEndpoint;
use crate::error::DockerError;

/// The time for a connection, and the time for one request with its answer.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest head of an answer, in bytes, and the most headers of it.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 64;
/// The longest message of an error that is read, in bytes, and the longest that is shown, in characters.
const ERROR_BYTES_MAX: usize = 16 << 10;
const ERROR_CHARS_MAX: usize = 300;

/// An open connection to an engine.
pub(crate) struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
    task: AbortHandle,
}

/// The connection ends with its value.
impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    pub(crate) async fn open(endpoint: &DockerEndpoint) -> Result<Self, DockerError> {
        let connect = async {
            let stream = endpoint.connect().await?;
            let mut builder = http1::Builder::new();
            builder.max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
            builder.handshake(TokioIo::new(stream)).await.map_err(broken)
        };
        let (sender, connection) = within(connect).await??;
        let task = tokio::spawn(async move {
            // Its error is also that of the request.
            let _ = connection.await;
        })
        .abort_handle();
        Ok(Connection { sender, host: endpoint.host_header(), task })
    }

    /// Sends a GET request, and returns the answer as JSON and the time in its header `Date`, in seconds since the Unix
    /// epoch.
    pub(crate) async fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
        bytes_max: usize,
    ) -> Result<(T, Option<u64>), DockerError> {
        within(async {
            let response = checked(self.send(path).await?, path).await?;
            let date = response.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
            let date = date.and_then(|date| Some(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()));
            let body = collect(response, path, bytes_max).await?;
            let answer = serde_json::from_slice(&body);
            let answer =
                answer.map_err(|error| DockerError::Answer { path: path.to_owned(), reason: error.to_string() })?;
            Ok((answer, date))
        })
        .await?
    }

    /// Sends a GET request and returns the answer as it arrives. There is no limit of time: Podman sends the head of
    /// the answer with the first event.
    pub(crate) async fn open_stream(&mut self, path: &str) -> Result<Incoming, DockerError> {
        Ok(checked(self.send(path).await?, path).await?.into_body())
    }

    async fn send(&mut self, path: &str) -> Result<Response<Incoming>, DockerError> {
        self.sender.ready().await.map_err(broken)?;
        let request = Request::get(path)
            .header(http::header::HOST, &self.host)
            .header(http::header::USER_AGENT, concat!("plugbay/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new());
        let request = request.map_err(|error| DockerError::Broken { reason: error.to_string() })?;
        self.sender.send_request(request).await.map_err(broken)
    }
}

pub(crate) fn broken(error: hyper::Error) -> DockerError {
    DockerError::Broken { reason: error.to_string() }
}

async fn within<T>(future: impl Future<Output = T>) -> Result<T, DockerError> {
    timeout(REQUEST_TIMEOUT, future).await.map_err(|_| DockerError::Timeout { after: REQUEST_TIMEOUT })
}

/// An answer that is not an error.
async fn checked(response: Response<Incoming>, path: &str) -> Result<Response<Incoming>, DockerError> {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }

    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    let body = collect(response, path, ERROR_BYTES_MAX).await.unwrap_or_default();
    let message = match serde_json::from_slice::<Message>(&body) {
        Ok(answer) => answer.message,
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    let message = message.trim().chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect();
    Err(DockerError::Status { path: path.to_owned(), status: status.as_u16(), message })
}

async fn collect(response: Response<Incoming>, path: &str, bytes_max: usize) -> Result<Bytes, DockerError> {
    let body = Limited::new(response.into_body(), bytes_max).collect().await;
    let body = body.map_err(|error| match error.is::<LengthLimitError>() {
        true => DockerError::TooLarge { path: path.to_owned(), bytes_max },
        false => DockerError::Broken { reason: error.to_string() },
    })?;
    Ok(body.to_bytes())
}
