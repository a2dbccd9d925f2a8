//! What a call may have beyond its JSON payload and answer: an identity, the HTTP request behind it, and the parts of
//! an HTTP response.
//!
//! Most calls have none of it, so it is behind one pointer that is `None` for them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The HTTP request that an action answers, as a server passes it on. See
/// [`Invocation::http_request`](crate::Invocation::http_request).
///
/// The plugin sees the headers that the runtime allows
/// ([`RuntimeBuilder::request_headers`](crate::RuntimeBuilder::request_headers)), and never credentials or cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) route: Option<Arc<str>>,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) previous: Option<String>,
}

impl HttpRequest {
    /// Creates a request with a method in upper case and a path below the plugin's mount point, such as `/items/7`.
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        HttpRequest { method: method.into(), path: path.into(), ..HttpRequest::default() }
    }

    /// Sets the template of the route that matched, such as `/items/{id}`. Default: none.
    #[must_use]
    pub fn route(mut self, template: impl Into<Arc<str>>) -> Self {
        self.route = Some(template.into());
        self
    }

    /// Adds a path parameter, percent-decoded.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Adds a query parameter, decoded. A name may occur several times.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header. A name may occur several times; it is compared without case. A name or a value that HTTP does not
    /// allow is left out: no client can send it.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_ref().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_ref())) {
            self.headers.append(name, value);
        }
        self
    }

    /// Sets all headers, as a server has received them.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Sets the body as it was sent. It counts against the plugin's limit of a payload. Default: none.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the JSON result of the previous action of a route's chain. Default: none.
    #[must_use]
    pub fn previous(mut self, json: impl Into<String>) -> Self {
        self.previous = Some(json.into());
        self
    }
}

impl HttpRequest {
    /// The size of the body in bytes.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body.as_ref().map_or(0, Bytes::len)
    }
}

/// What an action answers beyond its JSON result. See [`Outcome::response`](super::Outcome::response).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HttpResponse {
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl HttpResponse {
    /// Returns the status, 200 to 599. Default: 200.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or(200)
    }

    /// Returns the headers in their order, with names in lower case. None of them is one that a server sets itself.
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// Returns the body that takes the place of the JSON result, if the action set one.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }
}

/// The context of a call that has more than a caller and a payload.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallContext {
    pub(crate) correlation_id: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) request: Option<HttpRequest>,
}

impl CallContext {
    /// Sets the identity behind the call, and its scopes.
    pub(crate) fn set_identity(
        &mut self,
        identity: impl Into<String>,
        scopes: impl IntoIterator<Item = impl Into<String>>,
    ) {
        self.identity = Some(identity.into());
        self.scopes = scopes.into_iter().map(Into::into).collect();
    }

    /// The context of the calls that this one leads to: related to it, without its identity and its request.
    pub(crate) fn of_call_by_plugin(&self) -> Option<Arc<CallContext>> {
        let correlation_id = Some(self.correlation_id.clone()?);
        Some(Arc::new(CallContext { correlation_id, ..CallContext::default() }))
    }
}
