//! The operations of pages as the document of [`openapi`](crate::openapi) has them.

use serde_json::{Value, json};

use super::{Open, RunAction, RunLoaders, dockstat};
use crate::access::ScopeKind::Call;
use crate::openapi::{Operation, Schemas, object};

/// All operations of [`page_routes`](super::page_routes).
pub(crate) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let mut operations = of_pages(schemas);
    operations.extend(of_dockstat(schemas));
    operations
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn loader_result() -> Value {
    object(&["loaderId", "success", "loadedAt"])
}

fn action_result() -> Value {
    object(&["actionId", "success", "executedAt"])
}

fn of_pages(schemas: &mut Schemas) -> Vec<Operation> {
    let operation = |method, path: &str, id: &str, summary: &str| {
        Operation::new(method, format!("/api/v1{path}"), id, summary).tags(&["Pages"]).needs(Call)
    };
    let document = object(&["plugin", "route", "path", "params", "template", "loaders", "actions", "initialData"]);
    vec![
        operation("get", "/pages", "pages", "The pages of the plugins that the caller may call, and the navigation")
            .json("200", "The pages.", object(&["routes", "navigation"])),
        operation("post", "/plugins/{plugin}/page", "open_page", "A page, with the results of its loaders")
            .body::<Open>(schemas)
            .json("200", "The page's document.", document)
            .fails(&[400, 404]),
        operation("post", "/plugins/{plugin}/page/loaders", "run_loaders", "Runs loaders of a page")
            .body::<RunLoaders>(schemas)
            .json("200", "Their results.", list(loader_result()))
            .fails(&[400, 404]),
        operation("post", "/plugins/{plugin}/page/actions/{action}", "run_page_action", "Runs an action of a page")
            .body::<RunAction>(schemas)
            .json("200", "Its result.", action_result())
            .fails(&[400, 404]),
    ]
}

fn of_dockstat(schemas: &mut Schemas) -> Vec<Operation> {
    let get = |path: &str, id: &str, summary: &str, answer: Value| {
        Operation::new("get", format!("/api/v2/plugins/frontend{path}"), format!("dockstat_{id}"), summary)
            .tags(&["DockStat"])
            .needs(Call)
            .json("200", "It, or `error`.", answer)
    };
    let mut post = |path: &str, id: &str, summary: &str, answer: Value| {
        Operation::new("post", format!("/api/v2/plugins/frontend{path}"), format!("dockstat_{id}"), summary)
            .tags(&["DockStat"])
            .needs(Call)
            .body::<dockstat::Asked>(schemas)
            .json("200", "It, or `error`.", answer)
            .fails(&[400, 404])
    };
    let any = || json!({});
    let mut operations = vec![
        post("/{plugin}/template", "template", "A page, with the results of its loaders", any()),
        post("/{plugin}/loaders/execute", "execute_loaders", "Runs all loaders of a page", any()),
        post("/{plugin}/loaders/{loader}/execute", "execute_loader", "Runs a loader of a page", any()),
        post("/{plugin}/actions/{action}/execute", "execute_action", "Runs an action of a page", any()),
    ];
    operations.extend([
        get("/routes", "pages", "The pages of all plugins", list(object(&["pluginId", "path"]))),
        get("/routes/by-plugin", "pages_by_plugin", "The pages by plugin", json!({ "type": "object" })),
        get("/navigation", "navigation", "The navigation", list(object(&["pluginId", "path", "title"]))),
        get("/summary", "pages_summary", "The number of pages", object(&["totalRoutes", "pluginsWithFrontend"])),
        get("/{plugin}/has-routes", "has_pages", "Whether a plugin has pages", object(&["hasRoutes"])).fails(&[404]),
    ]);
    let of_page = [
        get("/{plugin}/loaders", "loaders", "The loaders of a page", any()),
        get("/{plugin}/actions", "page_actions", "The actions of a page", any()),
        get("/{plugin}/actions/{action}", "page_action", "An action of a page", any()),
    ];
    operations.extend(of_page.map(|operation| operation.query::<dockstat::OfPage>(schemas).fails(&[400, 404])));
    operations
}
