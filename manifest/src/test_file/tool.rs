//! Calls of tools, as steps of a test: actions as a client of the Model Context Protocol calls them.

use serde_json::{Map, Value, json};

use super::identity::{IDENTITY, TestIdentity, read_identity};
use super::step::{PLUGIN, read_plugin};
use crate::field::{Table, field};
use crate::limits::LINE_CHARS_MAX;
use crate::problem::Report;
use crate::read::Node;
use crate::shape;

/// A call of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolStep {
    /// The action behind the tool.
    pub action: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
    /// The identity of the client; `None` for none.
    pub identity: Option<TestIdentity>,
}

const TOOL: Table = &[
    field("action", "The action behind the tool: its name without that of the plugin.", || shape::line(LINE_CHARS_MAX)),
    field("arguments", "The arguments; none if left out.", || json!({ "type": "object" })),
    IDENTITY,
    PLUGIN,
];

/// Reads the action of a tool that is called without arguments, or an object.
pub(super) fn read_tool(what: &Node<'_>, report: &mut Report) -> Option<(Option<String>, ToolStep)> {
    if what.value.is_string() {
        let action = what.line(LINE_CHARS_MAX, report)?;
        return Some((None, ToolStep { action, arguments: Map::new(), identity: None }));
    }
    let object = what.object(TOOL, report)?;
    let action = object.need("action", report).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let arguments = object.get("arguments").map(|node| {
        if !node.value.is_object() {
            node.wrong_type(report, "an object (write another payload as `{ payload: … }`)");
        }
        node.value.as_object().cloned().unwrap_or_default()
    });
    let identity = read_identity(&object, report);
    let step = ToolStep { action: action?, arguments: arguments.unwrap_or_default(), identity };
    Some((read_plugin(&object, report), step))
}

pub(super) fn tool_shape() -> Value {
    shape::any_of([shape::line(LINE_CHARS_MAX), shape::object(TOOL, &["action"])])
}
