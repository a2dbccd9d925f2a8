//! A one-line summary of a JSON Schema: `{name: string, times?: integer}`.
//!
//! Bounds, patterns and descriptions are omitted. `inspect --json` has the schema itself.

use serde_json::Value;

/// The maximum depth. Schemas may refer to themselves, and a deeper summary would be unreadable.
const DEPTH_MAX: usize = 4;
/// The longest summary.
const CHARACTERS_MAX: usize = 160;

/// Summarises a schema.
pub(crate) fn summary(schema: &Value) -> String {
    let text = shape(schema, schema, DEPTH_MAX);
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn shape(schema: &Value, root: &Value, depth: usize) -> String {
    if depth == 0 {
        return "…".to_owned();
    }
    let deeper = |inner: &Value| shape(inner, root, depth - 1);
    if let Some(reference) = schema["$ref"].as_str() {
        return match reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            Some(target) => deeper(target),
            None => "any".to_owned(),
        };
    }
    if let Some(value) = schema.get("const") {
        return value.to_string();
    }
    if let Some(values) = schema["enum"].as_array() {
        return either(values.iter().map(Value::to_string));
    }
    if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        return either(choices.iter().map(deeper));
    }
    match &schema["type"] {
        Value::String(kind) => of_kind(kind, schema, &deeper),
        Value::Array(kinds) => {
            either(kinds.iter().filter_map(Value::as_str).map(|kind| of_kind(kind, schema, &deeper)))
        }
        _ if schema.get("properties").is_some() => of_kind("object", schema, &deeper),
        _ => "any".to_owned(),
    }
}

fn of_kind(kind: &str, schema: &Value, deeper: &dyn Fn(&Value) -> String) -> String {
    match (kind, &schema["properties"], &schema["additionalProperties"], &schema["items"]) {
        ("object", Value::Object(properties), _, _) if !properties.is_empty() => {
            let required = |name: &str| {
                schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
            };
            let members: Vec<String> = properties
                .iter()
                .map(|(name, inner)| format!("{name}{}: {}", if required(name) { "" } else { "?" }, deeper(inner)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        ("object", _, Value::Object(_), _) => {
            format!("{{…: {}}}", deeper(&schema["additionalProperties"]))
        }
        ("object", ..) => "object".to_owned(),
        ("array", _, _, Value::Object(_)) => format!("[{}]", deeper(&schema["items"])),
        _ => kind.to_owned(),
    }
}

fn either(choices: impl Iterator<Item = String>) -> String {
    let mut known: Vec<String> = Vec::new();
    for choice in choices {
        if !known.contains(&choice) {
            known.push(choice);
        }
    }
    known.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, expected: &str) {
        assert_eq!(summary(&schema), expected);
    }

    #[test]
    fn object_shows_members_and_which_may_be_left_out() {
        check(
            json!({"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "times": {"type": ["integer", "null"]}, "tags": {"type": "array", "items": {"type": "string"}}
            }}),
            "{name: string, times?: integer | null, tags?: [string]}",
        );
        check(json!({"type": "object", "additionalProperties": {"type": "number"}}), "{…: number}");
        check(json!({"type": "object"}), "object");
    }

    #[test]
    fn choices_and_references_are_followed() {
        check(json!({"enum": ["red", "green"]}), "\"red\" | \"green\"");
        check(json!({"oneOf": [{"const": "a"}, {"type": "integer"}]}), "\"a\" | integer");
        check(
            json!({"$ref": "#/$defs/Point", "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}}}}),
            "{x?: number}",
        );
    }

    #[test]
    fn schema_that_says_nothing_or_refers_to_itself_ends() {
        check(json!({}), "any");
        check(json!(true), "any");
        let tree = json!({"$ref": "#/$defs/T", "$defs": {"T": {"type": "array", "items": {"$ref": "#/$defs/T"}}}});
        assert!(summary(&tree).contains('…'));
    }
}
