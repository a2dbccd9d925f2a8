//! Golden tests of manifests, host files and test files: each is compared with its canonical form, or with all of its
//! problems.
//!
//! Each document in `golden/` has its expected outcome next to it, in a file of the same name with `.expected`
//! appended. `BLESS=1 cargo test -p plugbay-manifest --test golden` rewrites the outcomes; review the difference before
//! you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use plugbay_manifest::{Format, HostFile, Layer, Manifest, TestFile, json_schema};
use serde_json::Value;

/// The documents of one directory, sorted.
fn documents(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(directory);
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

/// Compares the outcome with the file next to the document, or writes that file.
fn compare(path: &Path, outcome: &str) {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".expected");
    let outcome = format!("{}\n", outcome.trim_end());
    if std::env::var_os("BLESS").is_some() {
        fs::write(&beside, outcome).expect("the expected outcome can be written");
        return;
    }
    let expected = fs::read_to_string(&beside).unwrap_or_default();
    assert_eq!(outcome, expected, "{}: run with BLESS=1 if this is what it should be", path.display());
}

fn manifest(path: &Path) -> Manifest {
    let (name, text, format) = read(path);
    let layer = Layer::parse(name, &text, format).expect("the golden parses");
    Manifest::from_layers(&[layer]).expect("the golden is a good manifest")
}

#[test]
fn good_manifest_becomes_its_canonical_form() {
    for path in documents("good") {
        let manifest = manifest(&path);
        let json = serde_json::to_string_pretty(&manifest).expect("a manifest serializes");
        compare(&path, &format!("{json}\n{}", manifest.notes.join("\n")));
    }
}

#[test]
fn bad_manifest_reports_all_problems() {
    for path in documents("bad") {
        let (name, text, format) = read(&path);
        let result = Layer::parse(name, &text, format).and_then(|layer| Manifest::from_layers(&[layer]));
        let message = result.expect_err("the golden is a bad manifest").to_string();
        assert!(!message.contains("hunter2") && !message.contains("31337"), "shows a secret:\n{message}");
        assert!(!message.contains("top-secret"), "shows the value of a variable:\n{message}");
        compare(&path, &message);
    }
}

#[test]
fn good_host_file_becomes_its_settings() {
    for path in documents("host-good") {
        let (name, text, format) = read(&path);
        let file = HostFile::parse(name, &text, format).expect("the golden is a good host file");
        let shown = format!("{file:#?}");
        assert!(!shown.contains("hunter2"), "shows an option:\n{shown}");
        compare(&path, &shown);
    }
}

#[test]
fn bad_host_file_reports_all_problems() {
    for path in documents("host-bad") {
        let (name, text, format) = read(&path);
        let error = HostFile::parse(name, &text, format).expect_err("the golden is a bad host file");
        assert!(!error.to_string().contains("hunter2"), "shows an option:\n{error}");
        compare(&path, &error.to_string());
    }
}

#[test]
fn good_test_file_becomes_its_tests() {
    for path in documents("test-good") {
        let (name, text, format) = read(&path);
        let file = TestFile::parse(name, &text, format).unwrap_or_else(|error| panic!("{error}"));
        compare(&path, &format!("{file:#?}"));
    }
}

#[test]
fn bad_test_file_reports_all_problems() {
    for path in documents("test-bad") {
        let (name, text, format) = read(&path);
        let error = TestFile::parse(name, &text, format).expect_err("the golden is a bad test file");
        compare(&path, &error.to_string());
    }
}

/// A field that is declared but not read, merged and published is missing in the canonical form of every golden.
#[test]
fn every_field_of_the_schema_reaches_the_manifest() {
    /// Fields that have no effect, and those that mean the same as others.
    const OTHERS: [&str; 6] = ["$schema", "config", "email", "id", "plugin", "python_version"];
    let mut reached: Vec<String> = OTHERS.map(str::to_owned).to_vec();
    for path in documents("good") {
        let canonical = serde_json::to_value(manifest(&path)).expect("a manifest serializes");
        reached.extend(canonical.as_object().expect("an object").keys().cloned());
    }
    let schema = json_schema();
    let declared = schema["properties"].as_object().expect("the manifest is an object");
    let is_alias = |field: &Value| field["description"].as_str().is_some_and(|about| about.starts_with("The same as"));
    let fields = declared.iter().filter(|(_, field)| !is_alias(field)).map(|(name, _)| name);
    let missing: Vec<&String> = fields.filter(|name| !reached.contains(name)).collect();
    assert!(missing.is_empty(), "no golden has {missing:?}");
}

#[test]
fn embedded_layer_gives_the_same_manifest() {
    for path in documents("good") {
        let (name, text, format) = read(&path);
        let layer = Layer::parse(name.clone(), &text, format).expect("the golden parses");
        let embedded = format!("{}{}", layer.to_json(), layer.to_json());
        let layers = Layer::from_section(name, embedded.as_bytes()).expect("what was embedded parses");
        assert_eq!(layers.len(), 2);
        let again = Manifest::from_layers(&layers).expect("what was embedded is good");
        // Fields that do not apply are noted once and not embedded.
        let mut expected = manifest(&path);
        expected.notes.clone_from(&again.notes);
        assert_eq!(again, expected);
    }
}

/// A manifest and its problems are the same in every format, in the same order.
#[test]
fn manifest_is_the_same_in_every_format() {
    for path in documents("good").into_iter().chain(documents("bad")) {
        let (name, text, format) = read(&path);
        let Ok(Value::Object(written)) = format.parse(&name, &text) else { continue };
        let json = Value::Object(written.clone()).to_string();
        let said = written.iter().filter(|(_, value)| !value.is_null());
        let toml: String = said.map(|(key, value)| format!("{key:?} = {}\n", in_toml(value))).collect();
        // A JSON text is a YAML text too.
        let [json, yaml, toml] =
            [(&json, Format::Json), (&json, Format::Yaml), (&toml, Format::Toml)].map(|(text, format)| {
                let layer = Layer::parse(name.clone(), text, format).unwrap_or_else(|error| panic!("{error}\n{text}"));
                Manifest::from_layers(&[layer])
            });
        assert_eq!(json, yaml, "{name}");
        assert_eq!(json, toml, "{name}");
    }
}

/// The value on one line of TOML. TOML has no null, so an empty object replaces it; these documents treat both alike.
fn in_toml(value: &Value) -> String {
    match value {
        Value::Null => "{}".to_owned(),
        Value::Object(map) => {
            let members: Vec<String> = map.iter().map(|(key, value)| format!("{key:?} = {}", in_toml(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(in_toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[test]
fn embedded_layer_with_problems_reports_them_again() {
    for path in documents("bad") {
        let (name, text, format) = read(&path);
        let Ok(layer) = Layer::parse(name.clone(), &text, format) else {
            continue;
        };
        let before = Manifest::from_layers(std::slice::from_ref(&layer)).expect_err("bad");
        let layers = Layer::from_section(name, layer.to_json().as_bytes()).expect("JSON");
        let after = Manifest::from_layers(&layers).expect_err("still bad");
        assert_eq!(before, after);
    }
}
