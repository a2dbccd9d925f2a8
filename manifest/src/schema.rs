//! The published JSON Schemas (draft 2020-12), for editors and other programs.

mod shared;

use serde_json::{Value, json};

use crate::{host_file, shape, test_file, top};

/// The JSON Schema of a manifest file.
///
/// It accepts whatever the parser accepts: all fields, all their other names, all short forms. Some rules it cannot
/// express, such as a default that must fit its own setting. It demands neither `name` nor `version`, because a file
/// beside a component that carries its manifest inside may leave them out.
pub fn json_schema() -> Value {
    let about = "What a Plugbay plugin says of itself and asks for.";
    document("Plugbay plugin manifest", about, shape::object(top::MANIFEST, &[]))
}

/// The JSON Schema of the host's file, `plugbay.yaml`.
pub fn host_json_schema() -> Value {
    let about = "How a Plugbay host runs plugins, and what it allows them.";
    document("Plugbay host file", about, shape::object(host_file::HOST_FILE, &[]))
}

/// The JSON Schema of a file of tests, `plugin.test.yaml`.
pub fn test_json_schema() -> Value {
    let about = "Tests of a Plugbay plugin: what happens in a host, and what is expected.";
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
