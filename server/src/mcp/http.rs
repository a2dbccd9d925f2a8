//! Tools over HTTP: `/mcp`, and the metadata that a client reads after a refusal.
//!
//! The names in `Host` and pages of other origins are checked for the whole server
//! ([`authenticate`](crate::access::authenticate)), so `rmcp` does not check them again.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use http::header::{HOST, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::ToolServer;
use crate::access::ScopeKind;
use crate::admin::Caller;
use crate::{ServerState, answer};

const PATH: &str = "/mcp";
/// The header with the id of a session.
const SESSION: &str = "mcp-session-id";
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The most sessions of the older revisions at once. One that is not used for five minutes ends.
const SESSIONS_MAX: usize = 256;

/// The most messages that are answered at once, those that listen included.
const MESSAGES_MAX: usize = 1_024;

#[derive(Clone)]
struct Endpoint {
    service: StreamableHttpService<ToolServer, LocalSessionManager>,
    sessions: Arc<LocalSessionManager>,
    /// The names of the callers who began the sessions, by the ids of these.
    owners: Arc<Mutex<HashMap<String, String>>>,
    /// Free places for messages, each until its answer is sent.
    messages: Arc<Semaphore>,
}

impl Endpoint {
    /// Records who began a session. Sessions that have ended are forgotten.
    async fn own(&self, id: &str, caller: &Caller) {
        let sessions = self.sessions.sessions.read().await;
        let mut owners = self.owners.lock();
        owners.retain(|id, _| sessions.contains_key(id.as_str()));
        owners.insert(id.to_owned(), caller.name().to_owned());
    }
}

/// Returns the routes of the tools, for a listener that speaks TLS or not.
pub(crate) fn mcp_routes(server: &ServerState, tools: &ToolServer, is_tls: bool) -> Router {
    let config = StreamableHttpServerConfig::default()
        .disable_allowed_hosts()
        .with_max_request_body_bytes(server.settings().body_bytes_max);
    let session = tools.session();
    let (sessions, messages) = (Arc::<LocalSessionManager>::default(), Arc::new(Semaphore::new(MESSAGES_MAX)));
    if let Ok(executor) = tokio::runtime::Handle::try_current() {
        executor.spawn(end_sessions(server.clone(), sessions.clone(), messages.clone()));
    }
    let service = StreamableHttpService::new(move || Ok(session.session()), sessions.clone(), config);
    let metadata = Router::new()
        .route(METADATA, get(metadata))
        .route(&format!("{METADATA}{PATH}"), get(metadata))
        .with_state(is_tls);
    Router::new()
        .route(PATH, any(serve))
        .with_state(Endpoint { service, sessions, owners: Arc::default(), messages })
        .merge(metadata)
}

/// Ends the streams of sessions once the server shuts down and all messages are answered.
async fn end_sessions(server: ServerState, sessions: Arc<LocalSessionManager>, messages: Arc<Semaphore>) {
    server.closed().await;
    // The semaphore is never closed.
    let _ = messages.acquire_many(MESSAGES_MAX as u32).await;
    let ids: Vec<_> = sessions.sessions.read().await.keys().cloned().collect();
    for id in ids {
        let _ = sessions.close_session(&id).await;
    }
}

async fn serve(State(endpoint): State<Endpoint>, caller: Caller, request: Request) -> Response {
    if !caller.may_anything(ScopeKind::Call)
        && let Err(refusal) = caller.calls()
    {
        return refusal.into_response();
    }
    let session = request.headers().get(SESSION).and_then(|id| id.to_str().ok());
    if session.is_some_and(|id| endpoint.owners.lock().get(id).is_some_and(|owner| owner != caller.name())) {
        return answer::error(StatusCode::NOT_FOUND, "unknown_session", "this caller has no such session");
    }
    let begins = request.method() == Method::POST && session.is_none();
    if begins && endpoint.sessions.sessions.read().await.len() >= SESSIONS_MAX && !is_stateless(request.headers()) {
        return answer::busy("the server already has its maximum of sessions");
    }
    if request.method() != Method::POST {
        return endpoint.service.handle(request).await.map(Body::new);
    }
    let Ok(place) = endpoint.messages.clone().try_acquire_owned() else {
        return answer::busy("the server already answers its maximum of messages");
    };
    let answered = endpoint.service.handle(request).await;
    if begins && let Some(id) = answered.headers().get(SESSION).and_then(|id| id.to_str().ok()) {
        endpoint.own(id, &caller).await;
    }
    answered.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &place;
            frame
        }))
    })
}

/// Whether a request is of the revision without sessions.
fn is_stateless(headers: &HeaderMap) -> bool {
    headers.get("mcp-protocol-version").is_some_and(|version| version.as_bytes() >= b"2026-07-28".as_slice())
}

/// The metadata of RFC 9728. Tokens are issued by the operator and not by an authorization server.
async fn metadata(State(is_tls): State<bool>, request: Request) -> Json<Value> {
    Json(json!({
        "resource": format!("{}{PATH}", origin(&request, is_tls)),
        "resource_name": "Plugbay",
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["call"],
    }))
}

/// Adds the address of the metadata to a refusal of `/mcp` that asks for a token. The state is whether the listener
/// speaks TLS.
pub(crate) async fn challenge(State(is_tls): State<bool>, request: Request, next: Next) -> Response {
    if request.uri().path() != PATH {
        return next.run(request).await;
    }
    let metadata = format!("{}{METADATA}{PATH}", origin(&request, is_tls));
    let mut response = next.run(request).await;
    if response.status() == StatusCode::UNAUTHORIZED
        && let Some(challenge) = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok())
        && let Ok(challenge) = HeaderValue::try_from(format!("{challenge}, resource_metadata=\"{metadata}\""))
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The origin by which the client addresses the server: by `Host`, or by the authority of a request of HTTP/2. A name
/// that could end the quoted text is left out.
fn origin(request: &Request, is_tls: bool) -> String {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).or(authority).unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']' | '_');
    let scheme = if is_tls { "https" } else { "http" };
    if host.is_empty() || !host.chars().all(is_name) { String::new() } else { format!("{scheme}://{host}") }
}
