//! Admission, before guest code runs: rate and concurrency.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use plugbay::error::InvokeErrorKind;
use plugbay::{Invocation, InvokeError};
use serde_json::{Value, json};

use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;
use crate::harness::patience::until;

#[tokio::test]
async fn calls_above_the_rate_are_refused_with_retry_after() {
    let limit = json!({ "calls": 3, "period_seconds": 60 });
    let plugin = Host::new().load(TestPlugin::from(feature::ECHO).resource("rate_limit", limit)).await;
    for expected in 1..=3 {
        assert_eq!(pings(&plugin).await, expected);
    }
    let error = plugin.call::<Value>("ping", &()).await.expect_err("the fourth within a minute");
    assert_invoke_error(&error, "feature_echo", "rate_limit_exceeded");
    let &InvokeErrorKind::RateLimited { calls: 3, retry_after, .. } = error.kind() else { panic!("{error:?}") };
    // The window slides in steps, so it may end one step late.
    assert!(retry_after > Duration::from_secs(50) && retry_after <= Duration::from_secs(62), "{retry_after:?}");
    assert!(error.to_json()["details"]["retry_after"].as_f64().is_some_and(|seconds| seconds > 50.0));
}

#[tokio::test]
async fn rate_admits_again_after_the_window() {
    let limit = json!({ "calls": 1, "period_seconds": 0.05 });
    let plugin = Host::new().load(TestPlugin::from(feature::ECHO).resource("rate_limit", limit)).await;
    assert_eq!(pings(&plugin).await, 1);
    let pings = until("a call that is admitted again", async || match plugin.call::<u64>("ping", &()).await {
        Ok(pings) => Some(pings),
        Err(error) if matches!(error.kind(), InvokeErrorKind::RateLimited { .. }) => None,
        Err(error) => panic!("{error}"),
    })
    .await;
    assert_eq!(pings, 2, "a refused call costs no instance");
}

#[tokio::test]
async fn reload_does_not_begin_a_new_rate_window() {
    let host = Host::new();
    let revision = |calls: u32| {
        let limit = json!({ "calls": calls, "period_seconds": 60 });
        TestPlugin::from(feature::ECHO).resource("rate_limit", limit)
    };
    let plugin = host.load(revision(3)).await;
    assert_eq!((pings(&plugin).await, pings(&plugin).await), (1, 2));
    host.runtime.reload(revision(3).package()).await.expect("the reload succeeds");
    assert_eq!(pings(&plugin).await, 1, "the third call");
    let error = plugin.call::<Value>("ping", &()).await.expect_err("the fourth within a minute");
    assert_invoke_error(&error, "feature_echo", "rate_limit_exceeded");
    host.runtime.reload(revision(4).package()).await.expect("the reload succeeds");
    assert_eq!(pings(&plugin).await, 1, "the new limit allows one more");
    let error = plugin.call::<Value>("ping", &()).await.expect_err("the fifth within a minute");
    assert_invoke_error(&error, "feature_echo", "rate_limit_exceeded");
}

#[tokio::test]
async fn refused_payload_consumes_no_quota() {
    let limit = json!({ "calls": 2, "period_seconds": 60 });
    let plugin = Host::new().load(TestPlugin::from(feature::ECHO).resource("rate_limit", limit)).await;
    let too_large = "x".repeat(limits::PAYLOAD_BYTES_MAX);
    for _ in 0..5 {
        let error = plugin.call::<Value>("echo", &too_large).await.expect_err("it is too large");
        assert_eq!(error.code(), "payload_too_large");
    }
    assert_eq!((pings(&plugin).await, pings(&plugin).await), (1, 2));
}

#[tokio::test]
async fn rates_of_two_plugins_are_independent() {
    let host = Host::new();
    let limit = json!({ "calls": 1, "period_seconds": 60 });
    let one = host.load(TestPlugin::from(feature::ECHO).resource("rate_limit", limit.clone())).await;
    let two = TestPlugin::from(feature::ECHO).manifest("name", json!("two")).resource("rate_limit", limit);
    let two = host.load(two).await;
    assert_eq!((pings(&one).await, pings(&two).await), (1, 1));
}

#[tokio::test]
async fn queue_of_a_busy_plugin_is_bounded() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let poll_once = |call: &mut std::pin::Pin<Box<dyn Future<Output = Result<String, InvokeError>>>>| {
        call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    let start = || {
        let plugin = plugin.clone();
        // One task polls all of them, which exceeds the budget that its executor allows in one go.
        let call = async move { plugin.call::<String>("sleep", &5_000).await };
        Box::pin(tokio::task::coop::unconstrained(call))
            as std::pin::Pin<Box<dyn Future<Output = Result<String, InvokeError>>>>
    };
    let mut running = start();
    assert!(poll_once(&mut running));
    let mut waiting: Vec<_> = (0..limits::WAITING_CALLS_MAX).map(|_| start()).collect();
    assert!(waiting.iter_mut().all(poll_once), "all of them wait");

    let error = plugin.call::<Value>("ping", &()).await.expect_err("one too many");
    assert_invoke_error(&error, "feature_sleep", "busy");
    // Dropping one of them lets another one in.
    drop(waiting.pop());
    let mut next = start();
    assert!(poll_once(&mut next));
}

#[tokio::test]
async fn call_queued_beyond_its_deadline_times_out() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    let mut running = pin!(plugin.call::<String>("sleep", &5_000));
    assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let error = plugin
        .invoke(Invocation::new("ping").timeout(Duration::from_millis(50)))
        .await
        .expect_err("it is still queued");
    assert_invoke_error(&error, "feature_sleep", "timeout");
}
