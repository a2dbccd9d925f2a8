//! The middleware that lets requests in: it authenticates the caller, and inserts the [`Identity`] for the handler.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, ORIGIN, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method};

use super::host_names::{host, port};
use super::session::BrowserSession;
use super::{Access, Identity, Refusal, Token};
use crate::ConnectionInfo;

/// Lets a request in with its [`Identity`], or answers with a [`Refusal`]. To be used with
/// [`axum::middleware::from_fn_with_state`] around everything that the server answers.
pub async fn authenticate(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match admit(&access, &parts) {
        Ok((identity, session)) => {
            parts.extensions.insert(identity);
            let has_session = session.is_some();
            if let Some(session) = session {
                parts.extensions.insert(BrowserSession(session));
            }
            let mut response = next.run(Request::from_parts(parts, body)).await;
            if has_session {
                // Answers to a session are not for others who share a cache with it.
                response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
            }
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn admit(access: &Access, request: &Parts) -> Result<(Identity, Option<Token>), Refusal> {
    let is_local = matches!(request.extensions.get(), Some(ConnectionInfo::Local { .. }));
    if !is_local && is_cross_origin(request) {
        // Any page of any site can make itself one of this origin, so it gets no more than others.
        let is_opaque = request.headers.get(ORIGIN).is_some_and(|origin| origin == "null");
        return Err(if is_opaque { Refusal::OpaqueOrigin } else { Refusal::CrossOrigin });
    }
    access.identify(request)
}

/// The page that made a request, as browsers report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageOrigin {
    /// One of this server, or the browser's user.
    Own,
    /// One of another origin.
    Other,
    /// The request does not say. It comes from a program, or from an old browser.
    Unknown,
}

/// The page that made a request.
pub(super) fn page_origin(request: &Parts) -> PageOrigin {
    match request.headers.get("sec-fetch-site").map(|site| site.as_bytes()) {
        Some(b"same-origin" | b"none") => return PageOrigin::Own,
        Some(_) => return PageOrigin::Other,
        None => {}
    }
    let Some(origin) = request.headers.get(ORIGIN) else { return PageOrigin::Unknown };
    let named = origin.to_str().ok().and_then(|origin| origin.parse::<http::Uri>().ok());
    let authority = named.as_ref().and_then(http::Uri::authority);
    let same = authority.is_some_and(|origin| {
        Some(origin.host().trim_end_matches('.').to_ascii_lowercase()) == host(request)
            && origin.port_u16() == port(request)
    });
    if same { PageOrigin::Own } else { PageOrigin::Other }
}

/// Whether a request may change something, or opens a connection: browsers do not keep pages from connecting to a web
/// socket of another origin.
pub(super) fn may_change(request: &Parts) -> bool {
    let is_safe = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
    !is_safe || request.headers.contains_key(UPGRADE)
}

/// Whether a page of another origin may have made a request that changes something. Requests that do not say so do not
/// come from a browser, which alone has credentials that it adds by itself: the address of this machine, and the cookie
/// of a session, which is refused in such a request ([`Access::identify`]).
fn is_cross_origin(request: &Parts) -> bool {
    may_change(request) && page_origin(request) == PageOrigin::Other
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use axum::routing::any;
    use axum::{Extension, Router, middleware};
    use tower::ServiceExt;

    use super::*;
    use crate::access::{AccessOptions, NewToken, Scope, ScopeKind, TokenStore};

    /// A server at the loopback whose one page needs `manage`, with its tokens.
    fn server() -> (tempfile::TempDir, Arc<TokenStore>, Router) {
        let directory = tempfile::tempdir().expect("a directory");
        let tokens = Arc::new(TokenStore::open(directory.path()).expect("opened"));
        let address = "127.0.0.1:7070".parse().expect("an address");
        let access = Access::of_address(address, Some(tokens.clone()), &AccessOptions::default()).expect("allowed");
        let managed = async |Extension(identity): Extension<Identity>| {
            identity.require(ScopeKind::Manage, None)?;
            Ok::<_, Refusal>(identity.consumer().unwrap_or_default().to_owned())
        };
        let router = Router::new().route("/", any(managed)).layer(middleware::from_fn_with_state(access, authenticate));
        (directory, tokens, router)
    }

    /// The status and the challenge, or the code of the refusal.
    async fn answer(server: &Router, method: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = http::Request::builder().method(method).uri("/");
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:7070");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = server.clone().oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().expect("text").to_owned());
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("a body");
        let body = String::from_utf8(body.to_vec()).expect("text");
        (status, challenge.unwrap_or(body))
    }

    async fn with_token(server: &Router, token: &str) -> (u16, String) {
        answer(server, "GET", &[("authorization", &format!("Bearer {token}"))]).await
    }

    #[tokio::test]
    async fn token_with_the_scope_is_let_in_and_others_are_refused() {
        let (_directory, tokens, server) = server();
        let make = |scope| tokens.create(&NewToken::new("ci", [Scope::all(scope)]), 0).expect("made");
        let manages = make(ScopeKind::Manage);
        assert_eq!(with_token(&server, &manages.secret).await, (200, "ci".to_owned()));
        let (status, challenge) = with_token(&server, &make(ScopeKind::Call).secret).await;
        assert!(status == 403 && challenge.ends_with("error=\"insufficient_scope\", scope=\"manage\""), "{challenge}");
        let (status, challenge) = answer(&server, "GET", &[]).await;
        assert_eq!((status, challenge.as_str()), (401, "Bearer realm=\"plugbay\", scope=\"manage\""));
        tokens.revoke(manages.record.id, 1).expect("revoked");
        let (status, challenge) = with_token(&server, &manages.secret).await;
        assert!(status == 401 && challenge.contains("invalid_token"), "{challenge}");
        let expired =
            NewToken::new("ci", [Scope::all(ScopeKind::Manage)]).expires_in(std::time::Duration::from_secs(1));
        let expired = tokens.create(&expired, 0).expect("made");
        assert_eq!(with_token(&server, &expired.secret).await.0, 401);
    }

    #[tokio::test]
    async fn token_of_a_consumer_that_the_operator_revoked_is_refused() {
        let tokens = Arc::new(TokenStore::in_memory().expect("opened"));
        let options = AccessOptions { revoked: vec!["ci".to_owned()], ..AccessOptions::default() };
        let address = "127.0.0.1:7070".parse().expect("an address");
        let access = Access::of_address(address, Some(tokens.clone()), &options).expect("allowed");
        let layer = middleware::from_fn_with_state(access, authenticate);
        let server = Router::new().route("/", any(async || "answered")).layer(layer);
        let make = |consumer| tokens.create(&NewToken::new(consumer, [Scope::all(ScopeKind::Read)]), 0).expect("made");
        let refused = with_token(&server, &make("ci").secret).await;
        assert!(refused.0 == 401 && refused.1.contains("invalid_token"), "{refused:?}");
        assert_eq!(with_token(&server, &make("other").secret).await, (200, "answered".to_owned()));
    }

    #[tokio::test]
    async fn wrong_tokens_are_limited_and_right_ones_are_not() {
        let (_directory, tokens, server) = server();
        let right = tokens.create(&NewToken::new("ci", [Scope::all(ScopeKind::Manage)]), 0).expect("made");
        for _ in 0..10 {
            assert_eq!(with_token(&server, "pbk_wrong").await.0, 401);
        }
        let (status, body) = with_token(&server, "pbk_wrong").await;
        assert!(status == 429 && body.contains("too_many_attempts"), "{body}");
        assert_eq!(with_token(&server, &right.secret).await.0, 200);
        for other in ["Basic YTpi", "Bearer", "pbk_x"] {
            assert_eq!(answer(&server, "GET", &[("authorization", other)]).await.0, 401, "{other}");
        }
    }

    #[tokio::test]
    async fn rebinding_and_forms_of_other_origins_are_refused() {
        let (_directory, tokens, server) = server();
        let right = tokens.create(&NewToken::new("ci", [Scope::all(ScopeKind::Manage)]), 0).expect("made");
        let bearer = format!("Bearer {}", right.secret);
        let (status, body) = answer(&server, "GET", &[("host", "evil.example"), ("authorization", &bearer)]).await;
        assert!(status == 421 && body.contains("unknown_host"), "{body}");
        let form = [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
        let (status, body) = answer(&server, "POST", &form).await;
        assert!(status == 403 && body.contains("cross_origin"), "{body}");
        let sandboxed = [("origin", "null"), ("sec-fetch-site", "cross-site"), ("authorization", &*bearer)];
        let (status, body) = answer(&server, "POST", &sandboxed).await;
        assert!(status == 403 && body.contains("opaque_origin") && body.contains("sandboxed"), "{body}");
        assert_eq!(answer(&server, "GET", &sandboxed).await.0, 200);
    }

    #[tokio::test]
    async fn user_of_the_local_socket_manages() {
        let (_directory, _tokens, server) = server();
        let mut request = http::Request::get("/").body(Body::empty()).expect("a request");
        request.extensions_mut().insert(ConnectionInfo::Local { user: 7 });
        assert_eq!(server.oneshot(request).await.expect("infallible").status(), 200);
    }

    fn cross_origin(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = http::Request::builder().method(method).uri("/log").header("host", "localhost:7070");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_cross_origin(&request.body(()).expect("a request").into_parts().0)
    }

    #[test]
    fn change_by_a_page_of_another_origin_is_recognised() {
        for headers in [
            [("sec-fetch-site", "cross-site"), ("x", "y")],
            [("sec-fetch-site", "same-site"), ("x", "y")],
            [("origin", "https://evil.example"), ("content-type", "text/plain")],
            [("origin", "http://localhost:8080"), ("x", "y")],
            [("origin", "null"), ("x", "y")],
        ] {
            assert!(cross_origin("POST", &headers), "{headers:?}");
        }
        assert!(cross_origin("GET", &[("upgrade", "websocket"), ("origin", "https://evil.example")]));
    }

    #[test]
    fn own_pages_and_programs_are_served() {
        assert!(!cross_origin("POST", &[]));
        assert!(!cross_origin("POST", &[("origin", "http://localhost:7070")]));
        assert!(!cross_origin("POST", &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:7070")]));
        assert!(!cross_origin("GET", &[("sec-fetch-site", "cross-site")]));
        assert!(!cross_origin("DELETE", &[("sec-fetch-site", "none")]));
    }
}
