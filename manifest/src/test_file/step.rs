//! A step of a test: an event in the host, or an expectation about earlier steps.

use std::time::Duration;

use serde_json::{Value, json};

use super::expect::{
    Expected, ExpectedEvent, ExpectedLine, ExpectedRequest, events_shape, expected_shape, lines_shape, read_events,
    read_expected, read_lines, read_requests, requests_shape,
};
use super::identity::{IDENTITY, TestIdentity, read_identity};
use super::page::{PageStep, page_shape, read_page};
use super::request::{REQUEST, RouteRequest, path_shape, read_request};
use super::tool::{ToolStep, read_tool, tool_shape};
use crate::field::{Table, field};
use crate::limits::{LINE_CHARS_MAX, NAME_CHARS_MAX, PATTERN_CHARS_MAX};
use crate::name;
use crate::part::topic::parse_topic;
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// A step of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The path in the file, such as `tests[0].steps[2]`.
    pub path: String,
    /// The plugin that the step uses, by name; `None` means the tested one.
    pub plugin: Option<String>,
    /// The step's kind.
    pub kind: StepKind,
    /// Parts of the answer for later steps: each a name and the path of a value, such as `note.id`.
    pub save: Vec<(String, String)>,
}

/// The kind of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// Calls an action.
    Call {
        /// The action's name.
        action: String,
        /// The payload; `null` if omitted.
        payload: Value,
        /// The identity of the caller; `None` for none.
        identity: Option<TestIdentity>,
        /// The expected answer.
        expect: Expected,
    },
    /// Requests a route of the plugin.
    Request {
        /// The request.
        request: Box<RouteRequest>,
        /// The expected answer; by default, a status below 400.
        expect: Expected,
    },
    /// Opens a page of the plugin, or runs its loaders or an action.
    Page {
        /// The page, and what to do with it.
        page: Box<PageStep>,
        /// The expected `{title, state, data, params}` of the page, data of the loaders by id, or data of the action.
        /// By default, none of them fails.
        expect: Expected,
    },
    /// Calls an action as a tool.
    Tool {
        /// The call.
        tool: Box<ToolStep>,
        /// The expected `{content, structuredContent, isError}`, as a client gets it; by default, no error.
        expect: Expected,
    },
    /// Lists the tools that a client sees if all actions of the plugin are exposed.
    Tools {
        /// The expected list, as a client gets it.
        expect: Expected,
    },
    /// Delivers an event to the plugin.
    Event {
        /// The topic.
        name: String,
        /// The event's data.
        data: Value,
        /// The emitter; `None` means the host.
        source: Option<String>,
        /// The correlation id, which related events share.
        correlation_id: Option<String>,
        /// The expected reaction, `{stop, cancel}`, and the `reason` of a handler that cancels.
        expect: Expected,
    },
    /// Emits an event to the handlers of all plugins in the host.
    Emit {
        /// The topic.
        name: String,
        /// The event's data.
        data: Value,
        /// The emitter; `None` means the host.
        source: Option<String>,
        /// The correlation id, which related events share.
        correlation_id: Option<String>,
        /// The expected outcome, `{id, handlers, failed, durable, stopped, cancelled}`; by default, no handler fails.
        expect: Expected,
    },
    /// Runs the plugin's health check.
    Health {
        /// The expected `{healthy, message, components, metrics}`; by default, healthy.
        expect: Expected,
    },
    /// Reloads the plugin, which passes its state to the new revision.
    Reload {
        /// The expected outcome.
        expect: Expected,
    },
    /// Unloads the plugin and loads it again, with its stored data and without its state.
    Restart {
        /// The expected outcome.
        expect: Expected,
    },
    /// Unloads the plugin. It has no further steps.
    Unload,
    /// Advances the clock.
    Advance(Duration),
    /// Checks the log.
    Log(Vec<ExpectedLine>),
    /// Checks the HTTP requests.
    Requests(Vec<ExpectedRequest>),
    /// Checks the published events.
    Published(Vec<ExpectedEvent>),
}

const STEP: Table = &[
    field("call", "Calls an action.", || shape::any_of([line(), shape::object(CALL, &["action"])])),
    field("request", "Requests a route of the plugin: its path, or an object with the method and the path.", || {
        shape::any_of([path_shape(), shape::object(REQUEST, &[])])
    }),
    field("page", "Opens a page of the plugin: its path, or an object with more.", page_shape),
    field("tool", "Calls an action as a tool, as an assistant does: the action, or an object with more.", tool_shape),
    field("tools", "Lists the tools that an assistant sees if all actions of the plugin are exposed: `true`.", || {
        shape::any_of([yes(), shape::object(PLUGIN_ONLY, &[])])
    }),
    field("event", "Delivers an event to the plugin.", || shape::any_of([line(), shape::object(EVENT, &["name"])])),
    field("emit", "Emits an event to all plugins in the host.", || {
        shape::any_of([line(), shape::object(EMIT, &["name"])])
    }),
    field("health", "Runs the plugin's health check: `true`.", || {
        shape::any_of([yes(), shape::object(PLUGIN_ONLY, &[])])
    }),
    field("reload", "Reloads the plugin, which passes its state to the new revision: `true`.", || {
        shape::any_of([yes(), shape::object(PLUGIN_ONLY, &[])])
    }),
    field("restart", "Unloads the plugin and loads it, with what it stored and without its state: `true`.", || {
        shape::any_of([yes(), shape::object(PLUGIN_ONLY, &[])])
    }),
    field("unload", "Unloads the plugin: `true`.", || shape::any_of([yes(), shape::object(PLUGIN_ONLY, &[])])),
    field("advance", "Advances the clock, such as by `5m` or `1h 30m`.", line),
    field(
        "expect",
        "The expected outcome of a step that calls the plugin, loads it or lists its tools. Left out: success.",
        expected_shape,
    ),
    field(
        "save",
        "Values of the answer of a call, a request, a page or a tool: a name, and the path of a value, which later payloads use as `$name`.",
        || shape::map(line(), SAVED_MAX),
    ),
    field("expect_log", "Lines that the log must have at this point.", lines_shape),
    field("expect_requests", "Requests that must have been sent at this point.", requests_shape),
    field("expect_published", "Events that plugins must have published at this point.", events_shape),
];
const CALL: Table = &[
    field("action", "The action's name.", line),
    field("payload", "The payload; null if left out.", shape::anything),
    IDENTITY,
    PLUGIN,
];
const EVENT: Table = &[
    field("name", "The topic.", || shape::line(PATTERN_CHARS_MAX)).or(&["topic"]),
    field("data", "The event's data.", shape::anything),
    field("source", "The emitter; the host if left out.", line),
    field("correlation_id", "The correlation id, which related events share.", line),
    PLUGIN,
];
const EMIT: Table = &[
    field("name", "The topic.", || shape::line(PATTERN_CHARS_MAX)).or(&["topic"]),
    field("data", "The event's data.", shape::anything),
    field("source", "The emitter; the host if left out.", line),
    field("correlation_id", "The correlation id, which related events share.", line),
];
pub(super) const PLUGIN: crate::field::Field =
    field("plugin", "The plugin, if it is not the tested one.", || shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX));
const PLUGIN_ONLY: Table = &[PLUGIN];
/// Values that a step saves.
const SAVED_MAX: usize = 32;
/// The fields of which a step has exactly one.
const KINDS: [&str; 15] = [
    "call",
    "request",
    "page",
    "tool",
    "tools",
    "event",
    "emit",
    "health",
    "reload",
    "restart",
    "unload",
    "advance",
    "expect_log",
    "expect_requests",
    "expect_published",
];
/// The kinds with an `expect` of their own.
const ANSWERED: [&str; 10] =
    ["call", "request", "page", "tool", "tools", "event", "emit", "health", "reload", "restart"];

pub(super) fn read_step(node: &Node<'_>, report: &mut Report) -> Option<Step> {
    let object = node.object(STEP, report)?;
    let kinds: Vec<(&str, Node<'_>)> = KINDS.iter().filter_map(|kind| Some((*kind, object.get(kind)?))).collect();
    let (kind, what) = match &kinds[..] {
        [only] => only,
        [] => {
            node.problem(report, code::MISSING_FIELD, format!("does nothing: give it one of {}", KINDS.join(", ")));
            return None;
        }
        [(first, _), (second, also), ..] => {
            let message = format!(
                "a step does one thing, and this one also has `{first}` too: make `{second}` a step of its own"
            );
            also.problem(report, code::CONFLICT, message);
            return None;
        }
    };
    let expected = object.get("expect");
    if let Some(expected) = expected.as_ref().filter(|_| !ANSWERED.contains(kind)) {
        let message = format!("belongs to a step with one of {}", ANSWERED.join(", "));
        expected.problem(report, code::CONFLICT, message);
    }
    let expect = expected.as_ref().and_then(|node| read_expected(node, report)).unwrap_or_default();
    if let (Some(expected), Some(_), false) = (&expected, expect.heard, matches!(*kind, "event" | "emit")) {
        expected.problem(report, code::CONFLICT, "`heard` belongs to an event");
    }
    if let (Some(expected), true) = (&expected, *kind != "request" && expect.is_of_request()) {
        expected.problem(report, code::CONFLICT, "`status`, `headers` and `file` belong to a request");
    }
    let save = object.get("save").map(|node| read_save(&node, kind, report)).unwrap_or_default();
    let (plugin, kind) = read_kind(kind, what, expect, report)?;
    Some(Step { path: node.path.clone(), plugin, kind, save })
}

/// Reads names and the paths of their values.
fn read_save(node: &Node<'_>, kind: &str, report: &mut Report) -> Vec<(String, String)> {
    if !matches!(kind, "call" | "request" | "page" | "tool") {
        node.problem(
            report,
            code::CONFLICT,
            "belongs to a `call`, a `request`, a `page` or a `tool`: only their answers have values to save",
        );
    }
    let mut saved = Vec::new();
    for (name, path) in node.entries(SAVED_MAX, report) {
        if name::identifier(name).is_err() {
            let message = format!("{} is not a name: use letters, digits and `_`, a letter first", quoted(name));
            path.problem(report, code::INVALID_NAME, message);
        }
        let Some(text) = path.line(LINE_CHARS_MAX, report) else { continue };
        if text != "." && text.split('.').any(str::is_empty) {
            let message =
                format!("{} is not the path of a value: write `note.id`, `items.0`, or `.` for all", quoted(&text));
            path.problem(report, code::INVALID_VALUE, message);
        }
        saved.push((name.to_owned(), text));
    }
    saved
}

fn read_kind(kind: &str, what: &Node<'_>, expect: Expected, report: &mut Report) -> Option<(Option<String>, StepKind)> {
    Some(match kind {
        "call" => return read_call(what, expect, report),
        "request" => {
            let (plugin, request) = read_request(what, report)?;
            (plugin, StepKind::Request { request: Box::new(request), expect })
        }
        "page" => {
            let (plugin, page) = read_page(what, report)?;
            (plugin, StepKind::Page { page: Box::new(page), expect })
        }
        "tool" => {
            let (plugin, tool) = read_tool(what, report)?;
            (plugin, StepKind::Tool { tool: Box::new(tool), expect })
        }
        "tools" => (read_subject(what, report)?, StepKind::Tools { expect }),
        "event" => return read_event(what, expect, report),
        "emit" => (None, read_emit(what, expect, report)?),
        "health" => (read_subject(what, report)?, StepKind::Health { expect }),
        "reload" => (read_subject(what, report)?, StepKind::Reload { expect }),
        "restart" => (read_subject(what, report)?, StepKind::Restart { expect }),
        "unload" => (read_subject(what, report)?, StepKind::Unload),
        "advance" => (None, StepKind::Advance(read_duration(what, report)?)),
        "expect_log" => (None, StepKind::Log(read_lines(what, report))),
        "expect_published" => (None, StepKind::Published(read_events(what, report))),
        _ => (None, StepKind::Requests(read_requests(what, report))),
    })
}

fn read_call(what: &Node<'_>, expect: Expected, report: &mut Report) -> Option<(Option<String>, StepKind)> {
    if what.value.is_string() {
        let action = what.line(LINE_CHARS_MAX, report)?;
        return Some((None, StepKind::Call { action, payload: Value::Null, identity: None, expect }));
    }
    let object = what.object(CALL, report)?;
    let action = object.need("action", report).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let payload = object.get("payload").map(|node| node.value.clone()).unwrap_or_default();
    let identity = read_identity(&object, report);
    Some((read_plugin(&object, report), StepKind::Call { action: action?, payload, identity, expect }))
}

fn read_event(what: &Node<'_>, expect: Expected, report: &mut Report) -> Option<(Option<String>, StepKind)> {
    if what.value.is_string() {
        let name = read_topic(what, report)?;
        let kind = StepKind::Event { name, data: Value::Null, source: None, correlation_id: None, expect };
        return Some((None, kind));
    }
    let object = what.object(EVENT, report)?;
    let name = object.need("name", report).and_then(|node| read_topic(&node, report));
    let plugin = read_plugin(&object, report);
    let kind = StepKind::Event {
        data: object.get("data").map(|node| node.value.clone()).unwrap_or_default(),
        source: object.get("source").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        correlation_id: object.get("correlation_id").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        name: name?,
        expect,
    };
    Some((plugin, kind))
}

fn read_emit(what: &Node<'_>, expect: Expected, report: &mut Report) -> Option<StepKind> {
    if what.value.is_string() {
        let name = read_topic(what, report)?;
        return Some(StepKind::Emit { name, data: Value::Null, source: None, correlation_id: None, expect });
    }
    let object = what.object(EMIT, report)?;
    let name = object.need("name", report).and_then(|node| read_topic(&node, report));
    Some(StepKind::Emit {
        data: object.get("data").map(|node| node.value.clone()).unwrap_or_default(),
        source: object.get("source").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        correlation_id: object.get("correlation_id").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        name: name?,
        expect,
    })
}

/// Reads the topic of an event, which is not a pattern: patterns are for subscriptions.
fn read_topic(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let topic = node.line(PATTERN_CHARS_MAX, report)?;
    let checked = match topic.contains('*') {
        true => Err(format!("{} is a pattern: an event has one topic", quoted(&topic))),
        false => parse_topic(&topic),
    };
    checked.map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok()
}

/// Reads `true`, or an object that names the plugin.
fn read_subject(what: &Node<'_>, report: &mut Report) -> Option<Option<String>> {
    match what.value {
        Value::Bool(true) => Some(None),
        Value::Object(_) => Some(read_plugin(&what.object(PLUGIN_ONLY, report)?, report)),
        _ => {
            what.wrong_type(report, "`true`, or an object with `plugin`");
            None
        }
    }
}

pub(super) fn read_plugin(object: &Object<'_>, report: &mut Report) -> Option<String> {
    let node = object.get("plugin")?;
    let plugin = node.string(report)?;
    name::plugin(plugin).map_err(|message| node.problem(report, code::INVALID_NAME, message)).ok()?;
    Some(plugin.to_owned())
}

fn read_duration(node: &Node<'_>, report: &mut Report) -> Option<Duration> {
    let text = node.string(report)?;
    let duration = humantime::parse_duration(text.trim());
    if duration.is_err() {
        let message = format!("{} is not a duration: write 500ms, 30s, 5m or 1h 30m", quoted(text));
        node.problem(report, code::INVALID_VALUE, message);
    }
    duration.ok()
}

fn line() -> Value {
    shape::line(LINE_CHARS_MAX)
}

fn yes() -> Value {
    json!({ "const": true })
}

pub(super) fn step_shape() -> Value {
    shape::object(STEP, &[])
}
