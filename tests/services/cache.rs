//! `plugbay:plugin/cache`: values and their lifetimes, permissions, limits, and isolation between plugins.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{
    assert_contains, assert_invoke_error, assert_last_denial, assert_load_error, line_to_add,
};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call, pings};

#[tokio::test]
async fn value_that_was_set_is_returned_unchanged() {
    let plugin = host().load(caching()).await;
    assert_eq!(act(&plugin, "get", json!("a")).await, absent());
    for value in [json!({ "a": [1, 2.5, null, "ü"] }), json!("text"), json!(null)] {
        assert_eq!(set(&plugin, "a", value.clone()).await, json!("set"));
        assert_eq!(act(&plugin, "get", json!("a")).await, value);
    }
    assert_eq!(act(&plugin, "delete", json!("a")).await, json!(true));
    assert_eq!(act(&plugin, "delete", json!("a")).await, json!(false));
    assert_eq!(act(&plugin, "get", json!("a")).await, absent());
}

#[tokio::test]
async fn value_lives_for_five_minutes_by_default() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock.clone()));
    let plugin = host.load(caching()).await;
    for (key, ttl_ms) in [("default", None), ("second", Some(1_000)), ("zero", Some(0)), ("less", Some(-5))] {
        let entry = json!({ "key": key, "value": 1, "ttl_ms": ttl_ms });
        assert_eq!(act(&plugin, "set", entry).await, json!("set"));
    }
    let alive = async || act(&plugin, "get_many", json!(["default", "second", "zero", "less"])).await;
    clock.advance(Duration::from_millis(999));
    assert_eq!(alive().await, json!([1, 1, 1, 1]));
    clock.advance(Duration::from_millis(1));
    assert_eq!(alive().await, json!([1, absent(), 1, 1]));
    clock.advance(Duration::from_secs(298));
    assert_eq!(alive().await, json!([1, absent(), 1, 1]));
    clock.advance(Duration::from_secs(1));
    assert_eq!(alive().await, json!([absent(), absent(), 1, 1]));
    clock.advance(Duration::from_secs(1_000_000_000));
    assert_eq!(alive().await, json!([absent(), absent(), 1, 1]));
}

#[tokio::test]
async fn get_or_set_sets_missing_values_and_returns_present_ones() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock.clone()));
    let plugin = host.load(caching()).await;
    let try_value =
        async |value: u32| act(&plugin, "get_or_set", json!({ "key": "a", "value": value, "ttl_ms": 1_000 })).await;
    assert_eq!((try_value(1).await, try_value(2).await), (json!(1), json!(1)));
    clock.advance(Duration::from_secs(1));
    assert_eq!((try_value(3).await, try_value(4).await), (json!(3), json!(3)));
}

#[tokio::test]
async fn many_keys_are_set_atomically_and_returned_in_order() {
    let plugin = host().load(caching()).await;
    assert_eq!(act(&plugin, "set_many", json!({ "a": 1, "b": 2 })).await, json!("set"));
    assert_eq!(act(&plugin, "get_many", json!(["b", "none", "a"])).await, json!([2, absent(), 1]));
    let answer = act(&plugin, "set_many", json!({ "a": 3, "": 4 })).await;
    assert!(answer["error"]["invalid_argument"].is_string(), "{answer}");
    assert_eq!(act(&plugin, "get", json!("a")).await, json!(1));
}

#[tokio::test]
async fn pattern_deletes_matching_keys_and_clear_all() {
    let plugin = host().load(caching()).await;
    let entries = json!({ "user/1": 1, "user/2": 1, "user/10": 1, "user/*": 1, "other": 1 });
    act(&plugin, "set_many", entries).await;
    assert_eq!(act(&plugin, "delete_pattern", json!(r"user/\*")).await, json!(1));
    assert_eq!(act(&plugin, "delete_pattern", json!("user/?")).await, json!(2));
    assert_eq!(act(&plugin, "delete_pattern", json!("user/*")).await, json!(1));
    assert_eq!(act(&plugin, "delete_pattern", json!("user/*")).await, json!(0));
    assert!(act(&plugin, "delete_pattern", json!("")).await["error"]["invalid_argument"].is_string());
    act(&plugin, "set_count", json!({ "prefix": "n", "count": 999, "bytes": 1 })).await;
    assert_eq!(call(&plugin, "clear").await.expect("it answers"), json!(1_000));
    assert_eq!(act(&plugin, "get", json!("other")).await, absent());
}

#[tokio::test]
async fn plugin_without_a_grant_is_refused_with_the_line_to_add() {
    let error = Host::new().try_load(caching()).await.expect_err("the operator allows nothing");
    assert_load_error(&error, "feature_cache", "permission_denied");
    assert_contains(&error.to_string(), &["plugbay:plugin/cache", "cache.*"]);
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("cache.*", "read")]);
}

#[tokio::test]
async fn each_use_is_checked_by_key_and_action() {
    let policy = Policy::default().allow("cache.open").and_then(|policy| policy.allow("cache.seen:read"));
    let policy = policy.and_then(|policy| policy.allow("cache.sunk:write")).expect("readable");
    let host = Host::with(|builder| builder.policy(policy));
    let plugin = host.load(caching()).await;
    let entry = |key: &str| json!({ "key": key, "value": 1 });
    let uses = [
        ("get", json!("sunk"), ("cache.sunk", "read")),
        ("get_many", json!(["open", "sunk"]), ("cache.sunk", "read")),
        ("set", entry("seen"), ("cache.seen", "write")),
        ("set_many", json!({ "open": 1, "seen": 1 }), ("cache.seen", "write")),
        ("get_or_set", entry("seen"), ("cache.seen", "write")),
        ("get_or_set", entry("sunk"), ("cache.sunk", "read")),
        ("delete", json!("seen"), ("cache.seen", "write")),
    ];
    let expected = uses.len() as u64;
    for (action, payload, (resource, use_of_it)) in uses {
        let answer = act(&plugin, action, payload).await;
        assert_contains(
            answer["error"]["permission_denied"].as_str().unwrap_or_default(),
            &[&format!("{use_of_it} `{resource}`"), "operator"],
        );
        assert_last_denial(&host.runtime, resource, use_of_it);
    }
    assert_eq!(plugin.metrics().denials, expected);
    assert_eq!(act(&plugin, "get", json!("open")).await, absent(), "a call that is denied in part has no effect");
    for (action, payload, answer) in
        [("set", entry("sunk"), json!("set")), ("get", json!("seen"), absent()), ("set", entry("open"), json!("set"))]
    {
        assert_eq!(act(&plugin, action, payload).await, answer, "{action}");
    }
}

#[tokio::test]
async fn deletion_by_pattern_skips_keys_without_write_access() {
    let host = host();
    let plugin = host.load(caching()).await;
    act(&plugin, "set_many", json!({ "mine/1": 1, "mine/2": 1, "kept": 1 })).await;
    host.runtime
        .set_policy(Policy::default().allow("cache.mine/*").and_then(|p| p.allow("cache.*:read")).expect("fits"));
    assert_eq!(act(&plugin, "delete_pattern", json!("*1")).await, json!(1));
    assert_eq!(call(&plugin, "clear").await.expect("it answers"), json!(1));
    assert_eq!(act(&plugin, "get", json!("kept")).await, json!(1));
    host.runtime.set_policy(Policy::default().allow("cache.*:read").expect("readable"));
    for action in ["clear", "delete_pattern"] {
        let answer = act(&plugin, action, json!("*")).await;
        assert_contains(answer["error"]["permission_denied"].as_str().unwrap_or_default(), &["write `cache.*`"]);
        assert_last_denial(&host.runtime, "cache.*", "write");
    }
}

#[tokio::test]
async fn each_limit_is_named_with_both_numbers() {
    let plugin = host().load(caching()).await;
    let long = "k".repeat(513);
    for (action, payload, limit, numbers) in [
        ("set", json!({ "key": long, "value": 1 }), "cache_key_bytes", ["512", "513"]),
        ("get", json!(long), "cache_key_bytes", ["512", "513"]),
        (
            "set_count",
            json!({ "prefix": "n", "count": 1, "bytes": 1_048_577 }),
            "cache_value_bytes",
            ["1048576", "1048577"],
        ),
        ("set_count", json!({ "prefix": "n", "count": 1_001, "bytes": 1 }), "cache_batch_keys", ["1000", "1001"]),
        ("get_repeatedly", json!({ "key": "n", "count": 1_001 }), "cache_batch_keys", ["1000", "1001"]),
        ("delete_pattern", json!("p".repeat(1_025)), "cache_pattern_bytes", ["1024", "1025"]),
    ] {
        let answer = act(&plugin, action, payload).await;
        let text = answer["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("{action}: no limit: {answer}"));
        assert_contains(text, &[limit, numbers[0], numbers[1]]);
    }
    act(&plugin, "set_count", json!({ "prefix": "big", "count": 1, "bytes": 1 << 20 })).await;
    let answer = act(&plugin, "get_repeatedly", json!({ "key": "big0", "count": 9 })).await;
    let text = answer["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("no limit: {answer}"));
    assert_contains(text, &["cache_batch_bytes", &(8 << 20).to_string(), &(9 << 20).to_string()]);
    for (action, payload) in
        [("set_raw", json!({ "key": "a", "value": "{" })), ("set", json!({ "key": "a\nb" })), ("get", json!(""))]
    {
        assert!(act(&plugin, action, payload).await["error"]["invalid_argument"].is_string(), "{action}");
    }
}

#[tokio::test]
async fn full_cache_evicts_the_least_recently_used() {
    let plugin = host().load(caching()).await;
    let fill = async |prefix: &str| {
        act(&plugin, "set_count", json!({ "prefix": prefix, "count": 7, "bytes": 1 << 20 })).await;
    };
    fill("first").await;
    assert_ne!(act(&plugin, "get", json!("first0")).await, absent());
    for round in ["a", "b", "c"] {
        act(&plugin, "set_count", json!({ "prefix": round, "count": 4, "bytes": 1 << 20 })).await;
        assert_ne!(act(&plugin, "get", json!("first0")).await, absent(), "it was used recently");
    }
    assert_eq!(act(&plugin, "get", json!("first1")).await, absent());
}

#[tokio::test]
async fn cache_outlives_instances_and_a_reload_but_not_the_plugin() {
    let host = host();
    let plugin = host.load(caching()).await;
    assert_eq!(pings(&plugin).await, 1);
    let error = call(&plugin, "set_and_trap").await.expect_err("it panics");
    assert_invoke_error(&error, "feature_cache", "plugin_trapped");
    assert_eq!(pings(&plugin).await, 1, "a fresh instance");
    assert_eq!(act(&plugin, "get", json!("trapped")).await, json!(1));

    host.runtime.reload(caching().manifest("version", json!("0.2.0")).package()).await.expect("the reload succeeds");
    assert_eq!(plugin.manifest().version.to_string(), "0.2.0");
    assert_eq!(act(&plugin, "get", json!("trapped")).await, json!(1));

    assert!(host.runtime.unload("feature_cache").await);
    drop(plugin);
    let plugin = host.load(caching()).await;
    assert_eq!(act(&plugin, "get", json!("trapped")).await, absent());
}

#[tokio::test]
async fn two_plugins_do_not_share_values() {
    let host = host();
    let (one, two) = (host.load(caching()).await, host.load(caching().manifest("name", json!("two"))).await);
    set(&one, "a", json!(1)).await;
    assert_eq!(act(&two, "get", json!("a")).await, absent());
    assert_eq!(call(&two, "clear").await.expect("it answers"), json!(0));
    assert_eq!(act(&one, "get", json!("a")).await, json!(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_share_a_cache_and_one_of_many_writers_wins() {
    let host = host();
    let plugin = host.load(caching().resource("instances", json!(4))).await;
    for round in 0..20 {
        let tries: Vec<_> = (0..8)
            .map(|n| {
                let plugin = plugin.clone();
                let payload = json!({ "key": format!("{round}"), "value": n });
                tokio::spawn(async move { act(&plugin, "get_or_set", payload).await })
            })
            .collect();
        let mut answers = Vec::new();
        for one in tries {
            answers.push(one.await.expect("it answers"));
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }
}

fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

/// A plugin that requests its whole cache.
fn caching() -> TestPlugin {
    TestPlugin::from(feature::CACHE).manifest("permissions", json!([{ "resource": "cache.*" }]))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}

async fn set(plugin: &Plugin, key: &str, value: Value) -> Value {
    act(plugin, "set", json!({ "key": key, "value": value })).await
}

fn absent() -> Value {
    json!({ "absent": true })
}
