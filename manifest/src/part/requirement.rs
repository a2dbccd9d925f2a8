//! The plugins that a plugin requires, and the plugins that may call it.

use serde::Serialize;
use serde_json::Value;

use crate::field::{Table, field};
use crate::limits::{NAME_CHARS_MAX, PLUGINS_MAX, REQUIREMENT_CHARS_MAX};
use crate::name;
use crate::problem::{Report, code};
use crate::read::Node;
use crate::shape;
use crate::version::VersionRequirement;

/// Another plugin that must be loaded first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The plugin's name.
    pub name: String,
    /// The accepted versions; `None` means any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRequirement>,
}

const REQUIREMENT: Table = &[
    field("name", "The other plugin's name.", || shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX)),
    field("version", "The accepted versions, such as `>=1.2, <2`.", version_shape),
];

/// Any plugin, in a list of callers.
const ANY_PLUGIN: &str = "*";

/// Reads a list of names or of objects, or an object of names and versions.
pub(crate) fn read_requirements(node: &Node<'_>, report: &mut Report) -> Vec<Requirement> {
    let mut requirements: Vec<Requirement> = Vec::new();
    let mut add = |requirement: Option<Requirement>, node: &Node<'_>, report: &mut Report| match requirement {
        Some(new) if requirements.iter().any(|known| known.name == new.name) => {
            node.problem(report, code::DUPLICATE, format!("`{}` is required twice", new.name));
        }
        Some(new) => requirements.push(new),
        None => {}
    };
    if node.value.is_object() {
        for (name, entry) in node.entries(PLUGINS_MAX, report) {
            let requirement = read_entry(name, &entry, report);
            add(requirement, &entry, report);
        }
    } else if node.value.is_array() {
        for item in node.items(PLUGINS_MAX, report) {
            let requirement = read_item(&item, report);
            add(requirement, &item, report);
        }
    } else {
        node.wrong_type(report, "a list of plugin names, or an object of names and versions");
    }
    requirements
}

fn read_entry(name: &str, node: &Node<'_>, report: &mut Report) -> Option<Requirement> {
    let known = check_name(node, name, report);
    if node.value.is_null() {
        return known.map(|name| Requirement { name, version: None });
    }
    let version = read_version_requirement(node, report);
    Some(Requirement { name: known?, version: Some(version?) })
}

fn read_item(node: &Node<'_>, report: &mut Report) -> Option<Requirement> {
    if let Some(name) = node.value.as_str() {
        return check_name(node, name, report).map(|name| Requirement { name, version: None });
    }
    if !node.value.is_object() {
        node.wrong_type(report, "a plugin's name or an object with name and version");
        return None;
    }
    let object = node.object(REQUIREMENT, report)?;
    let name = object.need("name", report).and_then(|name| check_name(&name, name.string(report)?, report));
    let version = object.get("version").map(|version| read_version_requirement(&version, report));
    Some(Requirement { name: name?, version: version.unwrap_or(None) })
}

fn check_name(node: &Node<'_>, name: &str, report: &mut Report) -> Option<String> {
    match name::plugin(name) {
        Ok(()) => Some(name.to_owned()),
        Err(message) => {
            let hint = if name.contains(['<', '>', '=', '^', '~']) {
                ". Write a version as {name: …, version: …}"
            } else {
                ""
            };
            node.problem(report, code::INVALID_NAME, format!("{message}{hint}"));
            None
        }
    }
}

pub(crate) fn read_version_requirement(node: &Node<'_>, report: &mut Report) -> Option<VersionRequirement> {
    let text = node.string(report)?;
    match text.parse() {
        Ok(requirement) => Some(requirement),
        Err(error) => {
            node.problem(report, code::INVALID_VALUE, format!("{error}"));
            None
        }
    }
}

/// Reads the plugins that may call this one, or `*`.
pub(crate) fn read_callers(node: &Node<'_>, report: &mut Report) -> Vec<String> {
    let check = |name: &str| {
        if name == ANY_PLUGIN { Ok(()) } else { name::plugin(name) }
    };
    node.names(PLUGINS_MAX, check, report)
}

pub(crate) fn requirements_shape() -> Value {
    let name = shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX);
    let version_or_null = shape::any_of([version_shape(), serde_json::json!({ "type": "null" })]);
    shape::any_of([
        shape::list(shape::any_of([name, shape::object(REQUIREMENT, &["name"])]), PLUGINS_MAX),
        shape::map(version_or_null, PLUGINS_MAX),
    ])
}

pub(crate) fn version_shape() -> Value {
    shape::line(REQUIREMENT_CHARS_MAX)
}

pub(crate) fn callers_shape() -> Value {
    let anybody = shape::word(&[ANY_PLUGIN]);
    shape::list(shape::any_of([shape::name(name::PLUGIN_PATTERN, NAME_CHARS_MAX), anybody]), PLUGINS_MAX)
}
