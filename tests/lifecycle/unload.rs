//! Unloading: calls in flight finish, `on_unload` runs, and the plugin is removed.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use serde_json::{Value, json};

use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

#[tokio::test]
async fn unloaded_plugin_had_on_unload_and_is_gone() {
    let host = Host::new();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    assert!(plugin.is_loaded());
    assert!(host.runtime.unload("feature_lifecycle").await);
    assert_eq!(host.log.messages("lifecycle"), ["on_load", "on_unload"]);
    assert!(!plugin.is_loaded() && host.runtime.plugin("feature_lifecycle").is_none());
    let error = plugin.call::<Value>("ping", &()).await.expect_err("it is gone");
    assert_invoke_error(&error, "feature_lifecycle", "not_loaded");
    assert!(!host.runtime.unload("feature_lifecycle").await, "there is nothing to unload");
}

#[tokio::test]
async fn every_replica_gets_on_unload() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::LIFECYCLE).resource("instances", json!(3));
    let plugin = host.load(plugin).await;
    // Replicas are created on demand, so make three calls at once.
    tokio::join!(pings(&plugin), pings(&plugin), pings(&plugin));
    assert!(host.runtime.unload("feature_lifecycle").await);
    let moments = host.log.messages("lifecycle");
    let count = |name: &str| moments.iter().filter(|moment| *moment == name).count();
    assert_eq!(count("on_unload") as u64, plugin.metrics().instances_started, "{moments:?}");
    assert_eq!(count("on_load"), count("on_unload"), "{moments:?}");
}

#[tokio::test]
async fn call_in_flight_finishes_before_the_plugin_is_unloaded() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &150));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    let (slept, unloaded) = tokio::join!(slow, host.runtime.unload("feature_sleep"));
    assert_eq!(slept.expect("the call in flight finishes"), "slept");
    assert!(unloaded);
}

#[tokio::test]
async fn endless_call_in_flight_does_not_block_unloading() {
    let host = Host::new();
    let plugin = host.load(TestPlugin::from(feature::SLEEP).resource("timeout_seconds", json!(0.2))).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &60_000));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    // The call is not polled, so its lease is held until the end of this test.
    assert!(ends(host.runtime.unload("feature_sleep")).await);
    let error = slow.await.expect_err("its deadline has passed");
    assert!(["timeout", "not_loaded"].contains(&error.code()), "{error}");
}

#[tokio::test]
async fn plugin_loads_again_after_unloading() {
    let host = Host::new();
    for _ in 0..3 {
        let plugin = host.load(feature::LIFECYCLE.into()).await;
        let total: u64 = plugin.call("add", &1).await.expect("it adds");
        assert_eq!(total, 1, "no state is left of the unloaded plugin");
        assert!(host.runtime.unload("feature_lifecycle").await);
    }
}

#[tokio::test]
async fn plugin_outlives_the_handle_of_its_runtime() {
    let host = Host::new();
    let plugin = host.load(feature::ECHO.into()).await;
    drop(host);
    assert_eq!((pings(&plugin).await, pings(&plugin).await), (1, 2));
}

#[tokio::test]
async fn trapped_instance_does_not_get_on_unload() {
    let host = Host::new();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    plugin.call::<Value>("trap", &()).await.expect_err("it traps");
    assert!(host.runtime.unload("feature_lifecycle").await);
    assert_eq!(host.log.messages("lifecycle"), ["on_load"]);
}
