//! What happens before and after an action of a page: the question that the user confirms, and the reactions to success
//! and failure.

use serde::Serialize;
use serde_json::{Value, json};

use super::action::read_target;
use super::loader::{id_shape, read_id, read_object, read_text};
use super::placeholder::{PlaceholderText, PlaceholderValue};
use super::references::{Reference, ReferenceKind};
use crate::field::{Table, field};
use crate::limits::{LINE_CHARS_MAX, PROSE_CHARS_MAX};
use crate::problem::Report;
use crate::read::Node;
use crate::shape;

/// A question that the user confirms before an action runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirm {
    /// The title of the dialog.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<PlaceholderText>,
    /// The question.
    pub message: PlaceholderText,
    /// The text of the button that runs the action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm_text: Option<PlaceholderText>,
    /// The text of the button that does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_text: Option<PlaceholderText>,
}

/// The reaction to an action's outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// Keys and values for the page's state. A text such as `result.items` is a value of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_state: Option<PlaceholderValue>,
    /// A message to the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notice>,
    /// The action of the same page that runs next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger_action: Option<String>,
    /// The page that opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub navigate: Option<PlaceholderText>,
}

/// A message to the user.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The text.
    pub message: PlaceholderText,
    /// Its tone (`type`): `success`, `error`, `info` or `warning`.
    #[serde(rename = "type")]
    pub tone: &'static str,
}

const TONES: [&str; 4] = ["info", "success", "warning", "error"];

const CONFIRM: Table = &[
    field("title", "The title of the dialog.", line),
    field("message", "The question.", || shape::line(PROSE_CHARS_MAX)),
    field("confirm_text", "The button that runs the action.", line).or(&["confirmText"]),
    field("cancel_text", "The button that does not.", line).or(&["cancelText"]),
];
const REACTION: Table = &[
    field(
        "set_state",
        "Keys and values for the page's state; `result.x` is a value of the result.",
        || json!({ "type": "object" }),
    )
    .or(&["setState"]),
    field("notify", "A message to the user.", || shape::object(NOTICE, &["message"])),
    field("trigger_action", "The action of the same page that runs next.", id_shape).or(&["triggerAction"]),
    field("navigate", "The page that opens.", line),
];
const NOTICE: Table = &[
    field("message", "The text.", || shape::line(PROSE_CHARS_MAX)),
    field("type", "Its tone, info if left out.", || shape::word(&TONES)),
];

pub(super) fn read_confirm(node: &Node<'_>, report: &mut Report) -> Option<Confirm> {
    if node.value.is_string() {
        let message = read_text(node, PROSE_CHARS_MAX, report)?;
        return Some(Confirm { title: None, message, confirm_text: None, cancel_text: None });
    }
    if !node.value.is_object() {
        node.wrong_type(report, "a text or an object");
        return None;
    }
    let object = node.object(CONFIRM, report)?;
    let text = |name, report: &mut Report| object.get(name).and_then(|node| read_text(&node, LINE_CHARS_MAX, report));
    let message = object.need("message", report).and_then(|node| read_text(&node, PROSE_CHARS_MAX, report));
    let (title, confirm_text) = (text("title", report), text("confirm_text", report));
    Some(Confirm { title, message: message?, confirm_text, cancel_text: text("cancel_text", report) })
}

pub(super) fn read_reaction(node: &Node<'_>, references: &mut Vec<Reference>, report: &mut Report) -> Option<Reaction> {
    let object = node.object(REACTION, report)?;
    let set_state = object.get("set_state").and_then(|node| read_object(&node, report));
    let notify = object.get("notify").and_then(|node| read_notice(&node, report));
    let trigger_action = object.get("trigger_action").and_then(|node| {
        let id = read_id(&node, report)?;
        references.push(Reference { kind: ReferenceKind::Action, path: node.path, name: id.clone() });
        Some(id)
    });
    let navigate = object.get("navigate").and_then(|node| read_target(&node, report));
    Some(Reaction { set_state, notify, trigger_action, navigate })
}

fn read_notice(node: &Node<'_>, report: &mut Report) -> Option<Notice> {
    let object = node.object(NOTICE, report)?;
    let message = object.need("message", report).and_then(|node| read_text(&node, PROSE_CHARS_MAX, report));
    let tone = object.get("type").map(|node| node.word(&TONES, report));
    Some(Notice { message: message?, tone: tone.unwrap_or(Some("info"))? })
}

fn line() -> Value {
    shape::line(LINE_CHARS_MAX)
}

pub(super) fn confirm_shape() -> Value {
    shape::any_of([shape::line(PROSE_CHARS_MAX), shape::object(CONFIRM, &["message"])])
}

pub(super) fn reaction_shape() -> Value {
    shape::object(REACTION, &[])
}
