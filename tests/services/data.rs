//! `plugbay:plugin/data`: values and their lifetimes, permissions, limits, and isolation between plugins.

use std::time::Duration;

use plugbay::{Invocation, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{
    assert_contains, assert_invoke_error, assert_last_denial, assert_load_error, line_to_add,
};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn value_that_was_set_is_returned_unchanged() {
    let plugin = host().load(notes()).await;
    assert_eq!(get(&plugin, "greeting").await, json!({ "absent": true }));
    for value in
        [json!({ "a": [1, 2.5, null, "ü"] }), json!("text"), json!(null), json!(18_446_744_073_709_551_615_u64)]
    {
        assert_eq!(set(&plugin, "greeting", &value).await, json!("set"));
        assert_eq!(get(&plugin, "greeting").await, value);
    }
    let text = r#"{ "spaces":  1e2 }"#;
    assert_eq!(act(&plugin, "set_raw", json!({ "key": "greeting", "value": text })).await, json!("set"));
    assert_eq!(act(&plugin, "get_raw", json!("greeting")).await, json!(text), "the text is stored unchanged");
}

#[tokio::test]
async fn delete_removes_a_value_and_returns_whether_it_existed() {
    let plugin = host().load(notes()).await;
    set(&plugin, "a", &json!(1)).await;
    assert_eq!(act(&plugin, "delete", json!("a")).await, json!(true));
    assert_eq!(act(&plugin, "delete", json!("a")).await, json!(false));
    assert_eq!(get(&plugin, "a").await, json!({ "absent": true }));
}

#[tokio::test]
async fn set_many_sets_all_or_none() {
    let plugin = host().load(notes()).await;
    assert_eq!(act(&plugin, "set_many", json!({ "a": 1, "b": 2 })).await, json!("set"));
    assert_eq!((get(&plugin, "a").await, get(&plugin, "b").await), (json!(1), json!(2)));
    let answer = act(&plugin, "set_many", json!({ "a": 3, "": 4 })).await;
    assert!(answer["error"]["invalid_argument"].is_string(), "{answer}");
    assert_eq!(get(&plugin, "a").await, json!(1));
}

#[tokio::test]
async fn keys_are_listed_page_by_page_in_order() {
    let plugin = host().load(notes()).await;
    act(&plugin, "set_many", json!({ "n/3": 0, "n/1": 0, "n/2": 0, "other": 0, "m": 0 })).await;
    let page = keys(&plugin, "n/", None, 2).await;
    assert_eq!(page, json!({ "keys": ["n/1", "n/2"], "cursor": "n/2" }));
    let page = keys(&plugin, "n/", page["cursor"].as_str(), 2).await;
    assert_eq!(page, json!({ "keys": ["n/3"], "cursor": null }));
    assert_eq!(keys(&plugin, "", None, 3).await["keys"], json!(["m", "n/1", "n/2"]));
    assert_eq!(keys(&plugin, "n/", None, 3).await["cursor"], json!(null), "a page that holds all is the last");
    assert!(keys(&plugin, "", None, 0).await["error"]["invalid_argument"].is_string());
}

#[tokio::test]
async fn page_has_no_more_than_a_thousand_keys() {
    let plugin = host().load(notes()).await;
    for prefix in ["a", "b"] {
        act(&plugin, "set_count", json!({ "prefix": prefix, "count": 600, "bytes": 1 })).await;
    }
    let page = keys(&plugin, "", None, u32::MAX).await;
    assert_eq!(page["keys"].as_array().map(Vec::len), Some(1_000));
    let rest = keys(&plugin, "", page["cursor"].as_str(), u32::MAX).await;
    assert_eq!((rest["keys"].as_array().map(Vec::len), &rest["cursor"]), (Some(200), &json!(null)));
}

#[tokio::test]
async fn unreadable_keys_are_neither_listed_nor_in_the_cursor() {
    let mut policy = Policy::default();
    policy.push("data.hidden*", Some(vec![plugbay::manifest::PermissionAction::Read]), plugbay::manifest::Effect::Deny);
    policy.push("data.*", None, plugbay::manifest::Effect::Allow);
    let plugin = Host::with(|builder| builder.policy(policy)).load(notes()).await;
    act(&plugin, "set_count", json!({ "prefix": "hidden", "count": 1_000, "bytes": 1 })).await;
    act(&plugin, "set_count", json!({ "prefix": "hidden/more", "count": 1_000, "bytes": 1 })).await;
    act(&plugin, "set_many", json!({ "a": 0, "z": 0 })).await;
    assert_eq!(keys(&plugin, "", None, 1).await, json!({ "keys": ["a"], "cursor": "a" }));
    assert_eq!(keys(&plugin, "", Some("a"), 9).await, json!({ "keys": ["z"], "cursor": null }));
}

#[tokio::test]
async fn denial_has_its_resource_and_action_for_programs() {
    let plugin = host().load(notes().manifest("permissions", json!([{ "resource": "data.public.*" }]))).await;
    let denied = act(&plugin, "details", json!("private.a")).await;
    assert_eq!(denied["code"], "permission_denied");
    assert_eq!(denied["details"], json!({ "resource": "data.private.a", "action": "read" }));
    assert_eq!(act(&plugin, "details", json!("public.a")).await, "granted");
}

#[tokio::test]
async fn use_without_a_request_is_denied_with_the_line_to_add() {
    let plugin = notes().manifest("permissions", json!([{ "resource": "data.public.*" }]));
    let plugin = host().load(plugin).await;
    assert_eq!(set(&plugin, "public.a", &json!(1)).await, json!("set"));
    for (action, payload, what) in [
        ("get", json!("private"), "read"),
        ("set", json!({ "key": "private", "value": 1 }), "write"),
        ("set_many", json!({ "public.a": 2, "private": 1 }), "write"),
        ("delete", json!("private"), "write"),
    ] {
        let answer = act(&plugin, action, payload).await;
        let text =
            answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("{action} is not denied: {answer}"));
        assert_contains(text, &["data.private", what, "manifest"]);
    }
    assert_eq!(get(&plugin, "public.a").await, json!(1), "the denied set had no effect");
    assert_eq!(plugin.metrics().denials, 4);
}

#[tokio::test]
async fn write_without_the_operators_grant_is_denied_with_advice() {
    let policy = Policy::default().allow("data.*:read").expect("readable");
    let host = Host::with(|builder| builder.policy(policy));
    let plugin = host.load(notes()).await;
    assert_eq!(get(&plugin, "a").await, json!({ "absent": true }));
    let answer = set(&plugin, "a", &json!(1)).await;
    assert_contains(answer["error"]["permission_denied"].as_str().unwrap_or_default(), &["write `data.a`"]);
    assert_last_denial(&host.runtime, "data.a", "write");
}

#[tokio::test]
async fn plugin_without_a_grant_is_not_loaded() {
    let error = Host::new().try_load(notes()).await.expect_err("the operator allows nothing");
    assert_load_error(&error, "feature_data", "permission_denied");
    assert_contains(&error.to_string(), &["data.*"]);
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("data.*", "read")]);
}

#[tokio::test]
async fn path_tricks_in_keys_touch_no_file() {
    let data = tempfile::tempdir().expect("a directory");
    std::fs::write(data.path().join("outside"), "\"outside\"").expect("written");
    let plugin = persistent(data.path()).load(notes()).await;
    let tricks = ["../outside", "/etc/passwd", "a.b.*", "..", "data.sqlite3", "%2e%2e/x", "'; DROP TABLE entries; --"];
    for key in tricks {
        assert_eq!(get(&plugin, key).await, json!({ "absent": true }), "{key}");
        assert_eq!(set(&plugin, key, &json!(key)).await, json!("set"), "{key}");
    }
    for key in tricks {
        assert_eq!(get(&plugin, key).await, json!(key));
    }
    for key in ["nul\0", "line\nbreak", ""] {
        assert!(set(&plugin, key, &json!(1)).await["error"]["invalid_argument"].is_string(), "{key:?}");
    }
    assert_eq!(std::fs::read_to_string(data.path().join("outside")).expect("it exists"), "\"outside\"");
    let files = |directory: &std::path::Path| {
        let mut names: Vec<_> =
            std::fs::read_dir(directory).expect("it exists").flatten().map(|e| e.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(files(data.path()), ["feature_data", "outside"]);
    let kept = files(&data.path().join("feature_data"));
    assert!(kept.iter().all(|name| name.to_string_lossy().starts_with("data.sqlite3")), "{kept:?}");
}

#[tokio::test]
async fn overlong_key_or_value_names_the_limit() {
    let plugin = host().load(notes()).await;
    assert_eq!(act(&plugin, "set_long_key", json!(512)).await, json!("set"));
    assert_limit(&act(&plugin, "set_long_key", json!(513)).await, &["data_key_bytes", "512", "513"]);
    let value = |bytes: usize| json!({ "prefix": "v", "count": 1, "bytes": bytes });
    assert_eq!(act(&plugin, "set_count", value(1 << 20)).await, json!("set"));
    assert_limit(&act(&plugin, "set_count", value((1 << 20) + 1)).await, &["data_value_bytes", "1048576", "1048577"]);
}

#[tokio::test]
async fn too_many_values_in_one_call_name_the_limit() {
    let plugin = host().load(notes()).await;
    let answer = act(&plugin, "set_count", json!({ "prefix": "v", "count": 1_001, "bytes": 1 })).await;
    assert_limit(&answer, &["data_batch_keys", "1000", "1001"]);
}

#[tokio::test]
async fn value_that_is_not_json_is_invalid() {
    let plugin = host().load(notes()).await;
    for text in ["", "{", "nope", "1 2", "\"\u{1}\""] {
        let answer = act(&plugin, "set_raw", json!({ "key": "a", "value": text })).await;
        assert!(answer["error"]["invalid_argument"].is_string(), "{text}: {answer}");
    }
    assert_eq!(get(&plugin, "a").await, json!({ "absent": true }));
}

#[tokio::test]
async fn full_data_is_refused_at_the_bound_of_its_plugin_alone() {
    let host = host();
    let plugin = host.load(notes().resource("timeout_seconds", json!(60))).await;
    let neighbour = host.load(notes().manifest("name", json!("neighbour"))).await;
    // 64 values of 1 MiB with their keys are more than 64 MiB.
    let mut answer = json!("set");
    let mut full = 0;
    while answer == json!("set") {
        let value = json!({ "prefix": full.to_string(), "count": 1, "bytes": 1 << 20 });
        answer = act(&plugin, "set_count", value).await;
        full += 1;
        assert!(full <= 64, "the data is never full");
    }
    assert_limit(&answer, &["data_bytes", &(64 << 20).to_string()]);
    assert_eq!(set(&neighbour, "a", &json!(1)).await, json!("set"));
    let small = json!({ "prefix": "small", "count": 1, "bytes": 1 });
    assert_eq!(act(&plugin, "set_count", small).await, json!("set"), "the rest may still be used");
}

#[tokio::test]
async fn values_survive_a_restart_with_a_data_directory() {
    let data = tempfile::tempdir().expect("a directory");
    let first = persistent(data.path());
    let plugin = first.load(notes()).await;
    set(&plugin, "kept", &json!([1])).await;
    set(&plugin, "deleted", &json!(1)).await;
    act(&plugin, "delete", json!("deleted")).await;
    drop((plugin, first));
    let plugin = persistent(data.path()).load(notes()).await;
    assert_eq!((get(&plugin, "kept").await, get(&plugin, "deleted").await), (json!([1]), json!({ "absent": true })));
}

#[tokio::test]
async fn values_without_a_data_directory_end_with_the_process() {
    let plugin = host().load(notes()).await;
    set(&plugin, "a", &json!(1)).await;
    assert_eq!(get(&host().load(notes()).await, "a").await, json!({ "absent": true }));
}

#[tokio::test]
async fn values_survive_a_reload() {
    let data = tempfile::tempdir().expect("a directory");
    let host = persistent(data.path());
    let plugin = host.load(notes()).await;
    set(&plugin, "a", &json!(1)).await;
    let plugin = host.runtime.reload(notes().package()).await.expect("it reloads");
    assert_eq!(get(&plugin, "a").await, json!(1));
    assert_eq!(set(&plugin, "a", &json!(2)).await, json!("set"));
}

#[tokio::test]
async fn values_in_memory_survive_reload_and_unload_until_removed() {
    let host = host();
    let plugin = host.load(notes()).await;
    let neighbour = host.load(notes().manifest("name", json!("neighbour"))).await;
    set(&plugin, "a", &json!(1)).await;
    host.runtime.reload(notes().package()).await.expect("it reloads");
    assert_eq!(get(&plugin, "a").await, json!(1), "a reload keeps it");
    drop(plugin);
    assert!(host.runtime.unload("feature_data").await);
    let plugin = host.load(notes()).await;
    assert_eq!(get(&plugin, "a").await, json!(1), "unloading keeps it");
    assert_eq!(get(&neighbour, "a").await, json!({ "absent": true }));
    assert!(host.runtime.unload("feature_data").await);
    assert!(host.runtime.remove_data("feature_data").await.expect("removed"));
    assert!(!host.runtime.remove_data("feature_data").await.expect("nothing is left"));
    assert_eq!(get(&host.load(notes()).await, "a").await, json!({ "absent": true }));
}

#[tokio::test]
async fn two_plugins_share_no_values_but_two_hosts_do() {
    let data = tempfile::tempdir().expect("a directory");
    let (one_host, other_host) = (persistent(data.path()), persistent(data.path()));
    let one = one_host.load(notes()).await;
    let two = one_host.load(notes().manifest("name", json!("two"))).await;
    set(&one, "a", &json!(1)).await;
    assert_eq!(get(&two, "a").await, json!({ "absent": true }));
    // Two hosts on one directory act as two processes with the same plugin, which see each other's values.
    let same = other_host.load(notes()).await;
    assert_eq!(get(&same, "a").await, json!(1));
    let value = json!(1);
    let (first, second) = tokio::join!(set(&one, "b", &value), set(&same, "c", &value));
    assert_eq!((first, second), (json!("set"), json!("set")));
}

#[tokio::test]
async fn value_that_was_set_before_a_trap_persists() {
    let plugin = host().load(notes()).await;
    let error = call(&plugin, "set_and_trap").await.expect_err("it panics");
    assert_invoke_error(&error, "feature_data", "plugin_trapped");
    assert_eq!(get(&plugin, "trapped").await, json!(1));
}

#[tokio::test]
async fn writes_cut_off_by_a_deadline_are_whole() {
    let data = tempfile::tempdir().expect("a directory");
    let plugin = notes().resource("timeout_seconds", json!(60)).resource("max_fuel", json!(0));
    let plugin = persistent(data.path()).load(plugin).await;
    set(&plugin, "first", &json!(1)).await;
    let for_ever = Invocation::new("set_for_ever").timeout(Duration::from_millis(500));
    let error = plugin.invoke(for_ever).await.expect_err("it never answers");
    assert_invoke_error(&error, "feature_data", "timeout");
    // A write that was on its way at the deadline is complete before this one.
    set(&plugin, "later", &json!(1)).await;
    let (one, two) = (get(&plugin, "one").await, get(&plugin, "two").await);
    assert!(one.is_u64() && one == two, "{one} {two}");
}

#[tokio::test]
async fn damaged_file_is_an_error_of_its_plugin_alone() {
    let data = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(data.path().join("feature_data")).expect("created");
    let file = data.path().join("feature_data/data.sqlite3");
    std::fs::write(&file, [0x5a; 8192]).expect("written");
    let host = persistent(data.path());
    let plugin = host.load(notes()).await;
    let neighbour = host.load(notes().manifest("name", json!("neighbour"))).await;
    for answer in [get(&plugin, "a").await, set(&plugin, "a", &json!(1)).await, keys(&plugin, "", None, 1).await] {
        let text = answer["error"]["unavailable"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert_contains(text, &["data.sqlite3", "feature_data", "damaged", "operator"]);
        assert!(!text.contains(&*data.path().to_string_lossy()), "{text}");
    }
    assert_eq!(set(&neighbour, "a", &json!(1)).await, json!("set"));
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(
        set(&plugin, "a", &json!(1)).await,
        json!("set"),
        "it works again once the operator has removed the file"
    );
}

#[tokio::test]
async fn plugin_that_stores_nothing_creates_no_file() {
    let data = tempfile::tempdir().expect("a directory");
    let plugin = persistent(data.path()).load(notes()).await;
    call(&plugin, "ping").await.expect("it answers");
    assert_eq!(std::fs::read_dir(data.path()).expect("it exists").count(), 0);
}

#[track_caller]
fn assert_limit(answer: &Value, parts: &[&str]) {
    let text = answer["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("no limit was reached: {answer}"));
    assert_contains(text, parts);
}

/// A plugin that requests all of its data.
fn notes() -> TestPlugin {
    TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }]))
}

/// A host that allows everything and has no data directory.
fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

/// A host that allows everything and has a data directory.
fn persistent(directory: &std::path::Path) -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(directory))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}

async fn get(plugin: &Plugin, key: &str) -> Value {
    act(plugin, "get", json!(key)).await
}

async fn set(plugin: &Plugin, key: &str, value: &Value) -> Value {
    act(plugin, "set", json!({ "key": key, "value": value })).await
}

async fn keys(plugin: &Plugin, prefix: &str, cursor: Option<&str>, limit: u32) -> Value {
    act(plugin, "keys", json!({ "prefix": prefix, "cursor": cursor, "limit": limit })).await
}
