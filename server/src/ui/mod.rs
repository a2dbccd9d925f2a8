//! What browsers load: the files of `server/ui`, and the HTML documents in which they run.
//!
//! ```text
//! GET / and /-/{view}      shell.rs ─▶ dashboard/main.js ─▶ the API, with the caller's session
//! GET /p/{plugin}/{path}   shell.rs ─▶ page/main.js ─▶ the API of pages, with the caller's session
//! GET /ui/{hash}/{file}    files.rs
//! ```
//!
//! Nothing here is of a plugin or secret, so these answers need no token. A plugin's page is data, which the scripts of
//! this server interpret: nothing that a plugin supplies runs in the browser.

mod files;
mod shell;

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use self::shell::Shell;

/// The document of all pages of plugins.
const PAGE: Shell = Shell {
    title: "Plugbay",
    script: "page/main.js",
    styles: &["tokens", "base", "controls", "page", "widgets"],
    plain_query: Some("?plain"),
};

/// The document of the operator's dashboard, whose script shows a view for each address.
const DASHBOARD: Shell = Shell {
    title: "Plugbay",
    script: "dashboard/main.js",
    styles: &["tokens", "base", "controls", "dashboard"],
    plain_query: None,
};

/// Returns the routes of the browser's files and documents.
pub(crate) fn ui_routes() -> Router {
    Router::new()
        .route("/", get(dashboard))
        .route("/-/{*view}", get(dashboard))
        .route("/ui/{hash}/{*path}", get(files::serve))
        .route("/p/{plugin}", get(page))
        .route("/p/{plugin}/", get(page))
        .route("/p/{plugin}/{*path}", get(page))
}

/// `GET /p/{plugin}/{path}`
async fn page() -> Response {
    PAGE.response(StatusCode::OK)
}

/// `GET /` and `GET /-/{view}`
async fn dashboard() -> Response {
    DASHBOARD.response(StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_documents_exist() {
        for shell in [&PAGE, &DASHBOARD] {
            assert!(files::file(shell.script).is_some(), "{}", shell.script);
            for style in shell.styles {
                assert!(files::file(&format!("style/{style}.css")).is_some(), "{style}");
            }
        }
    }
}
