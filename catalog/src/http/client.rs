//! Requests, with their redirects. Each has a connection of its own: transfers are few and large.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use url::Url;

use super::connect::{connect, connector};
use super::response::{Bounds, Connection, Response};
use super::{NetworkOptions, TransferError, TransferProblem};
use crate::limits::{CONNECT_TIMEOUT, REDIRECTS_MAX, RESPONSE_HEAD_BYTES_MAX, RESPONSE_HEADERS_MAX};

const AGENT: &str = concat!("plugbay/", env!("CARGO_PKG_VERSION"));

/// Makes requests.
#[derive(Clone)]
pub(crate) struct Client {
    options: Arc<NetworkOptions>,
    tls: TlsConnector,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The media types that are accepted.
    pub(crate) accept: Option<&'static str>,
    pub(crate) authorization: Option<Authorization>,
    /// The body with its media type. A request with one does not follow redirects.
    pub(crate) body: Option<(Bytes, &'static str)>,
}

/// The value of an `Authorization` header field.
#[derive(Clone)]
pub(crate) struct Authorization(HeaderValue);

impl Authorization {
    /// The field's value. It is marked as sensitive. `None` if it has characters that no header may have.
    pub(crate) fn new(value: &str) -> Option<Authorization> {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        Some(Authorization(value))
    }
}

impl Request {
    /// A request without a body.
    pub(crate) fn new(method: Method, url: Url) -> Request {
        Request { method, url, accept: None, authorization: None, body: None }
    }
}

impl Client {
    /// A client with these settings.
    pub(crate) fn new(options: NetworkOptions) -> Result<Client, TransferError> {
        let tls = connector(&options.root_certificates).map_err(|error| TransferError {
            url: "root certificates".to_owned(),
            problem: TransferProblem::Tls(error.to_string()),
        })?;
        Ok(Client { options: Arc::new(options), tls })
    }

    /// Whether the operator named a registry as one that is reached without encryption.
    pub(crate) fn is_plain(&self, registry: &str) -> bool {
        let url = Url::parse(&format!("http://{registry}/"));
        url.is_ok_and(|url| super::connect::names_url(&self.options.plain_hosts, &url))
    }

    /// Makes a GET request.
    pub(crate) async fn get(&self, url: &Url) -> Result<Response, TransferError> {
        self.send(Request::new(Method::GET, url.clone())).await
    }

    /// Makes a request and follows its redirects. The credentials stay with the host that they are for.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, TransferError> {
        let deadline = Instant::now() + self.options.timeout;
        let bounds = Bounds { deadline, timeout: self.options.timeout, idle: self.options.idle_timeout };
        let mut request = request;
        for _ in 0..=REDIRECTS_MAX {
            let response = self.exchange(&request, bounds).await.map_err(|problem| problem.at(&request.url))?;
            if request.body.is_some() || !is_redirect(response.status()) {
                return Ok(response);
            }
            let target = response.header(LOCATION.as_str()).and_then(|location| request.url.join(location).ok());
            let target = target.ok_or_else(|| TransferProblem::Location.at(&request.url))?;
            if request.url.scheme() == "https" && target.scheme() != "https" {
                return Err(TransferProblem::Plain.at(&target));
            }
            if target.origin() != request.url.origin() {
                request.authorization = None;
            }
            request.url = target;
        }
        Err(TransferProblem::Redirects(REDIRECTS_MAX).at(&request.url))
    }

    async fn exchange(&self, request: &Request, bounds: Bounds) -> Result<Response, TransferProblem> {
        let connected = timeout(CONNECT_TIMEOUT, connect(&self.options, &self.tls, &request.url)).await;
        let stream = connected.map_err(|_| TransferProblem::ConnectTimeout(CONNECT_TIMEOUT))??;
        let broken = |error: hyper::Error| TransferProblem::Broken(error.to_string());
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_headers(RESPONSE_HEADERS_MAX)
            .max_buf_size(RESPONSE_HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let connection = Connection(tokio::spawn(connection).abort_handle());
        // A large body takes its time to be sent, so only the whole transfer is bounded meanwhile.
        let idle = if request.body.is_some() { bounds.timeout } else { bounds.idle };
        let sent = Bounds { idle, ..bounds }.wait(sender.send_request(request.to_http()?)).await?;
        let (head, body) = sent.map_err(broken)?.into_parts();
        Ok(Response { url: request.url.clone(), head, body, bounds, _connection: connection })
    }
}

impl Request {
    fn to_http(&self) -> Result<hyper::Request<Full<Bytes>>, TransferProblem> {
        let path = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut http = hyper::Request::builder()
            .method(&self.method)
            .uri(path)
            .header(HOST, host)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT_ENCODING, "identity")
            .header(ACCEPT, self.accept.unwrap_or("*/*"));
        if let Some(Authorization(value)) = &self.authorization {
            http = http.header(AUTHORIZATION, value);
        }
        let body = match &self.body {
            Some((bytes, media_type)) => {
                http = http.header(CONTENT_TYPE, *media_type);
                bytes.clone()
            }
            None => Bytes::new(),
        };
        http.body(Full::new(body)).map_err(|_| TransferProblem::Url)
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
