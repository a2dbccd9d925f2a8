//! Templates: the tree of widgets of a page, its layout, its state, and fragments that pages share.
//!
//! A template is an object with `widgets`, one node, or a list of nodes. Each becomes a template with widgets. Problems
//! have the codes of DockStat's validator.

pub(crate) mod fragment;
pub(crate) mod node;
mod prop;
mod widget;

use serde::Serialize;
use serde_json::{Value, json};

pub(super) use self::prop::check_link;

use self::node::{DEFINITION, TemplateNode, TemplateReader};
use self::prop::is_length;
use self::widget::{DIRECTIONS, LAYOUTS};
use super::state::{PageState, read_state, state_shape};
use crate::field::{Table, field};
use crate::limits::{
    LENGTH_CHARS_MAX, LINE_CHARS_MAX, PAGE_PARTS_MAX, PROSE_CHARS_MAX, TEMPLATE_BYTES_MAX, TEMPLATE_NODES_MAX,
};
use crate::part::page::action::page_action_shape;
use crate::part::page::loader::loader_shape;
use crate::problem::{Report, code};
use crate::read::{Node, Object, join};
use crate::shape;
use crate::top::definition;

/// What a page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Template {
    /// An id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The arrangement of the widgets. Default: one below the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The widgets. A page without widgets shows its title.
    pub widgets: Vec<TemplateNode>,
    /// The state of the page when it opens, and values computed from it.
    #[serde(skip_serializing_if = "PageState::is_empty")]
    pub state: PageState,
}

/// The arrangement of a template's widgets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Layout {
    /// Utility classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_name: Option<String>,
    /// `flex`, `grid` or `block` (`type`).
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The direction of a `flex` layout: `row`, `column`, `row-reverse` or `column-reverse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<&'static str>,
    /// The space between widgets: a number of pixels, or a CSS length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Value>,
    /// The space around them: a number of pixels, or a CSS length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub padding: Option<Value>,
    /// The maximum width: a number of pixels, or a CSS length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_width: Option<Value>,
    /// Whether the widgets are in the middle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub centered: Option<bool>,
    /// The columns of a `grid`: a number of equal columns, or CSS tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Value>,
    /// The rows of a `grid`: a number of equal rows, or CSS tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Value>,
}

const TEMPLATE: Table = &[
    field("id", "An id.", || shape::line(LINE_CHARS_MAX)),
    field("name", "A name.", || shape::line(LINE_CHARS_MAX)),
    field("description", "A description.", || shape::prose(PROSE_CHARS_MAX)),
    field("version", "A version.", || shape::line(LINE_CHARS_MAX)),
    field("layout", "The arrangement of the widgets.", || shape::object(LAYOUT, &[])),
    field("widgets", "The widgets.", || shape::list(definition(DEFINITION), TEMPLATE_NODES_MAX)),
    field("state", "The page's initial state, and values computed from it.", state_shape),
    field("loaders", "Loaders of the page, beside its own.", || shape::list(loader_shape(), PAGE_PARTS_MAX)),
    field("actions", "Actions of the page, beside its own.", || shape::list(page_action_shape(), PAGE_PARTS_MAX)),
    field("meta", "The title, unless the page has one.", || json!({ "type": "object" })),
];
const LAYOUT: Table = &[
    field("className", "Utility classes.", || shape::line(LINE_CHARS_MAX)).or(&["class_name"]),
    field("type", "How the widgets are arranged.", || shape::word(LAYOUTS)),
    field("direction", "The direction of a flex layout.", || shape::word(DIRECTIONS)),
    field("gap", "The space between widgets.", length_shape),
    field("padding", "The space around the widgets.", length_shape),
    field("maxWidth", "The maximum width.", length_shape).or(&["max_width"]),
    field("centered", "Whether the widgets are in the middle.", shape::boolean),
    field("columns", "The columns of a grid.", length_shape),
    field("rows", "The rows of a grid.", length_shape),
];

/// A template as it was read, with the members that belong to its page.
pub(super) struct ReadTemplate<'a> {
    pub(super) template: Template,
    pub(super) loaders: Option<Node<'a>>,
    pub(super) actions: Option<Node<'a>>,
    pub(super) title: Option<String>,
}

/// Reads a template in any of its forms.
pub(super) fn read_template<'a>(
    node: &Node<'a>,
    reader: &mut TemplateReader<'_>,
    report: &mut Report,
) -> Option<ReadTemplate<'a>> {
    let bytes = node.value.to_string().len();
    if bytes > TEMPLATE_BYTES_MAX {
        node.problem(report, code::TOO_LARGE, format!("{bytes} bytes, at most {TEMPLATE_BYTES_MAX} are allowed"));
        return None;
    }
    let of_widgets = |widgets| ReadTemplate {
        template: Template { widgets, ..Template::default() },
        loaders: None,
        actions: None,
        title: None,
    };
    match node.value {
        Value::Array(_) => Some(of_widgets(reader.content(node, report))),
        Value::Object(members) if members.contains_key("type") && !members.contains_key("widgets") => {
            Some(of_widgets(reader.content(node, report)))
        }
        Value::Object(members) => read_object(node, members.is_empty(), reader, report),
        _ => {
            node.wrong_type(report, "a template, a widget, or a list of widgets");
            None
        }
    }
}

fn read_object<'a>(
    node: &Node<'a>,
    is_empty: bool,
    reader: &mut TemplateReader<'_>,
    report: &mut Report,
) -> Option<ReadTemplate<'a>> {
    let object = node.object(TEMPLATE, report)?;
    let line = |name, report: &mut Report| object.get(name).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let widgets = match object.get("widgets") {
        Some(widgets) if widgets.value.is_array() => reader.content(&widgets, report),
        Some(widgets) => {
            widgets.problem(report, code::INVALID_TYPE, "expected a list of nodes");
            Vec::new()
        }
        None => {
            if !is_empty {
                let message = "is missing: a template is a node with a `type`, or an object with `widgets`";
                report.add(&join(&object.path, "widgets"), code::MISSING_WIDGETS, message);
            }
            Vec::new()
        }
    };
    let state = object.get("state").map(|node| read_state(&node, report)).unwrap_or_default();
    let template = Template {
        id: line("id", report),
        name: line("name", report),
        description: object.get("description").and_then(|node| node.prose(PROSE_CHARS_MAX, report)),
        version: line("version", report),
        layout: object.get("layout").and_then(|node| read_layout(&node, report)),
        widgets,
        state,
    };
    let title = object.get("meta").and_then(|node| {
        if !node.value.is_object() {
            node.problem(report, code::INVALID_META, "must be an object");
        }
        node.value.get("title")?.as_str().map(str::to_owned)
    });
    Some(ReadTemplate { template, loaders: object.get("loaders"), actions: object.get("actions"), title })
}

fn read_layout(node: &Node<'_>, report: &mut Report) -> Option<Layout> {
    let object = node.object(LAYOUT, report)?;
    let length = |name, report: &mut Report| read_length(&object, name, report);
    let (gap, padding, max_width) = (length("gap", report), length("padding", report), length("maxWidth", report));
    let (columns, rows) = (length("columns", report), length("rows", report));
    let kind = object
        .get("type")
        .and_then(|node| report.within(code::INVALID_LAYOUT_TYPE, |report| node.word(LAYOUTS, report)));
    let direction = object
        .get("direction")
        .and_then(|node| report.within(code::INVALID_DIRECTION, |report| node.word(DIRECTIONS, report)));
    Some(Layout {
        class_name: object.get("className").and_then(|node| node.line(LINE_CHARS_MAX, report)),
        kind,
        direction,
        gap,
        padding,
        max_width,
        centered: object.get("centered").and_then(|node| node.boolean(report)),
        columns,
        rows,
    })
}

fn read_length(object: &Object<'_>, name: &str, report: &mut Report) -> Option<Value> {
    let node = object.get(name)?;
    if !is_length(node.value) {
        let message = "must be a number, or a CSS length or list of tracks such as `1fr 2fr`";
        node.problem(report, code::INVALID_VALUE, message);
        return None;
    }
    Some(node.value.clone())
}

fn length_shape() -> Value {
    shape::any_of([json!({ "type": "number", "minimum": 0 }), shape::line(LENGTH_CHARS_MAX)])
}

pub(super) fn template_shape() -> Value {
    shape::any_of([
        definition(DEFINITION),
        shape::list(definition(DEFINITION), TEMPLATE_NODES_MAX),
        shape::object(TEMPLATE, &[]),
    ])
}
