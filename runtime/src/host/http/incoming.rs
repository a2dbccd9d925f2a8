//! `wasi:http/incoming-handler`: requests that a component answers by its own handler, with bodies that stream both
//! ways.
//!
//! The guest sees the headers that `plugbay:plugin/exchange` would show it, and the length of the body. Headers of its
//! response that are the server's are left out, and the plugin's log says so: programs that were written for another
//! host cannot know which they are.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::uri::Scheme as UriScheme;
use http::{HeaderMap, HeaderName, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, StreamContext};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::error::{Failure, InvokeError, InvokeErrorKind};
use crate::host::contract::IncomingParams;
use crate::host::exchange::{is_of_the_server, is_visible};
use crate::host::{HostState, PluginContext};
use crate::invocation::HttpBody;
use crate::limits::{RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX};
use crate::plugin_limits::Limits;
use crate::service::log::LogLevel;

/// The authority of a request that names none.
const NO_AUTHORITY: &str = "localhost";

/// A request for a component's own handler, and the place for the head of its response.
#[derive(Clone)]
pub(crate) struct HttpExchange(Arc<Parts>);

/// The body of a response, as the guest writes it.
pub(crate) type ResponseBody = WasiBody;

/// The head of a response, with its body to come; or why there is none.
pub(crate) type Head = Result<Response<WasiBody>, InvokeError>;

struct Parts {
    /// The length that the request's header announces.
    announced_bytes: usize,
    /// `None` once a guest has received it.
    request: Mutex<Option<Request<HttpBody>>>,
    /// `None` once there is an answer.
    answer: Mutex<Option<oneshot::Sender<Head>>>,
}

impl HttpExchange {
    /// Begins an exchange. The receiver gets the head of the response, or the first error.
    pub(crate) fn new(request: Request<HttpBody>) -> (Self, oneshot::Receiver<Head>) {
        let (sender, receiver) = oneshot::channel();
        let announced_bytes = content_length(request.headers()).unwrap_or_default();
        let (request, answer) = (Mutex::new(Some(request)), Mutex::new(Some(sender)));
        (HttpExchange(Arc::new(Parts { announced_bytes, request, answer })), receiver)
    }

    /// The length of the request's body in bytes, as far as its header announces it.
    pub(crate) fn announced_bytes(&self) -> usize {
        self.0.announced_bytes
    }

    /// Returns whether there is an answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.0.answer.lock().is_none()
    }

    /// Answers, unless there is an answer already: then this returns `head`.
    pub(crate) fn answer(&self, head: Head) -> Option<Head> {
        match self.0.answer.lock().take() {
            // A client that has left needs no answer.
            Some(sender) => sender.send(head).err().and(None),
            None => Some(head),
        }
    }
}

/// Creates the guest's request, and the place where it puts its response.
pub(crate) fn begin(
    state: &mut HostState,
    exchange: &HttpExchange,
    limits: &Limits,
) -> wasmtime::Result<IncomingParams> {
    let request = exchange.0.request.lock().take();
    let request = request.ok_or_else(|| wasmtime::Error::msg("a guest has received the request before"))?;
    let (plugin, call) = (state.plugin.clone(), state.call.share());
    let (parts, body) = request.into_parts();
    let scheme = if parts.uri.scheme() == Some(&UriScheme::HTTPS) { Scheme::Https } else { Scheme::Http };
    let headers = visible(parts.headers, &plugin.request_headers);
    let mut visible = Request::new(RequestBody { body, allowed: limits.payload_bytes as u64, bytes: 0 });
    *visible.method_mut() = parts.method;
    *visible.uri_mut() = with_authority(parts.uri);
    *visible.headers_mut() = headers;
    let mut http = state.http();
    let request = http.new_incoming_request(scheme, visible)?;
    let exchange = exchange.clone();
    let respond = move |answer: Result<Response<WasiBody>, ErrorCode>| {
        let head = match answer {
            Ok(response) => checked(response, &plugin, call.origin.request_id.get()),
            Err(code) => Err(InvokeErrorKind::Guest { failure: failure(&code) }),
        };
        exchange.answer(head.map_err(|kind| InvokeError::new(&*plugin.name, INCOMING_HANDLER, kind)));
    };
    Ok((request, http.new_response_outparam_from_callback(respond)?))
}

/// Aborts the bodies that a handler has begun and left open when it returned: they would look as if they were whole.
pub(crate) fn abort_unfinished(state: &mut HostState) {
    let mut aborted = 0;
    for entry in state.http().table.iter_mut() {
        let Some(body) = entry.downcast_mut::<HostOutgoingBody>() else { continue };
        let (another, _) = HostOutgoingBody::new(StreamContext::Response, None, 1, 1);
        std::mem::replace(body, another).abort();
        aborted += 1;
    }
    if aborted > 0 {
        let text = "the handler returned before it finished a body that it had begun, so that body is broken off";
        let request_id = state.call.origin.request_id.get();
        state.plugin.log.write_in(|| Some(request_id), LogLevel::Warn, "http", text, &[]);
    }
}

/// The name of the handler in errors.
pub(crate) const INCOMING_HANDLER: &str = "incoming-handler";

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn visible(headers: HeaderMap, allowed: &[String]) -> HeaderMap {
    let mut visible = HeaderMap::new();
    for (name, value) in &headers {
        if *name == CONTENT_LENGTH || is_visible(allowed, name.as_str()) {
            visible.append(name.clone(), value.clone());
        }
    }
    visible
}

/// The URI with an authority, which the guest may ask for.
fn with_authority(uri: Uri) -> Uri {
    if uri.authority().is_some() {
        return uri;
    }
    let mut parts = uri.into_parts();
    parts.scheme.get_or_insert(UriScheme::HTTP);
    parts.authority = NO_AUTHORITY.parse().ok();
    // `*` is the target of `OPTIONS` alone, and has no place beside an authority.
    Uri::from_parts(parts).unwrap_or_else(|_| Uri::from_static("http://localhost/"))
}

/// The error for a code that the guest answers with in place of a response.
fn failure(code: &ErrorCode) -> Box<Failure> {
    let message = format!("the plugin's handler has no response: {code:?}");
    Box::new(Failure { code: "no_response".to_owned(), message, details: None, status_code: Some(502) })
}

/// Returns the response without the headers that are the server's.
fn checked(
    mut response: Response<WasiBody>,
    plugin: &PluginContext,
    request_id: &str,
) -> Result<Response<WasiBody>, InvokeErrorKind> {
    let invalid = |message| Err(InvokeErrorKind::Answer { message });
    if response.status().is_informational() {
        return invalid(format!("the status {} does not end a response", response.status().as_u16()));
    }
    let headers = response.headers_mut();
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    // wasmtime-wasi-http compares the body with the one length that is left.
    let is_refused = |name: &HeaderName| {
        if *name == CONTENT_LENGTH { lengths != 1 } else { is_of_the_server(name.as_str()) }
    };
    let refused: Vec<HeaderName> = headers.keys().filter(|name| is_refused(name)).cloned().collect();
    for name in &refused {
        headers.remove(name);
    }
    if !refused.is_empty() {
        let names: Vec<&str> = refused.iter().take(RESPONSE_HEADERS_MAX).map(HeaderName::as_str).collect();
        let text = format!("the server sets these headers itself and has left them out: {}", names.join(", "));
        plugin.log.write_in(|| Some(request_id), LogLevel::Warn, "http", &text, &[]);
    }
    if headers.len() > RESPONSE_HEADERS_MAX {
        return invalid(format!("the response has {} headers, and {RESPONSE_HEADERS_MAX} are allowed", headers.len()));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > RESPONSE_HEADER_BYTES_MAX {
        return invalid(format!(
            "the response's headers have {bytes} bytes, and {RESPONSE_HEADER_BYTES_MAX} are allowed"
        ));
    }
    Ok(response)
}

/// The body of the request, of which the guest may read as much as of a payload.
struct RequestBody {
    body: HttpBody,
    allowed: u64,
    bytes: u64,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else { return Poll::Pending };
        Poll::Ready(frame.map(|frame| {
            // The client's connection broke, or what it sends is not a body.
            let frame = frame.map_err(|_| Error::ConnectionTerminated)?;
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            if self.bytes > self.allowed { Err(Error::HttpRequestBodySize(Some(self.allowed))) } else { Ok(frame) }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
