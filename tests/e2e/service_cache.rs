//! `cache` through the command: refusals with their reasons, and values that end with the process.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Ran, run_with_data};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

#[test]
fn cached_value_ends_with_the_process() {
    let data = tempfile::tempdir().expect("a directory");
    let grant = Some("cache.*");
    let set = json!({ "key": "a", "value": { "text": "ü" }, "ttl_ms": 0 });
    assert_eq!(run(data.path(), grant, "get_or_set", &set).exits_with(0).json(), json!({ "text": "ü" }));
    assert_eq!(run(data.path(), grant, "get", &json!("a")).exits_with(0).json(), json!({ "absent": true }));
    let kept = std::fs::read_dir(data.path()).expect("readable").count();
    assert_eq!(kept, 0, "a cache leaves nothing on disk");
}

#[test]
fn plugin_without_a_grant_exits_with_the_line_to_add() {
    let data = tempfile::tempdir().expect("a directory");
    let ran = run(data.path(), None, "get", &json!("a")).exits_with(4);
    assert_contains(&ran.stderr, &["plugbay:plugin/cache", "cache.*", "read", "--grant 'cache.*:read'"]);
}

#[test]
fn write_without_a_grant_is_denied_with_the_line_to_add() {
    let data = tempfile::tempdir().expect("a directory");
    let set = json!({ "key": "a", "value": 1 });
    let denied = run(data.path(), Some("cache.*:read"), "set", &set).exits_with(0);
    assert_contains(denied.json()["error"]["permission_denied"].as_str().unwrap_or_default(), &["write `cache.a`"]);
    assert_contains(&denied.advice(), &["--grant cache.a:write"]);
    assert_eq!(run(data.path(), Some("cache.a:write"), "set", &set).exits_with(0).json(), "set");
}

#[test]
fn value_over_the_limit_is_refused_with_its_name() {
    let data = tempfile::tempdir().expect("a directory");
    let big = json!({ "prefix": "big", "count": 1, "bytes": 1_048_577 });
    let refused = run(data.path(), Some("cache.*"), "set_count", &big).exits_with(0).json();
    let text = refused["error"]["limit_exceeded"].as_str().expect("it is too long");
    assert_contains(text, &["cache_value_bytes", "1048576", "1048577"]);
}

fn run(data: &Path, grant: Option<&str>, action: &str, payload: &Value) -> Ran {
    let plugin = TestPlugin::from(feature::CACHE).manifest("permissions", json!([{ "resource": "cache.*" }]));
    run_with_data(plugin, data, grant, action, payload)
}
