//! Pages of plugins: opening one, running its loaders, running an action. Each request that a page makes is one to a
//! route of its plugin.

mod loaders;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use plugbay_manifest::Method;
use plugbay_manifest::page::{PageAction, PageActionKind, PageLoader, PageState, PlaceholderText, Scope};
use serde_json::{Map, Value, json};

use self::loaders::run;
use super::route;
use crate::clock::{Clock, time_of};
use crate::invocation::{HttpRequest, Outcome};
use crate::page::{ActionResult, FoundPage, InitialData, LoaderResult, OpenedPage, PageCall, PageCallError, PageError};
use crate::plugin::current::CurrentRevision;
use crate::plugin::loaded::LoadedPlugin;
use crate::plugin::page_table::PageTable;

/// Finds the page of a call.
pub(crate) fn find(plugin: &CurrentRevision, path: &str) -> Result<FoundPage, PageError> {
    let revision = plugin.borrow();
    if revision.instances.is_closed() && !plugin.is_lazy() && plugin.refusal(&revision).is_some() {
        return Err(PageError::UnknownPlugin { plugin: revision.name().to_owned() });
    }
    find_in(&revision, path)
}

fn find_in(revision: &LoadedPlugin, path: &str) -> Result<FoundPage, PageError> {
    let table = revision.pages.as_ref();
    let found = table.and_then(|table| Some((table, table.find(path)?)));
    found.map(|(table, (index, params))| FoundPage { frontend: table.frontend.clone(), index, params }).ok_or_else(
        || {
            let pages = table.map(|table| table.frontend.pages.iter().map(|page| page.path.clone()).collect());
            PageError::UnknownPage {
                plugin: revision.name().to_owned(),
                path: path.to_owned(),
                available: pages.unwrap_or_default(),
            }
        },
    )
}

/// Opens a page: runs the loaders that run when it opens, and puts their results into its state and data.
pub(crate) async fn open(plugin: &Arc<CurrentRevision>, call: &PageCall) -> Result<OpenedPage, PageError> {
    let found = find(plugin, &call.path)?;
    let parts = {
        let revision = plugin.borrow();
        // The revision may have been replaced by one without this page.
        let found = find_in(&revision, &call.path)?;
        match &revision.pages {
            Some(table) => table.parts(found.index, &revision.manifest, &revision.routes),
            None => return Err(PageError::UnknownPlugin { plugin: revision.name().to_owned() }),
        }
    };
    let runs = |loader: &&PageLoader| loader.run_on_navigate && !call.skipped.contains(&loader.id);
    let loaders = found.loaders().filter(runs).cloned().collect();
    let values = Values::new(&found, call);
    let results = run(plugin, loaders, &values, call).await;
    let mut state = found.page().template.state.initial.clone();
    state.extend(call.state.clone());
    let mut data = Map::new();
    for result in &results {
        let Some(value) = &result.data else { continue };
        if let Some(key) = &result.state_key {
            state.insert(key.clone(), value.clone());
        }
        match (&result.data_key, &result.state_key) {
            (Some(key), _) => _ = data.insert(key.clone(), value.clone()),
            (None, None) => _ = data.insert(result.loader_id.clone(), value.clone()),
            (None, Some(_)) => {}
        }
    }
    let path = format!("/{}", call.path.trim_start_matches('/'));
    let initial_data = InitialData { state, data, loader_results: results };
    Ok(OpenedPage { parts, path, params: found.params, initial_data })
}

/// Runs loaders of a page: those with these ids, or all.
pub(crate) async fn run_loaders(
    plugin: &Arc<CurrentRevision>,
    call: &PageCall,
    ids: Option<&[String]>,
) -> Result<Vec<LoaderResult>, PageError> {
    let found = find(plugin, &call.path)?;
    let known = |id: &String| found.loaders().any(|loader| loader.id == *id);
    if let Some(unknown) = ids.into_iter().flatten().find(|id| !known(id)) {
        let available = found.loaders().map(|loader| loader.id.clone()).collect();
        return Err(PageError::UnknownLoader { id: unknown.clone(), available });
    }
    let asked = |loader: &&PageLoader| ids.is_none_or(|ids| ids.contains(&loader.id));
    let loaders = found.loaders().filter(asked).cloned().collect();
    Ok(run(plugin, loaders, &Values::new(&found, call), call).await)
}

/// Runs an action of a page. Only actions with the type `api` run here; the result of another one is its parameters.
pub(crate) async fn run_action(
    plugin: &Arc<CurrentRevision>,
    call: &PageCall,
    id: &str,
    clock: &dyn Clock,
) -> Result<ActionResult, PageError> {
    let found = find(plugin, &call.path)?;
    let action = found.action(id)?;
    let values = Values::new(&found, call);
    let scope = values.scope();
    let result = match (action.kind, &action.api_route) {
        (PageActionKind::Api, Some(path)) => {
            let method = action.method.unwrap_or(Method::Post);
            let body = match &action.body {
                Some(body) => body.fill(&scope),
                None => call.payload.clone(),
            };
            match request(path, method, Some(body), &scope) {
                Ok(request) => {
                    let _forgotten = ForgottenResults(plugin.borrow().pages.clone());
                    answer(plugin, call, request).await.and_then(|outcome| parsed(outcome.json()))
                }
                Err(error) => Err(error),
            }
        }
        _ => Ok(parameters(action, &scope)),
    };
    let (data, error) = split(result);
    Ok(ActionResult {
        action_id: id.to_owned(),
        success: error.is_none(),
        data,
        error,
        executed_at: ms(time_of(clock)),
    })
}

/// The values that the placeholders of a page are filled with.
struct Values {
    state: Value,
    global_state: Value,
    params: Value,
    payload: Value,
}

impl Values {
    fn new(found: &FoundPage, call: &PageCall) -> Self {
        let extended = |state: Option<&PageState>, caller: &Map<String, Value>| {
            let mut values = state.map(|state| state.initial.clone()).unwrap_or_default();
            values.extend(caller.clone());
            Value::Object(values)
        };
        let template = &found.page().template.state;
        let shared = found.frontend.global_state.as_ref();
        let mut values = Values {
            state: extended(Some(template), &call.state),
            global_state: extended(shared, &call.global_state),
            params: Value::Object(found.params.clone()),
            payload: call.payload.clone(),
        };
        if let Some(shared) = shared.filter(|shared| !shared.computed.is_empty()) {
            let scope = Scope { state: &values.global_state, ..values.scope() };
            values.global_state = Value::Object(shared.computed.extend_state(&scope));
        }
        if !template.computed.is_empty() {
            values.state = Value::Object(template.computed.extend_state(&values.scope()));
        }
        values
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            state: &self.state,
            global_state: &self.global_state,
            params: &self.params,
            payload: &self.payload,
            ..Scope::default()
        }
    }
}

/// Removes the results that polls share when the action that may change them has ended, also if its caller stopped
/// waiting for it.
struct ForgottenResults(Option<Arc<PageTable>>);

impl Drop for ForgottenResults {
    fn drop(&mut self) {
        if let Some(pages) = &self.0 {
            pages.polled.forget();
        }
    }
}

fn split<T>(result: Result<T, PageCallError>) -> (Option<T>, Option<PageCallError>) {
    match result {
        Ok(data) => (Some(data), None),
        Err(error) => (None, Some(error)),
    }
}

/// The request of a loader or an action. A GET request has no body.
fn request(
    path: &PlaceholderText,
    method: Method,
    body: Option<Value>,
    scope: &Scope<'_>,
) -> Result<HttpRequest, PageCallError> {
    let target = path.fill_path(scope).map_err(|empty| {
        let message = format!("the value of `{empty}` in the path `{path}` is missing, so it would be another path");
        PageCallError::new("missing_value", message)
    })?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = HttpRequest::new(method.name(), path);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        request = request.query(name, value);
    }
    match body {
        Some(body) if method != Method::Get && !body.is_null() => {
            Ok(request.header("content-type", b"application/json").body(body.to_string()))
        }
        _ => Ok(request),
    }
}

async fn answer(plugin: &CurrentRevision, call: &PageCall, request: HttpRequest) -> Result<Outcome, PageCallError> {
    const FAILED: u16 = 400;
    let answered = route::handle(plugin, call.route_call(request)).await;
    let outcome = answered.map_err(|error| PageCallError::of(&error, call.full_errors))?.into_outcome();
    if let Some(status) = outcome.response().map(|response| response.status()).filter(|status| *status >= FAILED) {
        return Err(PageCallError::new("http_status", format!("the plugin answered with status {status}")));
    }
    Ok(outcome)
}

fn parsed(json: &str) -> Result<Value, PageCallError> {
    serde_json::from_str(json).map_err(|_| PageCallError::new("invalid_answer", "the plugin's answer is not JSON"))
}

/// The parameters of an action that runs in the renderer.
fn parameters(action: &PageAction, scope: &Scope<'_>) -> Value {
    match action.kind {
        PageActionKind::Navigate => json!({ "path": action.path.as_ref().map(|path| path.fill(scope)) }),
        PageActionKind::SetState => {
            json!({ "stateUpdates": action.state_updates.as_ref().map(|updates| updates.fill(scope)) })
        }
        PageActionKind::Reload => json!({ "loaderIds": action.loader_ids }),
        PageActionKind::Custom | PageActionKind::Api => {
            json!({ "handler": action.handler.as_ref().unwrap_or(&action.id), "options": action.options })
        }
    }
}

fn ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
