//! Actions of a page's widgets: calling the plugin, reloading, navigating, setting state, or a custom one.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::field::{Table, field};
use crate::limits::{INTERVAL_MS_MAX, LINE_CHARS_MAX, PAGE_PARTS_MAX, PROSE_CHARS_MAX};
use crate::part::page::frontend::{id_shape, read_api_route, read_id};
use crate::part::route::{Method, method_shape, path_shape, read_method};
use crate::problem::{Report, code, quoted};
use crate::read::{Node, Object};
use crate::shape;

/// An action of a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageAction {
    /// The action's id, unique within the page.
    pub id: String,
    /// The action's kind.
    #[serde(rename = "type")]
    pub kind: PageActionKind,
    /// `api`: the plugin's route to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_route: Option<String>,
    /// `api`: the method of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// `api`: the payload, which may contain `{{…}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// `reload`: the loaders to run again; `None` means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loader_ids: Option<Vec<String>>,
    /// `navigate`: the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `setState`: keys and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Map<String, Value>>,
    /// `custom`: options for the renderer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
    /// A question that the user confirms first: a text, or an object for the renderer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Value>,
    /// Milliseconds without another trigger before it runs (`debounce`).
    #[serde(rename = "debounce", skip_serializing_if = "Option::is_none")]
    pub debounce_ms: Option<u64>,
    /// Whether the page shows that the action is running.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub show_loading: bool,
    /// The reaction to success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Reaction>,
    /// The reaction to a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<Reaction>,
}

/// The kind of a page's action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PageActionKind {
    /// Calls one of the plugin's routes.
    Api,
    /// Runs loaders again.
    Reload,
    /// Opens another page.
    Navigate,
    /// Sets values of the page's state.
    SetState,
    /// A custom action, which the renderer implements.
    Custom,
}

/// The reaction to an action's outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// A message to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notice>,
    /// The action of the same page that runs next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_action: Option<String>,
}

/// A message to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The text.
    pub message: String,
    /// Its tone: `success`, `error`, `info` or `warning`.
    #[serde(rename = "type")]
    pub tone: &'static str,
}

const KINDS: [&str; 5] = ["api", "reload", "navigate", "setState", "custom"];
const TONES: [&str; 4] = ["info", "success", "warning", "error"];

const ACTION: Table = &[
    field("id", "A name, unique within the page.", id_shape),
    field("type", "What the action does.", || shape::word(&KINDS)),
    field("api_route", "api: the plugin's route to call.", path_shape).or(&["apiRoute"]),
    field("method", "api: the HTTP method, POST if left out.", method_shape),
    field("body", "api: the payload.", shape::anything),
    field("loader_ids", "reload: the loaders to run again; all of them if left out.", || {
        shape::list(id_shape(), PAGE_PARTS_MAX)
    })
    .or(&["loaderIds"]),
    field("path", "navigate: the target.", || shape::line(LINE_CHARS_MAX)),
    field("state", "setState: keys and values.", || json!({ "type": "object" })).or(&["stateUpdates"]),
    field("options", "custom: options for the renderer.", || json!({ "type": "object" })),
    field("confirm", "A question that the user confirms first.", || json!({ "type": ["string", "object"] })),
    field("debounce", "Milliseconds without another trigger before the action runs.", || {
        shape::count(0, INTERVAL_MS_MAX)
    }),
    field("show_loading", "Whether the page shows that the action is running.", shape::boolean).or(&["showLoading"]),
    field("on_success", "The reaction to success.", reaction_shape).or(&["onSuccess"]),
    field("on_error", "The reaction to a failure.", reaction_shape).or(&["onError"]),
];
const REACTION: Table = &[
    field("notify", "A message to the user.", || shape::object(NOTICE, &["message"])),
    field("trigger_action", "The action of the same page that runs next.", id_shape).or(&["triggerAction"]),
];
const NOTICE: Table = &[
    field("message", "The text.", || shape::line(PROSE_CHARS_MAX)),
    field("type", "Its tone, info if left out.", || shape::word(&TONES)),
];

/// The fields of only one kind of action, and whether that kind requires them.
const FIELDS_OF_KINDS: [(&str, PageActionKind, bool); 7] = [
    ("api_route", PageActionKind::Api, true),
    ("method", PageActionKind::Api, false),
    ("body", PageActionKind::Api, false),
    ("loader_ids", PageActionKind::Reload, false),
    ("path", PageActionKind::Navigate, true),
    ("state", PageActionKind::SetState, true),
    ("options", PageActionKind::Custom, false),
];

/// The path of an action's reference to the next action, and that action's id. They may be declared in any order.
type Trigger = (String, String);

/// Reads the actions of a page whose loaders have these ids.
pub(crate) fn read_page_actions(node: &Node<'_>, loader_ids: &[&str], report: &mut Report) -> Vec<PageAction> {
    let mut actions: Vec<PageAction> = Vec::new();
    let mut triggers = Vec::new();
    for item in node.items(PAGE_PARTS_MAX, report) {
        let Some(action) = read_page_action(&item, loader_ids, &mut triggers, report) else {
            continue;
        };
        if actions.iter().any(|known| known.id == action.id) {
            item.problem(report, code::DUPLICATE, format!("the page has an action `{}` already", action.id));
        } else {
            actions.push(action);
        }
    }
    for (at, id) in triggers {
        if !actions.iter().any(|known| known.id == id) {
            report.add(&at, code::UNKNOWN_REFERENCE, format!("the page has no action {}", quoted(&id)));
        }
    }
    actions
}

fn read_page_action(
    node: &Node<'_>,
    loader_ids: &[&str],
    triggers: &mut Vec<Trigger>,
    report: &mut Report,
) -> Option<PageAction> {
    let object = node.object(ACTION, report)?;
    let id = object.need("id", report).and_then(|node| read_id(&node, report));
    let kind = object.need("type", report).and_then(|node| read_kind(&node, report));
    if let Some(kind) = kind {
        check_fields_of_kind(&object, kind, report);
    }
    let map = |name, report: &mut Report| object.get(name).and_then(|node| read_map(&node, report));
    let api_route = object.get("api_route").and_then(|node| read_api_route(&node, report));
    let method = object.get("method").and_then(|node| read_method(&node, report));
    let loaders = object.get("loader_ids").map(|node| read_loader_ids(&node, loader_ids, report));
    let path = object.get("path").and_then(|node| node.line(LINE_CHARS_MAX, report));
    let (state, options) = (map("state", report), map("options", report));
    let confirm = object.get("confirm").and_then(|node| read_confirm(&node, report));
    let debounce_ms = object.get("debounce").and_then(|node| node.count(0..=INTERVAL_MS_MAX, report));
    let show_loading = object.get("show_loading").and_then(|node| node.boolean(report)).unwrap_or(false);
    let on_success = object.get("on_success").and_then(|node| read_reaction(&node, triggers, report));
    let on_error = object.get("on_error").and_then(|node| read_reaction(&node, triggers, report));
    Some(PageAction {
        id: id?,
        kind: kind?,
        api_route,
        method: method.or((kind? == PageActionKind::Api).then_some(Method::Post)),
        body: object.get("body").map(|node| node.value.clone()),
        loader_ids: loaders,
        path,
        state,
        options,
        confirm,
        debounce_ms,
        show_loading,
        on_success,
        on_error,
    })
}

fn read_kind(node: &Node<'_>, report: &mut Report) -> Option<PageActionKind> {
    match node.word(&KINDS, report)? {
        "api" => Some(PageActionKind::Api),
        "reload" => Some(PageActionKind::Reload),
        "navigate" => Some(PageActionKind::Navigate),
        "setState" => Some(PageActionKind::SetState),
        _ => Some(PageActionKind::Custom),
    }
}

fn check_fields_of_kind(object: &Object<'_>, kind: PageActionKind, report: &mut Report) {
    for (name, owner, needed) in FIELDS_OF_KINDS {
        match object.get(name) {
            Some(node) if owner != kind => {
                let message = format!("`{name}` belongs to another type of action: remove it");
                node.problem(report, code::CONFLICT, message);
            }
            None if owner == kind && needed => _ = object.need(name, report),
            _ => {}
        }
    }
}

fn read_loader_ids(node: &Node<'_>, known: &[&str], report: &mut Report) -> Vec<String> {
    let mut ids = Vec::new();
    for item in node.items(PAGE_PARTS_MAX, report) {
        let Some(id) = item.string(report) else {
            continue;
        };
        if known.contains(&id) {
            ids.push(id.to_owned());
        } else {
            item.problem(report, code::UNKNOWN_REFERENCE, format!("the page has no loader {}", quoted(id)));
        }
    }
    ids
}

fn read_map(node: &Node<'_>, report: &mut Report) -> Option<Map<String, Value>> {
    let map = node.value.as_object();
    if map.is_none() {
        node.wrong_type(report, "an object");
    }
    map.cloned()
}

fn read_confirm(node: &Node<'_>, report: &mut Report) -> Option<Value> {
    if !node.value.is_string() && !node.value.is_object() {
        node.wrong_type(report, "a text or an object");
        return None;
    }
    Some(node.value.clone())
}

fn read_reaction(node: &Node<'_>, triggers: &mut Vec<Trigger>, report: &mut Report) -> Option<Reaction> {
    let object = node.object(REACTION, report)?;
    let notify = object.get("notify").and_then(|node| read_notice(&node, report));
    let trigger_action = object.get("trigger_action").and_then(|node| {
        let id = read_id(&node, report)?;
        triggers.push((node.path, id.clone()));
        Some(id)
    });
    Some(Reaction { notify, trigger_action })
}

fn read_notice(node: &Node<'_>, report: &mut Report) -> Option<Notice> {
    let object = node.object(NOTICE, report)?;
    let message = object.need("message", report).and_then(|node| node.line(PROSE_CHARS_MAX, report));
    let tone = object.get("type").map(|node| node.word(&TONES, report));
    Some(Notice { message: message?, tone: tone.unwrap_or(Some("info"))? })
}

fn reaction_shape() -> Value {
    shape::object(REACTION, &[])
}

pub(crate) fn page_action_shape() -> Value {
    shape::object(ACTION, &["id", "type"])
}
