//! States of plugins: disabled ones refuse calls and stay listed, and start again when they are enabled.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use plugbay::Plugin;
use plugbay::clock::{Clock, ManualClock};
use plugbay::lifecycle::PluginState;
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};

const NAME: &str = "feature_lifecycle";

fn lifecycle() -> TestPlugin {
    TestPlugin::from(feature::LIFECYCLE)
}

async fn refusal(plugin: &Plugin) -> String {
    plugin.call::<Value>("ping", &()).await.expect_err("it does not serve").code().to_owned()
}

#[tokio::test]
async fn disabled_plugin_refuses_calls_and_stays_listed() {
    let host = Host::new();
    let plugin = host.load(lifecycle()).await;
    assert_eq!(plugin.state(), PluginState::Ready);
    assert!(host.runtime.disable(NAME).await);
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "on_unload"]);

    let listed: Vec<_> = host.runtime.plugins().iter().map(|plugin| (plugin.name(), plugin.state())).collect();
    assert_eq!(listed, [(NAME.to_owned(), PluginState::Disabled)]);
    assert!(!plugin.is_loaded());
    let error = plugin.call::<Value>("ping", &()).await.expect_err("it is disabled");
    assert_invoke_error(&error, NAME, "plugin_disabled");
    assert_eq!((error.http_status(), error.is_transient()), (503, false));
    assert_contains(&error.hint().expect("advice"), &["enable"]);
    assert_invoke_error(&plugin.health().await.expect_err("it is disabled"), NAME, "plugin_disabled");
    assert_eq!(plugin.metrics().errors["plugin_disabled"], 2);
}

#[tokio::test]
async fn enabled_plugin_starts_anew_behind_the_same_handle() {
    let host = Host::new();
    let plugin = host.load(lifecycle()).await;
    let total: u64 = plugin.call("add", &41).await.expect("it adds");
    assert_eq!(total, 41);
    host.runtime.disable(NAME).await;
    host.runtime.enable(NAME).await.expect("it starts");
    assert_eq!(plugin.state(), PluginState::Ready);
    let total: u64 = plugin.call("add", &1).await.expect("it adds");
    assert_eq!(total, 1, "its memory was not retained");
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "on_unload", "on_load"]);
}

#[tokio::test]
async fn change_that_was_made_before_does_nothing() {
    let host = Host::new();
    host.load(lifecycle()).await;
    host.runtime.enable(NAME).await.expect("it is enabled already");
    assert!(host.runtime.disable(NAME).await && host.runtime.disable(NAME).await);
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "on_unload"]);
    assert!(!host.runtime.disable("unknown").await);
    assert_load_error(&host.runtime.enable("unknown").await.expect_err("it is not loaded"), "unknown", "not_loaded");
}

#[tokio::test]
async fn plugin_loaded_as_disabled_runs_no_code_before_it_is_enabled() {
    let host = Host::new();
    let plugin = host.runtime.load_disabled(lifecycle().package()).await.expect("it can be loaded");
    assert_eq!((plugin.state(), refusal(&plugin).await.as_str()), (PluginState::Disabled, "plugin_disabled"));
    assert_eq!(host.log.messages("lifecycle"), [""; 0]);
    assert_eq!(plugin.metrics().instances_started, 0);
    host.runtime.enable(NAME).await.expect("it starts");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn plugin_that_cannot_start_stays_disabled_with_the_error() {
    let host = Host::new();
    let fails = json!({ "on_load": { "type": "string", "default": "fail" } });
    let plugin = lifecycle().manifest("configuration", fails).package();
    let plugin = host.runtime.load_disabled(plugin).await.expect("none of its code runs");
    let error = host.runtime.enable(NAME).await.expect_err("it does not start");
    assert_load_error(&error, NAME, "not_ready");
    let status = plugin.status();
    assert_eq!(status.state, PluginState::Disabled);
    let last = status.last_error.expect("the error");
    assert_eq!((last.code.as_str(), last.message), ("not_ready", error.to_string()));
    assert_eq!(refusal(&plugin).await, "plugin_disabled");
}

#[tokio::test]
async fn disabled_plugin_is_reloaded_and_stays_disabled() {
    let host = Host::new();
    let plugin = host.load(lifecycle()).await;
    host.runtime.disable(NAME).await;
    host.runtime.reload(lifecycle().manifest("version", json!("2.0.0")).package()).await.expect("it is replaced");
    assert_eq!((plugin.state(), plugin.manifest().version.to_string()), (PluginState::Disabled, "2.0.0".to_owned()));
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "on_unload"]);
    host.runtime.enable(NAME).await.expect("it starts");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn failed_reload_is_reported_and_the_plugin_stays_ready() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.clock(clock.clone()));
    let plugin = host.load(lifecycle()).await;
    let loaded = clock.now();
    clock.advance(Duration::from_secs(60));
    let broken = lifecycle().manifest("plugbay_version", json!(">=99")).package();
    let error = host.runtime.reload(broken).await.expect_err("it asks for another version");
    let status = plugin.status();
    assert_eq!((status.state, status.loaded), (PluginState::Ready, loaded));
    let last = status.last_error.expect("the error");
    assert_eq!((last.code.as_str(), last.message, last.time), ("version_mismatch", error.to_string(), clock.now()));
}

#[tokio::test]
async fn running_call_finishes_and_waiting_call_is_refused() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &150));
    let mut waiting = pin!(plugin.call::<Value>("ping", &()));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it waits");
    let (slept, refused, disabled) = tokio::join!(slow, waiting, host.runtime.disable("feature_sleep"));
    assert_eq!(slept.expect("the call in flight finishes"), "slept");
    assert_invoke_error(&refused.expect_err("it is disabled"), "feature_sleep", "plugin_disabled");
    assert!(disabled);
}

#[tokio::test]
async fn plugin_that_requires_a_disabled_one_is_not_loaded() {
    let host = Host::new();
    host.load(lifecycle().manifest("name", json!("b"))).await;
    host.runtime.disable("b").await;
    let a = || lifecycle().manifest("name", json!("a")).manifest("requires", json!(["b"]));
    let error = host.try_load(a()).await.expect_err("b does not serve");
    assert_load_error(&error, "a", "missing_requirement");
    assert_contains(&error.to_string(), &["`b`", "disabled"]);
    let loaded = host.runtime.load_all([a().package()]).await;
    assert_contains(&loaded.errors[0].to_string(), &["`b`", "disabled"]);
    host.runtime.enable("b").await.expect("it starts");
    host.load(a()).await;
}

#[tokio::test]
async fn disabled_plugin_is_unloaded_like_any_other() {
    let host = Host::new();
    let plugin = host.load(lifecycle()).await;
    host.runtime.disable(NAME).await;
    assert!(host.runtime.unload(NAME).await);
    assert_eq!((plugin.state(), refusal(&plugin).await.as_str()), (PluginState::Unloaded, "not_loaded"));
    assert!(host.runtime.plugins().is_empty());
}
