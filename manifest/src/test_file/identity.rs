//! The caller of a step: a name, and its scopes for the plugin.

use crate::field::{Field, Table, field};
use crate::limits::{EXPECTED_MAX, LINE_CHARS_MAX};
use crate::problem::Report;
use crate::read::Object;
use crate::shape;

/// The authenticated identity behind a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestIdentity {
    /// The name, such as the consumer of a token.
    pub name: String,
    /// The scopes for the plugin. Those of a server are `read`, `call` and `manage`.
    pub scopes: Vec<String>,
}

impl TestIdentity {
    /// Returns the scopes as texts.
    pub fn scopes(&self) -> Vec<&str> {
        self.scopes.iter().map(String::as_str).collect()
    }
}

pub(super) const IDENTITY: Field =
    field("identity", "The identity of the caller: its name, or an object with its scopes. Left out: none.", || {
        shape::any_of([shape::line(LINE_CHARS_MAX), shape::object(MEMBERS, &["name"])])
    });
const MEMBERS: Table = &[
    field("name", "The name, such as the consumer of a token.", || shape::line(LINE_CHARS_MAX)),
    field("scopes", "The scopes for the plugin; those of a server are `read`, `call` and `manage`.", || {
        shape::list(shape::line(LINE_CHARS_MAX), EXPECTED_MAX)
    }),
];

/// Reads a name, or an object.
pub(super) fn read_identity(object: &Object<'_>, report: &mut Report) -> Option<TestIdentity> {
    let node = object.get("identity")?;
    if node.value.is_string() {
        return Some(TestIdentity { name: node.line(LINE_CHARS_MAX, report)?, scopes: Vec::new() });
    }
    if !node.value.is_object() {
        node.wrong_type(report, "a name, or an object with `name` and `scopes`");
        return None;
    }
    let object = node.object(MEMBERS, report)?;
    let name = object.need("name", report).and_then(|node| node.line(LINE_CHARS_MAX, report));
    let scopes = object.get("scopes").map(|node| {
        let items = node.items(EXPECTED_MAX, report);
        items.iter().filter_map(|item| item.line(LINE_CHARS_MAX, report)).collect()
    });
    Some(TestIdentity { name: name?, scopes: scopes.unwrap_or_default() })
}
