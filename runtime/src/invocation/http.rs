//! Requests that a component answers by its own handler, and the bodies of these requests and their responses.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

use super::exchange::{CallContext, HttpRequest};

/// A request for the handler of a plugin. See [`Runtime::handle_http`](crate::Runtime::handle_http).
#[derive(Debug)]
pub struct HttpCall {
    pub(crate) request: Request<HttpBody>,
    pub(crate) options: CallOptions,
}

/// What a call has beside its request.
#[derive(Debug, Default)]
pub(crate) struct CallOptions {
    pub(crate) request_id: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) context: Arc<CallContext>,
}

impl HttpCall {
    /// Creates a call. The path of the request's URI is the part below the plugin's mount point. The plugin sees the
    /// headers that the runtime allows, and never credentials or cookies.
    pub fn new<B>(request: Request<B>) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        HttpCall { request: request.map(HttpBody::new), options: CallOptions::default() }
    }

    /// Creates a call from a request that is not streamed, whose path is percent-encoded.
    ///
    /// # Errors
    /// [`http::Error`] if its method or path is not one of HTTP.
    pub fn from_request(request: HttpRequest) -> Result<Self, http::Error> {
        let mut target = request.path;
        if !request.query.is_empty() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
            target = format!("{target}?{query}");
        }
        let mut builder = Request::builder().method(request.method.as_str()).uri(target);
        if let Some(headers) = builder.headers_mut() {
            *headers = request.headers;
        }
        Ok(HttpCall::new(builder.body(Full::new(request.body.unwrap_or_default()))?))
    }

    /// Sets the id under which the call is logged. Default: a number that is unique in this process.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.options.request_id = Some(id.into());
        self
    }

    /// Sets the id that this call shares with the calls and events that it leads to. Default: the request id.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.context().correlation_id = Some(id.into());
        self
    }

    /// Sets the authenticated identity behind the call, and its scopes for the plugin. Default: none.
    #[must_use]
    pub fn identity(
        mut self,
        identity: impl Into<String>,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.context().set_identity(identity, scopes);
        self
    }

    /// Sets a deadline for the whole exchange, until the handler has written the end of its response. The plugin's own
    /// applies as well. Default: none.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    fn context(&mut self) -> &mut CallContext {
        Arc::make_mut(&mut self.options.context)
    }
}

/// The body of a request to a plugin's handler, or of its response.
///
/// The body of a response ends when the plugin's handler returns, and with an error if it breaks off: it trapped, its
/// deadline passed, or it wrote more than it may. Dropping the body of a response before its end stops the plugin.
pub struct HttpBody(UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>);

impl HttpBody {
    /// Wraps a body.
    pub fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        HttpBody(body.map_err(Into::into).boxed_unsync())
    }
}

impl fmt::Debug for HttpBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBody").finish_non_exhaustive()
    }
}

impl Body for HttpBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
