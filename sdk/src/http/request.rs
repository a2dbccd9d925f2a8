//! What is asked: put together, sent, and sent on to where a redirect leads.

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::response::Response;
use super::url::{Url, encode};
use crate::error::{Error, Result, error};
use crate::host::{self, HttpCall, HttpFailure};

/// Redirects that a request follows unless it says otherwise.
const REDIRECTS_DEFAULT: u32 = 5;
/// Headers that tell who asks: they stay with the host that they were meant for.
const PERSONAL_HEADERS: [&str; 2] = ["authorization", "cookie"];

/// A request in the making: nothing is sent before [`Request::send`].
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

    /// Adds a header. `Host`, `Connection`, `Transfer-Encoding` and the like are the host's business and refused.
    pub fn header(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Adds `name=value` to the URL's query, encoded as it has to be.
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.push_str(&format!("{}={}", encode(name), encode(&value.to_string())));
        self
    }

    /// The token that `Authorization` carries.
    pub fn bearer(self, token: impl Display) -> Self {
        self.header("authorization", format_args!("Bearer {token}"))
    }

    /// Sends these bytes. The host takes 16 MiB.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Ok(body.into());
        self
    }

    /// Sends a value as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.body = serde_json::to_vec(value).map_err(Error::from);
        self.header("content-type", "application/json")
    }

    /// How long it all may take, redirects and body included. The host allows a minute at most, and the call that runs
    /// ends at its own deadline.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How many redirects are followed; 5 unless it is said, 0 answers the redirect itself. GET and HEAD follow them all,
    /// other methods only those that say "see other" (303), with a GET. Another host does not get to see `Authorization`
    /// and `Cookie`, and is a host that has to be granted.
    pub fn redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    /// Sends the request and reads the response. A status such as 404 is an answer, not an error:
    /// [`Response::checked`] makes it one.
    ///
    /// # Errors
    /// `permission_denied` if the host may not be asked, or leads to an address that may not; `timeout`;
    /// `limit_exceeded` if the request, the response or their number are over a limit; `invalid_argument` if the
    /// URL or a header cannot be sent; `unavailable` if there is no answer, or not one in HTTP.
    pub fn send(self) -> Result<Response> {
        let deadline = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut url = Url::parse(&self.url).ok_or_else(|| invalid(&self.url, "is no http or https URL"))?;
        url.add_query(&self.query);
        let mut call = HttpCall { method: self.method, url, headers: self.headers, body: self.body?, deadline };
        add_default(&mut call.headers, "user-agent", concat!("plugbay-sdk/", env!("CARGO_PKG_VERSION")));
        let mut followed = 0;
        loop {
            let answer = host::http_send(&call).map_err(|failure| refused(&call, failure))?;
            let response = Response::new(call.url.to_string(), answer);
            let Some(next) = redirected(&call, &response).filter(|_| self.redirects > 0) else { return Ok(response) };
            if followed >= self.redirects {
                let text = format!("it leads on after {} redirects", self.redirects);
                return Err(refused(&call, HttpFailure::Limit(text)));
            }
            followed += 1;
            call = next;
        }
    }
}

/// The request that follows a redirect, where it is one to follow.
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

/// The failure in this crate's words. The query is left out: many an interface has its key in there.
fn refused(call: &HttpCall, failure: HttpFailure) -> Error {
    let resource = call.url.resource();
    let (code, text) = match failure {
        HttpFailure::Denied => (
            "permission_denied",
            format!(
                "permission to execute `{resource}` was not granted: the plugin's manifest has to ask for \
                 `{{resource: \"{resource}\", actions: [execute]}}`, and the operator to allow it, such as with \
                 `--grant {resource}:execute`; the plugin's log says which of the two is missing, or which rule denies it"
            ),
        ),
        HttpFailure::Prohibited => (
            "permission_denied",
            format!(
                "`{resource}` leads to an address that is not of the public internet, and such are reached only where \
                 the operator names the address; the plugin's log says how"
            ),
        ),
        HttpFailure::Timeout => ("timeout", "it took too long".to_owned()),
        HttpFailure::Limit(text) => ("limit_exceeded", text),
        HttpFailure::Invalid(text) => ("invalid_argument", text),
        HttpFailure::Unavailable(text) => ("unavailable", text),
    };
    error(text).with_code(code).context(format_args!("{} {}", call.method, call.url.without_query()))
}
