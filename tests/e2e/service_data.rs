//! `data` through the command: values that the next process reads, and refusals with their reasons.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Ran, run_with_data};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

#[test]
fn value_of_one_process_is_read_by_the_next() {
    let data = tempfile::tempdir().expect("a directory");
    let grant = Some("data.*");
    let set = json!({ "key": "note", "value": { "text": "ü" } });
    assert_eq!(run(data.path(), grant, "set", &set).exits_with(0).json(), "set");
    assert_eq!(run(data.path(), grant, "get", &json!("note")).exits_with(0).json(), json!({ "text": "ü" }));
    assert_eq!(run(data.path(), grant, "delete", &json!("note")).exits_with(0).json(), true);
    assert_eq!(run(data.path(), grant, "get", &json!("note")).exits_with(0).json(), json!({ "absent": true }));
    let elsewhere = tempfile::tempdir().expect("a directory");
    let keys = run(elsewhere.path(), grant, "keys", &json!({ "prefix": "", "limit": 1 }));
    assert_eq!(keys.exits_with(0).json()["keys"], json!([]));
}

#[test]
fn plugin_without_a_grant_exits_with_the_line_to_add() {
    let data = tempfile::tempdir().expect("a directory");
    let ran = run(data.path(), None, "get", &json!("note")).exits_with(4);
    assert_contains(&ran.stderr, &["plugbay:plugin/data", "data.*", "read", "--grant 'data.*:read'"]);
}

#[test]
fn write_without_a_grant_is_denied_with_the_line_to_add() {
    let data = tempfile::tempdir().expect("a directory");
    let set = json!({ "key": "note", "value": 1 });
    let denied = run(data.path(), Some("data.*:read"), "set", &set).exits_with(0);
    let text = denied.json()["error"]["permission_denied"].as_str().expect("no grant allows it").to_owned();
    assert_contains(&text, &["data.note", "write"]);
    let text = denied.advice();
    let granted = text.split("--grant ").nth(1).and_then(|rest| rest.split('`').next()).expect("the line to add");
    assert_eq!(run(data.path(), Some(granted), "set", &set).exits_with(0).json(), "set");
}

#[test]
fn value_over_the_limit_is_refused_with_its_name() {
    let data = tempfile::tempdir().expect("a directory");
    let big = json!({ "prefix": "big", "count": 1, "bytes": 1_048_577 });
    let refused = run(data.path(), Some("data.*"), "set_count", &big).exits_with(0).json();
    let text = refused["error"]["limit_exceeded"].as_str().expect("it is too long");
    assert_contains(text, &["data_value_bytes", "1048576", "1048577"]);
}

#[test]
fn damaged_file_is_reported_with_advice() {
    let data = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(data.path().join("feature_data")).expect("created");
    std::fs::write(data.path().join("feature_data/data.sqlite3"), [0x5a; 8192]).expect("written");
    let told = run(data.path(), Some("data.*"), "get", &json!("note")).exits_with(0).json();
    assert_contains(told["error"]["unavailable"].as_str().unwrap_or_default(), &["damaged", "restore", "feature_data"]);
}

fn run(data: &Path, grant: Option<&str>, action: &str, payload: &Value) -> Ran {
    let plugin = TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }]));
    run_with_data(plugin, data, grant, action, payload)
}
