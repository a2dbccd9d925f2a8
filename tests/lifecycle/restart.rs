//! Plugins whose instances break again and again: they restart with a doubling delay, and have then failed.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::error::InvokeErrorKind;
use plugbay::lifecycle::{PluginState, RestartPolicy};
use plugbay::{InvokeError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};

const NAME: &str = "feature_lifecycle";

fn timed() -> (Host, ManualClock) {
    let clock = ManualClock::default();
    (Host::with(|builder| builder.clock(clock.clone())), clock)
}

async fn failure(plugin: &Plugin, action: &str) -> InvokeError {
    plugin.call::<Value>(action, &()).await.expect_err("it fails")
}

fn retry_after(error: &InvokeError) -> Option<Duration> {
    match error.kind() {
        InvokeErrorKind::PluginFailed { retry_after, .. } => *retry_after,
        _ => panic!("{error}"),
    }
}

/// Makes the plugin trap until it has failed.
async fn fail(plugin: &Plugin, clock: &ManualClock) {
    while plugin.state() != PluginState::Failed {
        assert_eq!(failure(plugin, "trap").await.code(), "plugin_trapped");
        clock.advance(Duration::from_secs(10));
    }
}

#[tokio::test]
async fn delay_of_restarts_doubles_until_the_plugin_has_failed() {
    let (host, clock) = timed();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
    assert_eq!(plugin.state(), PluginState::Ready, "the first one is replaced at once");
    for delay in [1, 2].map(Duration::from_secs) {
        assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
        let error = failure(&plugin, "ping").await;
        assert_invoke_error(&error, NAME, "plugin_failed");
        assert_eq!((retry_after(&error), error.is_transient(), error.http_status()), (Some(delay), true, 503));
        assert_eq!(plugin.state(), PluginState::Restarting);
        clock.advance(delay - Duration::from_millis(1));
        assert_eq!(retry_after(&failure(&plugin, "ping").await), Some(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(plugin.state(), PluginState::Ready);
    }
    assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
    clock.advance(Duration::from_secs(24 * 3_600));
    let error = failure(&plugin, "ping").await;
    assert_invoke_error(&error, NAME, "plugin_failed");
    assert_eq!((retry_after(&error), error.is_transient()), (None, false));
    assert_contains(&error.to_string(), &["the action `trap` traps"]);
    assert!(!error.public().contains("traps"), "{}", error.public());
    assert_contains(&error.hint().expect("advice"), &["restart"]);

    let status = plugin.status();
    assert_eq!((status.state, status.broken_in_a_row, status.restarts_at), (PluginState::Failed, 4, None));
    assert_eq!(status.last_error.expect("the error").code, "plugin_trapped");
    assert_eq!(host.runtime.plugins().len(), 1, "it stays listed");
}

#[tokio::test]
async fn failed_plugin_is_restarted_by_hand() {
    let (host, clock) = timed();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    fail(&plugin, &clock).await;
    host.runtime.restart(NAME).await.expect("it starts");
    assert_eq!((pings(&plugin).await, plugin.state()), (1, PluginState::Ready));
    assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
    assert_eq!(pings(&plugin).await, 1, "the row begins anew");
}

#[tokio::test]
async fn failed_plugin_is_reloaded_disabled_and_unloaded() {
    let (host, clock) = timed();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    fail(&plugin, &clock).await;
    let next = TestPlugin::from(feature::LIFECYCLE).manifest("version", json!("2.0.0"));
    host.runtime.reload(next.package()).await.expect("it is replaced");
    let moments: Vec<String> = plugin.call("moments", &()).await.expect("it serves");
    assert_eq!(moments, ["on_load"], "there was no state to hand over");

    fail(&plugin, &clock).await;
    assert!(host.runtime.disable(NAME).await);
    assert_eq!(failure(&plugin, "ping").await.code(), "plugin_disabled");
    assert_load_error(&host.runtime.restart(NAME).await.expect_err("it is disabled"), NAME, "plugin_disabled");
    host.runtime.enable(NAME).await.expect("it starts");
    fail(&plugin, &clock).await;
    assert!(host.runtime.unload(NAME).await);
    assert_eq!(failure(&plugin, "ping").await.code(), "not_loaded");
}

#[tokio::test]
async fn answer_in_between_ends_the_row() {
    let host = Host::new();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    for _ in 0..20 {
        assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
        pings(&plugin).await;
    }
    assert_eq!((plugin.state(), plugin.status().broken_in_a_row), (PluginState::Ready, 1));
}

#[tokio::test]
async fn sandboxes_of_each_call_are_counted_together() {
    let host = Host::new();
    let plugin = host.load(TestPlugin::from(feature::LIFECYCLE).resource("instances", json!("per_call"))).await;
    failure(&plugin, "trap").await;
    pings(&plugin).await;
    failure(&plugin, "trap").await;
    assert_eq!(plugin.state(), PluginState::Ready);
    failure(&plugin, "trap").await;
    assert_eq!(plugin.state(), PluginState::Restarting);
}

#[tokio::test]
async fn call_over_its_own_limits_does_not_count() {
    let host = Host::new();
    let plugin = host.load(hostile::INFINITE_LOOP.into()).await;
    for _ in 0..6 {
        assert_eq!(failure(&plugin, "attack").await.code(), "out_of_fuel");
    }
    assert_eq!((plugin.state(), plugin.status().broken_in_a_row), (PluginState::Ready, 0));
}

#[tokio::test]
async fn instance_that_cannot_start_counts() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.clock(clock.clone()).policy(Policy::allow_all()));
    let named = |name: &str| {
        let plugin = TestPlugin::from(feature::PLUGINS).manifest("name", json!(name));
        plugin.manifest("permissions", json!([{ "resource": "plugin.*" }])).manifest("allowed_callers", json!(["*"]))
    };
    host.load(named("b")).await;
    let calls = json!({ "calls": { "type": "string", "default": "b" } });
    let plugin = host.load(named("a").manifest("configuration", calls)).await;
    assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
    host.runtime.disable("b").await;
    assert_eq!(failure(&plugin, "ping").await.code(), "not_called", "its on_load calls b");
    assert_eq!(failure(&plugin, "ping").await.code(), "plugin_failed");
    assert_eq!(plugin.status().last_error.expect("the error").code, "not_called");
    host.runtime.enable("b").await.expect("it starts");
    clock.advance(Duration::from_secs(1));
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn policy_that_always_restarts_replaces_every_instance() {
    let host = Host::with(|builder| builder.restarts(RestartPolicy::always()));
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    for _ in 0..20 {
        assert_eq!(failure(&plugin, "trap").await.code(), "plugin_trapped");
    }
    assert_eq!((pings(&plugin).await, plugin.state()), (1, PluginState::Ready));
}

/// No call fails because of it, even one that comes while the new instance starts.
#[tokio::test]
async fn serving_plugin_is_restarted_without_a_gap() {
    let host = Host::new();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    let total: u64 = plugin.call("add", &41).await.expect("it adds");
    assert_eq!(total, 41);
    let calls = async {
        for _ in 0..200 {
            pings(&plugin).await;
            tokio::task::yield_now().await;
        }
    };
    let (restarted, ()) = tokio::join!(host.runtime.restart(NAME), calls);
    restarted.expect("it starts");
    let total: u64 = plugin.call("add", &1).await.expect("it adds");
    assert_eq!(total, 1, "its memory was not retained");
}
