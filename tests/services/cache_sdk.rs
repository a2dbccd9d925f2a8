//! The SDK's `cache` module against the host.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_last_denial};
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn value_is_computed_once_within_its_lifetime() {
    let clock = ManualClock::default();
    let (_host, plugin) = loaded(clock.clone()).await;
    for (seconds, celsius) in [(0, 1), (599, 1), (1, 2), (1, 2)] {
        clock.advance(Duration::from_secs(seconds));
        let forecast: Value = plugin.call("forecast", "Oslo").await.expect("it answers");
        assert_eq!(forecast, json!({ "celsius": celsius }), "after {seconds} s more");
    }
}

#[tokio::test]
async fn value_lives_for_five_minutes_by_default() {
    let clock = ManualClock::default();
    let (_host, plugin) = loaded(clock.clone()).await;
    for (seconds, before) in [(0, json!(null)), (299, json!("noted")), (300, json!(null))] {
        clock.advance(Duration::from_secs(seconds));
        let answer: Value = plugin.call("note", "key").await.expect("it answers");
        assert_eq!(answer, before, "after {seconds} s more");
    }
}

#[tokio::test]
async fn many_values_are_set_got_and_removed() {
    let (_host, plugin) = loaded(ManualClock::default()).await;
    assert_eq!(call(&plugin, "many").await.expect("it answers"), json!([[1, 3, null], true, 3, 1]));
}

#[tokio::test]
async fn errors_have_codes_and_name_the_key() {
    let (host, plugin) = loaded(ManualClock::default()).await;
    for (action, code, key) in
        [("wrong_type", "invalid_data", "cache `text`: "), ("too_long", "limit_exceeded", "cache `long`: ")]
    {
        let error = call(&plugin, action).await.expect_err("it fails");
        assert_eq!(error.code(), code);
        assert_contains(&error.to_string(), &[key]);
    }
    let error = call(&plugin, "too_long").await.expect_err("it fails");
    let details = error.failure().and_then(|failure| failure.details.clone()).expect("the limit");
    assert_eq!((&details["limit"], details["allowed"].is_u64()), (&json!("cache_value_bytes"), true), "{details}");
    host.runtime.set_policy(Policy::default());
    let error = plugin.call::<Value>("note", "key").await.expect_err("the grant was revoked");
    assert_eq!(error.code(), "permission_denied");
    assert_contains(&error.to_string(), &["cache `key`: ", "read `cache.key`"]);
    assert_last_denial(&host.runtime, "cache.key", "read");
}

async fn loaded(clock: ManualClock) -> (Host, Plugin) {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock));
    let asks = json!([{ "resource": "cache.*" }]);
    let plugin = host.load(TestPlugin::from(sdk::CACHE).manifest("permissions", asks)).await;
    (host, plugin)
}
