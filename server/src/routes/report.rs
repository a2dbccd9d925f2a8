//! What the host answers for each plugin that has no such route itself: `GET /status` and `GET /health`.

use std::time::SystemTime;

use axum::response::Response;
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
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    if !is_read || !matches!(error.kind(), RouteErrorKind::UnknownRoute { .. }) {
        return None;
    }
    let plugin = state.runtime().plugin(plugin)?;
    let mut response = match path.trim_end_matches('/') {
        "/status" => answer::json(StatusCode::OK, &status(&plugin)),
        "/health" => health(&plugin, state).await,
        _ => return None,
    };
    response::protect(response.headers_mut());
    Some(response)
}

fn status(plugin: &Plugin) -> Value {
    let (manifest, status) = (plugin.manifest(), plugin.status());
    let uptime = SystemTime::now().duration_since(status.loaded).unwrap_or_default();
    json!({
        "plugin": manifest.name,
        "version": manifest.version.to_string(),
        "initialized": status.state.serves(),
        "state": status.state,
        "action_count": plugin.metrics().calls,
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
