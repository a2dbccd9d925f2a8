//! The expectations of a test: answers, denials, log lines and requests.

use serde_json::Value;

use crate::field::{Field, Table, field};
use crate::limits::{
    EXPECTED_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX, PATTERN_CHARS_MAX, TEST_COUNT_MAX,
    TEST_TEXT_CHARS_MAX,
};
use crate::name;
use crate::part::permission::PermissionAction;
use crate::part::topic::parse_topic;
use crate::problem::{Report, code};
use crate::read::Node;
use crate::shape;

use super::request::{file_shape, read_file};
use super::settings::{headers_shape, read_headers, read_method};

/// The expected outcome of a call, event, health check or reload. `Default` expects success.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// The expected answer.
    pub answer: ExpectedAnswer,
    /// Whether the items of lists in `contains` must be in the same order.
    pub in_order: bool,
    /// The accesses that must be denied meanwhile.
    pub denied: Vec<ExpectedDenial>,
    /// The number of subscriptions that receive an event; `None` means at least one.
    pub heard: Option<u64>,
    /// The events that must be published meanwhile.
    pub published: Vec<ExpectedEvent>,
    /// The status of a request's answer; `None` means one below 400, unless an error is expected.
    pub status: Option<u16>,
    /// Headers of a request's answer, with names in lower case. In a value, `*` matches any text.
    pub headers: Vec<(String, String)>,
}

impl Expected {
    /// Whether it expects something that only an answer to a request has.
    pub(super) fn is_of_request(&self) -> bool {
        self.status.is_some() || !self.headers.is_empty() || matches!(self.answer, ExpectedAnswer::File(_))
    }
}

/// An expected answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ExpectedAnswer {
    /// Any answer that is not an error.
    #[default]
    Success,
    /// Any answer or error; only denials are checked.
    Any,
    /// Exactly this value.
    Exactly(Value),
    /// A text that contains this text, an object with these members, or a list with these items in any order, at any
    /// depth. Other values must be equal.
    Containing(Value),
    /// A body with the bytes of a file, whose path is relative to the directory of the test file.
    File(String),
    /// An error.
    Error(ExpectedError),
}

/// An expected error. Omitted fields match anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedError {
    /// The code.
    pub code: Option<String>,
    /// A substring of the message.
    pub message: Option<String>,
    /// The details, or members of them.
    pub details: Option<Value>,
}

/// An expected denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedDenial {
    /// The resource, such as `db.users`. `*` matches any text, as in a policy.
    pub resource: String,
    /// The action; `None` matches any.
    pub action: Option<PermissionAction>,
}

/// An expected event that a plugin publishes. Omitted fields match anything.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedEvent {
    /// The topic; `*` matches any text.
    pub topic: String,
    /// The data, or members of it.
    pub data: Option<Value>,
    /// The plugin that publishes it.
    pub source: Option<String>,
    /// The number of such events; `None` means at least one.
    pub count: Option<u64>,
}

/// An expected line of the log. Omitted fields match anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedLine {
    /// A substring of the line as it is shown: `INFO [target] message name=value`.
    pub contains: Option<String>,
    /// The level, in lower case.
    pub level: Option<&'static str>,
    /// The plugin that wrote it.
    pub plugin: Option<String>,
    /// The number of such lines; `None` means at least one.
    pub count: Option<u64>,
}

/// An expected request. Omitted fields match anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExpectedRequest {
    /// The method, in upper case.
    pub method: Option<String>,
    /// The whole URL; `*` matches any text.
    pub url: Option<String>,
    /// The body as JSON, or members of it.
    pub json: Option<Value>,
    /// A substring of the body.
    pub text: Option<String>,
    /// The number of such requests; `None` means at least one.
    pub count: Option<u64>,
}

const EXPECTED: Table = &[
    field("result", "The answer, exactly.", shape::anything),
    field(
        "contains",
        "A part of the answer, at any depth: a substring, some members of an object, some items of a list in any order.",
        shape::anything,
    ),
    field("in_order", "Whether the items of a list in `contains` must be in that order.", shape::boolean),
    field(
        "file",
        "The body of a request's answer as a file: its path from the directory of the test file.",
        file_shape,
    ),
    field("error", "An error: its code, or an object with some of its fields.", error_shape),
    field("heard", "How many subscriptions hear the event, 0 for none. Left out: at least one.", || {
        shape::count(0, TEST_COUNT_MAX)
    }),
    field("denied", "Uses that are denied, such as `db.users` or `data.note/*`.", denied_shape),
    field("published", "Events that plugins publish meanwhile, such as `order.placed`.", events_shape),
    field("status", "The status of a request's answer. Left out: one below 400, unless an error is expected.", || {
        shape::count(200, 599)
    }),
    field("headers", "Headers of a request's answer; `*` stands for any text.", headers_shape),
];
const ERROR: Table = &[
    field("code", "Its code.", line),
    field("message", "A substring of its text.", || shape::line(PATH_CHARS_MAX)).or(&["msg"]),
    field("details", "Its details, or members of them.", shape::anything),
];
const DENIED: Table = &[
    field("resource", "The resource, such as `db.users`; `*` stands for any text.", || shape::line(PATTERN_CHARS_MAX)),
    field("action", "The action. Left out: any.", || shape::word(&PermissionAction::ALL.map(PermissionAction::name))),
];
const EVENT: Table = &[
    field("topic", "The topic; `*` stands for any text.", || shape::line(PATTERN_CHARS_MAX)).or(&["name"]),
    field("data", "Its data, or members of it.", shape::anything),
    field("source", "The plugin that publishes it.", || shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX)),
    COUNT,
];
const LINE: Table = &[
    field("contains", "A substring of the line as it is shown.", text_shape).or(&["message"]),
    field("level", "Its level.", || shape::word(&LEVELS)),
    field("plugin", "The plugin that wrote it.", || shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX)),
    COUNT,
];
const REQUEST: Table = &[
    field("method", "Its method.", line),
    field("url", "Its whole URL; `*` stands for any text.", || shape::line(PATH_CHARS_MAX)),
    field("json", "Its body as JSON, or members of it.", shape::anything),
    field("text", "A substring of its body.", text_shape),
    COUNT,
];
const COUNT: Field =
    field("count", "Their number, 0 for none. Left out: at least one.", || shape::count(0, TEST_COUNT_MAX));
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

pub(super) fn read_expected(node: &Node<'_>, report: &mut Report) -> Option<Expected> {
    let object = node.object(EXPECTED, report)?;
    // An answer may be null, which counts as absent elsewhere.
    let exactly = object.written("result").map(|node| ("result", ExpectedAnswer::Exactly(node.value.clone())));
    let containing = object.get("contains").map(|node| ("contains", ExpectedAnswer::Containing(node.value.clone())));
    let file = object.get("file").and_then(|node| Some(("file", ExpectedAnswer::File(read_file(&node, report)?))));
    let error =
        object.get("error").map(|node| ("error", ExpectedAnswer::Error(read_error(&node, report).unwrap_or_default())));
    let denied = object.get("denied").map(|node| read_denied(&node, report));
    let published = object.get("published").map(|node| read_events(&node, report));
    let heard = object.get("heard").and_then(|node| node.count(0..=TEST_COUNT_MAX, report));
    let status = object.get("status").and_then(|node| node.count(200..=599, report));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let mut headers = object.get("headers").map(|node| read_headers(&node, report)).unwrap_or_default();
    headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    let mut answers = [exactly, containing, file, error].into_iter().flatten();
    let answer = match (answers.next(), answers.next()) {
        (None, _) if denied.is_some() || status.is_some() => ExpectedAnswer::Any,
        (None, _) if heard.is_some() || published.is_some() || !headers.is_empty() => ExpectedAnswer::Success,
        // Their values are not valid.
        (None, _) if ["heard", "status", "file"].iter().any(|field| object.get(field).is_some()) => {
            ExpectedAnswer::Success
        }
        (None, _) => {
            node.problem(report, code::MISSING_FIELD, "expects nothing: leave it out to accept any answer");
            ExpectedAnswer::Success
        }
        (Some((first, _)), Some((second, _))) => {
            let message = format!("`{first}` and `{second}` are two answers: remove one of them");
            node.problem(report, code::CONFLICT, message);
            ExpectedAnswer::Success
        }
        (Some((_, answer)), None) => answer,
    };
    let in_order = object.get("in_order").and_then(|order| {
        if !matches!(answer, ExpectedAnswer::Containing(_)) {
            order.problem(report, code::CONFLICT, "needs `contains`: an exact `result` is always in order");
        }
        order.boolean(report)
    });
    Some(Expected {
        answer,
        in_order: in_order.unwrap_or(false),
        denied: denied.unwrap_or_default(),
        heard,
        published: published.unwrap_or_default(),
        status,
        headers,
    })
}

/// Reads a code, or an object.
pub(super) fn read_error(node: &Node<'_>, report: &mut Report) -> Option<ExpectedError> {
    if node.value.is_string() {
        return Some(ExpectedError { code: node.line(LINE_CHARS_MAX, report), ..ExpectedError::default() });
    }
    let object = node.object(ERROR, report)?;
    Some(ExpectedError {
        code: object.get("code").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        message: object.get("message").and_then(|node| node.prose(PATH_CHARS_MAX, report)),
        details: object.get("details").map(|node| node.value.clone()),
    })
}

/// Reads one denial or a list of them, each a resource or an object.
fn read_denied(node: &Node<'_>, report: &mut Report) -> Vec<ExpectedDenial> {
    one_or_more(node, report, |node, report| {
        if node.value.is_string() {
            let resource = node.line(PATTERN_CHARS_MAX, report)?;
            return Some(ExpectedDenial { resource, action: None });
        }
        let object = node.object(DENIED, report)?;
        let resource = object.need("resource", report).and_then(|node| node.line(PATTERN_CHARS_MAX, report));
        let names = PermissionAction::ALL.map(PermissionAction::name);
        let action = object.get("action").and_then(|node| node.word(&names, report));
        Some(ExpectedDenial { resource: resource?, action: action.and_then(PermissionAction::from_name) })
    })
}

/// Reads one event or a list of them, each a topic or an object.
pub(super) fn read_events(node: &Node<'_>, report: &mut Report) -> Vec<ExpectedEvent> {
    one_or_more(node, report, |node, report| {
        if node.value.is_string() {
            let topic = read_published_topic(node, report)?;
            return Some(ExpectedEvent { topic, data: None, source: None, count: None });
        }
        let object = node.object(EVENT, report)?;
        let topic = object.need("topic", report).and_then(|node| read_published_topic(&node, report));
        Some(ExpectedEvent {
            data: object.written("data").map(|node| node.value.clone()),
            source: object.get("source").and_then(|node| node.line(NAME_CHARS_MAX, report)),
            count: object.get("count").and_then(|node| node.count(0..=TEST_COUNT_MAX, report)),
            topic: topic?,
        })
    })
}

/// Reads a topic or a pattern in any spelling.
fn read_published_topic(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let text = node.line(PATTERN_CHARS_MAX, report)?;
    parse_topic(&text).map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok()
}

/// Reads one line or a list of them, each a text or an object.
pub(super) fn read_lines(node: &Node<'_>, report: &mut Report) -> Vec<ExpectedLine> {
    one_or_more(node, report, |node, report| {
        if node.value.is_string() {
            let contains = Some(node.prose(TEST_TEXT_CHARS_MAX, report)?);
            return Some(ExpectedLine { contains, ..ExpectedLine::default() });
        }
        let object = node.object(LINE, report)?;
        Some(ExpectedLine {
            contains: object.get("contains").and_then(|node| node.prose(TEST_TEXT_CHARS_MAX, report)),
            level: object.get("level").and_then(|node| node.word(&LEVELS, report)),
            plugin: object.get("plugin").and_then(|node| node.line(NAME_CHARS_MAX, report)),
            count: object.get("count").and_then(|node| node.count(0..=TEST_COUNT_MAX, report)),
        })
    })
}

/// Reads one request or a list of them, each a URL or an object.
pub(super) fn read_requests(node: &Node<'_>, report: &mut Report) -> Vec<ExpectedRequest> {
    one_or_more(node, report, |node, report| {
        if node.value.is_string() {
            let url = Some(node.line(PATH_CHARS_MAX, report)?);
            return Some(ExpectedRequest { url, ..ExpectedRequest::default() });
        }
        let object = node.object(REQUEST, report)?;
        Some(ExpectedRequest {
            method: object.get("method").and_then(|node| read_method(&node, report)),
            url: object.get("url").and_then(|node| node.line(PATH_CHARS_MAX, report)),
            json: object.get("json").map(|node| node.value.clone()),
            text: object.get("text").and_then(|node| node.prose(TEST_TEXT_CHARS_MAX, report)),
            count: object.get("count").and_then(|node| node.count(0..=TEST_COUNT_MAX, report)),
        })
    })
}

fn one_or_more<T>(node: &Node<'_>, report: &mut Report, read: impl Fn(&Node<'_>, &mut Report) -> Option<T>) -> Vec<T> {
    if !node.value.is_array() {
        return read(node, report).into_iter().collect();
    }
    let items = node.items(EXPECTED_MAX, report);
    if node.value.as_array().is_some_and(Vec::is_empty) {
        node.problem(report, code::INVALID_VALUE, "is empty: to expect none, write `{ count: 0 }`");
    }
    items.iter().filter_map(|item| read(item, report)).collect()
}

fn line() -> Value {
    shape::line(LINE_CHARS_MAX)
}

fn text_shape() -> Value {
    shape::prose(TEST_TEXT_CHARS_MAX)
}

fn one_or_more_shape(one: Value) -> Value {
    shape::any_of([one.clone(), shape::list(one, EXPECTED_MAX)])
}

pub(super) fn expected_shape() -> Value {
    shape::object(EXPECTED, &[])
}

pub(super) fn error_shape() -> Value {
    shape::any_of([line(), shape::object(ERROR, &[])])
}

fn denied_shape() -> Value {
    one_or_more_shape(shape::any_of([shape::line(PATTERN_CHARS_MAX), shape::object(DENIED, &["resource"])]))
}

pub(super) fn events_shape() -> Value {
    one_or_more_shape(shape::any_of([shape::line(PATTERN_CHARS_MAX), shape::object(EVENT, &["topic"])]))
}

pub(super) fn lines_shape() -> Value {
    one_or_more_shape(shape::any_of([text_shape(), shape::object(LINE, &[])]))
}

pub(super) fn requests_shape() -> Value {
    one_or_more_shape(shape::any_of([shape::line(PATH_CHARS_MAX), shape::object(REQUEST, &[])]))
}
