//! The paths of health and metrics.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::json;

use super::prometheus::prometheus_text_of_plugins;
use super::{HostHealth, HostMetrics, PluginHealth, PluginMetrics, prometheus_text};
use crate::access::ScopeKind;
use crate::admin::{AdminError, AdminState, Caller, Path, Readable};

/// The content type of Prometheus' text format.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Returns the routes that say whether the server lives and is ready, for a supervisor or a load balancer. They need no
/// token, and say nothing else: `GET /healthz` is 200 as long as the process answers, `GET /readyz` is 503 once it
/// shuts down.
pub fn health_routes(state: &AdminState) -> Router {
    Router::new().route("/healthz", get(lives)).route("/readyz", get(is_ready)).with_state(state.clone())
}

/// Returns the routes of health and metrics: `GET /health` and `GET /api/v1/health` of the host,
/// `GET /api/v1/plugins/{plugin}/health`, and `GET /metrics` in the text format of Prometheus, or as JSON if the client
/// accepts that. They need the scope `read`. With that of one plugin, the metrics are those of the plugin alone.
pub fn metrics_routes(state: &AdminState) -> Router {
    Router::new()
        .route("/health", get(host_health))
        .route("/api/v1/health", get(host_health))
        .route("/api/v1/plugins/{plugin}/health", get(plugin_health))
        .route("/metrics", get(metrics))
        .route("/api/v1/metrics", get(metrics_json))
        .with_state(state.clone())
}

async fn lives() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

async fn is_ready(State(state): State<AdminState>) -> Response {
    match state.server().is_closing() {
        false => Json(json!({ "status": "ready" })).into_response(),
        true => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "closing" }))).into_response(),
    }
}

async fn host_health(State(state): State<AdminState>, caller: Caller) -> Result<Response, AdminError> {
    caller.reads()?;
    let health = HostHealth::check(state.runtime(), state.uptime_seconds()).await;
    Ok(answer(health.healthy, &health))
}

async fn plugin_health(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Read).await?;
    let health = PluginHealth::check(state.runtime(), &plugin).await;
    Ok(answer(health.healthy, &health))
}

fn answer(healthy: bool, health: &impl Serialize) -> Response {
    let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

async fn metrics(State(state): State<AdminState>, caller: Caller, headers: HeaderMap) -> Result<Response, AdminError> {
    let wants_json = headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"));
    if wants_json {
        return metrics_json(State(state), caller).await;
    }
    let readable = caller.readable()?;
    let text = match readable.is_all() {
        true => prometheus_text(&HostMetrics::read(state.server(), state.uptime_seconds())),
        false => prometheus_text_of_plugins(&of_plugins(&state, &readable)),
    };
    Ok(([(CONTENT_TYPE, PROMETHEUS)], text).into_response())
}

async fn metrics_json(State(state): State<AdminState>, caller: Caller) -> Result<Response, AdminError> {
    let readable = caller.readable()?;
    Ok(match readable.is_all() {
        true => Json(HostMetrics::read(state.server(), state.uptime_seconds())).into_response(),
        false => Json(json!({ "plugins": of_plugins(&state, &readable) })).into_response(),
    })
}

/// The figures of the plugins that the caller may read.
fn of_plugins(state: &AdminState, readable: &Readable) -> BTreeMap<String, PluginMetrics> {
    let mut plugins = PluginMetrics::read_all(state.runtime());
    plugins.retain(|name, _| readable.plugin(name));
    plugins
}
