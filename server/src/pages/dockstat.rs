//! DockStat's paths to pages, with its answers: paths of pages without the slash at their beginning, and status 200
//! with `{error}` for a page, a loader or an action that is unknown.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use plugbay::Plugin;
use plugbay::page::{PageCall, PageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{page_call, unstored};
use crate::access::ScopeKind;
use crate::admin::{AdminError, AdminState, Body, Caller, Path, Query};
use crate::answer;

/// The routes below `/api/v2/plugins/frontend`.
pub(super) fn routes() -> Router<AdminState> {
    Router::new()
        .route("/routes", get(routes_of_all))
        .route("/routes/by-plugin", get(by_plugin))
        .route("/navigation", get(navigation))
        .route("/summary", get(summary))
        .route("/{plugin}/template", post(template))
        .route("/{plugin}/has-routes", get(has_routes))
        .route("/{plugin}/loaders", get(loaders))
        .route("/{plugin}/loaders/execute", post(execute_loaders))
        .route("/{plugin}/loaders/{loader}/execute", post(execute_loader))
        .route("/{plugin}/actions", get(actions))
        .route("/{plugin}/actions/{action}", get(action))
        .route("/{plugin}/actions/{action}/execute", post(execute_action))
}

/// The path of a page in a query.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct OfPage {
    /// The path of the page.
    #[serde(default)]
    path: String,
}

/// The body of DockStat's requests to a page.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DockStatPage")]
pub(super) struct Asked {
    /// The path of the page.
    #[serde(default)]
    path: String,
    /// The state of the page.
    #[serde(default)]
    state: Map<String, Value>,
    /// The payload of an action.
    #[serde(default)]
    payload: Value,
}

/// A page in DockStat's lists.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedPage {
    plugin_id: String,
    plugin_name: String,
    path: String,
    meta: Value,
}

/// The pages of the plugins that the caller may call.
fn listed(state: &AdminState, caller: &Caller) -> Result<Vec<(String, Vec<ListedPage>)>, AdminError> {
    caller.calls_anything()?;
    let pages = state.runtime().pages().into_iter().filter(|of| caller.may_call(&of.plugin));
    let of_plugin = |of: plugbay::page::PluginPages| {
        let listed = |page: &plugbay::page::PageRoute| ListedPage {
            plugin_id: of.plugin.clone(),
            plugin_name: of.title.clone(),
            path: page.path.trim_start_matches('/').to_owned(),
            meta: json!(page.meta),
        };
        (of.plugin.clone(), of.pages.iter().map(listed).collect())
    };
    Ok(pages.map(of_plugin).collect())
}

async fn routes_of_all(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    let pages: Vec<_> = listed(&state, &caller)?.into_iter().flat_map(|(_, pages)| pages).collect();
    Ok(Json(json!(pages)))
}

async fn by_plugin(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    let pages: Map<String, Value> =
        listed(&state, &caller)?.into_iter().map(|(plugin, pages)| (plugin, json!(pages))).collect();
    Ok(Json(pages.into()))
}

async fn navigation(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    caller.calls_anything()?;
    let items = state.runtime().navigation();
    let items: Vec<_> = items.iter().filter(|item| caller.may_call(&item.plugin_id)).collect();
    Ok(Json(json!(items)))
}

async fn summary(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    let listed = listed(&state, &caller)?;
    let by_plugin: Map<String, Value> =
        listed.iter().map(|(plugin, pages)| (plugin.clone(), pages.len().into())).collect();
    let total: usize = listed.iter().map(|(_, pages)| pages.len()).sum();
    Ok(Json(json!({ "totalRoutes": total, "pluginsWithFrontend": listed.len(), "routesByPlugin": by_plugin })))
}

async fn template(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, AdminError> {
    let (plugin, call) = asked_of(&state, &caller, &key, asked).await?;
    Ok(answered(state.runtime().open_page(&plugin.name(), call).await))
}

async fn has_routes(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let name = caller.plugin_name(&state, &key, ScopeKind::Call).await?;
    Ok(Json(json!({ "hasRoutes": state.runtime().has_pages(&name) })))
}

async fn loaders(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Query(of): Query<OfPage>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Call).await?;
    let found = state.runtime().page(&plugin.name(), &of.path);
    Ok(answered(found.map(|found| json!(found.loaders().collect::<Vec<_>>()))))
}

async fn execute_loaders(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Body(asked): Body<Asked>,
) -> Result<Response, AdminError> {
    let (plugin, call) = asked_of(&state, &caller, &key, asked).await?;
    Ok(answered(state.runtime().run_loaders(&plugin.name(), call, None).await))
}

async fn execute_loader(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, loader)): Path<(String, String)>,
    Body(asked): Body<Asked>,
) -> Result<Response, AdminError> {
    let (plugin, call) = asked_of(&state, &caller, &key, asked).await?;
    let results = state.runtime().run_loaders(&plugin.name(), call, Some(&[loader])).await;
    Ok(answered(results.map(|results| results.into_iter().next())))
}

async fn actions(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Query(of): Query<OfPage>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Call).await?;
    let found = state.runtime().page(&plugin.name(), &of.path);
    Ok(answered(found.map(|found| json!(found.actions().collect::<Vec<_>>()))))
}

async fn action(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, id)): Path<(String, String)>,
    Query(of): Query<OfPage>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Call).await?;
    let found = state.runtime().page(&plugin.name(), &of.path);
    Ok(answered(found.and_then(|found| found.action(&id).map(|action| json!(action)))))
}

async fn execute_action(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, action)): Path<(String, String)>,
    Body(asked): Body<Asked>,
) -> Result<Response, AdminError> {
    let (plugin, call) = asked_of(&state, &caller, &key, asked).await?;
    Ok(answered(state.runtime().run_page_action(&plugin.name(), &action, call).await))
}

async fn asked_of(
    state: &AdminState,
    caller: &Caller,
    key: &str,
    asked: Asked,
) -> Result<(Plugin, PageCall), AdminError> {
    let plugin = caller.plugin(state, key, ScopeKind::Call).await?;
    let call = page_call(state, caller, &plugin.name(), &asked.path).state(asked.state).payload(asked.payload);
    Ok((plugin, call))
}

fn answered<T: Serialize>(result: Result<T, PageError>) -> Response {
    unstored(match result {
        Ok(value) => answer::json(StatusCode::OK, &value),
        Err(error) => answer::json(StatusCode::OK, &json!({ "error": error.to_string() })),
    })
}
