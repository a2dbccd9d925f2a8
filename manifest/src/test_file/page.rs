//! Pages of a plugin, as steps of a test: opening one, running its loaders or one of its actions.

use serde_json::{Map, Value, json};

use super::identity::{IDENTITY, TestIdentity, read_identity};
use super::request::path_shape;
use super::step::PLUGIN;
use crate::field::{Table, field};
use crate::limits::{NAME_CHARS_MAX, PAGE_PARTS_MAX, PATH_CHARS_MAX};
use crate::problem::{Report, code, quoted};
use crate::read::Node;
use crate::shape;

/// A step with a page of the plugin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageStep {
    /// The path below the plugin's pages.
    pub path: String,
    /// The page's state.
    pub state: Map<String, Value>,
    /// The loaders to run, instead of opening the page.
    pub loaders: Option<Vec<String>>,
    /// The action to run, instead of opening the page.
    pub action: Option<String>,
    /// The payload of the action; `null` if omitted.
    pub payload: Value,
    /// The identity of the person; `None` for none.
    pub identity: Option<TestIdentity>,
}

pub(super) const PAGE: Table = &[
    field("path", "The page's path.", path_shape),
    field("state", "The page's state.", || json!({ "type": "object" })),
    field("loaders", "The loaders to run, instead of opening the page.", || {
        shape::list(shape::line(NAME_CHARS_MAX), PAGE_PARTS_MAX)
    }),
    field("action", "The action to run, instead of opening the page.", || shape::line(NAME_CHARS_MAX)),
    field("payload", "The payload of the action; null if left out.", shape::anything),
    IDENTITY,
    PLUGIN,
];

/// Reads the path of a page that is opened, or an object.
pub(super) fn read_page(what: &Node<'_>, report: &mut Report) -> Option<(Option<String>, PageStep)> {
    if what.value.is_string() {
        return Some((None, PageStep { path: read_path(what, report)?, ..PageStep::default() }));
    }
    let object = what.object(PAGE, report)?;
    let path = object.need("path", report).and_then(|node| read_path(&node, report));
    let state = object.get("state").map(|node| {
        if !node.value.is_object() {
            node.wrong_type(report, "an object");
        }
        node.value.as_object().cloned().unwrap_or_default()
    });
    let loaders = object.get("loaders").map(|node| {
        let items = node.items(PAGE_PARTS_MAX, report);
        items.iter().filter_map(|item| item.line(NAME_CHARS_MAX, report)).collect()
    });
    let action = object.get("action").and_then(|node| node.line(NAME_CHARS_MAX, report));
    let payload = object.get("payload");
    if let (Some(node), None) = (&payload, &action) {
        node.problem(report, code::CONFLICT, "belongs to an `action`: name it, or remove this field");
    }
    if let (Some(_), Some(node)) = (&loaders, object.get("action")) {
        node.problem(report, code::CONFLICT, "a step runs loaders or an action: make this a step of its own");
    }
    let step = PageStep {
        path: path?,
        state: state.unwrap_or_default(),
        loaders,
        action,
        payload: payload.map(|node| node.value.clone()).unwrap_or_default(),
        identity: read_identity(&object, report),
    };
    Some((super::step::read_plugin(&object, report), step))
}

fn read_path(node: &Node<'_>, report: &mut Report) -> Option<String> {
    let path = node.line(PATH_CHARS_MAX, report)?;
    if !path.starts_with('/') {
        node.problem(report, code::INVALID_VALUE, format!("{} does not begin with `/`", quoted(&path)));
        return None;
    }
    Some(path)
}

pub(super) fn page_shape() -> Value {
    shape::any_of([path_shape(), shape::object(PAGE, &["path"])])
}
