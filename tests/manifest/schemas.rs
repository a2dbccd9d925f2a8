//! The published JSON Schemas of manifests, host files and test files, against the documents of the manifest crate's
//! golden tests.
//!
//! These tests are not in that crate because it is a dependency of a procedural macro. With a validator among its
//! development dependencies, `cargo test` would build wasmtime with other features than `cargo run`.

use std::fs;
use std::path::{Path, PathBuf};

use plugbay::manifest::{Format, Layer, Manifest, host_json_schema, json_schema, test_json_schema};
use serde_json::Value;

/// The documents of one directory, sorted.
fn documents(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifest/tests/golden").join(directory);
    let entries = fs::read_dir(&directory).expect("the directory of goldens exists");
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| Format::from_path(path).is_some()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no documents", directory.display());
    paths
}

fn read(path: &Path) -> (String, String, Format) {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned();
    let text = fs::read_to_string(path).expect("a readable golden");
    (name, text, Format::from_path(path).expect("a known format"))
}

fn manifest(path: &Path) -> Manifest {
    let (name, text, format) = read(path);
    let layer = Layer::parse(name, &text, format).expect("the golden parses");
    Manifest::from_layers(&[layer]).expect("the golden is a good manifest")
}

fn schema(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::meta::validate(schema).expect("a valid schema of draft 2020-12");
    jsonschema::draft202012::new(schema).expect("the schema compiles")
}

fn assert_fits(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{what} does not fit the schema:\n{}", errors.join("\n"));
}

#[test]
fn good_documents_fit_the_published_schemas() {
    let manifests = schema(&json_schema());
    for path in documents("good") {
        let (name, text, format) = read(&path);
        let written = format.parse(&name, &text).expect("the golden parses");
        assert_fits(&manifests, &written, &name);
        let canonical = serde_json::to_value(manifest(&path)).expect("a manifest serializes");
        assert_fits(&manifests, &canonical, &format!("the canonical form of {name}"));
    }
    let host_files = schema(&host_json_schema());
    for path in documents("host-good") {
        let (name, text, format) = read(&path);
        let written = format.parse(&name, &text).expect("the golden parses");
        assert!(written.is_null() || host_files.is_valid(&written), "{name} does not fit the schema");
    }
    let test_files = schema(&test_json_schema());
    for path in documents("test-good") {
        let (name, text, format) = read(&path);
        assert_fits(&test_files, &format.parse(&name, &text).expect("the golden parses"), &name);
    }
}

#[test]
fn published_schema_has_no_repeated_parts() {
    let bytes = json_schema().to_string().len();
    assert!(bytes < 60_000, "{bytes} bytes: editors and people choke on it");
}

#[test]
fn bad_field_names_do_not_fit_the_published_schema() {
    let manifests = schema(&json_schema());
    for bad in ["{\"nmae\": \"x\"}", "{\"resources\": {\"timeout\": 1}}", "{\"events\": {\"listens\": []}}"] {
        let bad: Value = serde_json::from_str(bad).expect("JSON");
        assert!(!manifests.is_valid(&bad), "{bad} must not fit");
    }
}

/// The schema must never refuse what the parser accepts. Every value in every good golden is replaced by values of all
/// types, and each document that the parser still accepts must fit the schema.
#[test]
fn mutated_manifest_that_parses_fits_the_schema() {
    let validator = schema(&json_schema());
    let mut accepted = 0;
    let mut refused = 0;
    for path in documents("good") {
        let (name, text, format) = read(&path);
        let written = format.parse(&name, &text).expect("the golden parses");
        let mut pointers = Vec::new();
        collect_pointers(&written, String::new(), &mut pointers);
        for pointer in pointers {
            for replacement in replacements() {
                let mut mutated = written.clone();
                *mutated.pointer_mut(&pointer).expect("a pointer into the golden") = replacement;
                let layer = Layer::from_value(name.clone(), mutated.clone()).expect("bounded");
                match Manifest::from_layers(&[layer]) {
                    Ok(_) => {
                        accepted += 1;
                        assert_fits(&validator, &mutated, &format!("{name} with another {pointer}"));
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(accepted > 500 && refused > 500, "the replacements test something: {accepted}, {refused}");
}

fn replacements() -> Vec<Value> {
    let texts = ["null", "true", "0", "-1", "7", "2.5", "1e30", "\"\"", "\"x\"", "\"/x\"", "\"1.0.0\"", "[]", "{}"];
    let more = [
        "[\"a\"]",
        "[{}]",
        "{\"a\": null}",
        "{\"a\": {}}",
        "{\"name\": \"x\"}",
        "[\"GET\"]",
        "\"db.read\"",
        "\"TEXT\"",
    ];
    texts.iter().chain(&more).map(|text| serde_json::from_str(text).expect("JSON")).collect()
}

fn collect_pointers(value: &Value, pointer: String, pointers: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (key, child) in children {
        let pointer = format!("{pointer}/{key}");
        pointers.push(pointer.clone());
        collect_pointers(child, pointer, pointers);
    }
}
