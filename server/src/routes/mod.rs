//! The paths of plugins:
//!
//! | Path | Answer |
//! |---|---|
//! | `GET /plugins/routes` | the routes of all plugins |
//! | `POST /plugins/{plugin}/actions/{action}`, `POST /ipc/{plugin}/{action}` | the result of an action |
//! | `/plugins/{plugin}/…`, `/plugins/{plugin}/routes/…` | the plugin's route |
//! | `GET /plugins/{plugin}/status`, `…/health` | of the host, unless the plugin has such a route |
//!
//! The first two are the host's, so a plugin cannot answer them. A route with such a path is reached below `routes/`.

mod action;
mod body;
mod plugin;
mod report;
mod response;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, get, post};
use http::StatusCode;

use crate::{ServerState, answer};

/// Returns a router with the paths of all plugins of a runtime, at `/plugins` and `/ipc`, which follows plugins that
/// are loaded, replaced and unloaded. With a `&Runtime` it has the default settings.
pub fn plugin_routes(state: impl Into<ServerState>) -> Router {
    Router::new()
        .route("/plugins/routes", get(list).fallback(plugin::answer))
        .route("/plugins/{plugin}/actions/{action}", post(action::answer).fallback(plugin::answer))
        .route("/ipc/{plugin}/{action}", post(action::answer))
        .route("/plugins/{plugin}", any(plugin::answer))
        .route("/plugins/{plugin}/", any(plugin::answer))
        .route("/plugins/{plugin}/{*path}", any(plugin::answer))
        .with_state(state.into())
}

async fn list(State(state): State<ServerState>) -> Response {
    answer::json(StatusCode::OK, &state.runtime().routes())
}
