//! Routes: HTTP methods and path templates, each with the chain of actions that answers it.
//!
//! Three spellings are accepted: a list of routes (`routes`, or `api_endpoints`), and an object of paths (`apiRoutes`).
//! Parameters may be written as `:id` or `{id}`; both become `{id}`.
//!
//! Nexus's endpoints name no action. Each is answered by the action named after its method and path: `GET /items/{id}`
//! by `get_items_id`, `GET /` by `get_root`. `GET /status` and `GET /health` are reserved for the host:
//! they are routes of the plugin only if they name an action.

use serde::Serialize;
use serde_json::Value;

use crate::field::{Table, field};
use crate::limits::{CHAIN_MAX, LINE_CHARS_MAX, PATH_CHARS_MAX, PROSE_CHARS_MAX, ROUTES_MAX, TAGS_MAX};
use crate::part::action;
use crate::part::path::normalise_path;
use crate::part::route_contract::{
    CONSUMES, ContractFields, PARAMS, QUERY, RESPONSES_FIELD, RouteResponses, read_contract,
};
use crate::problem::{Report, code, quoted};
use crate::read::{Found, Node, Object};
use crate::shape;

/// A route of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path below the plugin's path, with parameters as `{name}`.
    pub path: String,
    /// The actions that run in sequence; at least one.
    pub actions: Vec<String>,
    /// The purpose in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Groups in the API's documentation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The JSON Schema of an object with the parameters of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// The JSON Schema of an object with the query parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Value>,
    /// The media type of the body; `None` for `application/json`. The schema of a JSON body is the `payload` of the
    /// first action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumes: Option<String>,
    /// The documented responses by status. A route that documents no success answers 200 with the `result` of its last
    /// action.
    #[serde(skip_serializing_if = "RouteResponses::is_empty")]
    pub responses: RouteResponses,
}

impl Route {
    /// Creates a route without documentation. The path has its parameters as `{name}`, as
    /// [`normalise_path`](crate::normalise_path) writes them.
    pub fn new(method: Method, path: impl Into<String>, actions: Vec<String>) -> Route {
        RouteFields {
            method,
            path: path.into(),
            actions,
            summary: None,
            description: None,
            tags: None,
            contract: ContractFields::default(),
        }
        .route()
    }
}

/// The HTTP methods that a route may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    /// All methods.
    pub const ALL: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];

    /// Returns the method's name in upper case.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Returns the method of that name, in upper or lower case.
    pub fn from_name(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name().eq_ignore_ascii_case(name))
    }
}

/// A route as one layer declares it. Omitted fields are taken from the layers below.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RouteFields {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) actions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(flatten)]
    contract: ContractFields,
}

impl RouteFields {
    /// Returns whether both answer the same requests: only the names of their parameters may differ.
    pub(crate) fn clashes_with(&self, other: &RouteFields) -> bool {
        let shape = |path: &str| -> Vec<String> {
            let segment = |segment: &str| {
                if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() }
            };
            path.split('/').map(segment).collect()
        };
        self.method == other.method && shape(&self.path) == shape(&other.path)
    }

    /// Adds the fields of a layer above. Returns `false` and changes nothing if the two contradict each other in the
    /// names of their parameters or in their actions.
    pub(crate) fn overridden_by(&mut self, above: &RouteFields) -> bool {
        if (self.method, &self.path, &self.actions) != (above.method, &above.path, &above.actions) {
            return false;
        }
        self.summary = above.summary.clone().or(self.summary.take());
        self.description = above.description.clone().or(self.description.take());
        self.tags = above.tags.clone().or(self.tags.take());
        self.contract.overridden_by(&above.contract);
        true
    }

    pub(crate) fn route(self) -> Route {
        let RouteFields { method, path, actions, summary, description, tags, contract } = self;
        let ContractFields { params, query, consumes, responses } = contract;
        let tags = tags.unwrap_or_default();
        Route { method, path, actions, summary, description, tags, params, query, consumes, responses }
    }
}

const ROUTE: Table = &[
    field("method", "The HTTP method.", method_shape),
    field("path", "The path below the plugin's path; parameters are `:id` or `{id}`.", path_shape),
    field("actions", "The actions that run in sequence; each gets the result of the previous one.", chain_shape)
        .or(&["action"]),
    field("summary", "The purpose of the route in one line.", || shape::line(LINE_CHARS_MAX)),
    field("description", "The purpose of the route.", || shape::prose(PROSE_CHARS_MAX)),
    field("tags", "Groups in the API's documentation.", || shape::list(shape::line(LINE_CHARS_MAX), TAGS_MAX)),
    PARAMS,
    QUERY,
    CONSUMES,
    RESPONSES_FIELD,
];

/// Where a route is written, which determines the fields that it may omit.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// In a list, with its path and its actions.
    Listed,
    /// In the list of Nexus's manifests, with its path; it may omit its actions.
    Endpoint,
    /// In an object, with its path as the key.
    Key(&'a str),
}

/// The name of the list whose routes may omit their actions.
const ENDPOINTS: &str = "api_endpoints";

/// The paths that the host itself answers for each plugin.
const HOST_PATHS: [&str; 2] = ["/status", "/health"];

pub(crate) fn read_routes(node: &Node<'_>, report: &mut Report) -> Vec<Found<RouteFields>> {
    let mut read: Vec<Option<Found<RouteFields>>> = Vec::new();
    match node.value {
        Value::Array(_) => {
            let place = if node.path.ends_with(ENDPOINTS) { Place::Endpoint } else { Place::Listed };
            for item in node.items(ROUTES_MAX, report) {
                read.push(read_route(&item, place, report));
            }
        }
        Value::Object(_) => {
            for (path, entry) in node.entries(ROUTES_MAX, report) {
                for item in one_or_several(&entry, report) {
                    read.push(read_route(&item, Place::Key(path), report));
                }
            }
        }
        _ => node.wrong_type(report, "a list of routes, or an object of paths and routes"),
    }
    let mut routes: Vec<Found<RouteFields>> = Vec::new();
    for route in read.into_iter().flatten() {
        match routes.iter().find(|known| known.value.clashes_with(&route.value)) {
            Some(known) => {
                let (method, path) = (known.value.method.name(), &known.value.path);
                report.add(&route.path, code::DUPLICATE, format!("answers the same requests as `{method} {path}`"));
            }
            None => routes.push(route),
        }
    }
    routes
}

/// Returns the routes of a path, which may have several, one for each method.
fn one_or_several<'a>(entry: &Node<'a>, report: &mut Report) -> Vec<Node<'a>> {
    match entry.value {
        Value::Array(_) => entry.items(Method::ALL.len(), report),
        _ => vec![entry.clone()],
    }
}

fn read_route(node: &Node<'_>, place: Place<'_>, report: &mut Report) -> Option<Found<RouteFields>> {
    let object = node.object(ROUTE, report)?;
    let method = object.need("method", report).and_then(|node| read_method(&node, report));
    let path = read_path(&object, place, report);
    let summary = object.get("summary").and_then(|node| node.line(LINE_CHARS_MAX, report));
    let description = object.get("description").and_then(|node| node.prose(PROSE_CHARS_MAX, report));
    let contract = read_contract(&object, report);
    let tags = object.get("tags").map(|node| read_tags(&node, report));
    let chain = match place {
        Place::Endpoint if object.get("actions").is_none() => None,
        _ => Some(object.need("actions", report).and_then(|node| read_chain(&node, report))),
    };
    let (method, path) = (method?, path?);
    let actions = match chain {
        Some(chain) => chain?,
        None if method == Method::Get && HOST_PATHS.contains(&path.as_str()) => {
            report.note(&node.path, "is reserved for the host: name an action to make it a route of the plugin");
            return None;
        }
        None => vec![implied_action(method, &path)],
    };
    Some(node.found(RouteFields { method, path, actions, summary, description, tags, contract }, report))
}

pub(crate) fn read_method(node: &Node<'_>, report: &mut Report) -> Option<Method> {
    let name = node.string(report)?;
    let method = Method::from_name(name);
    if method.is_none() {
        let known = Method::ALL.map(Method::name).join(", ");
        let message = match name.to_ascii_uppercase().as_str() {
            "HEAD" | "OPTIONS" => format!("the host itself answers {name}: use one of {known}"),
            _ => format!("{} is not one of {known}", quoted(name)),
        };
        node.problem(report, code::INVALID_VALUE, message);
    }
    method
}

/// Reads the path, which is the entry's key or the field of that name.
fn read_path(object: &Object<'_>, place: Place<'_>, report: &mut Report) -> Option<String> {
    let (text, at) = match (place, object.get("path")) {
        (Place::Key(key), None) => (key.to_owned(), object.path.clone()),
        (Place::Key(_), Some(node)) => {
            node.problem(report, code::CONFLICT, "the key is the path: remove this field");
            return None;
        }
        (_, _) => {
            let node = object.need("path", report)?;
            (node.line(PATH_CHARS_MAX, report)?, node.path)
        }
    };
    normalise_path(&text).map_err(|message| report.add(&at, code::INVALID_VALUE, message)).ok()
}

fn read_chain(node: &Node<'_>, report: &mut Report) -> Option<Vec<String>> {
    if let Some(name) = node.value.as_str() {
        return action::check_name(name, node, report).map(|name| vec![name]);
    }
    if node.value.as_array().is_some_and(Vec::is_empty) {
        node.problem(report, code::INVALID_VALUE, "is empty: name at least one action");
        return None;
    }
    // An action may occur twice in a chain, so this is not a list of distinct names.
    let items = node.items(CHAIN_MAX, report);
    let names: Vec<_> = items.iter().map(|item| action::check_name(item.string(report)?, item, report)).collect();
    let chain: Option<Vec<String>> = names.into_iter().collect();
    chain.filter(|chain| !chain.is_empty())
}

/// Returns the action that answers an endpoint without one.
fn implied_action(method: Method, path: &str) -> String {
    let word = |segment: &str| -> String {
        segment
            .chars()
            .filter(|c| !matches!(c, '{' | '}'))
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect()
    };
    let segments: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(word).collect();
    let rest = if segments.is_empty() { "root".to_owned() } else { segments.join("_") };
    format!("{}_{rest}", method.name().to_ascii_lowercase())
}

pub(crate) fn read_tags(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let items = node.items(TAGS_MAX, report);
    let mut tags: Vec<String> = Vec::new();
    for tag in items.iter().filter_map(|item| item.line(LINE_CHARS_MAX, report)) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

pub(crate) fn method_shape() -> Value {
    // Upper and lower case are accepted, which `enum` cannot express.
    shape::name("^([Gg][Ee][Tt]|[Pp][Oo][Ss][Tt]|[Pp][Uu][Tt]|[Pp][Aa][Tt][Cc][Hh]|[Dd][Ee][Ll][Ee][Tt][Ee])$", 6)
}

pub(crate) fn path_shape() -> Value {
    shape::name("^/", PATH_CHARS_MAX)
}

fn chain_shape() -> Value {
    let mut list = shape::list(action::name_shape(), CHAIN_MAX);
    list["minItems"] = 1.into();
    shape::any_of([list, action::name_shape()])
}

pub(crate) fn routes_shape() -> Value {
    let listed = shape::object(ROUTE, &["method", "path"]);
    let keyed = shape::object(ROUTE, &["method", "actions"]);
    let several = shape::list(keyed.clone(), Method::ALL.len());
    shape::any_of([shape::list(listed, ROUTES_MAX), shape::map(shape::any_of([keyed, several]), ROUTES_MAX)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implied_action_is_named_after_method_and_path() {
        assert_eq!(implied_action(Method::Get, "/status"), "get_status");
        assert_eq!(implied_action(Method::Delete, "/items/{id}"), "delete_items_id");
        assert_eq!(implied_action(Method::Post, "/"), "post_root");
    }
}
