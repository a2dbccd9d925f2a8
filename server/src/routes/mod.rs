//! The paths of plugins:
//!
//! | Path | Answer |
//! |---|---|
//! | `GET /plugins/routes` | the routes of all plugins |
//! | `POST /plugins/{plugin}/actions/{action}`, `POST /ipc/{plugin}/{action}` | the result of an action |
//! | `/plugins/{plugin}/…`, `/plugins/{plugin}/routes/…` | the plugin's route |
//! | `GET /plugins/{plugin}/status`, `…/health` | of the host, unless the plugin has such a route |
//!
//! A plugin whose component exports `wasi:http/incoming-handler` answers by it whatever its routes do not.
//!
//! The first two are the host's, so a plugin cannot answer them. A route with such a path is reached below `routes/`.

mod action;
mod body;
mod handler;
mod last_actions;
mod plugin;
mod report;
mod response;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use http::StatusCode;

use crate::access::ScopeKind;
use crate::{Identity, ServerState, answer};

pub(crate) use self::last_actions::LastActions;
pub(crate) use self::plugin::answer as answer_route;

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
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(state.into())
}

/// `GET /plugins/routes`. A caller that was authenticated sees the plugins that it may read or call.
async fn list(State(state): State<ServerState>, request: Request) -> Response {
    let mut routes = state.runtime().routes();
    if let Some(identity) = request.extensions().get::<Identity>() {
        if identity.scopes().is_empty()
            && let Err(refusal) = identity.require(ScopeKind::Read, None)
        {
            return refusal.into_response();
        }
        let kinds = [ScopeKind::Read, ScopeKind::Call];
        routes.retain(|of| kinds.into_iter().any(|kind| identity.may(kind, Some(&of.plugin))));
    }
    answer::json(StatusCode::OK, &routes)
}
