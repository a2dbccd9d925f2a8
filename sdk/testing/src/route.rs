//! Requests to routes of a plugin, answered without a socket.

use std::sync::Arc;

use http_body_util::BodyExt;
use plugbay::error::RouteError;
use plugbay::http::{HeaderName, HeaderValue};
use plugbay::invocation::{HttpCall, HttpRequest, RouteCall, RouteOutcome};
use serde::Serialize;
use serde_json::{Value, json};

use crate::host::Inner;
use crate::plugin::TestPlugin;

/// A request to a route of a plugin, made by [`TestPlugin::request`].
#[must_use = "a request is sent by `send`"]
pub struct RouteRequest<'p> {
    plugin: &'p TestPlugin,
    path: String,
    request: HttpRequest,
    identity: Option<(String, Vec<String>)>,
    is_head: bool,
}

/// The answer of a route, as an HTTP client sees it.
pub struct RouteResponse {
    /// The status.
    pub status: u16,
    /// The headers that the plugin set, with names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    pub(crate) error: Option<RouteError>,
    plugin: String,
    host: Arc<Inner>,
}

impl TestPlugin {
    /// Prepares a request to a route, as a client would send it to a server: the method in upper case, and the path
    /// below the plugin's own, which may have a query.
    ///
    /// ```no_run
    /// # use plugbay_testing::{TestHost, json};
    /// # let host = TestHost::new();
    /// # let items = host.plugin("items").load();
    /// let created = items.request("POST", "/items").json(json!({ "name": "Tea" })).send();
    /// created.assert_status(201);
    /// assert_eq!(items.request("GET", "/items?limit=1").send().json()["items"][0]["name"], "Tea");
    /// ```
    pub fn request(&self, method: &str, path: &str) -> RouteRequest<'_> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut request = HttpRequest::new(method.to_ascii_uppercase(), path);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            request = request.query(name, value);
        }
        let is_head = method.eq_ignore_ascii_case("HEAD");
        RouteRequest { plugin: self, path: path.to_owned(), request, identity: None, is_head }
    }
}

impl RouteRequest<'_> {
    /// Adds a parameter of the query.
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        self.request = self.request.query(name, value.to_string());
        self
    }

    /// Adds a header. The plugin sees those that the host allows.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.request = self.request.header(name, value.into());
        self
    }

    /// Sets a body of JSON.
    ///
    /// # Panics
    /// If the value cannot be written as JSON.
    #[track_caller]
    pub fn json(self, body: impl Serialize) -> Self {
        match serde_json::to_vec(&body) {
            Ok(body) => self.header("content-type", "application/json").body(body),
            Err(error) => panic!("the body is not JSON: {error}"),
        }
    }

    /// Sets a body of text, or of bytes: an upload.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.body(body.into());
        self
    }

    /// Sets the authenticated identity of the client, and its scopes for the plugin. Default: none.
    pub fn identity(mut self, name: impl Into<String>, scopes: &[&str]) -> Self {
        self.identity = Some((name.into(), scopes.iter().map(ToString::to_string).collect()));
        self
    }

    /// Sends the request. When this returns, the handlers of the events that plugins published meanwhile have run. A
    /// failure is an answer too.
    pub fn send(self) -> RouteResponse {
        let (name, host) = (self.plugin.name(), self.plugin.host.clone());
        if host.runtime.is_for_handler(&name, &self.path) {
            return self.send_to_handler(name, host);
        }
        let mut call = RouteCall::new(self.request);
        if let Some((identity, scopes)) = self.identity {
            call = call.identity(identity, scopes);
        }
        match host.run(host.runtime.handle_route(&name, call)) {
            Ok(outcome) => RouteResponse::of_outcome(outcome, name, host),
            Err(error) => RouteResponse::of_error(error, name, host),
        }
        .without_body_if(self.is_head)
    }

    /// Sends the request to the handler that the component exports, and reads the whole response. One that breaks off
    /// is as long as what arrived of it.
    fn send_to_handler(self, name: String, host: Arc<Inner>) -> RouteResponse {
        let mut call = HttpCall::from_request(self.request).unwrap_or_else(|error| panic!("the request: {error}"));
        if let Some((identity, scopes)) = self.identity {
            call = call.identity(identity, scopes);
        }
        let answered = host.run(async {
            let (head, mut body) = host.runtime.handle_http(&name, call).await?.into_parts();
            let mut bytes = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            }
            Ok((head, bytes))
        });
        match answered {
            Ok((head, body)) => {
                let header = |(name, value): (&HeaderName, &HeaderValue)| (name.to_string(), value.as_bytes().to_vec());
                let headers = head.headers.iter().map(header).collect();
                RouteResponse { status: head.status.as_u16(), headers, body, error: None, plugin: name, host }
            }
            Err(error) => RouteResponse::of_error(error, name, host),
        }
        .without_body_if(self.is_head)
    }
}

impl RouteResponse {
    fn of_outcome(answered: RouteOutcome, plugin: String, host: Arc<Inner>) -> RouteResponse {
        let outcome = answered.outcome();
        let json_type = || vec![("content-type".to_owned(), b"application/json".to_vec())];
        let (status, headers, body) = match outcome.response() {
            None => (200, json_type(), outcome.json().as_bytes().to_vec()),
            Some(parts) => {
                let status = parts.status();
                let mut headers = parts.headers().to_vec();
                let body = match parts.body() {
                    _ if matches!(status, 204 | 205 | 304) => Vec::new(),
                    Some(body) => body.to_vec(),
                    None => {
                        headers.extend(json_type());
                        outcome.json().as_bytes().to_vec()
                    }
                };
                (status, headers, body)
            }
        };
        RouteResponse { status, headers, body, error: None, plugin, host }
    }

    /// The answer of a server that runs in development mode.
    fn of_error(error: RouteError, plugin: String, host: Arc<Inner>) -> RouteResponse {
        let message = error.to_string();
        let body = json!({ "status": "error", "msg": message, "code": error.code(), "detail": message });
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        let (status, body) = (error.http_status(), body.to_string().into_bytes());
        RouteResponse { status, headers, body, error: Some(error), plugin, host }
    }

    /// The answer to a HEAD request has no body.
    fn without_body_if(mut self, is_head: bool) -> RouteResponse {
        if is_head {
            self.body.clear();
        }
        self
    }

    /// The first value of a header, whose name is compared without case; `None` if it is absent or is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the answer is not JSON ({error}): {}{}", self.text(), self.scene()),
        }
    }

    /// The body as JSON, or else as text.
    pub(crate) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::String(self.text()))
    }

    /// The error, if the route failed.
    pub fn error(&self) -> Option<&RouteError> {
        self.error.as_ref()
    }

    /// Asserts that the answer has this status, and returns it.
    ///
    /// # Panics
    /// If it has another; the message has the body, the log and the denied uses of the plugin.
    #[track_caller]
    pub fn assert_status(&self, status: u16) -> &Self {
        if self.status != status {
            let (found, body) = (self.status, self.text());
            panic!("plugin `{}` answered {found}, not {status}: {body}{}", self.plugin, self.scene());
        }
        self
    }

    fn scene(&self) -> String {
        self.host.record.scene(&self.plugin)
    }
}

impl std::fmt::Debug for RouteRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteRequest").field("request", &self.request).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RouteResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RouteResponse")
            .field("status", &self.status)
            .field("body", &self.text())
            .finish_non_exhaustive()
    }
}
