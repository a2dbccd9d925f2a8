//! Permissions that a plugin requests, in the form in which the operator grants them: `db.notes:read,write`.

use super::check::fail;
use crate::constant::{Writer, same};

const ACTIONS: [&str; 5] = ["read", "write", "execute", "publish", "subscribe"];

/// Fails the build if a permission is not a resource with actions. The kind of the resource is checked with the
/// manifest.
pub(super) const fn check(text: &str) {
    let (resource, mut actions) = split(text, b':');
    if resource.is_empty() {
        fail(&["the permission `", text, "` names no resource: write RESOURCE:ACTIONS, such as `db.notes:read,write`"]);
    }
    while let Some(rest) = actions {
        let (action, others) = split(rest, b',');
        if !is_action(action) {
            fail(&[
                "the permission `",
                text,
                "` has no action `",
                action,
                "`; the actions are read, write, execute, publish and subscribe",
            ]);
        }
        actions = others;
    }
}

/// Writes the permission as a rule of the manifest.
pub(super) const fn write<const N: usize>(text: &str, writer: &mut Writer<N>) {
    let (resource, mut actions) = split(text, b':');
    writer.element();
    writer.open("{");
    writer.key("resource");
    writer.text(resource);
    if actions.is_some() {
        writer.key("actions");
        writer.open("[");
        while let Some(rest) = actions {
            let (action, others) = split(rest, b',');
            writer.element();
            writer.text(action);
            actions = others;
        }
        writer.close("]");
    }
    writer.close("}");
}

/// The text before and after the first such byte.
const fn split(text: &str, at: u8) -> (&str, Option<&str>) {
    let mut index = 0;
    while index < text.len() {
        if text.as_bytes()[index] == at {
            let (before, rest) = text.split_at(index);
            return (before.trim_ascii(), Some(rest.split_at(1).1.trim_ascii()));
        }
        index += 1;
    }
    (text.trim_ascii(), None)
}

const fn is_action(word: &str) -> bool {
    let mut index = 0;
    while index < ACTIONS.len() {
        if same(ACTIONS[index], word) {
            return true;
        }
        index += 1;
    }
    false
}
