//! The answer of a route as an HTTP response.
//!
//! The runtime has refused the headers that are the server's ([`HttpResponse::headers`]). Those that protect the
//! server's other paths from what a plugin answers are added here, to every answer of a plugin: a page of a plugin has
//! an origin of its own, so its scripts can neither read nor send anything in the name of the server's users.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use plugbay::Outcome;
use plugbay::invocation::HttpResponse;

use crate::answer;

/// The policy for pages of plugins: scripts and forms work, in an origin that is the page's alone.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox allow-forms allow-scripts");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Makes the response of a route's outcome.
pub(super) fn of_outcome(outcome: Outcome, method: &Method) -> Response {
    let mut response = match outcome.response() {
        None => answer::with_json(StatusCode::OK, outcome.into_json()),
        Some(parts) => with_parts(parts, &outcome),
    };
    protect(response.headers_mut());
    if method == Method::HEAD { without_body(response) } else { response }
}

/// Adds the headers that every answer of a plugin has.
pub(super) fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

fn with_parts(parts: &HttpResponse, outcome: &Outcome) -> Response {
    let status = StatusCode::from_u16(parts.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let mut response = match parts.body() {
        _ if !has_body => Response::new(Body::empty()),
        Some(body) => {
            let mut response = Response::new(Body::from(body.to_vec()));
            response.headers_mut().insert(CONTENT_TYPE, OCTETS);
            response
        }
        None => answer::with_json(status, outcome.json().to_owned()),
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in parts.headers() {
        // The runtime has checked both.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            if name == CONTENT_TYPE { _ = headers.insert(name, value) } else { _ = headers.append(name, value) }
        }
    }
    response
}

/// The response without its body, and with the length that it would have.
fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = http_body::Body::size_hint(&body).exact() {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::empty())
}
