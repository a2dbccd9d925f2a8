//! What the host answers for each plugin that has no such route itself: `GET /status` and `GET /health`, and which
//! methods its own paths have.

use std::time::SystemTime;

use axum::response::Response;
use http::header::ALLOW;
use http::{Method, StatusCode};
use plugbay::Plugin;
use plugbay::error::{RouteError, RouteErrorKind};
use serde_json::{Value, json};

use super::response;
use crate::{ServerState, answer};

/// Answers a request that no route of the plugin answers, if it asks for a report.
pub(super) async fn answer(
    state: &ServerState,
    plugin: &str,
    path: &str,
    method: &Method,
    error: &RouteError,
) -> Option<Response> {
    let path = path.trim_end_matches('/');
    let is_list = plugin == "routes" && path.is_empty();
    match error.kind() {
        RouteErrorKind::UnknownRoute { .. } => {}
        RouteErrorKind::UnknownPlugin if is_list => {}
        _ => return None,
    }
    let allowed = match path {
        "/status" | "/health" => "GET",
        _ if is_list => "GET",
        action if is_action(action) => "POST",
        _ => return None,
    };
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let mut response = match state.runtime().plugin(plugin) {
        Some(plugin) if is_read && path == "/status" => answer::json(StatusCode::OK, &status(&plugin, state)),
        Some(plugin) if is_read && path == "/health" => health(&plugin, state).await,
        _ => other_method(method, allowed),
    };
    response::protect(response.headers_mut());
    Some(response)
}

/// Whether a path is that of an action of the plugin.
fn is_action(path: &str) -> bool {
    path.strip_prefix("/actions/").is_some_and(|action| !action.is_empty() && !action.contains('/'))
}

/// The answer to a method that a path of the host does not have.
fn other_method(method: &Method, allowed: &'static str) -> Response {
    let mut response = match *method {
        Method::OPTIONS => answer::with_status(StatusCode::NO_CONTENT),
        _ => {
            let message = "the host has this path for another method, and the plugin has no such route";
            answer::error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        }
    };
    response.headers_mut().insert(ALLOW, answer::allow(std::iter::once(allowed)));
    response
}

/// The report of Nexus. `last_action` is the last one that a request called successfully; `null` before the first.
fn status(plugin: &Plugin, state: &ServerState) -> Value {
    let (manifest, status) = (plugin.manifest(), plugin.status());
    let uptime = SystemTime::now().duration_since(status.loaded).unwrap_or_default();
    json!({
        "plugin": manifest.name,
        "version": manifest.version.to_string(),
        "initialized": status.state.serves(),
        "state": status.state,
        "action_count": plugin.metrics().calls,
        "last_action": state.last_actions().of(plugin),
        "uptime": uptime.as_secs(),
    })
}

/// The plugin's health report. The status is 503 if it is not healthy.
async fn health(plugin: &Plugin, state: &ServerState) -> Response {
    match plugin.health().await {
        Ok(health) => {
            let status = if health.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            answer::json(status, &health)
        }
        Err(error) => answer::invoke_error(&error, state.settings()),
    }
}
