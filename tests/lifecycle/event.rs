//! Delivery of events to a plugin, its reactions, and its health check.

use std::time::{Duration, UNIX_EPOCH};

use plugbay::clock::ManualClock;
use plugbay::event::Reaction;
use plugbay::{Event, Plugin};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call, pings};

#[tokio::test]
async fn event_arrives_as_it_was_sent() {
    let plugin =
        TestPlugin::from(feature::EVENTS).manifest("events", json!({ "subscribes": [{ "topic": "order.*" }] }));
    let plugin =
        Host::with(|builder| builder.clock(ManualClock::new(UNIX_EPOCH + Duration::from_millis(7)))).load(plugin).await;
    let event = Event::new("order.placed", json!({ "id": 7 })).correlation_id("story");
    let reaction = plugin.deliver(&event).await.expect("the event is handled");
    assert_eq!(reaction, Reaction { heard: 1, ..Reaction::default() });
    let heard = heard(&plugin).await;
    let [first] = &heard[..] else { panic!("one event: {heard:?}") };
    assert_eq!((&first["topic"], &first["data"]), (&json!("order.placed"), &json!({ "id": 7 })));
    assert!(first["id"].as_str().is_some_and(|id| !id.is_empty()), "{first}");
    assert_eq!((&first["timestamp_ms"], &first["source"]), (&json!(7), &json!("host")));
    assert_eq!((&first["correlation_id"], &first["subscription"]), (&json!("story"), &json!("order.*")));
    assert_eq!(first["attempt"], 1);
}

#[tokio::test]
async fn event_without_a_subscription_is_not_delivered() {
    let plugin = subscriber(json!([{ "topic": "order.*" }])).await;
    plugin.deliver(&Event::new("user.created", json!(null))).await.expect("an event without a handler is not an error");
    plugin.deliver(&Event::new("order", json!(null))).await.expect("an event without a handler is not an error");
    plugin
        .deliver(&Event::new("order.placed.twice", json!(null)))
        .await
        .expect("an event without a handler is not an error");
    assert_eq!(heard(&plugin).await, Vec::<Value>::new());
}

#[tokio::test]
async fn subscription_in_any_spelling_gets_its_topic() {
    for spelling in ["container.start", "container:start", "container:started", "onContainerStart", "container:*"] {
        let plugin = subscriber(json!([{ "topic": spelling }])).await;
        plugin.deliver(&Event::new("container:started", json!(null))).await.expect("the event is handled");
        assert_eq!(heard(&plugin).await.len(), 1, "{spelling}");
    }
}

#[tokio::test]
async fn subscriptions_get_events_in_order_of_priority() {
    let subscriptions = json!([
        { "topic": "order.*" }, { "topic": "**", "priority": 100 }, { "topic": "order.placed", "priority": 1 },
    ]);
    let plugin = subscriber(subscriptions).await;
    plugin.deliver(&Event::new("order.placed", json!(null))).await.expect("the event is handled");
    assert_eq!(subscriptions_of(&heard(&plugin).await), ["**", "order.*", "order.placed"]);
}

#[tokio::test]
async fn once_subscription_gets_one_event() {
    let plugin = subscriber(json!([{ "topic": "order.*", "once": true }])).await;
    for _ in 0..3 {
        plugin
            .deliver(&Event::new("order.placed", json!(null)))
            .await
            .expect("an event without a handler is not an error");
    }
    assert_eq!(heard(&plugin).await.len(), 1);
}

#[tokio::test]
async fn stop_ends_the_delivery_and_cancel_is_reported() {
    let plugin = subscriber(json!([{ "topic": "**", "priority": 100 }, { "topic": "order.*" }])).await;
    let stopped = plugin.deliver(&Event::new("order.stop", json!(null))).await.expect("the event is handled");
    assert_eq!((stopped, heard(&plugin).await.len()), (Reaction { stop: true, heard: 1, ..Reaction::default() }, 1));
    let event = Event::new("order.cancel", json!({ "reason": "sold out" }));
    let cancelled = plugin.deliver(&event).await.expect("the event is handled");
    let expected = Reaction { cancel: true, reason: Some("sold out".to_owned()), heard: 2, ..Reaction::default() };
    assert_eq!((cancelled, heard(&plugin).await.len()), (expected, 3));
}

#[tokio::test]
async fn reason_of_a_cancelled_event_is_bounded() {
    let plugin = subscriber(json!([{ "topic": "**" }])).await;
    let event = Event::new("order.cancel", json!({ "reason": "ü".repeat(1_000) }));
    let reaction = plugin.deliver(&event).await.expect("the event is handled");
    assert_eq!(reaction.reason.map(|reason| reason.len()), Some(1_024));
}

#[tokio::test]
async fn two_subscriptions_to_one_topic_have_ids() {
    let plugin = subscriber(json!([{ "topic": "order.*", "id": "second", "priority": 1 }, "order.*"])).await;
    plugin.deliver(&Event::new("order.placed", json!(null))).await.expect("the event is handled");
    assert_eq!(subscriptions_of(&heard(&plugin).await), ["order.*", "second"]);
}

#[tokio::test]
async fn failing_handler_does_not_stop_the_others() {
    let plugin = subscriber(json!([{ "topic": "**", "priority": 100 }, { "topic": "order.*" }])).await;
    assert_eq!(pings(&plugin).await, 1);
    let error = plugin.deliver(&Event::new("order.fail", json!(null))).await.expect_err("it reports a failure");
    assert_eq!(error.code(), "unwanted");
    assert_eq!(plugin.metrics().errors.get("unwanted"), Some(&2), "both handlers were asked");
    assert_eq!(pings(&plugin).await, 2, "a failure costs no instance");
}

#[tokio::test]
async fn trapping_handler_costs_only_its_instance() {
    let plugin = subscriber(json!([{ "topic": "**" }])).await;
    assert_eq!(pings(&plugin).await, 1);
    let error = plugin.deliver(&Event::new("order.trap", json!(null))).await.expect_err("it traps");
    assert_eq!(error.code(), "plugin_trapped");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn plugin_without_event_handlers_is_not_called() {
    let plugin = TestPlugin::from(feature::ECHO).manifest("events", json!({ "subscribes": [{ "topic": "**" }] }));
    let plugin = Host::new().load(plugin).await;
    let event = Event::new("order.placed", json!(null));
    let reaction = plugin.deliver(&event).await.expect("an event without a handler is not an error");
    assert_eq!(
        (reaction.heard, reaction.stop, reaction.cancel),
        (1, false, false),
        "it was delivered and had no effect"
    );
    assert_eq!((pings(&plugin).await, plugin.metrics().errors.len()), (1, 0));
}

#[tokio::test]
async fn health_is_reported_by_the_plugin() {
    let plugin = subscriber(json!([])).await;
    assert!(plugin.health().await.expect("it reports").healthy);

    let report = json!({
        "healthy": false, "message": "slow disk", "components": { "disk": "slow" }, "metrics": { "queued": 7 },
    });
    be(&plugin, &report.to_string()).await;
    let health = plugin.health().await.expect("it reports");
    assert_eq!((health.healthy, &*health.message), (false, "slow disk"));
    assert_eq!((&health.components["disk"], &health.metrics["queued"]), (&json!("slow"), &json!(7)));

    be(&plugin, "failing").await;
    let health = plugin.health().await.expect("a failure is a report");
    assert_eq!((health.healthy, &*health.message), (false, "the database does not answer"));

    be(&plugin, "trapping").await;
    assert_eq!(plugin.health().await.expect_err("the check is broken").code(), "plugin_trapped");
    assert!(plugin.health().await.expect("a fresh instance").healthy);
}

#[tokio::test]
async fn plugin_without_a_health_check_is_healthy() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    assert!(plugin.health().await.expect("it needs none").healthy);
}

fn subscriptions_of(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["subscription"].as_str()).collect()
}

async fn subscriber(subscriptions: Value) -> Plugin {
    let plugin = TestPlugin::from(feature::EVENTS).manifest("events", json!({ "subscribes": subscriptions }));
    Host::new().load(plugin).await
}

async fn heard(plugin: &Plugin) -> Vec<Value> {
    let heard = call(plugin, "heard").await.expect("it answers");
    heard.as_array().cloned().expect("a list of events")
}

async fn be(plugin: &Plugin, health: &str) {
    plugin.call::<Value>("be", health).await.expect("it answers");
}
