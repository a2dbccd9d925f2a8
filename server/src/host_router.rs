//! Everything that `plugbay serve` answers, in one router.

use axum::response::Response;
use axum::{Router, middleware};
use http::StatusCode;

use crate::access::{Access, authenticate, session_routes};
use crate::admin::{AdminState, admin_routes};
use crate::changes::change_routes;
use crate::mcp::{ToolServer, challenge, local_routes, mcp_routes};
use crate::openapi::openapi_routes;
use crate::pages::page_routes;
use crate::telemetry::{health_routes, metrics_routes};
use crate::ui::ui_routes;
use crate::{answer, plugin_routes};

/// Returns the router of a host: the routes of its plugins and their pages, the
/// administration, health and metrics. Callers are
/// authenticated by the rules of the listener that the router is for. Only `/healthz` and `/readyz` are answered to
/// everyone.
pub fn host_router(state: &AdminState, access: Access) -> Router {
    let (server, is_tls) = (state.server(), access.is_tls());
    let mut router = plugin_routes(server).merge(admin_routes(state)).merge(local_routes(server));
    if !server.settings().exposed.is_empty() {
        router = router.merge(mcp_routes(server, &ToolServer::new(server), is_tls));
    }
    router
        .merge(metrics_routes(state))
        .merge(openapi_routes(state, &access))
        .merge(page_routes(state))
        .merge(ui_routes(state))
        .merge(change_routes(server))
        .merge(session_routes(&access))
        .method_not_allowed_fallback(answer::method_not_allowed)
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(access, authenticate))
        .layer(middleware::from_fn_with_state(is_tls, challenge))
        .merge(health_routes(state).method_not_allowed_fallback(answer::method_not_allowed))
}

async fn unknown() -> Response {
    answer::error(StatusCode::NOT_FOUND, "not_found", "the server has no such path")
}
