//! Requests to routes of a plugin, as steps of a test.

use std::path::{Component, Path};

use serde_json::{Value, json};

use super::identity::{IDENTITY, TestIdentity, read_identity};
use super::settings::{headers_shape, read_headers};
use super::step::PLUGIN;
use crate::field::{Table, field};
use crate::limits::{EXPECTED_MAX, PATH_CHARS_MAX, TEST_TEXT_CHARS_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// A request to a route of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteRequest {
    /// The method, in upper case.
    pub method: &'static str,
    /// The path below the plugin's path, which may have a query.
    pub path: String,
    /// More parameters of the query. A list stands for one of each of its values.
    pub query: Vec<(String, Value)>,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: RequestBody,
    /// The identity of the client; `None` for none.
    pub identity: Option<TestIdentity>,
}

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RequestBody {
    /// No body.
    #[default]
    Nothing,
    /// A value as JSON.
    Json(Value),
    /// Text.
    Text(String),
    /// The bytes of a file, whose path is relative to the directory of the test file.
    File(String),
}

const METHODS: [(&str, &str); 6] =
    [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE"), ("head", "HEAD")];

pub(super) const REQUEST: Table = &[
    field("get", "Requests this path with GET.", path_shape),
    field("post", "Requests this path with POST.", path_shape),
    field("put", "Requests this path with PUT.", path_shape),
    field("patch", "Requests this path with PATCH.", path_shape),
    field("delete", "Requests this path with DELETE.", path_shape),
    field("head", "Requests this path with HEAD.", path_shape),
    field("query", "Parameters of the query: each a value, or a list of values.", query_shape),
    field("headers", "The headers.", headers_shape),
    field("json", "The body as JSON.", shape::anything),
    field("text", "The body as text.", || shape::prose(TEST_TEXT_CHARS_MAX)),
    field("file", "The body as a file: its path from the directory of the test file.", file_shape),
    IDENTITY,
    PLUGIN,
];

/// Reads a path that is requested with GET, or an object.
pub(super) fn read_request(what: &Node<'_>, report: &mut Report) -> Option<(Option<String>, RouteRequest)> {
    let mut request = RouteRequest {
        method: "GET",
        path: String::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: RequestBody::Nothing,
        identity: None,
    };
    if what.value.is_string() {
        request.path = read_path(what, report)?;
        return Some((None, request));
    }
    let object = what.object(REQUEST, report)?;
    let plugin = super::step::read_plugin(&object, report);
    request.query = object.get("query").map(|node| read_query(&node, report)).unwrap_or_default();
    request.headers = object.get("headers").map(|node| read_headers(&node, report)).unwrap_or_default();
    request.body = read_body(&object, report);
    request.identity = read_identity(&object, report);
    let mut methods = METHODS.iter().filter_map(|(name, method)| Some((method, object.get(name)?)));
    let Some((method, path)) = methods.next() else {
        let names = METHODS.map(|(name, _)| name).join(", ");
        what.problem(report, code::MISSING_FIELD, format!("has no path: give it one of {names}"));
        return None;
    };
    if let Some((_, second)) = methods.next() {
        second.problem(report, code::CONFLICT, "a request has one method: remove the other");
    }
    request.method = method;
    request.path = read_path(&path, report)?;
    Some((plugin, request))
}

fn read_path(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.line(PATH_CHARS_MAX, report)?;
    if !path.starts_with('/') {
        let message = format!("{} does not begin with `/`: write the path below the plugin's", quoted(&path));
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    Some(path)
}

fn read_query(node: &Node<'_>, report: &mut Report) -> Vec<(String, Value)> {
    let entries = node.entries(EXPECTED_MAX, report);
    entries.into_iter().map(|(name, value)| (name.to_owned(), value.value.clone())).collect()
}

fn read_body(object: &Object<'_>, report: &mut Report) -> RequestBody {
    // A body of JSON may be null, which counts as absent elsewhere.
    let bodies = [("json", object.written("json")), ("text", object.get("text")), ("file", object.get("file"))];
    let mut bodies = bodies.into_iter().filter_map(|(name, node)| Some((name, node?)));
    let Some((name, body)) = bodies.next() else { return RequestBody::Nothing };
    if let Some((second, node)) = bodies.next() {
        let message = format!("`{name}` and `{second}` are two bodies: remove one of them");
        node.problem(report, code::CONFLICT, message);
    }
    let read = match name {
        "json" => Some(RequestBody::Json(body.value.clone())),
        "text" => body.prose(TEST_TEXT_CHARS_MAX, report).map(RequestBody::Text),
        _ => read_file(&body, report).map(RequestBody::File),
    };
    read.unwrap_or_default()
}

/// Reads the path of a file in the directory of the test file.
pub(super) fn read_file(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.line(PATH_CHARS_MAX, report)?;
    if Path::new(&path).components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        let message = format!("{} is not in the directory of the test file: put the file there", quoted(&path));
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    Some(path)
}

pub(super) fn file_shape() -> Value {
    shape::line(PATH_CHARS_MAX)
}

pub(super) fn path_shape() -> Value {
    shape::name("^/", PATH_CHARS_MAX)
}

fn query_shape() -> Value {
    let one = json!({ "type": ["string", "number", "boolean"] });
    shape::map(shape::any_of([one.clone(), shape::list(one, EXPECTED_MAX)]), EXPECTED_MAX)
}
