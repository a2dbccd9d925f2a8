//! Shares repeated parts of a schema: they become definitions, and their occurrences references.
//!
//! Field tables repeat each field under all of its names and in all of its places. Without sharing, the document would
//! be ten times as large, too large for editors and people.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The minimum length of a shared part. For a shorter one, a reference saves little and is harder to read.
const SHARED_BYTES_MIN: usize = 100;

/// Replaces each part of the schema that occurs more than once with a reference to an entry of `$defs`.
pub(super) fn share(mut schema: Value) -> Value {
    let mut counts = BTreeMap::new();
    count(&schema, &mut counts);
    let taken = schema["$defs"].as_object().map(|known| known.keys().cloned().collect()).unwrap_or_default();
    let mut sharing = Sharing { counts, names: BTreeMap::new(), taken, definitions: Map::new() };
    sharing.parts_of(&mut schema, "schema");
    if let Some(known) = schema["$defs"].as_object_mut() {
        known.append(&mut sharing.definitions);
    }
    schema
}

/// Counts the occurrences of each part, by its text. The contents of a repeated part are counted once.
fn count(schema: &Value, counts: &mut BTreeMap<String, usize>) {
    for_each_part(schema, &mut |_, part| {
        let text = part.to_string();
        let times = counts.entry(text).or_insert(0);
        *times += 1;
        if *times == 1 {
            count(part, counts);
        }
    });
}

struct Sharing {
    counts: BTreeMap<String, usize>,
    /// The names of the definitions, by their text.
    names: BTreeMap<String, String>,
    taken: BTreeSet<String>,
    definitions: Map<String, Value>,
}

impl Sharing {
    /// Shares the parts of a schema. `near` is the nearest property, which names the part.
    fn parts_of(&mut self, schema: &mut Value, near: &str) {
        for_each_part_mut(schema, &mut |property, part| self.part(part, property.unwrap_or(near)));
    }

    fn part(&mut self, part: &mut Value, near: &str) {
        let text = part.to_string();
        let times = self.counts.get(&text).copied().unwrap_or_default();
        if times < 2 || text.len() < SHARED_BYTES_MIN {
            return self.parts_of(part, near);
        }
        let name = match self.names.get(&text) {
            Some(name) => name.clone(),
            None => {
                let name = self.free_name(near);
                self.names.insert(text, name.clone());
                let mut definition = part.clone();
                self.parts_of(&mut definition, near);
                self.definitions.insert(name.clone(), definition);
                name
            }
        };
        *part = json!({ "$ref": format!("#/$defs/{name}") });
    }

    fn free_name(&mut self, near: &str) -> String {
        let near: String = near.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let numbered = (2..).map(|number| format!("{near}_{number}"));
        let mut names = std::iter::once(near.clone()).chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or(near);
        self.taken.insert(name.clone());
        name
    }
}

/// The members that contain one schema, a list of schemas, and schemas by name.
const ONE: [&str; 2] = ["items", "additionalProperties"];
const LISTS: [&str; 2] = ["anyOf", "allOf"];
const MAPS: [&str; 3] = ["properties", "patternProperties", "$defs"];

/// Visits the direct subschemas, those of properties with their names.
fn for_each_part(schema: &Value, visit: &mut dyn FnMut(Option<&str>, &Value)) {
    let objects = |value: &Value| value.is_object();
    ONE.iter().filter_map(|key| schema.get(key)).filter(|part| objects(part)).for_each(|part| visit(None, part));
    let lists = LISTS.iter().filter_map(|key| schema.get(key)?.as_array());
    lists.flatten().for_each(|part| visit(None, part));
    let maps = MAPS.iter().filter_map(|key| schema.get(key)?.as_object());
    maps.flatten().for_each(|(name, part)| visit(Some(name), part));
}

/// Like [`for_each_part`], with mutable access.
fn for_each_part_mut(schema: &mut Value, visit: &mut dyn FnMut(Option<&str>, &mut Value)) {
    for key in ONE {
        if let Some(part) = schema.get_mut(key).filter(|part| part.is_object()) {
            visit(None, part);
        }
    }
    for key in LISTS {
        schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(|part| visit(None, part));
    }
    for key in MAPS {
        let map = schema.get_mut(key).and_then(Value::as_object_mut);
        map.into_iter().flatten().for_each(|(name, part)| visit(Some(name), part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_that_occurs_twice_becomes_a_definition() {
        let address = json!({ "type": "object", "properties": { "street": { "type": "string", "maxLength": 512 },
            "town": { "type": "string", "description": "Where the street is, without the country." } } });
        let schema = json!({ "properties": { "home": address, "work": { "anyOf": [address, { "type": "null" }] } },
            "$defs": { "work": true } });
        let shared = share(schema);
        assert_eq!(shared["properties"]["home"], json!({ "$ref": "#/$defs/home" }));
        assert_eq!(shared["properties"]["work"]["anyOf"][0], json!({ "$ref": "#/$defs/home" }));
        assert_eq!(shared["$defs"]["home"], address);
        assert_eq!(shared["$defs"]["work"], true, "existing definitions stay");
    }

    #[test]
    fn short_parts_and_values_stay() {
        let schema = json!({ "properties": { "a": { "type": "boolean" }, "b": { "type": "boolean" } },
            "default": { "properties": {} }, "$defs": {} });
        assert_eq!(share(schema.clone()), schema);
    }
}
