//! The operations of a plugin: its actions, its routes, and the reports of the host on it.

use plugbay::manifest::{ActionDeclaration, Manifest, Method, Route, json_pointer_token, rebased_schema};
use serde_json::{Map, Value, json};

use super::{Operation, object};
use crate::access::ScopeKind;

const JSON: &str = "application/json";

/// The errors of every call of a plugin.
const CALL_ERRORS: &[u16] = &[500, 503, 504];

/// What a document has of one plugin.
pub(super) struct DescribedPlugin {
    pub(super) tag: Value,
    pub(super) operations: Vec<Operation>,
    pub(super) schemas: Map<String, Value>,
}

/// Describes a plugin. Its own routes come before the reports, which the host answers in their absence, and before its
/// handler, which answers what its routes do not.
pub(super) fn describe(manifest: &Manifest, has_handler: bool) -> DescribedPlugin {
    let title = manifest.title.as_ref().or(manifest.description.as_ref());
    let about = title.cloned().unwrap_or_else(|| format!("The plugin `{}`.", manifest.name));
    let mut schemas = Map::new();
    for action in &manifest.actions {
        for (part, schema) in [("payload", &action.payload), ("result", &action.result)] {
            if let Some(schema) = schema {
                let name = schema_name(manifest, &action.name, part);
                schemas.insert(name.clone(), rebased_schema(schema, &format!("#/components/schemas/{name}")));
            }
        }
    }
    let mut operations: Vec<Operation> = manifest.actions.iter().map(|action| call(manifest, action)).collect();
    operations.extend(manifest.routes.iter().map(|declared| route(manifest, declared, &mut schemas)));
    if has_handler {
        operations.extend(handler(manifest));
    } else {
        operations.extend(reports(manifest));
    }
    DescribedPlugin { tag: json!({ "name": manifest.name, "description": about }), operations, schemas }
}

fn schema_name(manifest: &Manifest, action: &str, part: &str) -> String {
    format!("{}.{action}.{part}", manifest.name)
}

/// A reference to a schema of an action, if it declares one.
fn reference(manifest: &Manifest, action: &str, part: &str) -> Option<Value> {
    let declared = manifest.actions.iter().find(|declared| declared.name == action)?;
    let schema = if part == "payload" { &declared.payload } else { &declared.result };
    schema.as_ref()?;
    Some(json!({ "$ref": format!("#/components/schemas/{}", schema_name(manifest, action, part)) }))
}

/// Whether a schema refuses `null`, which is the payload of a request without a body.
fn refuses_null(schema: &Value) -> bool {
    let kinds = &schema["type"];
    kinds.is_string() && kinds != "null" || kinds.as_array().is_some_and(|kinds| !kinds.contains(&json!("null")))
}

/// `POST /plugins/{plugin}/actions/{action}`
fn call(manifest: &Manifest, action: &ActionDeclaration) -> Operation {
    let (plugin, name) = (&manifest.name, &action.name);
    let result = reference(manifest, name, "result").unwrap_or_else(|| json!({}));
    let mut answer = object(&["status", "plugin", "action", "result"]);
    answer["properties"] = json!({
        "status": { "const": "ok" }, "plugin": { "const": plugin }, "action": { "const": name }, "result": result,
    });
    let operation = Operation::new(
        "post",
        format!("/plugins/{plugin}/actions/{name}"),
        format!("{plugin}.actions.{name}"),
        &format!("Calls the action `{name}`"),
    );
    let operation = described(operation, action.description.as_deref()).tags(&[plugin]);
    with_payload(operation, manifest, std::slice::from_ref(name))
        .json("200", "The result of the action.", answer)
        .needs(ScopeKind::Call)
        .fails(CALL_ERRORS)
}

/// Describes a route. The schemas of its parameters become components.
fn route(manifest: &Manifest, route: &Route, schemas: &mut Map<String, Value>) -> Operation {
    let plugin = &manifest.name;
    let parts = route.path.split('/').filter(|part| !part.is_empty()).map(|part| part.trim_matches(['{', '}']));
    let method = method(route.method);
    let id = [plugin.as_str(), method].into_iter().chain(parts).collect::<Vec<_>>().join(".");
    let summary = route.summary.clone().unwrap_or_else(|| format!("{} {}", route.method.name(), route.path));
    let mut tags = vec![plugin.as_str()];
    tags.extend(route.tags.iter().map(String::as_str));
    let mut operation = Operation::new(method, mounted(plugin, route), &*id, &summary).tags(&tags);
    operation = described(operation, route.description.as_deref());
    let members = |schema: &Value| schema["properties"].as_object().cloned().unwrap_or_default();
    let mut component = |part: &str, schema: &Value| {
        let name = format!("{id}.{part}");
        schemas.insert(name.clone(), rebased_schema(schema, &format!("#/components/schemas/{name}")));
        move |member: &str| {
            let member = json_pointer_token(member);
            json!({ "$ref": format!("#/components/schemas/{name}/properties/{member}") })
        }
    };
    if let Some(params) = &route.params {
        let reference = component("params", params);
        for name in members(params).keys() {
            operation = operation.path_schema(name, reference(name));
        }
    }
    if let Some(query) = &route.query {
        let reference = component("query", query);
        let required = |name: &str| query["required"].as_array().is_some_and(|names| names.contains(&name.into()));
        for (name, schema) in members(query) {
            let mut parameter =
                json!({ "name": name, "in": "query", "required": required(&name), "schema": reference(&name) });
            if let Some(about) = schema["description"].as_str() {
                parameter["description"] = about.into();
            }
            operation = operation.parameter(parameter);
        }
    }
    operation = match route.method {
        // What a body of these would mean is not defined.
        Method::Get | Method::Delete => operation,
        _ => match route.consumes.as_deref().filter(|kind| *kind != JSON) {
            Some(kind) => operation.content_body(kind, json!({}), false),
            None => with_payload(operation, manifest, &route.actions),
        },
    };
    answers(operation, manifest, route, &id, schemas).needs(ScopeKind::Call).fails(CALL_ERRORS)
}

/// Adds the answers that a route documents. Without a success among them, any may be the result of the last action.
fn answers(
    mut operation: Operation,
    manifest: &Manifest,
    route: &Route,
    id: &str,
    schemas: &mut Map<String, Value>,
) -> Operation {
    let last = route.actions.last().map(String::as_str).unwrap_or_default();
    let result = || reference(manifest, last, "result").unwrap_or_else(|| json!({}));
    if !route.responses.keys().any(|status| (200..300).contains(status)) {
        operation = operation
            .json("2XX", "The result of the last action, unless it answers another content.", result())
            .answer("3XX", json!({ "description": "The action refers to another place." }));
    }
    for (status, response) in &route.responses {
        let about = response.description.as_deref().unwrap_or("An answer of the plugin.");
        let schema = match &response.schema {
            Some(schema) => {
                let name = format!("{id}.{status}");
                schemas.insert(name.clone(), rebased_schema(schema, &format!("#/components/schemas/{name}")));
                json!({ "$ref": format!("#/components/schemas/{name}") })
            }
            None if *status >= 400 => json!({ "$ref": "#/components/schemas/Error" }),
            None => result(),
        };
        let status_text = status.to_string();
        operation = match response.content_type.as_deref() {
            _ if matches!(status, 204 | 205 | 304) => operation.answer(&status_text, json!({ "description": about })),
            Some(kind) if kind != JSON => operation.content(&status_text, about, json!({ kind: {} })),
            _ => operation.json(&status_text, about, schema),
        };
    }
    operation
}

/// The path at which a route is reached. The paths of the host hide some routes, which are reached below `routes/`.
fn mounted(plugin: &str, route: &Route) -> String {
    let below = if route.path == "/" { "" } else { &route.path };
    let is_action = route.method == Method::Post && below.starts_with("/actions/") && below.split('/').count() == 3;
    let is_hidden = is_action || below == "/routes" || below.starts_with("/routes/");
    let is_list = plugin == "routes" && below.is_empty();
    if is_hidden || is_list { format!("/plugins/{plugin}/routes{below}") } else { format!("/plugins/{plugin}{below}") }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Post => "post",
        Method::Put => "put",
        Method::Patch => "patch",
        Method::Delete => "delete",
    }
}

fn described(operation: Operation, description: Option<&str>) -> Operation {
    match description {
        Some(text) => operation.description(text),
        None => operation,
    }
}

/// The body, which has to fit the payload schemas of all actions.
fn with_payload(operation: Operation, manifest: &Manifest, actions: &[String]) -> Operation {
    let mut actions: Vec<&String> = actions.iter().collect();
    actions.sort_unstable();
    actions.dedup();
    let declared = manifest.actions.iter().filter(|declared| actions.contains(&&declared.name));
    let required = declared.filter_map(|declared| declared.payload.as_ref()).any(refuses_null);
    let mut schemas: Vec<Value> = actions.iter().filter_map(|action| reference(manifest, action, "payload")).collect();
    match schemas.len() {
        0 => operation.json_body(json!({}), false),
        1 => operation.json_body(schemas.remove(0), required).fails(&[422]),
        _ => operation.json_body(json!({ "allOf": schemas }), required).fails(&[422]),
    }
}

/// All methods and paths below a plugin that answers by a handler of its own. OpenAPI has no parameter that spans
/// several parts of a path, so this stands for them.
fn handler(manifest: &Manifest) -> impl Iterator<Item = Operation> {
    const ABOUT: &str = "Any number of further parts may follow. The plugin chooses what it reads and answers.";
    let plugin = &manifest.name;
    [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete].into_iter().map(move |kind| {
        let method = method(kind);
        let (path, id) = (format!("/plugins/{plugin}/{{path}}"), format!("{plugin}.handler.{method}"));
        let operation = Operation::new(method, path, id, "Answered by the plugin's own handler").description(ABOUT);
        let operation = match kind {
            Method::Get | Method::Delete => operation,
            _ => operation.content_body("*/*", json!({}), false),
        };
        let answer = json!({ "description": "An answer of the plugin.", "content": { "*/*": {} } });
        operation.tags(&[plugin]).needs(ScopeKind::Call).fails(CALL_ERRORS).answer("default", answer)
    })
}

/// `GET /plugins/{plugin}/status` and `…/health`
fn reports(manifest: &Manifest) -> [Operation; 2] {
    let plugin = &manifest.name;
    let report = |name: &str, summary: &str, schema: Value| {
        let operation = Operation::new("get", format!("/plugins/{plugin}/{name}"), format!("{plugin}.{name}"), summary);
        operation.tags(&[plugin]).json("200", "The report.", schema).needs(ScopeKind::Call).fails(CALL_ERRORS)
    };
    let status = object(&["plugin", "version", "initialized", "state", "action_count", "uptime"]);
    let health = object(&["healthy"]);
    [
        report("status", "The state and counters of the plugin", status),
        report("health", "The health of the plugin; 503 if it is not healthy", health.clone()).json(
            "503",
            "The plugin is not healthy, or it is disabled.",
            json!({ "type": "object" }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(routes: Value) -> Manifest {
        let value = json!({
            "name": "shop", "version": "1.0.0", "routes": routes,
            "actions": [
                { "name": "add", "payload": { "type": "object", "$defs": {}, "properties": { "a": { "$ref": "#" } } } },
                { "name": "list", "result": { "type": "array" } },
            ],
        });
        let layer = plugbay::manifest::Layer::from_value("plugin.json", value).expect("an object");
        Manifest::from_layers(&[layer]).expect("valid")
    }

    #[test]
    fn route_is_described_at_the_path_that_reaches_it() {
        let route = |method: &str, path: &str| json!({ "method": method, "path": path, "actions": ["list"] });
        let manifest = manifest(json!([
            route("GET", "/"),
            route("GET", "/items/{id}"),
            route("POST", "/actions/x"),
            route("GET", "/actions/x"),
            route("GET", "/routes/x"),
        ]));
        let paths: Vec<String> = manifest.routes.iter().map(|route| mounted("shop", route)).collect();
        assert_eq!(paths[0], "/plugins/shop");
        assert_eq!(paths[1], "/plugins/shop/items/{id}");
        assert_eq!(paths[2], "/plugins/shop/routes/actions/x");
        assert_eq!(paths[3], "/plugins/shop/actions/x");
        assert_eq!(paths[4], "/plugins/shop/routes/routes/x");
    }

    #[test]
    fn schemas_of_actions_are_components() {
        let described =
            describe(&manifest(json!([{ "method": "POST", "path": "/", "actions": ["add", "list"] }])), false);
        let payload = &described.schemas["shop.add.payload"];
        assert_eq!(payload["properties"]["a"]["$ref"], "#/components/schemas/shop.add.payload");
        let operation = &described.operations[2];
        assert_eq!(operation.value["operationId"], "shop.post");
        let body = &operation.value["requestBody"];
        assert_eq!(body["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/shop.add.payload");
        assert_eq!(body["required"], true);
    }
}
