//! Which actions are tools, and how a tool describes its action.
//!
//! A tool has the name `plugin.action`. Names of plugins have no dot, so the first one ends the plugin's name.
//!
//! The arguments of a tool are an object. They are the payload of an action whose schema describes an object, or that
//! declares none. For another payload, such as a list, the arguments are `{"payload": …}`.

use std::sync::Arc;

use plugbay::Plugin;
use plugbay::manifest::{ActionDeclaration, Manifest, ToolPattern};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::schema::rebased;

/// The longest name of a tool, in characters, as the protocol recommends.
const NAME_CHARS_MAX: usize = 128;

/// The member of the arguments that has a payload which is not an object.
const PAYLOAD: &str = "payload";

/// A tool with the action behind it.
pub(super) struct ExposedTool {
    pub(super) tool: Tool,
    pub(super) plugin: Plugin,
    pub(super) action: String,
    pub(super) payload: Payload,
}

/// How the arguments of a tool become the payload of its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payload {
    /// They are the payload.
    Whole,
    /// They are the payload, or it is `null` if there are none.
    Optional,
    /// One member of them is the payload.
    Member,
}

impl Payload {
    /// The payload as a JSON value.
    pub(super) fn of(self, arguments: Option<JsonObject>) -> Value {
        let mut arguments = arguments.unwrap_or_default();
        match self {
            Payload::Whole => arguments.into(),
            Payload::Optional if arguments.is_empty() => Value::Null,
            Payload::Optional => arguments.into(),
            Payload::Member => arguments.remove(PAYLOAD).unwrap_or_default(),
        }
    }
}

/// The tools of a plugin that the patterns expose.
pub(super) fn of_plugin(plugin: &Plugin, exposed: &[ToolPattern]) -> Vec<ExposedTool> {
    let manifest = plugin.manifest();
    let is_exposed = |action: &&ActionDeclaration| {
        let matches = exposed.iter().any(|pattern| pattern.matches(&manifest.name, &action.name));
        matches && manifest.name.len() + 1 + action.name.len() <= NAME_CHARS_MAX
    };
    let tool = |action: &ActionDeclaration| {
        let (tool, payload) = describe(&manifest, action);
        ExposedTool { tool, plugin: plugin.clone(), action: action.name.clone(), payload }
    };
    manifest.actions.iter().filter(is_exposed).map(tool).collect()
}

fn describe(manifest: &Manifest, action: &ActionDeclaration) -> (Tool, Payload) {
    let (input, payload) = input_schema(action.payload.as_ref());
    let description = action.description.clone();
    let description =
        description.unwrap_or_else(|| format!("Calls the action `{}` of the plugin `{}`.", action.name, manifest.name));
    let mut tool = Tool::new(format!("{}.{}", manifest.name, action.name), description, Arc::new(input));
    if let Some(title) = &action.title {
        tool = tool.with_title(title);
    }
    if let Some(Value::Object(result)) = &action.result {
        tool = tool.with_raw_output_schema(Arc::new(result.clone()));
    }
    let idempotent = action.idempotent.then_some(true);
    let hints = ToolAnnotations::from_raw(None, action.read_only, action.destructive, idempotent, action.open_world);
    if hints != ToolAnnotations::default() {
        tool = tool.with_annotations(hints);
    }
    (tool, payload)
}

/// The schema of the arguments, whose root is an object as the protocol requires.
fn input_schema(payload: Option<&Value>) -> (JsonObject, Payload) {
    match payload {
        Some(schema) if is_object(schema) => {
            let mut members = schema.as_object().cloned().unwrap_or_default();
            members.insert("type".to_owned(), "object".into());
            (members, Payload::Whole)
        }
        None | Some(Value::Bool(true)) => (Map::from_iter([("type".to_owned(), "object".into())]), Payload::Optional),
        Some(schema) => {
            let schema = rebased(schema, &format!("#/properties/{PAYLOAD}"));
            let whole = json!({ "type": "object", "properties": { PAYLOAD: schema }, "required": [PAYLOAD] });
            (whole.as_object().cloned().unwrap_or_default(), Payload::Member)
        }
    }
}

/// Whether a schema accepts objects alone, by its type or that of the part that it refers to.
fn is_object(schema: &Value) -> bool {
    let target = schema["$ref"].as_str().and_then(|reference| schema.pointer(reference.strip_prefix('#')?));
    schema["type"] == "object" || target.is_some_and(|target| target["type"] == "object")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_that_is_an_object_is_the_arguments() {
        let schema = json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object" } } });
        let (input, payload) = input_schema(Some(&schema));
        assert_eq!((input["type"].as_str(), payload), (Some("object"), Payload::Whole));
        assert_eq!(payload.of(None), json!({}));
    }

    #[test]
    fn other_payload_is_a_member_of_the_arguments() {
        let (input, payload) = input_schema(Some(&json!({ "type": "array", "items": { "$ref": "#/$defs/a" } })));
        assert_eq!(input["properties"]["payload"]["items"]["$ref"], "#/properties/payload/$defs/a");
        let arguments = json!({ "payload": [1] }).as_object().cloned();
        assert_eq!(payload.of(arguments), json!([1]));
    }

    #[test]
    fn undeclared_payload_is_the_arguments_or_nothing() {
        let (_, payload) = input_schema(None);
        assert_eq!(payload.of(Some(Map::new())), Value::Null);
        assert_eq!(payload.of(json!({ "a": 1 }).as_object().cloned()), json!({ "a": 1 }));
    }
}
