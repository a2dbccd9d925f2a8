//! Reads JSON values against field tables and bounds.
//!
//! Every reader reports a problem and continues, because all problems of a document are reported at once. Without a
//! usable value it returns `None`, and the caller omits the field without another report.
//!
//! `null` counts as absent: in YAML a key without a value is null, and programs write `null` for fields that they do
//! not set.

use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::field::{Table, find, nearest, suggestion};
use crate::problem::{Report, code, is_direction_mark, quoted};

/// A value and its path.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a Value,
    pub(crate) path: String,
}

/// A value and its position in a document, for checks across fields and layers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found<T> {
    pub(crate) origin: Arc<str>,
    pub(crate) path: String,
    pub(crate) value: T,
}

/// Serializes the value alone.
impl<T: Serialize> Serialize for Found<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'a> Node<'a> {
    pub(crate) fn root(value: &'a Value) -> Node<'a> {
        Node { value, path: String::new() }
    }

    /// Returns `value` with this node's position.
    pub(crate) fn found<T>(&self, value: T, report: &Report) -> Found<T> {
        Found { origin: Arc::clone(&report.origin), path: self.path.clone(), value }
    }

    /// Returns the entries that were read, or `None` if entries were written and none is usable: only a list that is
    /// written as empty drops the entries of the layers below.
    pub(crate) fn written<T>(&self, entries: T, count: impl Fn(&T) -> usize) -> Option<T> {
        let is_empty = match self.value {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        (is_empty || count(&entries) > 0).then_some(entries)
    }

    /// Reports a problem with this value.
    pub(crate) fn problem(&self, report: &mut Report, code: &'static str, message: impl Into<String>) {
        report.add(&self.path, code, message);
    }

    /// Reports that the value has the wrong type.
    pub(crate) fn wrong_type(&self, report: &mut Report, expected: &str) {
        let message = format!("expected {expected}, found {}", kind_of(self.value));
        self.problem(report, code::WRONG_TYPE, message);
    }

    /// Reads an object with the table's fields. Unknown fields are reported here.
    pub(crate) fn object(&self, table: Table, report: &mut Report) -> Option<Object<'a>> {
        let Value::Object(map) = self.value else {
            self.wrong_type(report, "an object");
            return None;
        };
        let object = Object { map, path: self.path.clone(), table };
        object.report_unknown_fields(report);
        Some(object)
    }

    /// Reads an object whose keys are names.
    pub(crate) fn entries(&self, count_max: usize, report: &mut Report) -> Vec<(&'a str, Node<'a>)> {
        let Value::Object(map) = self.value else {
            self.wrong_type(report, "an object");
            return Vec::new();
        };
        if self.too_many(map.len(), count_max, report) {
            return Vec::new();
        }
        map.iter().map(|(key, value)| (key.as_str(), Node { value, path: join(&self.path, key) })).collect()
    }

    /// Reads a list.
    pub(crate) fn items(&self, count_max: usize, report: &mut Report) -> Vec<Node<'a>> {
        let Value::Array(items) = self.value else {
            self.wrong_type(report, "a list");
            return Vec::new();
        };
        if self.too_many(items.len(), count_max, report) {
            return Vec::new();
        }
        let node = |(index, value)| Node { value, path: format!("{}[{index}]", self.path) };
        items.iter().enumerate().map(node).collect()
    }

    fn too_many(&self, count: usize, count_max: usize, report: &mut Report) -> bool {
        if count > count_max {
            self.problem(report, code::TOO_LARGE, format!("{count} entries, at most {count_max} are allowed"));
        }
        count > count_max
    }

    pub(crate) fn string(&self, report: &mut Report) -> Option<&'a str> {
        let text = self.value.as_str();
        match (text, self.value) {
            (None, Value::Number(_) | Value::Bool(_)) => {
                self.wrong_type(report, "a string (write it in quotes)");
            }
            (None, _) => self.wrong_type(report, "a string"),
            _ => {}
        }
        text
    }

    /// Reads a string of one line: not empty, bounded, without control characters.
    pub(crate) fn line(&self, chars_max: usize, report: &mut Report) -> Option<String> {
        let text = self.prose(chars_max, report)?;
        let message = if text.trim().is_empty() {
            "is empty: give a value or leave the field out"
        } else if text.contains(['\n', '\t']) {
            "must be a single line without tabs"
        } else {
            return Some(text);
        };
        self.problem(report, code::INVALID_VALUE, message);
        None
    }

    /// Reads a bounded string that may have several lines and may be empty.
    pub(crate) fn prose(&self, chars_max: usize, report: &mut Report) -> Option<String> {
        let text = self.string(report)?;
        let chars = text.chars().count();
        if chars > chars_max {
            self.problem(report, code::TOO_LARGE, format!("{chars} characters, at most {chars_max} are allowed"));
            return None;
        }
        let unseen = |c: char| (c.is_control() && !matches!(c, '\n' | '\t' | '\r')) || is_direction_mark(c);
        if text.contains(unseen) {
            self.problem(report, code::INVALID_VALUE, "contains control characters: remove them");
            return None;
        }
        Some(text.replace("\r\n", "\n"))
    }

    pub(crate) fn boolean(&self, report: &mut Report) -> Option<bool> {
        let value = self.value.as_bool();
        if value.is_none() {
            self.wrong_type(report, "true or false");
        }
        value
    }

    pub(crate) fn integer(&self, range: RangeInclusive<i64>, report: &mut Report) -> Option<i64> {
        let value = self.value.as_i64();
        match (value, self.value) {
            (Some(value), _) if range.contains(&value) => return Some(value),
            (Some(_), _) | (None, Value::Number(_)) if !is_fraction(self.value) => {
                let message = format!("must be an integer from {} to {}", range.start(), range.end());
                self.problem(report, code::OUT_OF_RANGE, message);
            }
            _ => self.wrong_type(report, "an integer"),
        }
        None
    }

    /// Reads an integer that cannot be negative.
    pub(crate) fn count(&self, range: RangeInclusive<u64>, report: &mut Report) -> Option<u64> {
        match self.value.as_u64() {
            Some(value) if range.contains(&value) => return Some(value),
            _ if self.value.is_number() && !is_fraction(self.value) => {
                let message = format!("must be an integer from {} to {}", range.start(), range.end());
                self.problem(report, code::OUT_OF_RANGE, message);
            }
            _ => self.wrong_type(report, "an integer"),
        }
        None
    }

    /// Reads one of a few words, and returns it in the spelling of the list.
    pub(crate) fn word(&self, words: &[&'static str], report: &mut Report) -> Option<&'static str> {
        let text = self.string(report)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let list = words.join(", ");
            let hint = suggestion(text, words.iter().copied());
            self.problem(report, code::INVALID_VALUE, format!("{} is not one of {list}{hint}", quoted(text)));
        }
        found
    }

    /// Reads a list of distinct names, each checked by `check`.
    pub(crate) fn names(
        &self,
        count_max: usize,
        check: impl Fn(&str) -> Result<(), String>,
        report: &mut Report,
    ) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for item in self.items(count_max, report) {
            let Some(name) = item.string(report) else {
                continue;
            };
            if let Err(message) = check(name) {
                item.problem(report, code::INVALID_NAME, message);
            } else if names.iter().any(|known| known == name) {
                item.problem(report, code::DUPLICATE, format!("{} is listed twice", quoted(name)));
            } else {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// An object that is read field by field.
pub(crate) struct Object<'a> {
    map: &'a Map<String, Value>,
    pub(crate) path: String,
    table: Table,
}

impl<'a> Object<'a> {
    /// Returns the field's value, under any of its names. If it is written under several, the first applies; the
    /// conflict is reported once, when the object is opened.
    pub(crate) fn get(&self, name: &str) -> Option<Node<'a>> {
        let field = find(self.table, name);
        debug_assert!(field.is_some(), "{name} is not in its table");
        let names = std::iter::once(field?.name).chain(field?.aliases.iter().copied());
        let (written, value) = names.filter_map(|name| self.map.get_key_value(name)).find(|(_, v)| !v.is_null())?;
        Some(Node { value, path: join(&self.path, written) })
    }

    /// Returns the field's value under its first name, even if it is null, for fields that give null a meaning.
    pub(crate) fn written(&self, name: &str) -> Option<Node<'a>> {
        debug_assert!(find(self.table, name).is_some(), "{name} is not in its table");
        self.map.get(name).map(|value| Node { value, path: join(&self.path, name) })
    }

    /// Returns the field's value, and reports a missing one.
    pub(crate) fn need(&self, name: &str, report: &mut Report) -> Option<Node<'a>> {
        let node = self.get(name);
        if node.is_none() {
            report.add(&join(&self.path, name), code::MISSING_FIELD, "is missing: it is required");
        }
        node
    }

    fn report_unknown_fields(&self, report: &mut Report) {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let mut listed = false;
        for (written, value) in self.map {
            let Some(field) = find(self.table, written) else {
                let message = self.unknown(written, &mut listed);
                report.add(&join(&self.path, written), code::UNKNOWN_FIELD, message);
                continue;
            };
            if value.is_null() {
                continue;
            }
            if let Some((_, other)) = seen.iter().find(|(name, _)| *name == field.name) {
                let message = format!("`{written}` and `{other}` are the same field: remove one of them");
                report.add(&join(&self.path, written), code::CONFLICT, message);
            }
            seen.push((field.name, written));
        }
    }

    /// Returns the message for an unknown field. `listed` records whether the known fields have been listed; they are
    /// listed once.
    fn unknown(&self, written: &str, listed: &mut bool) -> String {
        let names =
            self.table.iter().flat_map(|field| std::iter::once(field.name).chain(field.aliases.iter().copied()));
        match nearest(written, names) {
            Some(name) => format!("unknown field {}: did you mean `{name}`?", quoted(written)),
            None if *listed => format!("unknown field {}", quoted(written)),
            None => {
                *listed = true;
                let known: Vec<&str> = self.table.iter().map(|field| field.name).collect();
                format!("unknown field {}: known fields are {}", quoted(written), known.join(", "))
            }
        }
    }
}

/// Returns the path of a member. Keys that contain dots are shown in brackets.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$'));
    match (path, plain) {
        ("", true) => key.to_owned(),
        (_, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{key:?}]"),
    }
}

/// Returns the value's type with its article.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) if is_fraction(value) => "a decimal number",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn is_fraction(value: &Value) -> bool {
    value.is_f64()
}
