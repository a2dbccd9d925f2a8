//! DockStat's paths to the catalog, with its answers.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use plugbay_catalog::plugin_store::Answer;
use plugbay_catalog::store::PluginId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::AdminState;
use super::body::Body;
use super::caller::Caller;
use super::error::AdminError;
use super::lifecycle;
use super::parameters::Path;
use crate::access::ScopeKind;
use crate::routes::answer_route;

/// `GET /plugins`: what is installed and what is loaded.
pub(super) async fn status(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    let catalog = state.needed_catalog().await?;
    let loaded = catalog.loaded_plugins(&**state.node()?).await?;
    Ok(Json(serde_json::json!(catalog.get_status(&loaded).await?)))
}

/// `GET /api/v2/plugins/`
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    Ok(Json(state.needed_catalog().await?.get_all().await?.into()))
}

/// `GET /api/v2/plugins/{id}`
pub(super) async fn get(
    State(state): State<AdminState>,
    caller: Caller,
    Path(id): Path<PluginId>,
) -> Result<Json<Value>, AdminError> {
    caller.reads()?;
    Ok(Json(state.needed_catalog().await?.installed(id).await?.record()))
}

/// The body of `POST /api/v2/plugins/install`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InstallFromLink")]
pub(super) struct Install {
    /// The URL of the manifest.
    url: String,
    /// Whether everything that the plugin asks for is confirmed.
    #[serde(default)]
    yes: bool,
}

/// `POST /api/v2/plugins/install`
pub(super) async fn install(
    State(state): State<AdminState>,
    caller: Caller,
    Body(asked): Body<Install>,
) -> Result<(StatusCode, Json<Answer>), AdminError> {
    caller.manages()?;
    super::catalog::check_origin(&caller, &asked.url)?;
    let catalog = state.needed_catalog().await?;
    let answer = catalog.install_from_manifest_link(&asked.url, asked.yes, &()).await;
    answered(&state, answer).await
}

/// `DELETE /api/v2/plugins/{id}`
pub(super) async fn remove(
    State(state): State<AdminState>,
    caller: Caller,
    Path(id): Path<PluginId>,
) -> Result<(StatusCode, Json<Answer>), AdminError> {
    caller.manages()?;
    let answer = state.needed_catalog().await?.delete_plugin(id).await;
    answered(&state, answer).await
}

/// The paths of [`route`], below `/api/v2/plugins` and `/plugins`. They have any method and any parts, so they are not
/// described.
pub(super) const ROUTES: [&str; 3] = ["/{plugin}/routes", "/{plugin}/routes/", "/{plugin}/routes/{*path}"];

/// `/api/v2/plugins/{id}/routes/…` and `/plugins/{id}/routes/…`: a route of a plugin, which is named by its name or its
/// number.
pub(super) async fn route(
    State(state): State<AdminState>,
    caller: Caller,
    mut request: Request,
) -> Result<Response, AdminError> {
    let uri = request.uri();
    // The path is without the prefix of a nested router.
    let path = uri.path().strip_prefix("/plugins").unwrap_or(uri.path());
    let (key, below) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let name = caller.plugin_name(&state, key, ScopeKind::Call).await?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("/plugins/{name}/{below}{query}");
    *request.uri_mut() = target.parse().map_err(|_| AdminError::unknown_plugin(&name))?;
    Ok(answer_route(State(state.server().clone()), request).await)
}

/// Makes the host follow a change that was made.
async fn answered(state: &AdminState, answer: Answer) -> Result<(StatusCode, Json<Answer>), AdminError> {
    if !answer.success {
        return Ok((StatusCode::CONFLICT, Json(answer)));
    }
    let refreshed = state.node()?.refresh(state.needed_catalog().await?).await?;
    tracing::info!(refreshed = %lifecycle::report(&refreshed), "the catalog was changed through the administration");
    Ok((StatusCode::OK, Json(answer)))
}
