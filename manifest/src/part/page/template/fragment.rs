//! Fragments: widgets with parameters, which the pages of a plugin share.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::node::{DEFINITION, TemplateNode, TemplateReader};
use crate::field::{Table, field};
use crate::limits::{LINE_CHARS_MAX, PAGE_PARTS_MAX, PROSE_CHARS_MAX, TEMPLATE_NODES_MAX};
use crate::part::page::loader::{id_shape, read_id};
use crate::part::page::references::Referring;
use crate::problem::{Report, code};
use crate::read::{Node, join};
use crate::shape;
use crate::top::definition;

/// Widgets that pages show with `{ type: fragment, fragmentId, props }`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fragment {
    /// The fragment's id, unique within the plugin.
    pub id: String,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The props that a reference passes. Within the fragment they are variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub props: BTreeMap<String, FragmentProp>,
    /// The widgets.
    pub widgets: Vec<TemplateNode>,
}

/// A prop of a fragment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FragmentProp {
    /// `string`, `number`, `boolean`, `object` or `array` (`type`).
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether each reference must pass it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// The value if a reference does not pass it. Default: null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

const TYPES: [&str; 5] = ["string", "number", "boolean", "object", "array"];

const FRAGMENT: Table = &[
    field("id", "A name, unique within the plugin.", id_shape),
    field("name", "A name for people.", || shape::line(LINE_CHARS_MAX)),
    field("description", "A description.", || shape::prose(PROSE_CHARS_MAX)),
    field("props", "The props that references pass.", || shape::map(shape::object(PROP, &["type"]), PAGE_PARTS_MAX)),
    field("widgets", "The widgets.", || shape::list(definition(DEFINITION), TEMPLATE_NODES_MAX)),
];
const PROP: Table = &[
    field("type", "The type of the value.", || shape::word(&TYPES)),
    field("required", "Whether each reference must pass it.", shape::boolean),
    field("default", "The value if it is not passed.", shape::anything),
];

pub(crate) fn read_fragment(node: &Node<'_>, report: &mut Report) -> Option<Referring<Fragment>> {
    let object = node.object(FRAGMENT, report)?;
    let id = object.need("id", report).and_then(|node| read_id(&node, report));
    let name = object.get("name").and_then(|node| node.line(LINE_CHARS_MAX, report));
    let description = object.get("description").and_then(|node| node.prose(PROSE_CHARS_MAX, report));
    let props = object.get("props").map(|node| read_props(&node, report)).unwrap_or_default();
    let mut references = Vec::new();
    let widgets = match object.get("widgets") {
        Some(widgets) => TemplateReader::new(&mut references).content(&widgets, report),
        None => {
            report.add(&join(&object.path, "widgets"), code::MISSING_WIDGETS, "is missing: a fragment has widgets");
            Vec::new()
        }
    };
    Some(Referring { value: Fragment { id: id?, name, description, props, widgets }, references })
}

fn read_props(node: &Node<'_>, report: &mut Report) -> BTreeMap<String, FragmentProp> {
    report.within(code::INVALID_PROPS_SCHEMA, |report| {
        let entries = node.entries(PAGE_PARTS_MAX, report);
        entries.iter().filter_map(|(name, entry)| Some(((*name).to_owned(), read_prop(entry, report)?))).collect()
    })
}

fn read_prop(node: &Node<'_>, report: &mut Report) -> Option<FragmentProp> {
    let object = node.object(PROP, report)?;
    let kind = object.need("type", report).and_then(|node| node.word(&TYPES, report));
    let required = object.get("required").and_then(|node| node.boolean(report)).unwrap_or(false);
    let default = object.get("default");
    if let (Some(kind), Some(default)) = (kind, &default) {
        let fits = match kind {
            "string" => default.value.is_string(),
            "number" => default.value.is_number(),
            "boolean" => default.value.is_boolean(),
            "object" => default.value.is_object(),
            _ => default.value.is_array(),
        };
        if !fits {
            default.problem(report, code::INVALID_PROPS_SCHEMA, format!("is not of the type `{kind}`"));
        }
    }
    Some(FragmentProp { kind: kind?, required, default: default.map(|node| node.value.clone()) })
}

pub(crate) fn fragment_shape() -> Value {
    shape::object(FRAGMENT, &["id", "widgets"])
}
