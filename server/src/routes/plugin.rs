//! Requests to routes of plugins.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::ALLOW;
use http::request::Parts;
use http::{Method, StatusCode};
use plugbay::error::{RouteError, RouteErrorKind};
use plugbay::invocation::{HttpRequest, RouteCall};

use super::{body, handler, report, response};
use crate::access::ScopeKind;
use crate::{Identity, RequestId, ServerState, answer};

/// Answers a request below `/plugins/{plugin}`.
pub(crate) async fn answer(State(state): State<ServerState>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let (plugin, path) = split(parts.uri.path());
    let identity = parts.extensions.get::<Identity>();
    if let Some(Err(refusal)) = identity.map(|identity| identity.require(ScopeKind::Call, Some(plugin))) {
        return refusal.into_response();
    }
    if state.runtime().is_for_handler(plugin, path) {
        let (plugin, path) = (plugin.to_owned(), path.to_owned());
        return handler::answer(&state, &plugin, &path, parts, body).await;
    }
    let body = match body::read(&parts.headers, body, state.settings()).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let headers = std::mem::take(&mut parts.headers);
    let mut request = HttpRequest::new(parts.method.as_str(), path).headers(headers);
    for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
        request = request.query(name, value);
    }
    if !body.is_empty() {
        request = request.body(body);
    }
    match state.runtime().handle_route(plugin, call(plugin, request, &parts)).await {
        Ok(answered) => {
            state.last_actions().route(plugin, &parts.method, answered.route());
            response::of_outcome(answered.into_outcome(), &parts.method)
        }
        Err(error) => match report::answer(&state, plugin, path, &parts.method, &error).await {
            Some(report) => report,
            None => of_error(&error, &parts.method, &state),
        },
    }
}

/// The call of a request, with the identity and the ids that the layers around the routes have added.
fn call(plugin: &str, request: HttpRequest, parts: &Parts) -> RouteCall {
    let mut call = RouteCall::new(request);
    if let Some(identity) = parts.extensions.get::<Identity>()
        && let Some(consumer) = identity.consumer()
    {
        call = call.identity(consumer, identity.scopes_for(plugin));
    }
    if let Some(id) = parts.extensions.get::<RequestId>() {
        call = call.request_id(id.id()).correlation_id(id.trace_id());
    }
    call
}

fn of_error(error: &RouteError, method: &Method, state: &ServerState) -> Response {
    if let (&Method::OPTIONS, RouteErrorKind::OtherMethods { allowed }) = (method, error.kind()) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(ALLOW, answer::allow(allowed.iter().map(|method| method.name())));
        return response;
    }
    let mut response = answer::route_error(error, state.settings());
    response::protect(response.headers_mut());
    response
}

/// Splits the path of a URL into the plugin and the rest, which may follow `routes/`.
fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix("/plugins/").unwrap_or(path);
    let (plugin, rest) = match path.find('/') {
        Some(slash) => path.split_at(slash),
        None => (path, "/"),
    };
    match rest.strip_prefix("/routes") {
        Some("") => (plugin, "/"),
        Some(below) if below.starts_with('/') => (plugin, below),
        _ => (plugin, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn path_is_split_into_plugin_and_route() {
        let check = |path, expected| assert_eq!(split(path), expected, "{path}");
        check("/plugins/shop", ("shop", "/"));
        check("/plugins/shop/", ("shop", "/"));
        check("/plugins/shop/items/7", ("shop", "/items/7"));
        check("/plugins/shop/routes", ("shop", "/"));
        check("/plugins/shop/routes/items", ("shop", "/items"));
        check("/plugins/shop/routes/routes", ("shop", "/routes"));
        check("/plugins/shop/routesx", ("shop", "/routesx"));
    }
}
