//! Shapes: the parts from which field tables build the published JSON Schema.
//!
//! A shape is never stricter than the reader of the same field, because an editor must not flag what the host accepts.
//! It is laxer if JSON Schema cannot express a rule, such as that a default must fit its own setting.

use serde_json::{Map, Value, json};

use crate::field::Table;

pub(crate) fn line(chars_max: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": chars_max })
}

pub(crate) fn prose(chars_max: usize) -> Value {
    json!({ "type": "string", "maxLength": chars_max })
}

pub(crate) fn name(pattern: &str, chars_max: usize) -> Value {
    json!({ "type": "string", "pattern": pattern, "maxLength": chars_max })
}

pub(crate) fn word(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

pub(crate) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

pub(crate) fn integer(least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

pub(crate) fn count(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// Any value.
pub(crate) fn anything() -> Value {
    json!({})
}

pub(crate) fn list(item: Value, count_max: usize) -> Value {
    json!({ "type": "array", "items": item, "maxItems": count_max })
}

/// An object whose keys are names.
pub(crate) fn map(member: Value, count_max: usize) -> Value {
    json!({ "type": "object", "additionalProperties": member, "maxProperties": count_max })
}

pub(crate) fn any_of(shapes: impl Into<Vec<Value>>) -> Value {
    json!({ "anyOf": shapes.into() })
}

/// An object with the table's fields, under all of their names.
pub(crate) fn object(table: Table, required: &[&str]) -> Value {
    let mut properties = Map::new();
    for field in table {
        let shape = or_null((field.shape)());
        properties.insert(field.name.to_owned(), described(shape.clone(), field.about));
        for alias in field.aliases {
            properties.insert((*alias).to_owned(), described(shape.clone(), &format!("The same as `{}`.", field.name)));
        }
    }
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let required: Vec<Value> = required.iter().map(|name| one_name_of(table, name)).collect();
    if !required.is_empty() {
        object["allOf"] = Value::Array(required);
    }
    object
}

/// Requires a field, under any of its names.
fn one_name_of(table: Table, name: &str) -> Value {
    let aliases = crate::field::find(table, name).map_or(&[][..], |field| field.aliases);
    let names: Vec<Value> =
        std::iter::once(name).chain(aliases.iter().copied()).map(|name| json!({ "required": [name] })).collect();
    any_of(names)
}

pub(crate) fn described(mut shape: Value, about: &str) -> Value {
    shape["description"] = Value::String(about.to_owned());
    shape
}

/// The shape, or `null`, which the reader treats as absent.
fn or_null(shape: Value) -> Value {
    match shape.as_object() {
        Some(map) if map.is_empty() => shape,
        _ => json!({ "anyOf": [shape, { "type": "null" }] }),
    }
}
