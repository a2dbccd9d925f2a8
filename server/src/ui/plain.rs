//! A page without scripts: its texts, tables and links as HTML, rendered on the server.
//!
//! The loaders run as they do for a browser with scripts. What needs scripts is left out or said: actions, forms, live
//! updates. Everything of the plugin is escaped, and links lead to `http`, `https`, `mailto` or this server alone.

use axum::response::Response;
use http::StatusCode;
use plugbay::manifest::page::Scope;
use plugbay::page::{FoundPage, OpenedPage, PluginPages};
use serde_json::Value;

use super::PAGE;
use super::files::hash;
use super::html::{Html, Link};
use super::plain_nodes::Nodes;
use super::shell::html_response;

/// The answer with a page, for a caller who may see it.
pub(super) fn page(plugin: &str, pages: Option<&PluginPages>, found: &FoundPage, opened: &OpenedPage) -> Response {
    let page = found.page();
    let title = page.meta.title.as_deref().or(page.template.name.as_deref());
    let title = title.or(pages.map(|pages| pages.title.as_str())).unwrap_or(plugin);
    let mut html = begin(plugin, title);
    html.open("nav");
    for other in pages.into_iter().flat_map(|pages| &pages.pages) {
        if other.meta.show_in_nav && !other.path.contains('{') {
            let name = other.meta.title.as_deref().unwrap_or(&other.path);
            html.link(&Link::to_page(plugin, &other.path), name);
            html.text(" ");
        }
    }
    html.close("nav");
    html.raw("<main class=\"page\">");
    html.element("h1", title);
    if let Some(description) = &page.template.description {
        html.element("p", description);
    }
    for failed in opened.loader_results().iter().filter_map(|result| result.error.as_ref()) {
        html.element("p", &format!("Something could not be loaded: {}", failed.message));
    }
    nodes(plugin, found, opened, &mut html);
    end(plugin, html, StatusCode::OK)
}

/// The answer that says why there is no page.
pub(super) fn refusal(plugin: &str, status: StatusCode, title: &str, message: &str) -> Response {
    let mut html = begin(plugin, title);
    html.raw("<main class=\"page\">");
    html.element("h1", title);
    html.element("p", message);
    end(plugin, html, status)
}

/// The widgets, with the values that they show.
fn nodes(plugin: &str, found: &FoundPage, opened: &OpenedPage, html: &mut Html) {
    let frontend = found.frontend();
    let shared = frontend.global_state.as_ref();
    let data = Value::Object(opened.data().clone());
    let params = Value::Object(opened.params().clone());
    let state = Value::Object(opened.state().clone());
    let global = Value::Object(shared.map(|shared| shared.initial.clone()).unwrap_or_default());
    let scope = Scope { data: &data, params: &params, ..Scope::default() };
    let global = match shared {
        Some(shared) => Value::Object(shared.computed.extend_state(&Scope { state: &global, ..scope })),
        None => global,
    };
    let scope = Scope { global_state: &global, ..scope };
    let computed = &found.page().template.state.computed;
    let state = Value::Object(computed.extend_state(&Scope { state: &state, ..scope }));
    let scope = Scope { state: &state, ..scope };
    Nodes::new(plugin, &frontend.fragments, html).render(&found.page().template.widgets, &scope);
}

fn begin(plugin: &str, title: &str) -> Html {
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.element("title", &format!("{title} · {plugin} · Plugbay"));
    html.raw("<link rel=\"icon\" href=\"data:,\">\n");
    html.raw(&format!("<link rel=\"stylesheet\" href=\"/ui/{}/{}\">\n</head>\n<body>\n", hash(), PAGE.style()));
    html.raw("<header class=\"frame\"><span class=\"frame__home\">Plugbay</span><span class=\"frame__owner\">plugin ");
    html.element("b", plugin);
    html.raw("</span></header>\n");
    html
}

fn end(plugin: &str, mut html: Html, status: StatusCode) -> Response {
    html.raw("</main>\n<footer class=\"frame__foot muted\">");
    html.text(&format!(
        "This is a page of the plugin {plugin}, not of Plugbay itself, as it is without scripts: what changes \
         something is left out."
    ));
    html.raw("</footer>\n</body>\n</html>\n");
    html_response(status, html.into_text())
}
