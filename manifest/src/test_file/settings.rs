//! The settings of a test's host: configuration, policy, clock, HTTP replies and other plugins.

use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use crate::field::{Table, field};
use crate::limits::{
    HTTP_HEADERS_MAX, HTTP_REPLIES_MAX, LINE_CHARS_MAX, PATH_CHARS_MAX, PLUGINS_MAX, TEST_COUNT_MAX,
    TEST_TEXT_CHARS_MAX,
};
use crate::part::permission::{Effect, Rule, read_policy};
use crate::part::resources::{Resources, read_resources};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::{shape, top};

/// The settings of a test's host. `Default` allows everything that the manifest asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestSettings {
    /// Values of the plugin's configuration.
    pub config: Map<String, Value>,
    /// The operator's policy; `None` allows everything that the manifest asks for.
    pub policy: Option<Vec<Rule>>,
    /// Denying rules, which take precedence over the policy.
    pub deny: Vec<Rule>,
    /// The time at which the test begins.
    pub clock: Option<SystemTime>,
    /// Replies for HTTP requests. The first matching one is used.
    pub http: Vec<HttpReply>,
    /// Plugins in the same host. Each plugin is loaded after those that it requires.
    pub with: Vec<CompanionPlugin>,
    /// Limits that replace the manifest's.
    pub resources: Resources,
}

/// A reply for HTTP requests of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpReply {
    /// The method; `None` matches any.
    pub method: Option<String>,
    /// The URL, in which `*` matches any text.
    pub url: String,
    /// The status of the response.
    pub status: u16,
    /// The headers of the response.
    pub headers: Vec<(String, String)>,
    /// The body of the response.
    pub body: ReplyBody,
    /// The reason with which the connection fails, without a response.
    pub error: Option<String>,
    /// The number of requests that the reply serves; `None` means all.
    pub times: Option<u64>,
}

/// The body of a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyBody {
    /// A JSON document, with its content type.
    Json(Value),
    /// Text.
    Text(String),
}

/// Another plugin in the same host.
#[derive(Clone, Debug, PartialEq)]
pub struct CompanionPlugin {
    /// The plugin's path, relative to the test file.
    pub path: PathBuf,
    /// Values of the plugin's configuration.
    pub config: Map<String, Value>,
}

const SETTINGS: Table = &[
    field("config", "Values of the plugin's settings.", || json!({ "type": "object" }))
        .or(&["configuration", "options"]),
    field("policy", "The operator's policy. Left out: everything that the manifest asks for is allowed.", || {
        top::definition("policy")
    })
    .or(&["grants"]),
    field("deny", "Rules that deny, before those of `policy`.", || top::definition("policy")),
    field("clock", "The time at which the test begins, such as `2026-01-01T00:00:00Z`.", || {
        shape::line(LINE_CHARS_MAX)
    })
    .or(&["time"]),
    field("http", "Replies for HTTP requests. The first that matches is used.", || {
        shape::list(shape::object(REPLY, &["url"]), HTTP_REPLIES_MAX)
    }),
    field("with", "Other plugins in the same host. Paths are relative to this file.", || {
        let path = shape::line(PATH_CHARS_MAX);
        shape::list(shape::any_of([path, shape::object(OTHER_PLUGIN, &["plugin"])]), PLUGINS_MAX)
    }),
    field("resources", "Limits that replace the manifest's.", || top::definition("resources")),
];
const REPLY: Table = &[
    field("method", "The request's method. Left out: any.", || shape::line(LINE_CHARS_MAX)),
    field("url", "The request's whole URL; `*` stands for any text.", || shape::line(PATH_CHARS_MAX)),
    field("status", "The response's status; 200 if left out.", || shape::count(100, 599)),
    field("headers", "The response's headers.", headers_shape),
    field("json", "The response's body, as JSON.", shape::anything),
    field("text", "The response's body, as text.", || shape::prose(TEST_TEXT_CHARS_MAX)),
    field("error", "No response: the connection fails with this reason.", || shape::line(LINE_CHARS_MAX)),
    field("times", "The number of requests that it serves. Left out: all.", || shape::count(1, TEST_COUNT_MAX)),
];
const OTHER_PLUGIN: Table = &[
    field("plugin", "Its path, relative to this file.", || shape::line(PATH_CHARS_MAX)).or(&["path", "url"]),
    field("config", "Values of its settings.", || json!({ "type": "object" })).or(&["options"]),
];

impl TestSettings {
    /// Overrides these settings with a test's own.
    pub(super) fn overridden_by(mut self, own: TestSettings) -> TestSettings {
        self.config.extend(own.config);
        TestSettings {
            config: self.config,
            policy: own.policy.or(self.policy),
            deny: [own.deny, self.deny].concat(),
            clock: own.clock.or(self.clock),
            http: [own.http, self.http].concat(),
            with: [self.with, own.with].concat(),
            resources: self.resources.overridden_by(own.resources),
        }
    }
}

pub(super) fn read_settings(node: &Node<'_>, report: &mut Report) -> TestSettings {
    let Some(object) = node.object(SETTINGS, report) else { return TestSettings::default() };
    let replies = object.get("http").map(|node| node.items(HTTP_REPLIES_MAX, report)).unwrap_or_default();
    let with = object.get("with").map(|node| node.items(PLUGINS_MAX, report)).unwrap_or_default();
    TestSettings {
        config: read_config(&object, report),
        policy: object.get("policy").map(|node| read_policy(&node, report)),
        deny: object.get("deny").map(|node| read_denials(&node, report)).unwrap_or_default(),
        clock: object.get("clock").and_then(|node| read_moment(&node, report)),
        http: replies.iter().filter_map(|reply| read_reply(reply, report)).collect(),
        with: with.iter().filter_map(|plugin| read_other_plugin(plugin, report)).collect(),
        resources: object.get("resources").and_then(|node| read_resources(&node, report)).unwrap_or_default(),
    }
}

fn read_config(object: &Object<'_>, report: &mut Report) -> Map<String, Value> {
    let Some(node) = object.get("config") else { return Map::new() };
    if let Value::Object(config) = node.value {
        return config.clone();
    }
    node.wrong_type(report, "an object of settings");
    Map::new()
}

fn read_denials(node: &Node<'_>, report: &mut Report) -> Vec<Rule> {
    read_policy(node, report).into_iter().map(|rule| Rule { effect: Effect::Deny, ..rule }).collect()
}

fn read_moment(node: &Node<'_>, report: &mut Report) -> Option<SystemTime> {
    let text = node.string(report)?;
    let moment = humantime::parse_rfc3339_weak(text.trim());
    if moment.is_err() {
        let message = format!("{} is not a time in UTC: write it as 2026-01-01T00:00:00Z", quoted(text));
        node.problem(report, code::INVALID_VALUE, message);
    }
    moment.ok()
}

fn read_reply(node: &Node<'_>, report: &mut Report) -> Option<HttpReply> {
    let object = node.object(REPLY, report)?;
    let url = object.need("url", report).and_then(|node| node.line(PATH_CHARS_MAX, report));
    let (json, text) = (object.written("json"), object.get("text"));
    if let (Some(_), Some(text)) = (&json, &text) {
        text.problem(report, code::CONFLICT, "a response has one body: remove `text` or `json`");
    }
    let body = match (json, text) {
        (Some(json), _) => ReplyBody::Json(json.value.clone()),
        (None, Some(text)) => ReplyBody::Text(text.prose(TEST_TEXT_CHARS_MAX, report).unwrap_or_default()),
        (None, None) => ReplyBody::Text(String::new()),
    };
    let status = object.get("status").map_or(Some(200), |node| node.count(100..=599, report));
    Some(HttpReply {
        method: object.get("method").and_then(|node| read_method(&node, report)),
        url: url?,
        status: status.and_then(|status| u16::try_from(status).ok())?,
        headers: object.get("headers").map(|node| read_headers(&node, report)).unwrap_or_default(),
        body,
        error: object.get("error").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        times: object.get("times").and_then(|node| node.count(1..=TEST_COUNT_MAX, report)),
    })
}

/// Reads a method and converts it to upper case, as in requests.
pub(super) fn read_method(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let method = node.line(LINE_CHARS_MAX, report)?;
    if !method.chars().all(|c| c.is_ascii_alphabetic()) {
        node.problem(
            report,
            code::INVALID_VALUE,
            format!("{} is not an HTTP method: write GET, POST, …", quoted(&method)),
        );
        return None;
    }
    Some(method.to_ascii_uppercase())
}

pub(super) fn headers_shape() -> Value {
    shape::map(shape::line(LINE_CHARS_MAX), HTTP_HEADERS_MAX)
}

pub(super) fn read_headers(node: &Node<'_>, report: &mut Report) -> Vec<(String, String)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let mut headers = Vec::new();
    for (name, node) in node.entries(HTTP_HEADERS_MAX, report) {
        if name.is_empty() || !name.chars().all(is_token) {
            node.problem(report, code::INVALID_NAME, format!("{} cannot name a header", quoted(name)));
        }
        let Some(value) = node.line(LINE_CHARS_MAX, report) else { continue };
        if value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            headers.push((name.to_owned(), value));
        } else {
            node.problem(report, code::INVALID_VALUE, "a header's value must be ASCII");
        }
    }
    headers
}

fn read_other_plugin(node: &Node<'_>, report: &mut Report) -> Option<CompanionPlugin> {
    if node.value.is_string() {
        let path = node.line(PATH_CHARS_MAX, report)?;
        return Some(CompanionPlugin { path: path.into(), config: Map::new() });
    }
    let object = node.object(OTHER_PLUGIN, report)?;
    let path = object.need("plugin", report).and_then(|node| node.line(PATH_CHARS_MAX, report));
    let config = read_config(&object, report);
    Some(CompanionPlugin { path: path?.into(), config })
}

pub(super) fn settings_shape() -> Value {
    shape::object(SETTINGS, &[])
}
