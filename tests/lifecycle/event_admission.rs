//! Events and health checks pass the same admission as actions, but do not count against the rate limit, and follow a
//! plugin through reloads.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use plugbay::{Event, Limits};
use serde_json::{Value, json};

use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::{feature, sdk};
use crate::harness::host::{Host, TestPlugin, call, pings};
use crate::harness::limits;
use crate::harness::patience::ends;

#[tokio::test]
async fn event_above_the_payload_limit_is_refused_unheard() {
    let plugin =
        TestPlugin::from(feature::EVENTS).manifest("events", json!({ "subscribes": [{ "topic": "order.*" }] }));
    let plugin = Host::new().load(plugin).await;
    // As JSON, a text has two quotation marks more.
    let fitting = "x".repeat(limits::PAYLOAD_BYTES_MAX - 2);
    let error = plugin.deliver(&Event::new("order.placed", format!("{fitting}x"))).await.expect_err("it is too large");
    assert_invoke_error(&error, "feature_events", "payload_too_large");
    assert_eq!(call(&plugin, "heard").await.expect("it answers"), json!([]));
    assert_eq!(pings(&plugin).await, 1, "it costs no instance");
}

#[tokio::test]
async fn health_report_above_the_result_limit_is_refused() {
    let limits = Limits { result_bytes: 1_000, ..Limits::default() };
    let plugin = Host::with(|builder| builder.limits(limits)).load(feature::EVENTS.into()).await;
    let report = |message: &str| json!({ "healthy": true, "message": message }).to_string();
    for (length, fits) in [(900, true), (1_000, false)] {
        plugin.call::<Value>("be", &report(&"x".repeat(length))).await.expect("it answers");
        match plugin.health().await {
            Ok(health) => assert!(fits && health.message.len() == length, "{length}"),
            Err(error) => {
                assert!(!fits, "{error}");
                assert_invoke_error(&error, "feature_events", "result_too_large");
            }
        }
    }
}

#[tokio::test]
async fn events_and_health_checks_do_not_count_against_the_rate() {
    let limit = json!({ "calls": 1, "period_seconds": 3600 });
    let plugin = TestPlugin::from(feature::EVENTS)
        .manifest("events", json!({ "subscribes": [{ "topic": "order.*" }] }))
        .resource("rate_limit", limit);
    let plugin = Host::new().load(plugin).await;
    let event = Event::new("order.cancel", json!(null));
    let use_both = async || {
        assert!(plugin.deliver(&event).await.expect("it is not limited").cancel);
        assert!(plugin.health().await.expect("it is not limited").healthy);
    };
    use_both().await;
    assert_eq!(pings(&plugin).await, 1, "the quota of actions is left");
    let refused = call(&plugin, "heard").await.expect_err("the second call of an action");
    assert_invoke_error(&refused, "feature_events", "rate_limit_exceeded");
    use_both().await;
}

#[tokio::test]
async fn no_event_or_health_check_is_lost_by_reloads() {
    let host = Host::new();
    let plugin = host.load(listener("1.0.0")).await;
    assert_eq!(call(&plugin, "answer").await.expect("it answers"), json!(42));
    let emitters: Vec<_> = (0..4)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let reaction = plugin.deliver(&Event::new("listen.now", json!(null))).await.expect("it is heard");
                    assert!(reaction.cancel, "its handler ran");
                    assert!(plugin.health().await.expect("it reports").healthy);
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in 0..10 {
        host.runtime.reload(listener(&format!("1.0.{number}")).package()).await.expect("the reload succeeds");
    }
    for emitter in emitters {
        emitter.await.expect("nothing failed");
    }
}

/// A handler that does not end holds the only instance. The old revision closes before what waits behind it had a turn.
#[tokio::test]
async fn queued_event_and_health_check_are_served_by_the_next_revision() {
    let host = Host::new();
    let revision = |version| listener(version).resource("timeout_seconds", json!(0.5));
    let plugin = host.load(revision("1.0.0")).await;
    let (endless, event) = (Event::new("listen.forever", json!(null)), Event::new("listen.now", json!(null)));
    let is_pending = |future: std::pin::Pin<&mut dyn Future<Output = ()>>| {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    };
    let mut holding = pin!(async { drop(plugin.deliver(&endless).await) });
    assert!(is_pending(holding.as_mut()), "it has begun");
    let mut queued_event = pin!(async {
        assert!(plugin.deliver(&event).await.expect("the next revision hears it").cancel);
    });
    assert!(is_pending(queued_event.as_mut()), "it is queued");
    let mut queued_check = pin!(async {
        assert!(plugin.health().await.expect("the next revision reports").healthy);
    });
    assert!(is_pending(queued_check.as_mut()), "it is queued");
    ends(host.runtime.reload(revision("2.0.0").package())).await.expect("the reload succeeds");
    queued_event.await;
    queued_check.await;
}

fn listener(version: &str) -> TestPlugin {
    TestPlugin::from(sdk::LISTENER).manifest("version", json!(version))
}
