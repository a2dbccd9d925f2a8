//! What browsers load: the files of `server/ui`, and the HTML documents in which they run.
//!
//! ```text
//! GET / and /-/{view}      shell.rs ─▶ dashboard/main.js ─▶ the API, with the caller's session
//! GET /p/{plugin}/{path}   shell.rs ─▶ page/main.js ─▶ the API of pages, with the caller's session
//! GET /p/…?plain           plain.rs: the same page as HTML, for browsers without scripts
//! GET /ui/{hash}/{file}    files.rs ─▶ bundle.rs puts the modules of server/ui together
//! ```
//!
//! The documents and the files contain nothing of a plugin and no secret, so they need no token. A plugin's page is
//! data, which the scripts of this server interpret: nothing that a plugin supplies runs in the browser.

mod bundle;
mod files;
mod html;
mod module;
mod plain;
mod plain_nodes;
mod shell;
mod source_map;
mod sources;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{StatusCode, Uri};

use self::shell::Shell;
use crate::admin::{AdminState, Caller};
use crate::pages::page_call;

/// The document of all pages of plugins.
const PAGE: Shell = Shell {
    title: "Plugbay",
    folder: "page",
    styles: &["tokens", "base", "controls", "blocks", "forms", "dialogs", "page", "widgets", "inputs", "data"],
    plain_query: Some("?plain"),
};

/// The document of the operator's dashboard, whose script shows a view for each address.
const DASHBOARD: Shell = Shell {
    title: "Plugbay",
    folder: "dashboard",
    styles: &["tokens", "base", "controls", "blocks", "forms", "dialogs", "dashboard"],
    plain_query: None,
};

/// The script of pages whose plugin is being written.
const DEVELOPER_SCRIPT: &str = "page/dev.js";

/// All documents.
const DOCUMENTS: [&Shell; 2] = [&PAGE, &DASHBOARD];

/// Returns the routes of the browser's files and documents.
pub(crate) fn ui_routes(state: &AdminState) -> Router {
    Router::new()
        .route("/", get(dashboard))
        .route("/-/{*view}", get(dashboard))
        .route("/ui/{hash}/{*path}", get(files::serve))
        .route("/p/{plugin}", get(page))
        .route("/p/{plugin}/", get(page))
        .route("/p/{plugin}/{*path}", get(page))
        .with_state(state.clone())
}

/// `GET /p/{plugin}/{path}`, with `?plain` for a browser without scripts. A caller that may not call the plugin does
/// not learn which pages it has.
async fn page(State(state): State<AdminState>, caller: Caller, uri: Uri) -> Response {
    let below = uri.path().strip_prefix("/p/").unwrap_or_default();
    let (plugin, path) = below.split_once('/').unwrap_or((below, ""));
    let is_plain = uri.query().is_some_and(|query| query.split('&').any(|part| part == "plain" || part == "plain="));
    let script = state.server().changes().map(|_| DEVELOPER_SCRIPT);
    if !caller.may_call(plugin) {
        return match is_plain {
            true => plain::refusal(
                plugin,
                StatusCode::UNAUTHORIZED,
                "Sign in to see this page",
                "Signing in needs scripts.",
            ),
            false => PAGE.response_with(StatusCode::OK, script),
        };
    }
    let found = state.runtime().page(plugin, path);
    match (found, is_plain) {
        (Ok(_), false) => PAGE.response_with(StatusCode::OK, script),
        (Err(_), false) => PAGE.response_with(StatusCode::NOT_FOUND, script),
        (Err(error), true) => plain::refusal(plugin, StatusCode::NOT_FOUND, "Page not found", &error.to_string()),
        (Ok(found), true) => match state.runtime().open_page(plugin, page_call(&state, &caller, plugin, path)).await {
            Ok(opened) => {
                let pages = state.runtime().pages();
                plain::page(plugin, pages.iter().find(|pages| pages.plugin == plugin), &found, &opened)
            }
            Err(error) => plain::refusal(plugin, StatusCode::NOT_FOUND, "Page not found", &error.to_string()),
        },
    }
}

/// `GET /` and `GET /-/{view}`
async fn dashboard() -> Response {
    DASHBOARD.response(StatusCode::OK)
}
