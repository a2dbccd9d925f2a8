//! The document as a whole: operations by path, and the components that they share.

use std::collections::{BTreeMap, BTreeSet};

use plugbay::Plugin;
use serde_json::{Map, Value, json};

use super::operation::{error_answers, error_schema};
use super::{Operation, Schemas, host, plugin};
use crate::access::Scope;
use crate::{admin, pages};

/// The groups of the host's operations.
const TAGS: &[(&str, &str)] = &[
    ("Host", "The host as a whole: status, health, metrics, policy, its end."),
    ("Plugins", "Plugins: installed, updated, enabled, configured."),
    ("Pages", "Pages of plugins: their documents, loaders and actions."),
    ("Jobs", "Scheduled jobs of plugins."),
    ("Data", "Values that plugins stored."),
    ("Events", "Events, and durable events that failed."),
    ("Logs", "Log lines."),
    ("Tokens", "Tokens of callers."),
    ("Pup", "The paths of Pup."),
    ("DockStat", "The paths of DockStat."),
];

/// The document of a host whose callers without a token have these scopes, and which has tools for assistants or not.
pub(super) fn of_host(plugins: &[Plugin], anonymous: &[Scope], has_tools: bool) -> Value {
    let mut schemas = Schemas::new();
    let mut operations = host::operations(&mut schemas);
    operations.extend(has_tools.then(host::tools));
    operations.extend(admin::operations(&mut schemas));
    operations.extend(pages::operations(&mut schemas));
    let mut document = Document::new("Plugbay host", anonymous);
    document.tags.extend(TAGS.iter().map(|(name, about)| json!({ "name": name, "description": about })));
    operations.into_iter().for_each(|operation| document.add(operation, None));
    document.schemas.append(&mut admin::schemas());
    document.schemas.append(&mut schemas.components());
    document.add_plugins(plugins);
    document.into_value()
}

/// The document of plugins alone, in a server of an application, whose authentication is not known here.
pub(super) fn of_plugins(plugins: &[Plugin]) -> Value {
    let mut document = Document::new("Plugins", &[]);
    document.is_authenticated = false;
    document.add_plugins(plugins);
    document.into_value()
}

/// The parts of a document.
struct Document<'a> {
    title: &'static str,
    anonymous: &'a [Scope],
    /// Whether the server's tokens are described.
    is_authenticated: bool,
    tags: Vec<Value>,
    paths: BTreeMap<String, Map<String, Value>>,
    /// The template of each path by its shape, in which parameters have no names.
    templates: BTreeMap<String, String>,
    ids: BTreeSet<String>,
    schemas: Map<String, Value>,
}

impl<'a> Document<'a> {
    fn new(title: &'static str, anonymous: &'a [Scope]) -> Self {
        Document {
            title,
            anonymous,
            is_authenticated: true,
            tags: Vec::new(),
            paths: BTreeMap::new(),
            templates: BTreeMap::new(),
            ids: BTreeSet::new(),
            schemas: Map::from_iter([("Error".to_owned(), error_schema())]),
        }
    }

    fn add_plugins(&mut self, plugins: &[Plugin]) {
        for plugin in plugins {
            let described = plugin::describe(&plugin.manifest(), plugin.has_http_handler());
            self.tags.push(described.tag);
            self.schemas.extend(described.schemas);
            let name = plugin.name();
            described.operations.into_iter().for_each(|operation| self.add(operation, Some(&name)));
        }
    }

    /// Adds an operation, of this plugin or of the host. The first operation of a path and method is described: the
    /// host's come first, as in the router.
    fn add(&mut self, mut operation: Operation, plugin: Option<&str>) {
        let template = self.templates.entry(shape(&operation.path)).or_insert_with(|| operation.path.clone()).clone();
        // Two templates may not differ in the names of parameters alone.
        if template != operation.path {
            operation.rename_parameters(&template);
        }
        if self.paths.get(&template).is_some_and(|path| path.contains_key(operation.method)) {
            return;
        }
        self.make_id_unique(&mut operation);
        self.declare_tags(&operation);
        let security = self.security(&operation, plugin);
        let method = operation.method.to_owned();
        self.paths.entry(template).or_default().insert(method, operation.into_value(security));
    }

    fn make_id_unique(&mut self, operation: &mut Operation) {
        let id = operation.value.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let numbered = (2..).map(|number| format!("{id}.{number}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !self.ids.contains(id)).unwrap_or(id);
        self.ids.insert(free.clone());
        operation.value.insert("operationId".to_owned(), free.into());
    }

    fn declare_tags(&mut self, operation: &Operation) {
        for tag in operation.value.get("tags").and_then(Value::as_array).into_iter().flatten() {
            if !self.tags.iter().any(|known| known["name"] == *tag) {
                self.tags.push(json!({ "name": tag, "description": "Routes of plugins with this tag." }));
            }
        }
    }

    /// The token or the session that an operation needs. It is optional if a caller without a token has the scope.
    fn security(&self, operation: &Operation, plugin: Option<&str>) -> Option<Value> {
        let scope = operation.scope.filter(|_| self.is_authenticated)?;
        let is_open = self.anonymous.iter().any(|known| known.covers(scope, plugin));
        let mut ways = vec![json!({ "token": [] }), json!({ "session": [] })];
        if is_open {
            ways.push(json!({}));
        }
        Some(ways.into())
    }

    fn into_value(self) -> Value {
        let mut components = json!({ "schemas": self.schemas, "responses": error_answers() });
        if self.is_authenticated {
            let about = "A token of `plugbay token create`, with the scope that the operation needs.";
            let session = "The cookie that `POST /api/v1/session` sets for a browser. The port of the server follows its \
                           name, as in `plugbay-session-7070`, and under TLS `__Host-` precedes it.";
            components["securitySchemes"] = json!({
                "token": { "type": "http", "scheme": "bearer", "description": about },
                "session": { "type": "apiKey", "in": "cookie", "name": "plugbay-session", "description": session },
            });
        }
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": self.title,
                "version": env!("CARGO_PKG_VERSION"),
                "description": "The routes and actions of the loaded plugins, and the administration of their host.",
                "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
                "contact": { "name": "The operator of this host" },
            },
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "servers": [{ "url": "/" }],
            "tags": self.tags,
            "paths": self.paths,
            "components": components,
        })
    }
}

/// A path without the names of its parameters.
fn shape(path: &str) -> String {
    let part = |segment: &str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
