//! A request and its response: admitted, sent, bounded in time.
//!
//! The guest receives a failure as one of `wasi:http`'s error codes, which cannot contain a reason. If the reason is a
//! permission or a limit, it is logged in full to the plugin's log.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, Connection};
use hyper_util::rt::TokioIo;
use plugbay_manifest::PermissionAction;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::body::{RequestBody, ResponseBody};
use crate::capability::Denial;
use crate::host::{CallState, PluginContext};
use crate::limits::{
    HTTP_BUFFER_BYTES, HTTP_CONNECT_TIMEOUT, HTTP_CONNECTIONS_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADER_FIELDS_MAX,
    HTTP_PATH_BYTES_MAX, HTTP_REQUEST_BYTES_MAX, HTTP_REQUESTS_OPEN_MAX, HTTP_REQUESTS_PER_CALL_MAX,
    HTTP_RESPONSE_BYTES_MAX,
};
use crate::service::http::{ConnectError, HttpResponder, Later, Stream, Target, address};
use crate::service::log::LogLevel;

/// A response, and the future that must be polled for its body to arrive.
pub(super) type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// A request's plugin, target and time limit.
#[derive(Clone)]
pub(super) struct Exchange(Arc<Parts>);

struct Parts {
    plugin: Arc<PluginContext>,
    /// For the audit and the log.
    call: CallState,
    target: Target,
    /// Whether it goes to the server of this host, with a token of the plugin.
    is_for_api: bool,
    deadline: Instant,
}

impl Exchange {
    /// Admits a request if it names a host, the plugin may send requests to that host, and its kind is supported.
    pub(super) fn admit(
        plugin: &Arc<PluginContext>,
        call: &CallState,
        request: &Request<WasiBody>,
    ) -> Result<Self, Error> {
        let target = Target::read(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        let deadline = Instant::now() + plugin.http.network.timeout;
        let is_for_api = plugin.api.admits(&target, request.headers());
        let (plugin, call) = (plugin.clone(), call.clone());
        let exchange = Exchange(Arc::new(Parts { plugin, call, target, is_for_api, deadline }));
        let Parts { plugin, call, target, .. } = &*exchange.0;
        if !is_for_api
            && let Err(denial) =
                plugin.permissions.check_in(&call.origin, &target.resource(), PermissionAction::Execute)
        {
            exchange.say(&format!("{denial}; {}", denial.hint()));
            return Err(Error::HttpRequestDenied);
        }
        // A tunnel would bypass all checks.
        if request.method() == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        if request.uri().path_and_query().is_some_and(|path| path.as_str().len() > HTTP_PATH_BYTES_MAX) {
            return Err(Error::HttpRequestUriTooLong);
        }
        let declared =
            request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        match declared {
            Some(bytes) if bytes > HTTP_REQUEST_BYTES_MAX => Err(exchange.request_too_large(bytes)),
            _ => Ok(exchange),
        }
    }

    /// The span of the request in the trace of its call.
    pub(super) fn span(&self, method: &Method) -> tracing::Span {
        tracing::debug_span!(
            target: "plugbay::trace",
            "http",
            otel.name = format!("{method} {}", self.0.target.resource()),
            otel.kind = "client",
            plugin = &*self.0.plugin.name,
            http.request.method = method.as_str(),
        )
    }

    /// Makes the request part of the present trace, unless the plugin has named one.
    pub(super) fn continue_trace(&self, request: &mut Request<WasiBody>) {
        const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

        if let Some(trace_parent) = &self.0.plugin.http.network.trace_parent
            && !request.headers().contains_key(TRACE_PARENT)
            && let Some(value) = trace_parent().and_then(|value| HeaderValue::try_from(value).ok())
        {
            request.headers_mut().insert(TRACE_PARENT, value);
        }
    }

    /// Sends the request and waits for the response's header.
    pub(super) async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
        turns: [OwnedSemaphorePermit; 2],
    ) -> Result<Sent, Error> {
        let deadline = self.0.deadline;
        if let Some(responder) = &self.0.plugin.http.network.responder {
            self.permitted(self.literal())?;
            let answered = timeout_at(deadline, self.ask(&**responder, request));
            return answered.await.unwrap_or_else(|_| Err(self.too_slow(deadline)));
        }
        let connect_by = after(options.connect_timeout.or(Some(HTTP_CONNECT_TIMEOUT)), deadline);
        let connected = timeout_at(connect_by, self.connect(connect_by)).await;
        let stream = connected.unwrap_or(Err(Error::ConnectionTimeout))?;

        let header_by = after(options.first_byte_timeout, deadline);
        let is_head = request.method() == Method::HEAD;
        let begun = timeout_at(header_by, self.begin(stream, request)).await;
        let (response, connection) = begun.unwrap_or_else(|_| Err(self.too_slow(header_by)))?;
        self.check_header(&response, is_head)?;

        let this = self.clone();
        let response =
            response.map(|body| ResponseBody::new(body, options.between_bytes_timeout, deadline, this).boxed_unsync());
        // The connection ends by the deadline even if the body is not read.
        let rest = async move {
            let _turns = turns;
            match connection {
                Some(connection) => match timeout_at(deadline, connection).await {
                    Ok(ended) => ended.map_err(|error| from_hyper(&error)),
                    Err(_) => Ok(()),
                },
                None => Ok(()),
            }
        };
        Ok((response, Box::new(rest)))
    }

    /// Looks up the host and connects to one of its permitted addresses.
    async fn connect(&self, deadline: Instant) -> Result<Box<dyn Stream>, Error> {
        let Parts { plugin, target, .. } = &*self.0;
        let addresses = plugin.http.lookup(&target.host).await?;
        let allowed = self.permitted(addresses)?;
        Ok(plugin.http.network.connect(target, &allowed, deadline).await?)
    }

    /// Returns the addresses that may be connected to: public ones, and others that the operator names.
    fn permitted(&self, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Error> {
        let mut refused = None;
        let mut open = addresses;
        open.retain(|&address| match address::special(address) {
            Some(kind) if !self.is_named(address) => {
                refused = Some((address, kind));
                false
            }
            _ => true,
        });
        match refused {
            Some((address, kind)) if open.is_empty() => Err(self.prohibited(address, kind)),
            _ => Ok(open),
        }
    }

    /// Returns whether the operator names an address outside the public internet, by itself or as `localhost`, or as
    /// that of this host's server.
    fn is_named(&self, address: IpAddr) -> bool {
        let Parts { plugin, target, .. } = &*self.0;
        if self.0.is_for_api {
            return true;
        }
        let named = |resource: &str, names: &dyn Fn(&str) -> bool| {
            plugin.permissions.grants().operator_names(resource, PermissionAction::Execute, names)
        };
        named(&target.resource_at(address), &address::is_named)
            || (target.is_localhost() && address.is_loopback() && {
                let resource = target.resource();
                named(&resource, &|rule| rule == resource)
            })
    }

    /// Returns the host's address if the host is an IP address.
    fn literal(&self) -> Vec<IpAddr> {
        match self.0.target.host {
            url::Host::Domain(_) => Vec::new(),
            url::Host::Ipv4(address) => vec![address.into()],
            url::Host::Ipv6(address) => vec![address.into()],
        }
    }

    /// Sends the request over a connection of its own.
    async fn begin(
        &self,
        stream: Box<dyn Stream>,
        request: Request<WasiBody>,
    ) -> Result<(Response<Incoming>, Option<OpenConnection>), Error> {
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(HTTP_BUFFER_BYTES)
            .max_header_size(HTTP_HEADER_BYTES_MAX)
            .max_headers(HTTP_HEADER_FIELDS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| from_hyper(&error))?;
        let mut answer = pin!(sender.send_request(self.on_the_wire(request)));
        let mut open = Some(connection);
        let answer = poll_fn(|context| {
            if let Some(connection) = &mut open
                && let Poll::Ready(ended) = Pin::new(connection).poll(context)
            {
                open = None;
                if let Err(error) = ended {
                    return Poll::Ready(Err(error));
                }
            }
            answer.as_mut().poll(context)
        });
        let response = answer.await.map_err(|error| self.failed(&error))?;
        Ok((response, open))
    }

    /// Converts the request to its wire form: only the path, and the host in the spelling that was checked.
    fn on_the_wire(&self, request: Request<WasiBody>) -> Request<RequestBody> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        parts.uri = Uri::try_from(path).unwrap_or_default();
        if let Ok(host) = HeaderValue::try_from(self.0.target.to_string()) {
            parts.headers.insert(header::HOST, host);
        }
        Request::from_parts(parts, RequestBody::new(body, self.clone()))
    }

    fn check_header(&self, response: &Response<Incoming>, is_head: bool) -> Result<(), Error> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::HttpUpgradeFailed);
        }
        let declared = hyper::body::Body::size_hint(response.body()).lower();
        if !is_head && declared > HTTP_RESPONSE_BYTES_MAX {
            return Err(self.response_too_large(declared));
        }
        Ok(())
    }

    /// Lets the embedder's responder answer in place of the network.
    async fn ask(&self, responder: &dyn HttpResponder, request: Request<WasiBody>) -> Result<Sent, Error> {
        let (parts, body) = request.into_parts();
        let body = RequestBody::new(body, self.clone()).collect().await?.to_bytes();
        let answer: Later<_> = responder.respond(Request::from_parts(parts, body));
        let response: Response<Bytes> = answer.await.map_err(|text| Error::InternalError(Some(text)))?;
        let bytes = response.body().len() as u64;
        if bytes > HTTP_RESPONSE_BYTES_MAX {
            return Err(self.response_too_large(bytes));
        }
        let response = response.map(|body| Full::new(body).map_err(Error::from).boxed_unsync());
        Ok((response, Box::new(std::future::ready(Ok(())))))
    }

    fn prohibited(&self, address: IpAddr, kind: &str) -> Error {
        let denial = Denial::by_operator(&self.0.target.resource_at(address), PermissionAction::Execute);
        self.0.plugin.permissions.note_denied(&self.0.call.origin, &denial);
        let hint = denial.hint();
        self.say(&format!(
            "{address} is {kind}, which the operator has to name, no pattern covers it: {denial}; {hint}"
        ));
        Error::DestinationIpProhibited
    }

    pub(super) fn request_too_large(&self, observed: u64) -> Error {
        self.say(&format!("the request has {observed} bytes, and {HTTP_REQUEST_BYTES_MAX} are allowed"));
        Error::HttpRequestBodySize(Some(HTTP_REQUEST_BYTES_MAX))
    }

    pub(super) fn response_too_large(&self, observed: u64) -> Error {
        self.say(&format!("the response has at least {observed} bytes, and {HTTP_RESPONSE_BYTES_MAX} are allowed"));
        Error::HttpResponseBodySize(Some(HTTP_RESPONSE_BYTES_MAX))
    }

    pub(super) fn too_many_sent(&self, observed: u32) -> Error {
        self.say(&format!("it is number {observed} of one call, and {HTTP_REQUESTS_PER_CALL_MAX} are allowed"));
        Error::ConnectionLimitReached
    }

    pub(super) fn too_many_open(&self) -> Error {
        self.say(&format!(
            "too many requests are under way: {HTTP_REQUESTS_OPEN_MAX} of one plugin and {HTTP_CONNECTIONS_MAX} of all are \
             allowed"
        ));
        Error::ConnectionLimitReached
    }

    /// The error for a server that took too long, by the host's limit or by a timeout that the guest set.
    pub(super) fn too_slow(&self, deadline: Instant) -> Error {
        if deadline == self.0.deadline {
            let allowed = self.0.plugin.http.network.timeout;
            self.say(&format!("it took longer than the {allowed:?} that a request may take"));
        }
        Error::HttpResponseTimeout
    }

    /// Converts an error of the exchange.
    fn failed(&self, error: &hyper::Error) -> Error {
        if error.is_parse_too_large() {
            self.say(&format!(
                "the header of the response is too large: {HTTP_HEADER_BYTES_MAX} bytes in {HTTP_HEADER_FIELDS_MAX} fields \
                 are allowed"
            ));
        }
        from_hyper(error)
    }

    fn say(&self, why: &str) {
        let Parts { plugin, call, target, .. } = &*self.0;
        let text = format!("request to `{target}`: {why}");
        plugin.log.write_in(|| Some(call.origin.request_id.get()), LogLevel::Warn, "http", &text, &[]);
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::LookupTimeout => Error::DnsTimeout,
            ConnectError::UnknownName => {
                Error::DnsError { rcode: Some("the name is not known".to_owned()), info_code: None }
            }
            ConnectError::NoAddress => Error::DestinationNotFound,
            ConnectError::InvalidName => Error::HttpRequestUriInvalid,
            ConnectError::Refused => Error::ConnectionRefused,
            ConnectError::Timeout => Error::ConnectionTimeout,
            ConnectError::Unreachable => Error::DestinationUnavailable,
            ConnectError::TlsConfiguration => Error::ConfigurationError,
            ConnectError::TlsCertificate => Error::TlsCertificateError,
            ConnectError::TlsAlert { id, name } => {
                Error::TlsAlertReceived { alert_id: Some(id), alert_message: Some(name) }
            }
            ConnectError::TlsProtocol => Error::TlsProtocolError,
            ConnectError::Terminated => Error::ConnectionTerminated,
        }
    }
}

/// A connection that still has to be driven.
type OpenConnection = Connection<TokioIo<Box<dyn Stream>>, RequestBody>;

fn after(timeout: Option<std::time::Duration>, deadline: Instant) -> Instant {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout)).map_or(deadline, |then| then.min(deadline))
}

/// Maps hyper's errors to `wasi:http`'s. hyper's own text goes to the host's log.
pub(super) fn from_hyper(error: &hyper::Error) -> Error {
    tracing::debug!("an exchange broke off: {error:?}");
    let own = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    if let Some(Error::HttpRequestBodySize(bytes)) = own {
        return Error::HttpRequestBodySize(*bytes);
    }
    if error.is_parse_too_large() {
        return Error::HttpResponseHeaderSectionSize(u32::try_from(HTTP_HEADER_BYTES_MAX).ok());
    }
    if error.is_incomplete_message() || is_end_of_file(error) {
        return Error::HttpResponseIncomplete;
    }
    if error.is_parse() || error.is_user() {
        return Error::HttpProtocolError;
    }
    Error::ConnectionTerminated
}

/// Returns whether the server closed the connection before the body's end.
fn is_end_of_file(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::UnexpectedEof)
}
