//! The page at `/docs`: Swagger UI, which shows the document and sends requests.
//!
//! Its files are in the binary, so the page works without the internet. Descriptions in the document come from plugins,
//! so the page has a policy of its own: it runs no script but these, by a number that each answer draws anew, connects
//! to this server alone, and cannot be framed.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::answer;

/// The page. `NONCE` is replaced in each answer.
const PAGE: &str = include_str!("docs.html");

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The files of the page: their names, types and contents.
const START: &[u8] = include_bytes!("docs.js");
const BUNDLE_GZ: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui-bundle.js.gz");
const STYLE_GZ: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui.css.gz");

/// Returns the routes of the page.
pub(super) fn docs_routes() -> Router {
    Router::new()
        .route("/docs", get(page))
        .route("/docs/start.js", get(async || file(SCRIPT, START, false)))
        .route("/docs/swagger-ui-bundle.js", get(async || file(SCRIPT, BUNDLE_GZ, true)))
        .route("/docs/swagger-ui.css", get(async || file(STYLE, STYLE_GZ, true)))
}

async fn page() -> Response {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        return answer::error(StatusCode::INTERNAL_SERVER_ERROR, "host_error", "the host failed");
    }
    let nonce: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = with_type(HTML, PAGE.replace("NONCE", &nonce));
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    response
}

/// A file of the page. Those that are compressed are sent so to all clients: browsers understand it.
fn file(kind: &'static str, content: &'static [u8], is_compressed: bool) -> Response {
    let mut response = with_type(kind, content);
    let headers = response.headers_mut();
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

fn with_type(kind: &'static str, content: impl Into<Body>) -> Response {
    let mut response = Response::new(content.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
