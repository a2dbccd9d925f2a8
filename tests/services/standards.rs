//! The standard interfaces: they share values, permissions and limits with the contract's own.

use plugbay::log::LogLevel;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn keyvalue_sets_gets_and_deletes_bytes() {
    let plugin = host().load(standards()).await;
    assert_eq!(act(&plugin, "get", json!({ "key": "a" })).await, json!(null));
    assert_eq!(act(&plugin, "exists", json!({ "key": "a" })).await, json!(false));
    assert_eq!(act(&plugin, "set", json!({ "key": "a", "value": 3 })).await, json!(null));
    assert_eq!(act(&plugin, "get", json!({ "key": "a" })).await, json!([255, 255, 255]));
    assert_eq!(act(&plugin, "exists", json!({ "key": "a" })).await, json!(true));
    assert_eq!(act(&plugin, "delete", json!({ "key": "a" })).await, json!(null));
    assert_eq!(
        act(&plugin, "delete", json!({ "key": "a" })).await,
        json!(null),
        "deleting a missing key is not an error"
    );
    assert_eq!(act(&plugin, "get", json!({ "key": "a" })).await, json!(null));
}

#[tokio::test]
async fn keyvalue_and_data_share_their_values() {
    let plugin = host().load(standards()).await;
    assert_eq!(act(&plugin, "data_set", json!({ "key": "a", "value": { "b": "c" } })).await, json!(true));
    assert_eq!(act(&plugin, "get", json!({ "key": "a" })).await, json!(r#"{"b":"c"}"#));
    assert_eq!(act(&plugin, "get", json!({ "bucket": "default", "key": "a" })).await, json!(r#"{"b":"c"}"#));

    act(&plugin, "set", json!({ "key": "b", "value": "[1, 2]" })).await;
    assert_eq!(act(&plugin, "data_get", json!({ "key": "b" })).await, json!("[1, 2]"));
    act(&plugin, "set", json!({ "key": "b", "value": "not JSON" })).await;
    let refused = act(&plugin, "data_get", json!({ "key": "b" })).await;
    assert_contains(refused["error"].as_str().unwrap_or_default(), &["b", "not JSON", "wasi:keyvalue"]);
}

#[tokio::test]
async fn keyvalue_bucket_of_the_cache_is_the_plugins_cache() {
    let plugin = host().load(caching()).await;
    let cache = |mut payload: Value| {
        payload["bucket"] = json!("cache");
        payload
    };
    act(&plugin, "set", cache(json!({ "key": "a", "value": "[1, 2]" }))).await;
    assert_eq!(act(&plugin, "cache_get", json!({ "key": "a" })).await, json!("[1, 2]"));
    act(&plugin, "cache_set", json!({ "key": "b", "value": "text" })).await;
    assert_eq!(act(&plugin, "get", cache(json!({ "key": "b" }))).await, json!("\"text\""));
    assert_eq!(act(&plugin, "get", json!({ "key": "b" })).await, json!({ "error": "access_denied" }), "not the data");

    act(&plugin, "set", cache(json!({ "key": "bytes", "value": 3 }))).await;
    assert_eq!(act(&plugin, "get", cache(json!({ "key": "bytes" }))).await, json!([255, 255, 255]));
    let refused = act(&plugin, "cache_get", json!({ "key": "bytes" })).await;
    assert_contains(refused["error"].as_str().unwrap_or_default(), &["bytes", "not JSON", "wasi:keyvalue"]);

    assert_eq!(act(&plugin, "increment", cache(json!({ "key": "n", "delta": 5 }))).await, json!(5));
    assert_eq!(act(&plugin, "increment", cache(json!({ "key": "n", "delta": -7 }))).await, json!(-2));
    assert!(act(&plugin, "increment", cache(json!({ "key": "bytes" }))).await["error"].is_string());

    assert_eq!(act(&plugin, "look", cache(json!({ "key": "k" }))).await, json!(null));
    act(&plugin, "set", cache(json!({ "key": "k", "value": "one" }))).await;
    assert_eq!(act(&plugin, "swap", cache(json!({ "value": "two" }))).await, json!({ "now": "one" }));
    assert_eq!(act(&plugin, "swap", cache(json!({ "value": "two" }))).await, json!("swapped"));
    let got = act(&plugin, "get_many", cache(json!({ "keys": ["k", "x"] }))).await;
    assert_eq!(got, json!([["k", "two"], null]));
    let keys = act(&plugin, "keys", cache(json!({}))).await;
    assert_eq!(keys, json!({ "keys": ["a", "b", "bytes", "k", "n"], "cursor": null }));
    assert_eq!(act(&plugin, "keys", cache(json!({ "cursor": "bytes" }))).await["keys"], json!(["k", "n"]));
    act(&plugin, "delete_many", cache(json!({ "keys": ["a", "x"] }))).await;
    assert_eq!(act(&plugin, "exists", cache(json!({ "key": "a" }))).await, json!(false));
}

#[tokio::test]
async fn keyvalue_bucket_of_the_cache_needs_the_caches_grant() {
    let plugin = host()
        .load(caching().manifest("permissions", json!([{ "resource": "cache.mine" }, { "resource": "data.nothing" }])))
        .await;
    let key = |key: &str| json!({ "bucket": "cache", "key": key, "value": "1" });
    assert_eq!(act(&plugin, "set", key("mine")).await, json!(null));
    for action in ["get", "set", "delete", "exists", "increment", "look"] {
        assert_eq!(act(&plugin, action, key("yours")).await, json!({ "error": "access_denied" }), "{action}");
    }
    assert_eq!(act(&plugin, "keys", key("")).await["keys"], json!(["mine"]));
    assert_eq!(act(&plugin, "get", json!({ "key": "mine" })).await, json!({ "error": "access_denied" }));
}

#[tokio::test]
async fn keyvalue_cache_increments_of_many_instances_lose_none() {
    let plugin = host().load(caching().resource("instances", json!(4))).await;
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { act(&plugin, "increment", json!({ "bucket": "cache", "key": "n" })).await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    assert_eq!(act(&plugin, "get", json!({ "bucket": "cache", "key": "n" })).await, json!("40"));
}

#[tokio::test]
async fn keyvalue_has_no_other_buckets() {
    let plugin = host().load(standards()).await;
    for bucket in ["other", "../default", "Default", "data"] {
        assert_eq!(act(&plugin, "open", json!({ "bucket": bucket })).await, json!({ "error": "no_such_store" }));
    }
}

#[tokio::test]
async fn keyvalue_increments_numbers_and_nothing_else() {
    let plugin = host().load(standards()).await;
    let increment = async |delta: i64| act(&plugin, "increment", json!({ "key": "n", "delta": delta })).await;
    assert_eq!(increment(5).await, json!(5));
    assert_eq!(increment(-7).await, json!(-2));
    assert_eq!(act(&plugin, "data_get", json!({ "key": "n" })).await, json!("-2"), "a number is JSON");
    act(&plugin, "set", json!({ "key": "n", "value": i64::MAX.to_string() })).await;
    assert!(increment(1).await["error"].is_string());
    act(&plugin, "set", json!({ "key": "n", "value": "seven" })).await;
    assert!(increment(1).await["error"].is_string());
    assert_eq!(act(&plugin, "get", json!({ "key": "n" })).await, json!("seven"));
}

#[tokio::test]
async fn keyvalue_increments_of_many_instances_lose_none() {
    let plugin = host().load(standards().resource("instances", json!(4))).await;
    let calls: Vec<_> = (0..40)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { act(&plugin, "increment", json!({ "key": "n" })).await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    assert_eq!(act(&plugin, "get", json!({ "key": "n" })).await, json!("40"));
}

#[tokio::test]
async fn keyvalue_swap_detects_a_concurrent_change() {
    let plugin = host().load(standards()).await;
    let swap = async |value: &str| act(&plugin, "swap", json!({ "value": value })).await;
    assert_eq!(act(&plugin, "look", json!({ "key": "k" })).await, json!(null));
    assert_eq!(swap("one").await, json!("swapped"));
    assert_eq!(act(&plugin, "look", json!({ "key": "k" })).await, json!("one"));
    act(&plugin, "set", json!({ "key": "k", "value": "two" })).await;
    assert_eq!(swap("three").await, json!({ "now": "two" }));
    assert_eq!(swap("three").await, json!("swapped"), "the handle that came back is a new one");
    assert_eq!(act(&plugin, "get", json!({ "key": "k" })).await, json!("three"));
}

#[tokio::test]
async fn keyvalue_batches_and_lists() {
    let plugin = host().load(standards()).await;
    let both = json!({ "keys": ["a", "b"], "value": "1" });
    assert_eq!(act(&plugin, "set_many", both).await, json!(null));
    let got = act(&plugin, "get_many", json!({ "keys": ["b", "x", "a"] })).await;
    assert_eq!(got, json!([["b", "1"], null, ["a", "1"]]));
    assert_eq!(act(&plugin, "keys", json!({})).await, json!({ "keys": ["a", "b"], "cursor": null }));
    assert_eq!(act(&plugin, "keys", json!({ "cursor": "a" })).await["keys"], json!(["b"]));
    act(&plugin, "delete_many", json!({ "keys": ["a", "x"] })).await;
    assert_eq!(act(&plugin, "keys", json!({})).await["keys"], json!(["b"]));
}

#[tokio::test]
async fn keyvalue_is_denied_key_by_key_and_counted() {
    let plugin = standards().manifest(
        "permissions",
        json!([{ "resource": "data.mine.*" }, { "resource": "data.read", "actions": ["read"] }, { "resource": "cache.nothing" }]),
    );
    let plugin = host().load(plugin).await;
    assert_eq!(act(&plugin, "set", json!({ "key": "mine.a", "value": "1" })).await, json!(null));
    let denied = json!({ "error": "access_denied" });
    for (action, payload) in [
        ("get", json!({ "key": "yours" })),
        ("exists", json!({ "key": "yours" })),
        ("set", json!({ "key": "read", "value": "1" })),
        ("delete", json!({ "key": "read" })),
        ("increment", json!({ "key": "read" })),
        ("get_many", json!({ "keys": ["mine.a", "yours"] })),
        ("set_many", json!({ "keys": ["mine.b", "yours"], "value": "1" })),
        ("delete_many", json!({ "keys": ["mine.a", "yours"] })),
        ("look", json!({ "key": "yours" })),
    ] {
        assert_eq!(act(&plugin, action, payload).await, denied, "{action}");
    }
    assert_eq!(plugin.metrics().denials, 9);
    assert_eq!(act(&plugin, "look", json!({ "key": "read" })).await, json!(null));
    assert_eq!(act(&plugin, "swap", json!({ "value": "1" })).await, denied, "read access is not write access");
    assert_eq!(act(&plugin, "keys", json!({})).await["keys"], json!(["mine.a"]));
}

#[tokio::test]
async fn keyvalue_limit_is_named() {
    let plugin = host().load(standards()).await;
    for (action, payload, words) in [
        ("set", json!({ "key": "a", "value": (1 << 20) + 1 }), ["data_value_bytes", "1048577"]),
        ("set", json!({ "key": "k".repeat(513), "value": "1" }), ["data_key_bytes", "513"]),
        ("get_many", json!({ "keys": vec!["a"; 1_001] }), ["data_batch_keys", "1001"]),
        ("set", json!({ "key": "a\nb", "value": "1" }), ["control character", "\\u{a}"]),
    ] {
        let answer = act(&plugin, action, payload).await;
        assert_contains(answer["error"].as_str().unwrap_or_default(), &words);
    }
}

#[tokio::test]
async fn keyvalue_oversized_batch_read_is_refused() {
    let plugin = host().load(standards()).await;
    act(&plugin, "set", json!({ "key": "a", "value": 1 << 20 })).await;
    let answer = act(&plugin, "get_many", json!({ "keys": vec!["a"; 9] })).await;
    assert_contains(answer["error"].as_str().unwrap_or_default(), &["data_batch_bytes", "8388608"]);
}

#[tokio::test]
async fn keyvalue_endless_handles_reach_a_limit() {
    let host = host();
    let plugin = host.load(standards()).await;
    match plugin.call::<Value>("many_handles", &json!({ "key": "a" })).await {
        Ok(answer) => assert_contains(answer["error"].as_str().unwrap_or_default(), &["handles"]),
        Err(error) => assert_invoke_error(&error, "feature_standards", "resource_limit"),
    }
    assert_eq!(act(&plugin, "exists", json!({ "key": "a" })).await, json!(false), "the next call is served");
}

#[tokio::test]
async fn keyvalue_without_a_grant_is_not_loaded() {
    let error = Host::new().try_load(standards()).await.expect_err("the operator allows nothing");
    assert_load_error(&error, "feature_standards", "permission_denied");
    assert_contains(&error.to_string(), &["data.*"]);
}

#[tokio::test]
async fn keyvalue_may_be_imported_for_the_cache_alone() {
    let old = || TestPlugin::from(feature::KEYVALUE_DRAFT);
    let plugin = old().manifest("permissions", json!([{ "resource": "cache.mine", "actions": ["write"] }]));
    let plugin = host().load(plugin).await;
    let answer = act(&plugin, "all", json!({})).await;
    assert_contains(answer["error"].as_str().unwrap_or_default(), &["AccessDenied"]);
    let plugin = old().manifest("permissions", json!([{ "resource": "config.*" }]));
    let error = host().try_load(plugin).await.expect_err("it requests neither");
    assert_load_error(&error, "feature_keyvalue_draft", "permission_denied");
}

#[tokio::test]
async fn keyvalue_survives_a_restart() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    act(&host().load(standards()).await, "increment", json!({ "key": "n" })).await;
    assert_eq!(act(&host().load(standards()).await, "increment", json!({ "key": "n" })).await, json!(2));
}

#[tokio::test]
async fn keyvalue_of_the_previous_draft_is_supported() {
    let plugin = TestPlugin::from(feature::KEYVALUE_DRAFT).manifest("permissions", json!([{ "resource": "data.*" }]));
    let plugin = host().load(plugin).await;
    let answer = act(&plugin, "all", json!({ "keys": 2_500 })).await;
    let wanted = json!({
        "seen": 2_501, "pages": 3, "first": "key00000", "values": [true, false], "sums": [1, 42], "there": [false, false],
    });
    assert_eq!(answer, wanted);
}

#[tokio::test]
async fn config_returns_strings_unquoted_and_the_rest_as_json() {
    let plugin = host().load(standards()).await;
    let get = async |key: &str| act(&plugin, "config_get", json!({ "key": key })).await;
    assert_eq!(get("endpoint").await, json!("https://example.org"));
    assert_eq!(get("retries").await, json!("3"));
    assert_eq!(get("token").await, json!("hunter2"), "the plugin may read its own secret");
    assert_eq!(get("absent").await, json!(null));
    let all = act(&plugin, "config_all", json!(null)).await;
    assert_eq!(all, json!({ "endpoint": "https://example.org", "retries": "3", "token": "hunter2" }));
}

#[tokio::test]
async fn unreadable_config_is_an_error_and_left_out_of_all() {
    let mut policy = Policy::default();
    policy.push("config.retries", None, plugbay::manifest::Effect::Deny);
    policy.push("*", None, plugbay::manifest::Effect::Allow);
    let plugin = Host::with(|builder| builder.policy(policy)).load(standards()).await;
    let refused = act(&plugin, "config_get", json!({ "key": "retries" })).await;
    assert_contains(refused["error"].as_str().unwrap_or_default(), &["config.retries", "read"]);
    assert_eq!(act(&plugin, "config_all", json!(null)).await.as_object().map(serde_json::Map::len), Some(2));
}

#[tokio::test]
async fn logging_writes_the_plugins_log_with_masks() {
    let host = host();
    let plugin = host.load(standards()).await;
    for (name, level) in [
        ("trace", LogLevel::Trace),
        ("debug", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
        ("critical", LogLevel::Error),
    ] {
        act(&plugin, "log", json!({ "level": name, "context": "of hunter2", "message": "it is hunter2" })).await;
        let line = host.log.lines().pop().expect("it was logged");
        assert_eq!((line.level, &*line.plugin), (level, "feature_standards"));
        assert_eq!((&*line.target, &*line.message), ("of ***hidden***", "it is ***hidden***"));
    }
}

#[tokio::test]
async fn logging_that_the_operator_denies_is_not_loaded() {
    let mut policy = Policy::default();
    policy.push("log", None, plugbay::manifest::Effect::Deny);
    policy.push("*", None, plugbay::manifest::Effect::Allow);
    let error = Host::with(|builder| builder.policy(policy)).try_load(standards()).await.expect_err("no log");
    assert_load_error(&error, "feature_standards", "permission_denied");
}

/// A plugin that requests all of its data, and has a configuration with a secret.
fn standards() -> TestPlugin {
    // It also imports the cache, so it needs a grant of some key to load.
    let permissions = json!([{ "resource": "data.*" }, { "resource": "cache.nothing" }]);
    TestPlugin::from(feature::STANDARDS).manifest("permissions", permissions).manifest(
        "configuration",
        json!({
            "retries": { "type": "integer", "default": 3 },
            "endpoint": { "type": "string", "default": "https://example.org" },
            "absent": { "type": "string" },
            "token": { "type": "string", "secret": true, "default": "hunter2" },
        }),
    )
}

/// A plugin that requests its cache and none of its data.
fn caching() -> TestPlugin {
    // It also imports `plugbay:plugin/data`, so it needs a grant of some key to load.
    standards().manifest("permissions", json!([{ "resource": "cache.*" }, { "resource": "data.nothing" }]))
}

fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}
