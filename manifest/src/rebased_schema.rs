//! A plugin's JSON Schema as a part of a larger document: a description of a server, or of the arguments of a tool.
//!
//! The schema is taken as it is. Only its local references change: `#` is the schema itself in the manifest, and the
//! whole document here.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Keywords whose values are data and not schemas.
const DATA: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// Keywords whose values are schemas by name.
const BY_NAME: [&str; 5] = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// Returns a schema of a manifest for a place in a larger document, which is a JSON pointer such as
/// `#/components/schemas/a`. Its local references lead there.
pub fn rebased_schema(schema: &Value, place: &str) -> Value {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        // Plugins' schemas are read as draft 2020-12 whatever they state, which is the document's dialect.
        members.remove("$schema");
        members.remove("$id");
    }
    let mut anchors = BTreeMap::new();
    collect_anchors(&schema, place, &mut anchors);
    rewrite(&mut schema, place, &anchors);
    schema
}

/// Collects the pointers to the anchors of a schema, by name.
fn collect_anchors(schema: &Value, pointer: &str, anchors: &mut BTreeMap<String, String>) {
    let Some(members) = schema.as_object() else { return };
    if let Some(anchor) = members.get("$anchor").and_then(Value::as_str) {
        anchors.insert(anchor.to_owned(), pointer.to_owned());
    }
    for (below, schema) in schemas_below(members) {
        collect_anchors(schema, &format!("{pointer}{below}"), anchors);
    }
}

/// The schemas directly below a schema, with the ends of their pointers.
fn schemas_below(members: &Map<String, Value>) -> Vec<(String, &Value)> {
    let mut below = Vec::new();
    for (keyword, value) in members.iter().filter(|(keyword, _)| !DATA.contains(&keyword.as_str())) {
        match value {
            Value::Object(named) if BY_NAME.contains(&keyword.as_str()) => {
                below.extend(
                    named.iter().map(|(name, schema)| (format!("/{keyword}/{}", json_pointer_token(name)), schema)),
                );
            }
            Value::Object(_) => below.push((format!("/{}", json_pointer_token(keyword)), value)),
            Value::Array(items) => {
                let item = |(index, item)| (format!("/{}/{index}", json_pointer_token(keyword)), item);
                below.extend(items.iter().enumerate().map(item));
            }
            _ => {}
        }
    }
    below
}

fn rewrite(schema: &mut Value, place: &str, anchors: &BTreeMap<String, String>) {
    let Some(members) = schema.as_object_mut() else { return };
    members.remove("$anchor");
    // References below another base are relative to that.
    if members.contains_key("$id") {
        return;
    }
    for (keyword, value) in members.iter_mut().filter(|(keyword, _)| !DATA.contains(&keyword.as_str())) {
        match value {
            Value::String(reference) if matches!(keyword.as_str(), "$ref" | "$dynamicRef") => {
                let Some(fragment) = reference.strip_prefix('#') else { continue };
                *reference = match anchors.get(fragment) {
                    Some(pointer) => pointer.clone(),
                    None => format!("{place}{fragment}"),
                };
            }
            Value::Object(named) if BY_NAME.contains(&keyword.as_str()) => {
                named.values_mut().for_each(|schema| rewrite(schema, place, anchors));
            }
            Value::Object(_) => rewrite(value, place, anchors),
            Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, place, anchors)),
            _ => {}
        }
    }
}

/// Returns a name as a part of a JSON pointer: `a/b` as `a~1b` (RFC 6901).
pub fn json_pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn local_references_lead_to_the_component() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.org/tree",
            "type": "object",
            "properties": {
                "$ref": { "$ref": "#/$defs/leaf" }, "children": { "items": { "$ref": "#" } }, "b": { "$ref": "#named" },
            },
            "$defs": { "leaf": { "const": { "$ref": "#" } }, "a/b": { "$anchor": "named", "type": "string" } },
            "anyOf": [{ "$ref": "#/$defs/leaf" }, { "$ref": "https://example.org/other#x" }],
        });
        let expected = json!({
            "type": "object",
            "properties": {
                "$ref": { "$ref": "#/components/schemas/shop.add/$defs/leaf" },
                "children": { "items": { "$ref": "#/components/schemas/shop.add" } },
                "b": { "$ref": "#/components/schemas/shop.add/$defs/a~1b" },
            },
            "$defs": { "leaf": { "const": { "$ref": "#" } }, "a/b": { "type": "string" } },
            "anyOf": [{ "$ref": "#/components/schemas/shop.add/$defs/leaf" }, { "$ref": "https://example.org/other#x" }],
        });
        assert_eq!(rebased_schema(&schema, "#/components/schemas/shop.add"), expected);
    }

    #[test]
    fn schema_that_is_a_boolean_stays_one() {
        assert_eq!(rebased_schema(&json!(true), "#/a"), json!(true));
    }
}
