//! Reloading: the state is handed over, no call is lost, and the old revision serves if the new one cannot load.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use plugbay::compile::CodeCacheLocation;
use plugbay::{Invocation, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn state_is_handed_over() {
    let host = Host::new();
    let plugin = host.load(revision("1.0.0")).await;
    let total: u64 = plugin.call("add", &41).await.expect("it adds");
    assert_eq!(total, 41);

    host.runtime.reload(revision("2.0.0").package()).await.expect("the reload succeeds");
    assert_eq!(plugin.manifest().version.to_string(), "2.0.0", "the old handle reaches the new revision");
    let total: u64 = plugin.call("add", &1).await.expect("it adds");
    assert_eq!(total, 42);
    let moments: Vec<String> = plugin.call("moments", &()).await.expect("it answers");
    assert_eq!(moments, ["on_reload"], "on_reload replaces on_load");
    assert_eq!(plugin.call::<String>("from", &()).await.expect("it answers"), "1.0.0", "the older version");
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "save_state", "on_reload", "on_unload"]);
}

#[tokio::test]
async fn plugin_without_a_lifecycle_reloads() {
    let host = Host::new();
    let plugin = host.load(feature::ECHO.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    host.runtime.reload(TestPlugin::from(feature::ECHO).package()).await.expect("the reload succeeds");
    assert_eq!(pings(&plugin).await, 1, "a new instance");
}

#[tokio::test]
async fn revision_that_cannot_be_loaded_leaves_the_old_one_serving() {
    let host = Host::new();
    let plugin = host.load(revision("1.0.0")).await;
    let total: u64 = plugin.call("add", &7).await.expect("it adds");
    assert_eq!(total, 7);
    for broken in [
        TestPlugin::new("feature_lifecycle", wat::parse_str("(component)").expect("valid text")),
        revision("2.0.0").manifest("plugbay_version", json!(">=99")),
        revision("2.0.0").manifest("configuration", json!({ "key": { "type": "string", "required": true } })),
    ] {
        host.runtime.reload(broken.package()).await.expect_err("the reload fails");
        assert_eq!(plugin.manifest().version.to_string(), "1.0.0");
    }
    let total: u64 = plugin.call("add", &1).await.expect("it adds");
    assert_eq!(total, 8);
}

#[tokio::test]
async fn revision_that_is_not_healthy_leaves_the_old_one_serving() {
    let host = Host::new();
    let plugin = host.load(revision("1.0.0")).await;
    let total: u64 = plugin.call("add", &7).await.expect("it adds");
    assert_eq!(total, 7);
    let fails = json!({ "health": { "type": "string", "default": "fail" } });
    let sick = revision("2.0.0").manifest("configuration", fails).package();
    let error = host.runtime.reload(sick).await.expect_err("it is not healthy");
    assert_load_error(&error, "feature_lifecycle", "unhealthy");
    assert_contains(&error.to_string(), &["it has a fever"]);
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "save_state", "on_reload", "on_unload"]);
    let total: u64 = plugin.call("add", &1).await.expect("it adds");
    assert_eq!((total, plugin.manifest().version.to_string()), (8, "1.0.0".to_owned()));
}

#[tokio::test]
async fn counters_survive_reloads_and_being_disabled() {
    let host = Host::new();
    let echo = || TestPlugin::from(feature::ECHO);
    let plugin = host.load(echo()).await;
    for _ in 0..3 {
        pings(&plugin).await;
    }
    plugin.call::<Value>("unknown", &()).await.expect_err("there is no such action");
    let before = plugin.metrics();
    host.runtime.reload(echo().package()).await.expect("the reload succeeds");
    pings(&plugin).await;
    host.runtime.disable("feature_echo").await;
    host.runtime.enable("feature_echo").await.expect("it starts");
    pings(&plugin).await;
    let after = plugin.metrics();
    assert_eq!((before.calls, after.calls, after.instances_started), (4, 6, 3));
    assert_eq!(after.errors, before.errors);
    assert!(after.fuel > before.fuel, "{after:?}");
}

#[tokio::test]
async fn denials_survive_a_reload() {
    let host = Host::new();
    let config = || TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.a" }]));
    let allowed = Policy::default().allow("data.a").expect("a permission");
    let plugin = host.runtime.load(config().package().policy(allowed)).await.expect("it loads");
    plugin.call::<Value>("get", "b").await.expect("it answers");
    let before = plugin.metrics().denials;
    host.runtime.reload(config().package()).await.expect("the reload succeeds");
    assert_eq!((before, plugin.metrics().denials), (1, 1));
}

#[tokio::test]
async fn reload_of_an_unloaded_plugin_is_refused() {
    let error = Host::new().runtime.reload(revision("1.0.0").package()).await.expect_err("nothing to replace");
    assert_load_error(&error, "feature_lifecycle", "not_loaded");
    assert_contains(&error.to_string(), &["feature_lifecycle"]);
}

#[tokio::test]
async fn no_call_fails_because_of_reloads() {
    let host = Host::new();
    let plugin = host.load(revision("1.0.0")).await;
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    plugin.call::<u64>("add", &1).await.expect("no call fails because of a reload");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in 0..10 {
        host.runtime.reload(revision(&format!("1.0.{number}")).package()).await.expect("the reload succeeds");
    }
    for caller in callers {
        caller.await.expect("no call failed");
    }
}

/// Callers that wait for nothing but their answers starve neither the reload nor one another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reload_is_not_starved_by_callers_that_never_pause() {
    let host = Host::new();
    let plugin = host.load(revision("1.0.0")).await;
    let done = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (plugin, done) = (plugin.clone(), done.clone());
            tokio::spawn(async move {
                let mut calls = 0;
                while !done.load(Ordering::Relaxed) {
                    plugin.call::<u64>("add", &1).await.expect("no call fails because of a reload");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for number in 0..5 {
        host.runtime.reload(revision(&format!("1.0.{number}")).package()).await.expect("the reload succeeds");
    }
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        assert!(caller.await.expect("no call failed") > 0, "every caller had a turn");
    }
}

#[tokio::test]
async fn queued_call_is_served_by_the_next_revision() {
    let host = Host::new();
    let timeout = |version: &str| {
        let plugin = TestPlugin::from(feature::SLEEP).manifest("version", json!(version));
        plugin.resource("timeout_seconds", json!(0.5))
    };
    let plugin = host.load(timeout("1.0.0")).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &60_000));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    let patient = Invocation::new("ping").timeout(Duration::from_secs(60));
    let mut waiting = pin!(plugin.invoke(patient));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it is queued");
    host.runtime.reload(timeout("2.0.0").package()).await.expect("the reload succeeds");
    assert_eq!(waiting.await.expect("the new one serves it").json(), "1");
}

#[tokio::test]
async fn call_in_flight_finishes_on_the_old_revision() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &150));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    let (reloaded, slept) = tokio::join!(host.runtime.reload(TestPlugin::from(feature::SLEEP).package()), slow);
    reloaded.expect("the reload succeeds");
    assert_eq!(slept.expect("the call in flight finishes"), "slept");
    let answer: Value = plugin.call("sleep", &0).await.expect("the new one serves");
    assert_eq!(answer, "slept");
}

#[tokio::test]
async fn state_changed_while_compiling_is_handed_over() {
    let host = Host::with(|builder| builder.code_cache(CodeCacheLocation::Off));
    let plugin = host.load(revision("1.0.0")).await;
    let mut reload = pin!(host.runtime.reload(revision("2.0.0").package()));
    assert!(reload.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it is being compiled");
    let total: u64 = plugin.call("add", &41).await.expect("the old one serves");
    assert_eq!(total, 41);
    reload.await.expect("the reload succeeds");
    let total: u64 = plugin.call("add", &1).await.expect("it adds");
    assert_eq!(total, 42);
}

#[tokio::test]
async fn concurrent_reload_and_unload_leave_nothing_serving() {
    let host = Host::with(|builder| builder.code_cache(CodeCacheLocation::Off));
    let plugin = host.load(feature::ECHO.into()).await;
    let next = TestPlugin::from(feature::ECHO).manifest("version", json!("2.0.0"));
    let (reloaded, unloaded) = tokio::join!(host.runtime.reload(next.package()), host.runtime.unload("feature_echo"));
    reloaded.expect("it came first");
    assert!(unloaded && !plugin.is_loaded() && host.runtime.plugin("feature_echo").is_none());
    plugin.call::<Value>("ping", &()).await.expect_err("it is unloaded");
}

#[tokio::test]
async fn concurrent_reloads_hand_the_state_on_in_turn() {
    let host = Host::with(|builder| builder.code_cache(CodeCacheLocation::Off));
    let plugin = host.load(revision("1.0.0")).await;
    let total: u64 = plugin.call("add", &7).await.expect("it adds");
    let [second, third] = ["2.0.0", "3.0.0"].map(|version| host.runtime.reload(revision(version).package()));
    let (second, third) = tokio::join!(second, third);
    assert!(second.is_ok() && third.is_ok(), "{second:?} {third:?}");
    assert_eq!((total, plugin.manifest().version.to_string()), (7, "3.0.0".to_owned()));
    let total: u64 = plugin.call("add", &0).await.expect("it adds");
    assert_eq!(total, 7);
    assert_eq!(host.log.messages("lifecycle").iter().filter(|moment| *moment == "on_unload").count(), 2);
}

fn revision(version: &str) -> TestPlugin {
    TestPlugin::from(feature::LIFECYCLE).manifest("version", json!(version))
}
