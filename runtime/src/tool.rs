//! Actions as tools of the Model Context Protocol: what a client sees of an action, and of what it answers.
//!
//! A tool has the name `plugin.action`. Names of plugins have no dot, so the first one ends the plugin's name.
//!
//! The arguments of a tool are an object. They are the payload of an action whose schema describes an object, or that
//! declares none. For another payload, such as a list, the arguments are `{"payload": …}`. An action that declares no
//! payload and answers a route has the parameters of the route as arguments.
//!
//! All types serialize as the protocol writes them. The protocol itself, and which actions are exposed, is left to the
//! server.

mod result;

use serde::Serialize;
use serde_json::{Map, Value, json};

pub use self::result::{ToolContent, ToolResult};
use crate::caller::Caller;
use crate::error::InvokeError;
use crate::invocation::{Invocation, Outcome};
use plugbay_manifest::{ActionDeclaration, Manifest, Route, rebased_schema};

/// The longest name of a tool, in characters, as the protocol recommends.
const NAME_CHARS_MAX: usize = 128;

/// The member of the arguments that has a payload which is not an object.
const PAYLOAD: &str = "payload";

/// An action as a client sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Tool {
    /// The name: `plugin.action`.
    pub name: String,
    /// The title, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it does: the action's description, or a sentence with the action's name.
    pub description: String,
    /// The JSON Schema of the arguments, whose root is an object.
    pub input_schema: Map<String, Value>,
    /// The JSON Schema of the structured content, if the action declares its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Map<String, Value>>,
    /// What a client may know before it calls the tool.
    #[serde(rename = "annotations", skip_serializing_if = "ToolHints::is_empty")]
    pub hints: ToolHints,
    /// The action behind it.
    #[serde(skip)]
    pub action: String,
    #[serde(skip)]
    payload: Payload,
}

/// What an action declares of its effects. `None` is not declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ToolHints {
    /// Whether it changes nothing.
    #[serde(rename = "readOnlyHint", skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether it may destroy something.
    #[serde(rename = "destructiveHint", skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Whether calling it again with the same arguments changes nothing more.
    #[serde(rename = "idempotentHint", skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// Whether it interacts with others than the host.
    #[serde(rename = "openWorldHint", skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

impl ToolHints {
    /// Returns whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        *self == ToolHints::default()
    }
}

/// How the arguments of a tool become the payload of its action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payload {
    /// They are the payload.
    Whole,
    /// They are the payload, or it is `null` if there are none.
    Optional,
    /// One member of them is the payload.
    Member,
}

impl Payload {
    fn of(self, mut arguments: Map<String, Value>) -> Value {
        match self {
            Payload::Whole => arguments.into(),
            Payload::Optional if arguments.is_empty() => Value::Null,
            Payload::Optional => arguments.into(),
            Payload::Member => arguments.remove(PAYLOAD).unwrap_or_default(),
        }
    }
}

impl Tool {
    /// Describes an action of a plugin as a tool. `None` if the name would be too long for the protocol.
    pub fn new(manifest: &Manifest, action: &ActionDeclaration) -> Option<Self> {
        let name = format!("{}.{}", manifest.name, action.name);
        if name.len() > NAME_CHARS_MAX {
            return None;
        }
        let (mut input_schema, payload) = input_schema(action.payload.as_ref());
        if action.payload.is_none() {
            add_parameters(&mut input_schema, &manifest.routes, &action.name);
        }
        let about = || format!("Calls the action `{}` of the plugin `{}`.", action.name, manifest.name);
        Some(Tool {
            name,
            title: action.title.clone(),
            description: action.description.clone().unwrap_or_else(about),
            input_schema,
            output_schema: action.result.as_ref().and_then(Value::as_object).cloned(),
            hints: ToolHints {
                read_only: action.read_only,
                destructive: action.destructive,
                idempotent: action.idempotent.then_some(true),
                open_world: action.open_world,
            },
            action: action.name.clone(),
            payload,
        })
    }

    /// Creates the call of the action that a call of the tool with these arguments is. Its caller is [`Caller::Mcp`].
    pub fn invocation(&self, arguments: Map<String, Value>) -> Invocation<'static> {
        Invocation::new(self.action.clone()).caller(Caller::Mcp).payload(&self.payload.of(arguments))
    }

    /// Returns what a client gets for the outcome of the call. With `full_errors`, errors have what is meant for
    /// developers: the full text and the details.
    pub fn result(&self, called: Result<&Outcome, &InvokeError>, full_errors: bool) -> ToolResult {
        match called {
            Ok(outcome) => ToolResult::of_outcome(outcome, self.output_schema.is_some(), &self.name),
            Err(error) => ToolResult::of_error(error, full_errors),
        }
    }
}

/// The schema of the arguments, whose root is an object as the protocol requires.
fn input_schema(payload: Option<&Value>) -> (Map<String, Value>, Payload) {
    match payload {
        Some(schema) if is_object(schema) => {
            let mut members = schema.as_object().cloned().unwrap_or_default();
            members.insert("type".to_owned(), "object".into());
            (members, Payload::Whole)
        }
        None | Some(Value::Bool(true)) => (Map::from_iter([("type".to_owned(), "object".into())]), Payload::Optional),
        Some(schema) => {
            let schema = rebased_schema(schema, &format!("#/properties/{PAYLOAD}"));
            let whole = json!({ "type": "object", "properties": { PAYLOAD: schema }, "required": [PAYLOAD] });
            (whole.as_object().cloned().unwrap_or_default(), Payload::Member)
        }
    }
}

/// Adds the parameters of the route that this action alone answers, if there is one. Without a request, the SDK's
/// extractors read them from the payload.
fn add_parameters(schema: &mut Map<String, Value>, routes: &[Route], action: &str) {
    let has_parameters = |route: &&Route| route.params.is_some() || route.query.is_some();
    let answers = |route: &&Route| matches!(&*route.actions, [only] if only == action);
    let Some(route) = routes.iter().filter(answers).find(has_parameters) else { return };
    let (mut properties, mut required, mut definitions) = (Map::new(), Vec::new(), Map::new());
    for (part, declared) in [("query", &route.query), ("params", &route.params)] {
        let Some(declared) = declared else { continue };
        // Their references are to definitions of their own.
        let mut declared = rebased_schema(declared, &format!("#/$defs/{part}"));
        if let Some(Value::Object(members)) = declared.get_mut("properties").map(Value::take) {
            properties.extend(members);
        }
        if let Some(Value::Array(names)) = declared.get_mut("required").map(Value::take) {
            required.extend(names);
        }
        if let Some(own) = declared.get_mut("$defs").map(Value::take) {
            definitions.insert(part.to_owned(), json!({ "$defs": own }));
        }
    }
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), definitions.into());
    }
}

/// Whether a schema accepts objects alone, by its type or that of the part that it refers to.
fn is_object(schema: &Value) -> bool {
    let target = schema["$ref"].as_str().and_then(|reference| schema.pointer(reference.strip_prefix('#')?));
    schema["type"] == "object" || target.is_some_and(|target| target["type"] == "object")
}

#[cfg(test)]
mod tests {
    use plugbay_manifest::Method;

    use super::*;

    fn arguments(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn payload_that_is_an_object_is_the_arguments() {
        let schema = json!({ "$ref": "#/$defs/a", "$defs": { "a": { "type": "object" } } });
        let (input, payload) = input_schema(Some(&schema));
        assert_eq!((input["type"].as_str(), payload), (Some("object"), Payload::Whole));
        assert_eq!(payload.of(Map::new()), json!({}));
    }

    #[test]
    fn other_payload_is_a_member_of_the_arguments() {
        let (input, payload) = input_schema(Some(&json!({ "type": "array", "items": { "$ref": "#/$defs/a" } })));
        assert_eq!(input["properties"]["payload"]["items"]["$ref"], "#/properties/payload/$defs/a");
        assert_eq!(payload.of(arguments(json!({ "payload": [1] }))), json!([1]));
    }

    #[test]
    fn parameters_of_a_route_are_arguments() {
        let mut route = Route::new(Method::Get, "/items/{id}", vec!["item".to_owned()]);
        route.params = Some(json!({
            "properties": { "id": { "$ref": "#/$defs/Id" } },
            "required": ["id"],
            "$defs": { "Id": { "type": "integer" } },
        }));
        route.query = Some(json!({ "properties": { "full": { "type": "boolean" } } }));
        let (mut schema, _) = input_schema(None);
        add_parameters(&mut schema, &[route], "item");
        let expected = json!({
            "type": "object",
            "properties": { "full": { "type": "boolean" }, "id": { "$ref": "#/$defs/params/$defs/Id" } },
            "required": ["id"],
            "$defs": { "params": { "$defs": { "Id": { "type": "integer" } } } },
        });
        assert_eq!(Value::Object(schema), expected);
    }

    #[test]
    fn undeclared_payload_is_the_arguments_or_nothing() {
        let (_, payload) = input_schema(None);
        assert_eq!(payload.of(Map::new()), Value::Null);
        assert_eq!(payload.of(arguments(json!({ "a": 1 }))), json!({ "a": 1 }));
    }
}
