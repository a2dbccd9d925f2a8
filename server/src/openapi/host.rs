//! The operations of the host beside its administration: health, metrics, the list of routes, this document.

use serde_json::json;

use super::{Operation, Schemas, object};
use crate::access::{Credentials, ScopeKind};

/// The operation of the tools for assistants, which is described if there are any.
pub(super) fn tools() -> Operation {
    let message = object(&["jsonrpc"]);
    let answers = json!({
        "application/json": { "schema": message }, "text/event-stream": { "schema": { "type": "string" } },
    });
    Operation::new("post", "/mcp", "mcp", "Answers a message of the Model Context Protocol")
        .tags(&["Host"])
        .description("The actions that the operator exposed are its tools. A client needs the scope for some plugin.")
        .needs(ScopeKind::Call)
        .json_body(message, true)
        .content("200", "The answer, as one message or as a stream of them.", answers)
        .answer("202", json!({ "description": "The message needs no answer." }))
        .fails(&[503])
}

pub(super) fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    let get = |path: &str, id: &str, summary: &str| Operation::new("get", path, id, summary).tags(&["Host"]);
    let health = || object(&["healthy", "message", "timestamp", "components", "metrics"]);
    let of_health = |operation: Operation| {
        operation.needs(ScopeKind::Read).json("200", "It is healthy.", health()).json("503", "It is not.", health())
    };
    let status = || object(&["status"]);
    let list = json!({ "type": "array", "items": object(&["plugin", "routes"]) });
    // Those of the host are missing if the caller may read some plugins alone.
    let figures = || object(&["plugins"]);
    let session = || object(&["consumer", "scopes", "session", "anonymous", "can_sign_in"]);
    let text = json!({ "schema": { "type": "string" } });
    vec![
        get("/healthz", "is_alive", "Whether the process answers").json("200", "It does.", status()),
        get("/readyz", "is_ready", "Whether the server takes requests").json("200", "It does.", status()).json(
            "503",
            "It shuts down.",
            status(),
        ),
        of_health(get("/health", "health", "The health of the host and of its plugins")),
        of_health(get("/api/v1/health", "host_health", "The health of the host and of its plugins")),
        of_health(get("/api/v1/plugins/{plugin}/health", "plugin_health", "The health of a plugin")).fails(&[404]),
        get("/metrics", "metrics", "Counters in the text format of Prometheus, or as JSON if `Accept` begins with it")
            .needs(ScopeKind::Read)
            .content(
                "200",
                "The counters.",
                json!({ "text/plain": text, "application/json": { "schema": figures() } }),
            ),
        get("/api/v1/metrics", "metrics_json", "Counters as JSON").needs(ScopeKind::Read).json(
            "200",
            "The counters.",
            figures(),
        ),
        get("/plugins/routes", "list_routes", "The routes of the plugins that the caller may read or call")
            .needs(ScopeKind::Read)
            .json("200", "The routes.", list),
        Operation::new("post", "/ipc/{plugin}/{action}", "ipc", "Calls an action")
            .tags(&["Host"])
            .description("Another spelling of `/plugins/{plugin}/actions/{action}`.")
            .needs(ScopeKind::Call)
            .json_body(json!({}), false)
            .json("200", "The result of the action.", object(&["status", "plugin", "action", "result"]))
            .fails(&[404, 422, 500, 503, 504]),
        get("/api/v1/session", "session", "The caller, its scopes and its session")
            .json("200", "The caller.", session())
            .fails(&[401, 429]),
        Operation::new("post", "/api/v1/session", "sign_in", "Begins a session with a token or the code of a link")
            .tags(&["Host"])
            .description("The answer sets a cookie, which counts in requests of the server's own pages alone.")
            .body::<Credentials>(schemas)
            .json("201", "The session.", session())
            .fails(&[400, 401, 403, 409, 429]),
        Operation::new("delete", "/api/v1/session", "sign_out", "Ends the session of the cookie")
            .tags(&["Host"])
            .json("200", "It has ended.", status())
            .fails(&[401, 403, 429]),
        get("/openapi.json", "openapi", "This document")
            .needs(ScopeKind::Read)
            .json("200", "The document, with the plugins that the caller may read.", object(&["openapi", "paths"]))
            .answer("304", json!({ "description": "It has not changed since the version in `If-None-Match`." })),
    ]
}
