//! The pages of plugins as data: which there are, the document of a page, its loaders and its actions. The browser's
//! scripts in [`ui`](crate::ui) show them.
//!
//! | Path | Answer |
//! |---|---|
//! | `GET /api/v1/pages` | the pages and the navigation, of the plugins that the caller may call |
//! | `POST /api/v1/plugins/{plugin}/page` | a page's document, with the results of its loaders |
//! | `POST /api/v1/plugins/{plugin}/page/loaders` | the results of loaders |
//! | `POST /api/v1/plugins/{plugin}/page/actions/{action}` | the result of an action |
//! | `/api/v2/plugins/frontend/…` | the same with DockStat's paths |
//!
//! Loaders and actions are calls of the plugin's routes with the identity of the caller, who needs the scope `call` for
//! the plugin. A loader or an action that fails is a result; an unknown page is an error.

mod dockstat;
mod operations;

use std::collections::BTreeMap;

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use plugbay::page::{ActionResult, LoaderResult, PageCall, PageError};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) use self::operations::operations;
use crate::access::ScopeKind;
use crate::admin::{AdminError, AdminState, Body, Caller, Path};
use crate::answer;

/// Returns the routes of pages.
pub(crate) fn page_routes(state: &AdminState) -> Router {
    let plugin = Router::new()
        .route("/", post(open))
        .route("/loaders", post(run_loaders))
        .route("/actions/{action}", post(run_action));
    Router::new()
        .route("/api/v1/pages", get(list))
        .nest("/api/v1/plugins/{plugin}/page", plugin)
        .nest("/api/v2/plugins/frontend", dockstat::routes())
        .layer(DefaultBodyLimit::max(state.server().settings().body_bytes_max))
        .with_state(state.clone())
}

/// The body of `POST …/page`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "OpenPage")]
struct Open {
    /// The path below the plugin's pages, percent-encoded.
    path: String,
    /// The state of the page so far, which lies over its initial state.
    #[serde(default)]
    state: Map<String, Value>,
    /// The state that the pages of the plugin share.
    #[serde(default)]
    global_state: Map<String, Value>,
    /// The loaders that do not run, because the client has results of theirs.
    #[serde(default)]
    skip: Vec<String>,
}

/// The body of `POST …/page/loaders`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "RunLoaders")]
struct RunLoaders {
    /// The path below the plugin's pages, percent-encoded.
    path: String,
    /// The state of the page.
    #[serde(default)]
    state: Map<String, Value>,
    /// The state that the pages of the plugin share.
    #[serde(default)]
    global_state: Map<String, Value>,
    /// The loaders to run; all of the page if left out.
    loader_ids: Option<Vec<String>>,
    /// The tags of the results that the client has, by loader. A result that is still the same is `unchanged` and has
    /// no `data`. Without this member, results have no tags.
    known: Option<BTreeMap<String, String>>,
    /// Whether the client asks at intervals, and not because of a person or an event. Loaders with polling may then
    /// have results that other clients got at most half the interval before.
    #[serde(default)]
    poll: bool,
    /// Whether an event caused the request. Loaders that follow events may then have results of other requests whose
    /// runs began after this one.
    #[serde(default)]
    event: bool,
}

/// The body of `POST …/page/actions/{action}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "RunPageAction")]
struct RunAction {
    /// The path below the plugin's pages, percent-encoded.
    path: String,
    /// The state of the page.
    #[serde(default)]
    state: Map<String, Value>,
    /// The state that the pages of the plugin share.
    #[serde(default)]
    global_state: Map<String, Value>,
    /// What the action is given, such as the value of a form.
    #[serde(default)]
    payload: Value,
}

/// `GET /api/v1/pages`
async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Value>, AdminError> {
    let runtime = state.runtime();
    caller.calls_anything()?;
    let routes: Vec<Value> = runtime
        .pages()
        .into_iter()
        .filter(|of| caller.may_call(&of.plugin))
        .flat_map(|of| {
            let route = |page: &plugbay::page::PageRoute| {
                json!({ "plugin": of.plugin, "title": of.title, "path": page.path, "meta": page.meta })
            };
            of.pages.iter().map(route).collect::<Vec<_>>()
        })
        .collect();
    let navigation = runtime.navigation();
    let navigation: Vec<_> = navigation.iter().filter(|item| caller.may_call(&item.plugin_id)).collect();
    Ok(Json(json!({ "routes": routes, "navigation": navigation })))
}

/// `POST /api/v1/plugins/{plugin}/page`
async fn open(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Body(asked): Body<Open>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Call).await?;
    let call =
        page_call(&state, &caller, &plugin.name(), &asked.path).state(asked.state).global_state(asked.global_state);
    let page = state.runtime().open_page(&plugin.name(), call.skip_loaders(asked.skip)).await?;
    Ok(unstored(answer::json(StatusCode::OK, &page)))
}

/// `POST /api/v1/plugins/{plugin}/page/loaders`
async fn run_loaders(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
    Body(asked): Body<RunLoaders>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Call).await?;
    let mut call =
        page_call(&state, &caller, &plugin.name(), &asked.path).state(asked.state).global_state(asked.global_state);
    call = call.poll(asked.poll).after_event(asked.event);
    if let Some(known) = asked.known {
        call = call.known_results(known);
    }
    let ids = asked.loader_ids.as_deref();
    let results: Vec<LoaderResult> = state.runtime().run_loaders(&plugin.name(), call, ids).await?;
    Ok(unstored(answer::json(StatusCode::OK, &results)))
}

/// `POST /api/v1/plugins/{plugin}/page/actions/{action}`
async fn run_action(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, action)): Path<(String, String)>,
    Body(asked): Body<RunAction>,
) -> Result<Response, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Call).await?;
    let call = page_call(&state, &caller, &plugin.name(), &asked.path)
        .state(asked.state)
        .global_state(asked.global_state)
        .payload(asked.payload);
    let result: ActionResult = state.runtime().run_page_action(&plugin.name(), &action, call).await?;
    Ok(unstored(answer::json(StatusCode::OK, &result)))
}

/// The call of a page by this caller.
pub(crate) fn page_call(state: &AdminState, caller: &Caller, plugin: &str, path: &str) -> PageCall {
    let mut call = PageCall::new(path).full_errors(state.server().settings().development);
    if let Some((consumer, scopes)) = caller.identity_for(plugin) {
        call = call.identity(consumer, scopes);
    }
    if let Some(id) = caller.request_id() {
        call = call.request_id(id.id()).correlation_id(id.trace_id());
    }
    call
}

/// The answer, which differs by caller and moment.
fn unstored(answer: Response) -> Response {
    ([(CACHE_CONTROL, "no-store")], answer).into_response()
}

impl From<PageError> for AdminError {
    fn from(error: PageError) -> Self {
        AdminError::new(StatusCode::NOT_FOUND, error.code(), &error)
    }
}
