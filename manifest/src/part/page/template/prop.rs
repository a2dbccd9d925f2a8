//! The kinds of props, and the check of a prop's value.
//!
//! A text with placeholders is a valid value of every kind: its type is known only when the page runs.

use serde_json::Value;

use super::node::TemplateReader;
use crate::field::nearest;
use crate::limits::{LENGTH_CHARS_MAX, PROSE_CHARS_MAX};
use crate::part::page::expression::Expression;
use crate::part::page::placeholder::PlaceholderText;
use crate::part::page::references::ReferenceKind;
use crate::problem::{Report, code, quoted};
use crate::read::{Node, join};

/// A prop that each widget may have.
const PAYLOAD: &str = "payload";

/// A prop of a widget, or a member of an object within one.
pub(super) struct Prop {
    pub(super) name: &'static str,
    pub(super) kind: PropKind,
    pub(super) is_required: bool,
}

pub(super) enum PropKind {
    /// A text. Numbers and booleans are shown as text.
    Text,
    Flag,
    Number,
    Integer(i64, i64),
    Word(&'static [&'static str]),
    /// The path of a value that the widget reads and sets, such as `state.filter`.
    Binding,
    /// The id of an action of the page.
    Action,
    /// The id of an action of the page with the type `api`.
    ApiAction,
    /// A link.
    Href,
    /// A length or the tracks of a grid: a number of pixels or columns, or CSS such as `1fr 2fr`.
    Length,
    /// A text, a widget or a list of widgets.
    Content,
    /// A list of objects with these members.
    Objects(&'static [Prop]),
    /// A list of objects with these members, or of texts, which are the first member.
    ObjectsOrTexts(&'static [Prop]),
    Object,
    List,
    Any,
}

pub(super) const fn prop(name: &'static str, kind: PropKind) -> Prop {
    Prop { name, kind, is_required: false }
}

pub(super) const fn required(name: &'static str, kind: PropKind) -> Prop {
    Prop { name, kind, is_required: true }
}

/// Checks the members of an object against the props. `has` says which props the node has beyond the object. Unknown
/// props are noted, because they have no effect.
pub(super) fn check_props(
    of: &str,
    object: &Node<'_>,
    props: &[Prop],
    has: impl Fn(&str) -> bool,
    reader: &mut TemplateReader<'_>,
    report: &mut Report,
) {
    let Value::Object(members) = object.value else {
        object.problem(report, code::INVALID_PROPS, "must be an object");
        return;
    };
    for prop in props.iter().filter(|prop| prop.is_required && !has(prop.name)) {
        if members.get(prop.name).is_none_or(Value::is_null) {
            let message = format!("{of} needs `{}`: add it", prop.name);
            report.add(&join(&object.path, prop.name), code::MISSING_PROPS, message);
        }
    }
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let node = Node { value, path: join(&object.path, name) };
        match props.iter().find(|prop| prop.name == name) {
            Some(prop) => check_prop(&node, &prop.kind, reader, report),
            // What a widget passes to its action, in place of its value.
            None if name == PAYLOAD => check_texts(&node, report),
            None => {
                let hint = match nearest(name, props.iter().map(|prop| prop.name)) {
                    Some(nearest) => format!(": did you mean `{nearest}`?"),
                    None => String::new(),
                };
                report.note(&node.path, &format!("{of} has no such prop, so it has no effect{hint}"));
                check_texts(&node, report);
            }
        }
    }
}

/// Checks the placeholders in all texts of a value.
fn check_texts(node: &Node<'_>, report: &mut Report) {
    match node.value {
        Value::String(text) => _ = has_placeholders(text, node, report),
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                check_texts(&Node { value, path: format!("{}[{index}]", node.path) }, report);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                check_texts(&Node { value, path: join(&node.path, name) }, report);
            }
        }
        _ => {}
    }
}

/// Returns whether the text has placeholders, and reports malformed ones.
fn has_placeholders(text: &str, node: &Node<'_>, report: &mut Report) -> bool {
    match text.parse::<PlaceholderText>() {
        Ok(text) => text.has_placeholders(),
        Err(error) => {
            node.problem(report, code::INVALID_PROPS, format!("in {}: {error}", quoted(text)));
            true
        }
    }
}

fn check_prop(node: &Node<'_>, kind: &PropKind, reader: &mut TemplateReader<'_>, report: &mut Report) {
    let wrong = |expected: &str, report: &mut Report| {
        let message = format!("expected {expected}, found {}", crate::read::kind_of(node.value));
        node.problem(report, code::INVALID_PROPS, message);
    };
    if let Value::String(text) = node.value
        && has_placeholders(text, node, report)
    {
        return;
    }
    match (kind, node.value) {
        (PropKind::Text, Value::String(_)) => {
            report.within(code::INVALID_PROPS, |report| _ = node.prose(PROSE_CHARS_MAX, report));
        }
        (PropKind::Text, Value::Number(_) | Value::Bool(_)) => {}
        (PropKind::Text, _) => wrong("a text", report),
        (PropKind::Flag, Value::Bool(_)) => {}
        (PropKind::Flag, _) => wrong("true or false", report),
        (PropKind::Number, Value::Number(_)) => {}
        (PropKind::Number, _) => wrong("a number", report),
        (PropKind::Integer(least, most), _) => {
            report.within(code::INVALID_PROPS, |report| _ = node.integer(*least..=*most, report));
        }
        (PropKind::Word(words), _) => report.within(code::INVALID_PROPS, |report| _ = node.word(words, report)),
        (PropKind::Binding, Value::String(text)) => {
            if let Err(error) = text.parse::<Expression>() {
                node.problem(report, code::INVALID_PROPS, format!("{} is not a path: {error}", quoted(text)));
            }
        }
        (PropKind::Binding, _) => wrong("the path of a value, such as `state.items`", report),
        (PropKind::Action, Value::String(id)) => reader.refer(ReferenceKind::NodeAction, &node.path, id),
        (PropKind::ApiAction, Value::String(id)) => reader.refer(ReferenceKind::ApiAction, &node.path, id),
        (PropKind::Action | PropKind::ApiAction, _) => wrong("the id of an action", report),
        (PropKind::Href, Value::String(href)) => {
            if let Err(message) = check_link(href) {
                node.problem(report, code::INVALID_PROPS, message);
            }
        }
        (PropKind::Href, _) => wrong("a link", report),
        (PropKind::Length, value) => {
            if !is_length(value) {
                let message = "must be a number, or a CSS length or list of tracks such as `1fr 2fr`";
                node.problem(report, code::INVALID_PROPS, message);
            }
        }
        (PropKind::Content, Value::String(_)) => {}
        (PropKind::Content, Value::Object(_) | Value::Array(_)) => _ = reader.content(node, report),
        (PropKind::Content, _) => wrong("a text, a widget or a list of widgets", report),
        (PropKind::Objects(props) | PropKind::ObjectsOrTexts(props), Value::Array(items)) => {
            for (index, value) in items.iter().enumerate() {
                let item = Node { value, path: format!("{}[{index}]", node.path) };
                if value.is_string() && matches!(kind, PropKind::ObjectsOrTexts(_)) {
                    check_texts(&item, report);
                } else {
                    check_props("an entry", &item, props, |_| false, reader, report);
                }
            }
        }
        (PropKind::Objects(_) | PropKind::ObjectsOrTexts(_), _) => wrong("a list", report),
        (PropKind::Object, Value::Object(_)) | (PropKind::List, Value::Array(_)) | (PropKind::Any, _) => {
            check_texts(node, report);
        }
        (PropKind::Object, _) => wrong("an object", report),
        (PropKind::List, _) => wrong("a list", report),
    }
}

/// Checks the target of a link. Only a few schemes lead somewhere; others, such as `javascript:`, would run code.
pub(in crate::part::page) fn check_link(href: &str) -> Result<(), String> {
    const SCHEMES: [&str; 4] = ["http", "https", "mailto", "tel"];
    // Browsers ignore control characters and spaces within a scheme.
    let visible: String = href.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let Some((scheme, _)) = visible.split_once(':') else {
        return Ok(());
    };
    let is_relative = scheme.contains(['/', '?', '#']);
    match is_relative || SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        true => Ok(()),
        false => Err(format!("{} is not a link: use a path or one of {}", quoted(href), SCHEMES.join(", "))),
    }
}

/// Returns whether the value is a length, or tracks of a grid. The few allowed characters cannot end a declaration.
pub(super) fn is_length(value: &Value) -> bool {
    const NUMBER_MAX: f64 = 100_000.0;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | ',' | '%' | '(' | ')' | '-' | '+');
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| (0.0..=NUMBER_MAX).contains(&number)),
        Value::String(text) => !text.is_empty() && text.len() <= LENGTH_CHARS_MAX && text.chars().all(allowed),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_to_code_is_refused_in_any_spelling() {
        for href in ["javascript:alert(1)", "JavaScript:x", " java\tscript:x", "data:text/html,x", "vbscript:x", ":x"] {
            assert!(check_link(href).is_err(), "{href}");
        }
        for href in ["/items", "items?x=a:b", "./a:b", "#a:b", "https://a.example", "MAILTO:a@b", "tel:1", ""] {
            assert!(check_link(href).is_ok(), "{href}");
        }
    }
}
