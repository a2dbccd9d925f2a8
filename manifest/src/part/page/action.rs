//! Actions of a page's widgets: calling the plugin, reloading, navigating, setting state, or a custom one.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::loader::{id_shape, read_api_route, read_id, read_object, read_text, read_value, route_reference};
use super::placeholder::{PlaceholderText, PlaceholderValue};
use super::reaction::{Confirm, Reaction, confirm_shape, reaction_shape, read_confirm, read_reaction};
use super::references::{Reference, ReferenceKind, Referring};
use super::template::check_link;
use crate::field::{Table, field};
use crate::limits::{INTERVAL_MS_MAX, LINE_CHARS_MAX, PAGE_PARTS_MAX};
use crate::part::route::{Method, method_shape, path_shape, read_method};
use crate::problem::{Report, code};
use crate::read::{Node, Object, join};
use crate::shape;

/// An action of a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PageAction {
    /// The action's id, unique within the page.
    pub id: String,
    /// The action's kind (`type`).
    #[serde(rename = "type")]
    pub kind: PageActionKind,
    /// `api`: the plugin's route to call. It may have placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_route: Option<PlaceholderText>,
    /// `api`: the method of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// `api`: the body. Default: the payload of the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<PlaceholderValue>,
    /// `reload`: the loaders to run again; `None` means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loader_ids: Option<Vec<String>>,
    /// `navigate`: the target, `./x` or `x` within the plugin's pages, `/x` within the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PlaceholderText>,
    /// `setState`: keys and values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_updates: Option<PlaceholderValue>,
    /// `custom`: the name of the handler. Default: the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// `custom`: options for the handler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
    /// A question that the user confirms first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Confirm>,
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

const KINDS: [&str; 5] = ["api", "reload", "navigate", "setState", "custom"];

const ACTION: Table = &[
    field("id", "A name, unique within the page.", id_shape),
    field("type", "What the action does.", || shape::word(&KINDS)),
    field("api_route", "api: the plugin's route to call.", path_shape).or(&["apiRoute"]),
    field("method", "api: the HTTP method, POST if left out.", method_shape),
    field("body", "api: the body, the action's payload if left out; texts may have placeholders.", shape::anything),
    field("loader_ids", "reload: the loaders to run again; all of them if left out.", || {
        shape::list(id_shape(), PAGE_PARTS_MAX)
    })
    .or(&["loaderIds"]),
    field("path", "navigate: the target.", || shape::line(LINE_CHARS_MAX)),
    field("state_updates", "setState: keys and values.", || json!({ "type": "object" })).or(&["stateUpdates", "state"]),
    field("handler", "custom: the name of the handler, the id if left out.", || shape::line(LINE_CHARS_MAX)),
    field("options", "custom: options for the handler.", || json!({ "type": "object" })),
    field("confirm", "A question that the user confirms first.", confirm_shape),
    field("debounce", "Milliseconds without another trigger before the action runs.", || {
        shape::count(0, INTERVAL_MS_MAX)
    }),
    field("show_loading", "Whether the page shows that the action is running.", shape::boolean).or(&["showLoading"]),
    field("on_success", "The reaction to success.", reaction_shape).or(&["onSuccess"]),
    field("on_error", "The reaction to a failure.", reaction_shape).or(&["onError"]),
];

/// The fields of only one kind of action, and the code of the problem if that kind requires them.
const FIELDS_OF_KINDS: [(&str, PageActionKind, Option<&str>); 8] = [
    ("api_route", PageActionKind::Api, Some(code::MISSING_FIELD)),
    ("method", PageActionKind::Api, None),
    ("body", PageActionKind::Api, None),
    ("loader_ids", PageActionKind::Reload, None),
    ("path", PageActionKind::Navigate, Some(code::MISSING_PATH)),
    ("state_updates", PageActionKind::SetState, Some(code::MISSING_STATE_UPDATES)),
    ("handler", PageActionKind::Custom, None),
    ("options", PageActionKind::Custom, None),
];

pub(super) fn read_page_action(node: &Node<'_>, report: &mut Report) -> Option<Referring<PageAction>> {
    let object = node.object(ACTION, report)?;
    let mut references = Vec::new();
    let id = object.need("id", report).and_then(|node| read_id(&node, report));
    let kind = object.need("type", report).and_then(|node| read_kind(&node, report));
    if let Some(kind) = kind {
        check_fields_of_kind(&object, kind, report);
    }
    let method = object.get("method").and_then(|node| read_method(&node, report));
    let method = method.or((kind == Some(PageActionKind::Api)).then_some(Method::Post));
    let api_route = object.get("api_route").and_then(|node| {
        let path = read_api_route(&node, report)?;
        references.extend(method.map(|method| route_reference(&node, &path, method)));
        Some(path)
    });
    let body = object.get("body").and_then(|node| read_value(&node, report));
    let loader_ids = object.get("loader_ids").map(|node| read_loader_ids(&node, &mut references, report));
    let path = object.get("path").and_then(|node| read_target(&node, report));
    let state_updates = object.get("state_updates").and_then(|node| read_object(&node, report));
    let handler = object.get("handler").and_then(|node| node.line(LINE_CHARS_MAX, report));
    let options = object.get("options").and_then(|node| read_map(&node, report));
    let confirm = object.get("confirm").and_then(|node| read_confirm(&node, report));
    let debounce_ms = object.get("debounce").and_then(|node| node.count(0..=INTERVAL_MS_MAX, report));
    let show_loading = object.get("show_loading").and_then(|node| node.boolean(report)).unwrap_or(false);
    let on_success = object.get("on_success").and_then(|node| read_reaction(&node, &mut references, report));
    let on_error = object.get("on_error").and_then(|node| read_reaction(&node, &mut references, report));
    let action = PageAction {
        id: id?,
        kind: kind?,
        api_route,
        method,
        body,
        loader_ids,
        path,
        state_updates,
        handler,
        options,
        confirm,
        debounce_ms,
        show_loading,
        on_success,
        on_error,
    };
    Some(Referring { value: action, references })
}

fn read_kind(node: &Node<'_>, report: &mut Report) -> Option<PageActionKind> {
    match report.within(code::INVALID_ACTION_TYPE, |report| node.word(&KINDS, report))? {
        "api" => Some(PageActionKind::Api),
        "reload" => Some(PageActionKind::Reload),
        "navigate" => Some(PageActionKind::Navigate),
        "setState" => Some(PageActionKind::SetState),
        _ => Some(PageActionKind::Custom),
    }
}

fn check_fields_of_kind(object: &Object<'_>, kind: PageActionKind, report: &mut Report) {
    for (name, owner, needed) in FIELDS_OF_KINDS {
        match (object.get(name), needed) {
            (Some(node), _) if owner != kind => {
                let message = format!("`{name}` belongs to another type of action: remove it");
                node.problem(report, code::CONFLICT, message);
            }
            (None, Some(code)) if owner == kind => {
                report.add(&join(&object.path, name), code, "is missing: it is required");
            }
            _ => {}
        }
    }
}

fn read_loader_ids(node: &Node<'_>, references: &mut Vec<Reference>, report: &mut Report) -> Vec<String> {
    let mut ids = Vec::new();
    for item in node.items(PAGE_PARTS_MAX, report) {
        let Some(id) = item.string(report) else { continue };
        references.push(Reference { kind: ReferenceKind::Loader, path: item.path, name: id.to_owned() });
        ids.push(id.to_owned());
    }
    ids
}

/// Reads the target of a navigation, a path within the host.
pub(super) fn read_target(node: &Node<'_>, report: &mut Report) -> Option<PlaceholderText> {
    let target = read_text(node, LINE_CHARS_MAX, report)?;
    if let Err(message) = check_link(target.as_str()) {
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    let visible = target.as_str().trim_start();
    if visible.starts_with("//") || visible.starts_with("/\\") || visible.contains("://") {
        let message = "leads to another host: use a path such as `./items`, or the widget `link`";
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    Some(target)
}

fn read_map(node: &Node<'_>, report: &mut Report) -> Option<Map<String, Value>> {
    let map = node.value.as_object();
    if map.is_none() {
        node.wrong_type(report, "an object");
    }
    map.cloned()
}

pub(super) fn page_action_shape() -> Value {
    shape::object(ACTION, &["id", "type"])
}
