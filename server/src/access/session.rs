//! Signing in and out: `/api/v1/session`.
//!
//! ```text
//! token, or one-use code ──POST──▶ session (session_store.rs) ──▶ cookie ──▶ layer.rs: Identity of each request
//!                                                               DELETE ends it
//! ```
//!
//! A code comes in a link (`/-/sign-in#code=…`), whose fragment no browser sends to a server, so it is in no log.

use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::cookie::SessionCookie;
use super::session_store::SignIn;
use super::{Access, CreatedToken, Identity, Scope, Token};
use crate::answer;

/// The largest body of `POST /session`, in bytes.
const BODY_BYTES_MAX: usize = 4 << 10;

/// The session behind a request, as an extension of it.
#[derive(Debug, Clone)]
pub(super) struct BrowserSession(pub(super) Token);

/// The body of `POST /session`: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignIn")]
pub(crate) struct Credentials {
    /// A token, whose scopes the session gets.
    token: Option<String>,
    /// The code of a link, which is valid once.
    code: Option<String>,
}

/// Returns the routes of signing in and out, under the rules of the listener that they are for.
pub fn session_routes(access: &Access) -> Router {
    Router::new().route("/api/v1/session", get(show).post(begin).delete(end)).with_state(access.clone())
}

/// `GET /session`: who the caller is.
async fn show(State(access): State<Access>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let session = request.extensions.get::<BrowserSession>().map(|session| &session.0);
    let cookie = SessionCookie::of(&request, access.is_tls());
    let has_ended = session.is_none() && cookie.value(&request.headers).is_some();
    let identity = request.extensions.get::<Identity>().cloned().unwrap_or_else(|| Identity::anonymous([]));
    let mut described = describe(&access, identity.consumer(), identity.scopes(), session);
    described["ended"] = has_ended.into();
    respond(StatusCode::OK, &described, if has_ended { cookie.removed() } else { None })
}

/// `POST /session`
async fn begin(State(access): State<Access>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    let invalid = |message: &str| answer::error(StatusCode::BAD_REQUEST, "invalid_request", message);
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return invalid("the body is too large") };
    let credentials = match serde_json::from_slice::<Credentials>(&body) {
        Ok(credentials) => credentials,
        Err(error) => return invalid(&format!("the body is not as expected: {error}")),
    };
    let with = match (credentials.token, credentials.code) {
        (Some(token), None) => SignIn::Token(token.trim().to_owned()),
        (None, Some(code)) => SignIn::Code(code.trim().to_owned()),
        _ => return invalid("the body has either `token` or `code`"),
    };
    match access.sign_in(with, &request).await {
        Ok(CreatedToken { secret, record }) => {
            tracing::info!(consumer = record.consumer, session = record.id, "a session was begun");
            let lifetime = record.expires_at.unwrap_or_default().saturating_sub(record.created_at);
            let cookie = SessionCookie::of(&request, access.is_tls()).set(&secret, Duration::from_secs(lifetime));
            let described = describe(&access, Some(&record.consumer), &record.scopes, Some(&record));
            respond(StatusCode::CREATED, &described, cookie)
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// `DELETE /session`. Without a session there is nothing to do.
async fn end(State(access): State<Access>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    if let Some(BrowserSession(session)) = request.extensions.get() {
        if let Err(refusal) = access.sign_out(session.id).await {
            return refusal.into_response();
        }
        tracing::info!(consumer = session.consumer, session = session.id, "a session was ended");
    }
    let cookie = SessionCookie::of(&request, access.is_tls()).removed();
    respond(StatusCode::OK, &json!({ "status": "ok", "change": "signed out" }), cookie)
}

fn describe(access: &Access, consumer: Option<&str>, scopes: &[Scope], session: Option<&Token>) -> Value {
    let session = session
        .map(|session| json!({ "id": session.id, "created_at": session.created_at, "expires_at": session.expires_at }));
    json!({
        "consumer": consumer, "scopes": scopes, "session": session, "anonymous": access.anonymous(),
        "can_sign_in": access.has_tokens(),
    })
}

fn respond(status: StatusCode, body: &Value, cookie: Option<HeaderValue>) -> Response {
    let mut response = answer::json(status, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
