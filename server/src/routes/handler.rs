//! Requests that a plugin answers by its own handler, `wasi:http/incoming-handler`. Both bodies are streamed.

use axum::body::Body;
use axum::response::Response;
use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Uri};
use http_body_util::Limited;
use plugbay::invocation::HttpCall;

use super::{body, response};
use crate::{Identity, RequestId, ServerState, answer};

/// Passes a request on, with the path below the plugin.
pub(super) async fn answer(state: &ServerState, plugin: &str, path: &str, parts: Parts, body: Body) -> Response {
    let allowed = state.settings().body_bytes_max;
    if let Some(refused) = body::refuse_announced(&parts.headers, allowed) {
        return refused;
    }
    let mut request = Request::new(Limited::new(body, allowed));
    *request.uri_mut() = below_plugin(&parts, path);
    *request.method_mut() = parts.method;
    *request.headers_mut() = parts.headers;
    let mut call = HttpCall::new(request);
    if let Some(identity) = parts.extensions.get::<Identity>()
        && let Some(consumer) = identity.consumer()
    {
        call = call.identity(consumer, identity.scopes_for(plugin));
    }
    if let Some(id) = parts.extensions.get::<RequestId>() {
        call = call.request_id(id.id()).correlation_id(id.trace_id());
    }
    let mut answered = match state.runtime().handle_http(plugin, call).await {
        Ok(response) => response.map(Body::new),
        Err(error) => answer::route_error(&error, state.settings()),
    };
    // The router leaves out the body of an answer to `HEAD`. Its length is known only if the plugin says it.
    response::protect(answered.headers_mut());
    answered
}

/// The URI as the plugin sees it.
fn below_plugin(parts: &Parts, path: &str) -> Uri {
    let path = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let authority = parts.headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = PathAndQuery::try_from(path).ok();
    uri.scheme = Some(parts.uri.scheme().cloned().unwrap_or(Scheme::HTTP));
    uri.authority = authority.or_else(|| parts.uri.authority().cloned());
    if uri.authority.is_none() {
        uri.scheme = None;
    }
    Uri::from_parts(uri).unwrap_or_default()
}
