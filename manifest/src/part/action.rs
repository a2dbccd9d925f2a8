//! Declared actions: their names, and the schemas of their payloads and results.

use serde::Serialize;
use serde_json::{Value, json};

use crate::field::{Table, field};
use crate::limits::{ACTIONS_MAX, LINE_CHARS_MAX, NAME_CHARS_MAX, PROSE_CHARS_MAX, SCHEMA_BYTES_MAX};
use crate::name;
use crate::problem::{Report, code};
use crate::read::{Node, Object};
use crate::shape;

/// An action that a plugin declares.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionDeclaration {
    /// The action's name.
    pub name: String,
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The JSON Schema of the payload. Payloads that do not match it are refused before the plugin runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Value>,
    /// The JSON Schema of the result. It documents the result for callers and is not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Whether calling the action twice has the same effect as calling it once, so that it may be retried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub idempotent: bool,
    /// Whether calling the action changes nothing. A hint for assistants, as the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether calling the action may destroy something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Whether the action reaches beyond the plugin and its data, such as the internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

/// An action as one layer declares it. Omitted fields are taken from the layers below.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ActionFields {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destructive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_world: Option<bool>,
}

impl ActionFields {
    fn named(name: String) -> ActionFields {
        ActionFields {
            name,
            title: None,
            description: None,
            payload: None,
            result: None,
            idempotent: None,
            read_only: None,
            destructive: None,
            open_world: None,
        }
    }

    /// Overrides fields with those of a layer above.
    pub(crate) fn overridden_by(&mut self, above: ActionFields) {
        let below = std::mem::replace(self, ActionFields::named(above.name));
        self.title = above.title.or(below.title);
        self.description = above.description.or(below.description);
        self.payload = above.payload.or(below.payload);
        self.result = above.result.or(below.result);
        self.idempotent = above.idempotent.or(below.idempotent);
        self.read_only = above.read_only.or(below.read_only);
        self.destructive = above.destructive.or(below.destructive);
        self.open_world = above.open_world.or(below.open_world);
    }

    pub(crate) fn declaration(self) -> ActionDeclaration {
        ActionDeclaration {
            name: self.name,
            title: self.title,
            description: self.description,
            payload: self.payload,
            result: self.result,
            idempotent: self.idempotent.unwrap_or(false),
            read_only: self.read_only,
            destructive: self.destructive,
            open_world: self.open_world,
        }
    }
}

const ACTION: Table = &[
    field("name", "The action's name.", name_shape),
    field("title", "The action's name for people.", || shape::line(LINE_CHARS_MAX)),
    field("description", "What the action does.", || shape::prose(PROSE_CHARS_MAX)),
    field(
        "payload",
        "The JSON Schema of the payload. Other payloads are refused before the plugin runs.",
        schema_shape,
    ),
    field("result", "The JSON Schema of the result: documentation for callers.", schema_shape),
    field("idempotent", "Whether calling it twice has the same effect as calling it once.", shape::boolean),
    field("read_only", "Whether calling it changes nothing: a hint for assistants.", shape::boolean),
    field("destructive", "Whether calling it may destroy something: a hint for assistants.", shape::boolean),
    field("open_world", "Whether it reaches beyond the plugin and its data: a hint for assistants.", shape::boolean),
];

/// Reads a list of declarations or names, or an object of names and declarations.
pub(crate) fn read_actions(node: &Node<'_>, report: &mut Report) -> Vec<ActionFields> {
    let mut actions: Vec<ActionFields> = Vec::new();
    let read: Vec<_> = match node.value {
        Value::Object(_) => {
            let entries = node.entries(ACTIONS_MAX, report);
            entries.into_iter().map(|(name, node)| (read_entry(name, &node, report), node)).collect()
        }
        Value::Array(_) => {
            let items = node.items(ACTIONS_MAX, report);
            items.into_iter().map(|node| (read_item(&node, report), node)).collect()
        }
        _ => {
            node.wrong_type(report, "a list of actions, or an object of names and actions");
            Vec::new()
        }
    };
    for (action, node) in read {
        let Some(action) = action else { continue };
        if actions.iter().any(|known| known.name == action.name) {
            node.problem(report, code::DUPLICATE, format!("the action `{}` is declared twice", action.name));
        } else {
            actions.push(action);
        }
    }
    actions
}

fn read_entry(name: &str, node: &Node<'_>, report: &mut Report) -> Option<ActionFields> {
    let checked = check_name(name, node, report);
    if node.value.is_null() {
        return checked.map(ActionFields::named);
    }
    let object = node.object(ACTION, report)?;
    if let Some(inner) = object.get("name")
        && inner.value.as_str() != Some(name)
    {
        inner.problem(report, code::CONFLICT, format!("differs from its key `{name}`: leave it out"));
    }
    let action = read_members(&object, report);
    Some(ActionFields { name: checked?, ..action })
}

fn read_item(node: &Node<'_>, report: &mut Report) -> Option<ActionFields> {
    if let Some(name) = node.value.as_str() {
        return check_name(name, node, report).map(ActionFields::named);
    }
    if !node.value.is_object() {
        node.wrong_type(report, "an action's name or declaration");
        return None;
    }
    let object = node.object(ACTION, report)?;
    let name = object.need("name", report).and_then(|node| check_name(node.string(report)?, &node, report));
    let action = read_members(&object, report);
    Some(ActionFields { name: name?, ..action })
}

fn read_members(object: &Object<'_>, report: &mut Report) -> ActionFields {
    ActionFields {
        name: String::new(),
        title: object.get("title").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        description: object.get("description").and_then(|node| node.prose(PROSE_CHARS_MAX, report)),
        payload: object.get("payload").and_then(|node| read_schema(&node, report)),
        result: object.get("result").and_then(|node| read_schema(&node, report)),
        idempotent: object.get("idempotent").and_then(|node| node.boolean(report)),
        read_only: object.get("read_only").and_then(|node| node.boolean(report)),
        destructive: object.get("destructive").and_then(|node| node.boolean(report)),
        open_world: object.get("open_world").and_then(|node| node.boolean(report)),
    }
}

pub(crate) fn check_name(name: &str, node: &Node<'_>, report: &mut Report) -> Option<String> {
    match name::action(name) {
        Ok(()) => Some(name.to_owned()),
        Err(message) => {
            node.problem(report, code::INVALID_NAME, message);
            None
        }
    }
}

pub(crate) fn read_schema(node: &Node<'_>, report: &mut Report) -> Option<Value> {
    if !node.value.is_object() && !node.value.is_boolean() {
        node.wrong_type(report, "a JSON Schema: an object, true or false");
        return None;
    }
    let bytes = node.value.to_string().len();
    if bytes > SCHEMA_BYTES_MAX {
        let message = format!("the schema has {bytes} bytes, at most {SCHEMA_BYTES_MAX} are allowed");
        node.problem(report, code::TOO_LARGE, message);
        return None;
    }
    Some(node.value.clone())
}

pub(crate) fn name_shape() -> Value {
    shape::name(name::ACTION_PATTERN, NAME_CHARS_MAX)
}

pub(crate) fn schema_shape() -> Value {
    json!({ "type": ["object", "boolean"] })
}

pub(crate) fn actions_shape() -> Value {
    let entry = shape::any_of([shape::object(ACTION, &[]), json!({ "type": "null" })]);
    let item = shape::any_of([name_shape(), shape::object(ACTION, &["name"])]);
    shape::any_of([shape::list(item, ACTIONS_MAX), shape::map(entry, ACTIONS_MAX)])
}
