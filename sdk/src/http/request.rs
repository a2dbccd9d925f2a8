//! Requests: built, sent, and sent again to the target of a redirect.

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::response::Response;
use super::url::{Url, encode};
use crate::error::{Error, Result, error};
use crate::host::{self, HttpCall, HttpFailure};

/// The default number of redirects that a request follows.
const REDIRECTS_DEFAULT: u32 = 5;
/// Headers with credentials, which are not sent to another origin.
const PERSONAL_HEADERS: [&str; 2] = ["authorization", "cookie"];

/// The builder of a request, which [`Request::send`] sends.
#[derive(Debug, Clone)]
#[must_use = "a request is sent by `send`"]
pub struct Request {
    method: String,
    url: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Result<Vec<u8>>,
    timeout: Option<Duration>,
    redirects: u32,
}

impl Request {
    pub(super) fn new(method: String, url: String) -> Self {
        Request {
            method,
            url,
            query: String::new(),
            headers: Vec::new(),
            body: Ok(Vec::new()),
            timeout: None,
            redirects: REDIRECTS_DEFAULT,
        }
    }

    /// Adds a header. `Host`, `Connection`, `Transfer-Encoding` and similar headers are set by the host and refused
    /// here.
    pub fn header(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Adds `name=value` to the URL's query, percent-encoded.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&format!("{}={}", encode(name), encode(&value.to_string())));
        self
    }

    /// Sets the header `Authorization: Bearer <token>`.
    pub fn bearer(self, token: impl Display) -> Self {
        self.header("authorization", format_args!("Bearer {token}"))
    }

    /// Sets the body, of at most 16 MiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Ok(body.into());
        self
    }

    /// Sets a value as a JSON body.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.body = serde_json::to_vec(value).map_err(Error::from);
        self.header("content-type", "application/json")
    }

    /// Sets the timeout of the request, including redirects and the body. The host allows at most a minute, and the
    /// running call ends at its own deadline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how many redirects are followed, 5 by default; with 0, the redirect itself is returned. GET and HEAD follow
    /// all redirects, other methods only "see other" (303), with a GET. Each host on the way must be granted. The
    /// headers `Authorization` and `Cookie` are not sent to another origin.
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// Sends the request and reads the response. A status such as 404 is not an error; [`Response::checked`] turns it
    /// into one.
    ///
    /// # Errors
    /// `permission_denied` if the host or its address was not granted; `timeout`; `limit_exceeded` if the request, the
    /// response or the number of requests or redirects exceeds a limit; `invalid_argument` if the URL or a header is
    /// not valid; `unavailable` if no HTTP response arrives.
    pub fn send(self) -> Result<Response> {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut url = Url::parse(&self.url).ok_or_else(|| invalid(&self.url, "is not an http or https URL"))?;
        url.add_query(&self.query);
        let mut call = HttpCall { method: self.method, url, headers: self.headers, body: self.body?, deadline };
        add_default(&mut call.headers, "user-agent", concat!("plugbay-sdk/", env!("CARGO_PKG_VERSION")));
        let mut followed = 0;
        loop {
            let answer = host::http_send(&call).map_err(|failure| refused(&call, failure))?;
            let response = Response::new(call.url.to_string(), answer);
            let Some(next) = redirected(&call, &response).filter(|_| self.redirects > 0) else { return Ok(response) };
            if followed >= self.redirects {
                let text = format!("the response is still a redirect after {} redirects", self.redirects);
                return Err(refused(&call, HttpFailure::Limit(text)));
            }
            followed += 1;
            call = next;
        }
    }
}

/// The request that follows a redirect, if the response is one to follow.
fn redirected(call: &HttpCall, response: &Response) -> Option<HttpCall> {
    let is_read = ["GET", "HEAD"].contains(&&*call.method);
    let follows = match response.status() {
        301 | 302 | 307 | 308 => is_read,
        303 => true,
        _ => false,
    };
    let url = response.header("location").filter(|_| follows).and_then(|location| call.url.join(location))?;
    let mut next = HttpCall { url, ..call.clone() };
    if !is_read {
        next.method = "GET".to_owned();
        next.body.clear();
        next.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    if !next.url.has_same_origin(&call.url) {
        next.headers.retain(|(name, _)| !PERSONAL_HEADERS.contains(&&*name.to_ascii_lowercase()));
    }
    Some(next)
}

fn add_default(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
        headers.push((name.to_owned(), value.to_owned()));
    }
}

fn invalid(url: &str, why: &str) -> Error {
    error(format!("`{url}` {why}")).with_code("invalid_argument")
}

/// Converts a failure. The message omits the query of the URL, because many interfaces have their key there.
fn refused(call: &HttpCall, failure: HttpFailure) -> Error {
    let resource = call.url.resource();
    let (code, text) = match failure {
        HttpFailure::Denied => (
            "permission_denied",
            format!("permission to execute `{resource}` is not granted; the plugin's log says how it is granted"),
        ),
        HttpFailure::Prohibited => (
            "permission_denied",
            format!(
                "`{resource}` resolves to an address outside of the public internet, which must be granted by the operator; \
                 the plugin's log says how"
            ),
        ),
        HttpFailure::Timeout => ("timeout", "the request timed out".to_owned()),
        HttpFailure::Limit(text) => ("limit_exceeded", text),
        HttpFailure::Invalid(text) => ("invalid_argument", text),
        HttpFailure::Unavailable(text) => ("unavailable", text),
    };
    error(text).with_code(code).context(format_args!("{} {}", call.method, call.url.without_query()))
}
