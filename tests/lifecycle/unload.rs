//! Unloading: calls in flight finish, the plugin says goodbye, and then it is gone.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use serde_json::{Value, json};

use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn unloaded_plugin_has_heard_of_it_and_is_gone() {
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
async fn every_replica_hears_of_the_unloading() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::LIFECYCLE).resource("instances", json!(3));
    let plugin = host.load(plugin).await;
    // Replicas are made when they are needed: three calls at once.
    tokio::join!(pings(&plugin), pings(&plugin), pings(&plugin));
    assert!(host.runtime.unload("feature_lifecycle").await);
    let moments = host.log.messages("lifecycle");
    let count = |name: &str| moments.iter().filter(|moment| *moment == name).count();
    assert_eq!(count("on_unload") as u64, plugin.metrics().instances_started, "{moments:?}");
    assert_eq!(count("on_load"), count("on_unload"), "{moments:?}");
}

#[tokio::test]
async fn call_in_flight_finishes_before_the_plugin_goes() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &150));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    let (slept, unloaded) = tokio::join!(slow, host.runtime.unload("feature_sleep"));
    assert_eq!(slept.expect("it is let through"), "slept");
    assert!(unloaded);
}

#[tokio::test]
async fn call_in_flight_that_does_not_end_does_not_hold_up_the_unloading() {
    let host = Host::new();
    let plugin = host.load(TestPlugin::from(feature::SLEEP).resource("timeout_seconds", json!(0.2))).await;
    let mut slow = pin!(plugin.call::<String>("sleep", &60_000));
    assert!(slow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it has begun");
    let start = std::time::Instant::now();
    // Nobody polls the call: its lease is held for as long as this test likes.
    assert!(host.runtime.unload("feature_sleep").await);
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
    let error = slow.await.expect_err("its deadline has passed");
    assert!(["timeout", "not_loaded"].contains(&error.code()), "{error}");
}

#[tokio::test]
async fn plugin_loads_again_after_it_was_unloaded() {
    let host = Host::new();
    for _ in 0..3 {
        let plugin = host.load(feature::LIFECYCLE.into()).await;
        let total: u64 = plugin.call("add", &1).await.expect("it adds");
        assert_eq!(total, 1, "nothing is left of the last life");
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
async fn instance_that_trapped_does_not_hear_of_the_unloading() {
    let host = Host::new();
    let plugin = host.load(feature::LIFECYCLE.into()).await;
    plugin.call::<Value>("trap", &()).await.expect_err("it traps");
    assert!(host.runtime.unload("feature_lifecycle").await);
    assert_eq!(host.log.messages("lifecycle"), ["on_load"]);
}
