//! Loaders, which fetch the data of a page from the plugin's routes.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::computed::read_expression;
use super::expression::Expression;
use super::placeholder::{PlaceholderText, PlaceholderValue};
use super::references::{Reference, ReferenceKind, Referring};
use crate::field::{Table, field};
use crate::limits::{
    EXPRESSION_CHARS_MAX, INTERVAL_MS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX, PATTERN_CHARS_MAX,
    POLLING_MS_MIN, TOPICS_MAX,
};
use crate::name;
use crate::part::route::{Method, method_shape, path_shape, read_method};
use crate::part::topic::parse_topic;
use crate::problem::{Report, code, quoted};
use crate::read::{Found, Node};
use crate::shape;

/// A loader, which fetches data for a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageLoader {
    /// The loader's id, unique within the page.
    pub id: String,
    /// The requested route of the plugin. It may have placeholders.
    pub api_route: PlaceholderText,
    /// The HTTP method of the request.
    pub method: Method,
    /// The body of the request. A GET request has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<PlaceholderValue>,
    /// The key of the page's state for the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_key: Option<String>,
    /// The key of the page's data for the response. Default: the loader's id, unless the response has a state key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_key: Option<String>,
    /// How long a page may show a response again without another request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<LoaderCache>,
    /// Whether the loader runs when the page opens.
    #[serde(skip_serializing_if = "is_true")]
    pub run_on_navigate: bool,
    /// Whether and how often to repeat the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polling: Option<Polling>,
    /// The topics of events after which the loader runs again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
}

/// How long a page may show a response again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoaderCache {
    /// Milliseconds (`ttl`).
    #[serde(rename = "ttl")]
    pub ttl_ms: u64,
    /// The key of the stored response. Default: the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PlaceholderText>,
}

/// The polling of a loader.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Polling {
    /// Milliseconds between two requests (`interval`).
    #[serde(rename = "interval")]
    pub interval_ms: u64,
    /// When the loader polls.
    pub enabled: Enabled,
}

/// When a loader polls.
#[derive(Clone, Debug, PartialEq)]
pub enum Enabled {
    /// Always, or never.
    Fixed(bool),
    /// While the expression holds.
    While(Expression),
}

impl Serialize for Enabled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Enabled::Fixed(enabled) => enabled.serialize(serializer),
            Enabled::While(expression) => expression.serialize(serializer),
        }
    }
}

const LOADER: Table = &[
    field("id", "A name, unique within the page.", id_shape),
    field("api_route", "The plugin's route to request.", path_shape).or(&["apiRoute"]),
    field("method", "The HTTP method, GET if left out.", method_shape),
    field("body", "The body of the request; texts may have placeholders.", shape::anything),
    field("state_key", "The key of the page's state for the response.", key_shape).or(&["stateKey"]),
    field("data_key", "The key of the page's data for the response.", key_shape).or(&["dataKey"]),
    field("cache", "How long a response may be shown again.", || shape::object(CACHE, &["ttl"])),
    field("run_on_navigate", "Whether it runs when the page opens; it does if left out.", shape::boolean)
        .or(&["runOnNavigate"]),
    field("polling", "Whether and how often to repeat the request.", || shape::object(POLLING, &["interval"])),
    field("events", "Topics of events after which it runs again.", || {
        shape::list(shape::line(PATTERN_CHARS_MAX), TOPICS_MAX)
    }),
];
const CACHE: Table = &[
    field("ttl", "Milliseconds.", || shape::count(0, INTERVAL_MS_MAX)),
    field("key", "The key of the stored response, the request if left out.", key_shape),
];
const POLLING: Table = &[
    field("interval", "Milliseconds between two requests.", || shape::count(POLLING_MS_MIN, INTERVAL_MS_MAX)),
    field("enabled", "Whether polling is on, or the expression that says so; on if left out.", || {
        shape::any_of([shape::boolean(), shape::line(EXPRESSION_CHARS_MAX)])
    }),
];

pub(crate) fn read_loader(node: &Node<'_>, report: &mut Report) -> Option<Referring<PageLoader>> {
    let object = node.object(LOADER, report)?;
    let id = object.need("id", report).and_then(|node| read_id(&node, report));
    let route = object.need("api_route", report);
    let api_route = route.as_ref().and_then(|node| read_api_route(node, report));
    let method = object.get("method").map(|node| read_method(&node, report));
    let body = object.get("body").and_then(|node| read_value(&node, report));
    let key = |name, report: &mut Report| object.get(name).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let state_key = key("state_key", report);
    let data_key = key("data_key", report);
    let cache = object.get("cache").and_then(|node| read_cache(&node, report));
    let run_on_navigate = object.get("run_on_navigate").and_then(|node| node.boolean(report)).unwrap_or(true);
    let polling = object.get("polling").and_then(|node| read_polling(&node, report));
    let events = object.get("events").map(|node| read_topics(&node, report)).unwrap_or_default();
    let (api_route, method) = (api_route?, method.unwrap_or(Some(Method::Get))?);
    let references = route.map(|node| route_reference(&node, &api_route, method)).into_iter().collect();
    let loader =
        PageLoader { id: id?, api_route, method, body, state_key, data_key, cache, run_on_navigate, polling, events };
    Some(Referring { value: loader, references })
}

fn read_cache(node: &Node<'_>, report: &mut Report) -> Option<LoaderCache> {
    let object = node.object(CACHE, report)?;
    let ttl_ms = object.need("ttl", report).and_then(|node| node.count(0..=INTERVAL_MS_MAX, report));
    let key = object.get("key").and_then(|node| read_text(&node, LINE_CHARS_MAX, report));
    Some(LoaderCache { ttl_ms: ttl_ms?, key })
}

fn read_polling(node: &Node<'_>, report: &mut Report) -> Option<Polling> {
    let object = node.object(POLLING, report)?;
    let interval = object.need("interval", report);
    let interval_ms = interval.and_then(|node| node.count(POLLING_MS_MIN..=INTERVAL_MS_MAX, report));
    let enabled = match object.get("enabled") {
        None => Some(Enabled::Fixed(true)),
        Some(node) if node.value.is_string() => {
            read_expression(&node, code::INVALID_CONDITION, report).map(Enabled::While)
        }
        Some(node) => node.boolean(report).map(Enabled::Fixed),
    };
    Some(Polling { interval_ms: interval_ms?, enabled: enabled? })
}

fn read_topics(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let mut topics = Vec::new();
    for item in node.items(TOPICS_MAX, report) {
        let Some(text) = item.string(report) else { continue };
        match parse_topic(text) {
            Ok(topic) if topics.contains(&topic) => {}
            Ok(topic) => topics.push(topic),
            Err(message) => item.problem(report, code::INVALID_VALUE, message),
        }
    }
    topics
}

/// Reads a path below the plugin's routes. It may have placeholders, which the page fills in.
pub(super) fn read_api_route(node: &Node<'_>, report: &mut Report) -> Option<PlaceholderText> {
    let path = read_text(node, PATH_CHARS_MAX, report)?;
    if !path.as_str().starts_with('/') {
        node.problem(report, code::INVALID_VALUE, format!("{} does not begin with `/`", quoted(path.as_str())));
        return None;
    }
    Some(path)
}

pub(super) fn route_reference(node: &Node<'_>, path: &PlaceholderText, method: Method) -> Reference {
    Reference { kind: ReferenceKind::Route(method), path: node.path.clone(), name: path.as_str().to_owned() }
}

/// Reads a line with placeholders.
pub(super) fn read_text(node: &Node<'_>, chars_max: usize, report: &mut Report) -> Option<PlaceholderText> {
    let text = node.line(chars_max, report)?;
    text.parse().map_err(|error| node.problem(report, code::INVALID_VALUE, format!("{error}"))).ok()
}

/// Reads a value whose texts may have placeholders.
pub(super) fn read_value(node: &Node<'_>, report: &mut Report) -> Option<PlaceholderValue> {
    let value = PlaceholderValue::parse(node.value);
    let value = value.map_err(|(path, error)| {
        report.add(&format!("{}{path}", node.path), code::INVALID_VALUE, error.to_string());
    });
    value.ok()
}

/// Reads an object whose texts may have placeholders.
pub(super) fn read_object(node: &Node<'_>, report: &mut Report) -> Option<PlaceholderValue> {
    if !matches!(node.value, Value::Object(_)) {
        node.wrong_type(report, "an object");
        return None;
    }
    read_value(node, report)
}

pub(super) fn read_id(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let id = node.string(report)?;
    match name::action(id) {
        Ok(()) => Some(id.to_owned()),
        Err(message) => {
            node.problem(report, code::INVALID_NAME, message);
            None
        }
    }
}

/// Reads a list of parts with ids, each with its position. A second part with an id is reported.
pub(super) fn read_parts<'a, T>(
    node: &Node<'a>,
    what: &str,
    count_max: usize,
    read: impl Fn(&Node<'_>, &mut Report) -> Option<Referring<T>>,
    id: impl Fn(&T) -> String,
    report: &mut Report,
) -> Vec<Found<Referring<T>>> {
    let mut parts: Vec<Found<Referring<T>>> = Vec::new();
    for item in node.items(count_max, report) {
        let Some(part) = read(&item, report) else { continue };
        if parts.iter().any(|known| id(&known.value.value) == id(&part.value)) {
            let message = format!("there is {what} `{}` already", id(&part.value));
            item.problem(report, code::DUPLICATE_ID, message);
        } else {
            parts.push(item.found(part, report));
        }
    }
    parts
}

// The signature is the one that serde calls.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_true(value: &bool) -> bool {
    *value
}

pub(super) fn id_shape() -> Value {
    shape::name(name::ACTION_PATTERN, NAME_CHARS_MAX)
}

fn key_shape() -> Value {
    shape::line(LINE_CHARS_MAX)
}

pub(super) fn loader_shape() -> Value {
    shape::object(LOADER, &["id", "api_route"])
}
