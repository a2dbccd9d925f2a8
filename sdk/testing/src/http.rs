//! HTTP for tested plugins: replies to expected requests, and a record of all requests.
//!
//! A request arrives here after the host has checked it against the plugin's permissions; a denied one does not. No
//! request reaches a network.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use plugbay::network::HttpResponder;
use plugbay::policy::Pattern;
use serde::Serialize;
use serde_json::Value;

/// The maximum number of recorded requests of a host. Each may have a body of megabytes.
const REQUESTS_MAX: usize = 1_000;

/// A request that a plugin made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpRequest {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// The headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The value of the first header with this name, ignoring case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// The replies to the requests of plugins, and the recorded requests. Clones share their state.
#[derive(Clone, Default)]
pub struct HttpReplies(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    requests: Vec<HttpRequest>,
}

/// A function that replies to a request.
type Reply = Arc<dyn Fn(&HttpRequest) -> Result<http::Response<Bytes>, String> + Send + Sync>;

struct Rule {
    method: String,
    url: Pattern,
    /// The remaining number of requests to serve; `None` is unlimited.
    left: Option<usize>,
    reply: Reply,
}

/// An expected request, whose reply [`HttpMock::reply`] or a similar method sets.
#[must_use = "an expected request needs a reply: call `reply`"]
pub struct HttpMock {
    replies: HttpReplies,
    method: String,
    url: String,
    times: Option<usize>,
}

impl HttpReplies {
    /// Sets the reply to requests for a URL. The whole URL is compared, including its query; `*` matches any text, so
    /// `https://api.example.org/*` matches all requests to a host. Of several that match, the first one that was set
    /// replies. The method `*` matches any method.
    pub fn on(&self, method: impl Into<String>, url: impl Into<String>) -> HttpMock {
        HttpMock { replies: self.clone(), method: method.into(), url: url.into(), times: None }
    }

    /// The requests so far, in order: at most 1,000, without those that were denied.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.state().requests.clone()
    }

    /// Clears the recorded requests.
    pub fn clear_requests(&self) {
        self.state().requests.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Records the request and replies to it.
    fn answer(&self, request: HttpRequest) -> Result<http::Response<Bytes>, String> {
        let reply = {
            let mut state = self.state();
            if state.requests.len() < REQUESTS_MAX {
                state.requests.push(request.clone());
            }
            state.rules.iter_mut().find(|rule| rule.fits(&request)).map(Rule::take)
        };
        match reply {
            Some(reply) => reply(&request),
            None => {
                let HttpRequest { method, url, .. } = request;
                Err(format!(
                    "the test has no reply to {method} {url}: set one with `host.http().on({method:?}, {url:?})`"
                ))
            }
        }
    }
}

impl Rule {
    fn fits(&self, request: &HttpRequest) -> bool {
        self.left != Some(0)
            && (self.method == "*" || self.method.eq_ignore_ascii_case(&request.method))
            && self.url.matches(&request.url)
    }

    fn take(&mut self) -> Reply {
        self.left = self.left.map(|left| left - 1);
        self.reply.clone()
    }
}

impl HttpMock {
    /// Serves only this many requests; later ones get the next matching reply.
    pub fn times(self, times: usize) -> Self {
        HttpMock { times: Some(times), ..self }
    }

    /// Replies with a status and a JSON body.
    ///
    /// # Panics
    /// If the status is not 100 to 999, or serde cannot write the body as JSON.
    #[track_caller]
    pub fn reply(self, status: u16, body: impl Serialize) {
        let body = serde_json::to_vec(&body).unwrap_or_else(|error| panic!("the body is not JSON: {error}"));
        self.reply_bytes(status, &[("content-type", "application/json")], body);
    }

    /// Replies with a status and a text.
    ///
    /// # Panics
    /// If the status is not 100 to 999.
    #[track_caller]
    pub fn reply_text(self, status: u16, body: impl Into<String>) {
        self.reply_bytes(status, &[("content-type", "text/plain; charset=utf-8")], body.into());
    }

    /// Replies with a status, headers and a body.
    ///
    /// # Panics
    /// If the status is not 100 to 999, or a header is not valid.
    #[track_caller]
    pub fn reply_bytes(self, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
        match response(status, headers.iter().copied(), body.into()) {
            Ok(response) => self.reply_with(move |_| Ok(response.clone())),
            Err(error) => panic!("{error}"),
        }
    }

    /// Fails with a connection error.
    pub fn fail(self, reason: impl Into<String>) {
        let reason = reason.into();
        self.reply_with(move |_| Err(reason.clone()));
    }

    /// Replies with the result of a function of the request.
    pub fn reply_with(
        self,
        reply: impl Fn(&HttpRequest) -> Result<http::Response<Bytes>, String> + Send + Sync + 'static,
    ) {
        let HttpMock { replies, method, url, times } = self;
        replies.state().rules.push(Rule { method, url: Pattern::new(url), left: times, reply: Arc::new(reply) });
    }
}

/// A response with these parts, if they are valid.
pub(crate) fn response<'h>(
    status: u16,
    headers: impl IntoIterator<Item = (&'h str, &'h str)>,
    body: Vec<u8>,
) -> Result<http::Response<Bytes>, String> {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    builder.body(Bytes::from(body)).map_err(|error| format!("the reply is not a valid response: {error}"))
}

impl HttpResponder for HttpReplies {
    fn respond(
        &self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, String>> + Send>> {
        let (parts, body) = request.into_parts();
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let answer = self.answer(HttpRequest {
            method: parts.method.to_string(),
            url: parts.uri.to_string(),
            headers: parts.headers.iter().map(header).collect(),
            body: body.to_vec(),
        });
        Box::pin(std::future::ready(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(replies: &HttpReplies, method: &str, url: &str) -> Result<(u16, String), String> {
        let request = HttpRequest { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new() };
        let response = replies.answer(request)?;
        Ok((response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned()))
    }

    #[test]
    fn first_matching_reply_is_used_until_its_limit() {
        let replies = HttpReplies::default();
        replies.on("GET", "https://a.test/*").times(1).reply_text(503, "later");
        replies.on("get", "https://a.test/x?q=1").reply(200, json!([1]));
        replies.on("*", "https://b.test/").fail("refused");
        assert_eq!(request(&replies, "GET", "https://a.test/x?q=1"), Ok((503, "later".into())));
        assert_eq!(request(&replies, "GET", "https://a.test/x?q=1"), Ok((200, "[1]".into())));
        assert_eq!(request(&replies, "PUT", "https://b.test/"), Err("refused".into()));
        assert_eq!(replies.requests().len(), 3);
    }

    #[test]
    fn request_without_a_reply_is_recorded_with_a_hint() {
        let replies = HttpReplies::default();
        let error = request(&replies, "GET", "https://a.test/").expect_err("nothing was said");
        assert!(error.contains("host.http().on(\"GET\", \"https://a.test/\")"), "{error}");
        assert_eq!(replies.requests()[0].url, "https://a.test/");
    }
}
