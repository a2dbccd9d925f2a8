//! `plugbay:plugin/exchange`: the HTTP request that the running call answers, and its answer beyond JSON. It requires
//! no permission.
//!
//! The guest sees the headers that the runtime allows. What it sets is checked here, so that a server can send it as it
//! is.

use super::HostState;
use super::bindings::plugbay::plugin::exchange as wit;
use super::failure::{Failure, INVALID_ARGUMENT, failure};
use crate::invocation::{HttpRequest, HttpResponse};
use crate::limits::{RESPONSE_HEADER_BYTES_MAX, RESPONSE_HEADERS_MAX, RESULT_BYTES_MAX};
use crate::service::limit::ReachedLimit;

/// Headers of requests that no plugin sees: credentials, cookies, and what a proxy says about the client.
const NEVER_VISIBLE: [&str; 5] =
    ["authorization", "cookie", "proxy-authorization", "x-api-key", "x-forwarded-client-cert"];

/// Headers of responses that the server sets itself: framing, cookies and security.
const OF_THE_SERVER: [&str; 20] = [
    "alt-svc",
    "connection",
    "content-length",
    "content-security-policy",
    "content-security-policy-report-only",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "host",
    "keep-alive",
    "server",
    "set-cookie",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
    "x-frame-options",
];

/// The beginnings of names of further headers that the server sets itself.
const PREFIXES_OF_THE_SERVER: [&str; 3] = ["access-control-", "proxy-", "sec-"];

impl HostState {
    fn request(&self) -> Option<&HttpRequest> {
        self.call.context.as_ref()?.request.as_ref()
    }

    /// The headers of the request that the plugin may see.
    fn visible_headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let headers = self.request().into_iter().flat_map(|request| &request.headers);
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        headers.filter(|(name, _)| is_visible(&self.plugin.request_headers, name))
    }

    fn response(&mut self) -> &mut HttpResponse {
        self.call.response.get_or_insert_default()
    }

    fn add_response_header(&mut self, name: &str, value: Vec<u8>) -> Result<(), Failure> {
        let name = name.to_ascii_lowercase();
        check_header(&name, &value)?;
        let response = self.response();
        if response.headers.len() == RESPONSE_HEADERS_MAX {
            return Err(ReachedLimit::new("response_headers", RESPONSE_HEADERS_MAX, RESPONSE_HEADERS_MAX + 1).into());
        }
        let size = |(name, value): &(String, Vec<u8>)| name.len() + value.len();
        let bytes = response.headers.iter().map(size).sum::<usize>() + name.len() + value.len();
        if bytes > RESPONSE_HEADER_BYTES_MAX {
            return Err(ReachedLimit::new("response_header_bytes", RESPONSE_HEADER_BYTES_MAX, bytes).into());
        }
        response.headers.push((name, value));
        Ok(())
    }

    fn set_response_body(&mut self, body: Vec<u8>) -> Result<(), Failure> {
        if body.len() > RESULT_BYTES_MAX {
            return Err(ReachedLimit::new("result_bytes", RESULT_BYTES_MAX, body.len()).into());
        }
        self.response().body = Some(body);
        Ok(())
    }
}

/// Returns whether a plugin may see a header of a request, of which the runtime allows these. The name is in lower
/// case.
pub(super) fn is_visible(allowed: &[String], name: &str) -> bool {
    allowed.iter().any(|allowed| allowed == name) && !NEVER_VISIBLE.contains(&name)
}

/// Returns whether the server alone sets a header of responses. The name is in lower case.
pub(super) fn is_of_the_server(name: &str) -> bool {
    OF_THE_SERVER.contains(&name) || PREFIXES_OF_THE_SERVER.iter().any(|prefix| name.starts_with(prefix))
}

/// Checks a header that a plugin sets. The name is in lower case.
fn check_header(name: &str, value: &[u8]) -> Result<(), Failure> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(failure(INVALID_ARGUMENT, "the name of a header has letters, digits and `-` only, such as `etag`"));
    }
    if is_of_the_server(name) {
        return Err(failure(INVALID_ARGUMENT, format!("the header `{name}` is set by the server alone")));
    }
    // Horizontal tabs, visible characters and those beyond ASCII.
    let is_text = |c: &u8| matches!(c, b'\t' | b' '..=b'~' | 0x80..);
    if !value.iter().all(is_text) {
        let text = format!("the value of the header `{name}` has control characters");
        return Err(failure(INVALID_ARGUMENT, text));
    }
    Ok(())
}

impl wit::Host for HostState {
    fn is_request(&mut self) -> bool {
        self.request().is_some()
    }

    fn request_method(&mut self) -> Option<String> {
        Some(self.request()?.method.clone())
    }

    fn request_path(&mut self) -> Option<String> {
        Some(self.request()?.path.clone())
    }

    fn request_route(&mut self) -> Option<String> {
        self.request()?.route.as_deref().map(str::to_owned)
    }

    fn request_param(&mut self, name: String) -> Option<String> {
        self.request()?.params.iter().find(|(param, _)| *param == name).map(|(_, value)| value.clone())
    }

    fn request_params(&mut self) -> Vec<(String, String)> {
        self.request().map(|request| request.params.clone()).unwrap_or_default()
    }

    fn request_query(&mut self) -> Vec<(String, String)> {
        self.request().map(|request| request.query.clone()).unwrap_or_default()
    }

    fn request_header(&mut self, name: String) -> Vec<Vec<u8>> {
        let name = name.to_ascii_lowercase();
        self.visible_headers().filter(|(header, _)| *header == name).map(|(_, value)| value.to_vec()).collect()
    }

    fn request_headers(&mut self) -> Vec<(String, Vec<u8>)> {
        self.visible_headers().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
    }

    async fn request_body(&mut self) -> Option<Vec<u8>> {
        let body = self.request().and_then(|request| request.body.as_ref().map(|body| body.to_vec()));
        self.end_host_call(body.as_ref().map_or(0, Vec::len)).await;
        body
    }

    async fn request_previous(&mut self) -> Option<String> {
        let previous = self.request().and_then(|request| request.previous.clone());
        self.end_host_call(previous.as_ref().map_or(0, String::len)).await;
        previous
    }

    fn response_status(&mut self, status: u16) -> Result<(), Failure> {
        if !(200..600).contains(&status) {
            return Err(failure(INVALID_ARGUMENT, format!("the status {status} is not between 200 and 599")));
        }
        self.response().status = Some(status);
        Ok(())
    }

    async fn response_header(&mut self, name: String, value: Vec<u8>) -> Result<(), Failure> {
        let bytes = name.len() + value.len();
        let added = self.add_response_header(&name, value);
        self.end_host_call(bytes).await;
        added
    }

    async fn response_body(&mut self, body: Vec<u8>) -> Result<(), Failure> {
        let bytes = body.len();
        let set = self.set_response_body(body);
        self.end_host_call(bytes).await;
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_of_the_server_or_with_control_characters_is_invalid() {
        let check = |name: &str, value: &[u8], valid| assert_eq!(check_header(name, value).is_ok(), valid, "{name}");
        check("etag", b"\"1\"", true);
        check("x-words", "für alle\t".as_bytes(), true);
        for name in
            ["set-cookie", "content-length", "access-control-allow-origin", "proxy-authenticate", "", "a b", "é"]
        {
            check(name, b"1", false);
        }
        for value in [&b"a\r\nset-cookie: b"[..], b"a\0", b"\x7f"] {
            check("x-a", value, false);
        }
    }
}
