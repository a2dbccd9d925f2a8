//! The published JSON Schemas (draft 2020-12), for editors and other programs.

mod shared;

use serde_json::{Value, json};

use crate::{host_file, shape, test_file, top};

/// Returns the JSON Schema of a manifest file.
///
/// It accepts everything that the parser accepts: all fields, aliases and short forms. It cannot express some rules,
/// such as that a default must fit its own setting. It does not require `name` and `version`, because a file next to a
/// component with an embedded manifest may omit them.
pub fn json_schema() -> Value {
    let about = "A Plugbay plugin: its identity, what it offers and what it asks for.";
    document("Plugbay plugin manifest", about, shape::object(top::MANIFEST, &[]))
}

/// Returns the JSON Schema of the host's file, `plugbay.yaml`.
pub fn host_json_schema() -> Value {
    let about = "A Plugbay host: the plugins that it runs, and the operator's policy.";
    document("Plugbay host file", about, shape::object(host_file::HOST_FILE, &[]))
}

/// Returns the JSON Schema of a test file, `plugin.test.yaml`.
pub fn test_json_schema() -> Value {
    let about = "Tests of a Plugbay plugin: steps and expected outcomes.";
    document("Plugbay test file", about, shape::object(test_file::TEST_FILE, &["tests"]))
}

fn document(title: &str, about: &str, object: Value) -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": about,
    });
    for part in ["type", "properties", "additionalProperties", "allOf"] {
        if let Some(value) = object.get(part) {
            schema[part] = value.clone();
        }
    }
    schema["$defs"] = top::definitions();
    shared::share(schema)
}
