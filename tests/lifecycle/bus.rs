//! The event bus with real plugins: the application publishes and receives, and plugins come and go.

use plugbay::event::{EventStream, Received};
use plugbay::{Event, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call, pings};
use crate::harness::patience::{ends, until};

#[tokio::test]
async fn emitted_event_reaches_plugins_by_priority_until_one_stops_it() {
    let host = host();
    let low = host.load(subscriber("low", json!([{ "topic": "order.*", "priority": 1 }]))).await;
    let high = host.load(subscriber("high", json!([{ "topic": "**", "priority": 99 }]))).await;
    let outcome = host.runtime.emit(Event::new("order.stop", json!(7))).await.expect("it is accepted");
    assert_eq!((outcome.handlers, outcome.stopped, heard(&high).await.len(), heard(&low).await.len()), (1, true, 1, 0));
    let outcome = host.runtime.emit(Event::new("order.cancel", json!(7))).await.expect("it is accepted");
    assert_eq!((outcome.handlers, outcome.cancelled.is_some(), heard(&low).await.len()), (2, true, 1));
    assert_eq!(heard(&low).await[0]["id"], json!(outcome.id));
}

#[tokio::test]
async fn broken_handler_neither_stops_the_others_nor_fails_the_emitter() {
    let host = host();
    let broken = host.load(subscriber("broken", json!([{ "topic": "**", "priority": 99 }]))).await;
    let plugin = TestPlugin::from(feature::ECHO).manifest("events", json!({ "subscribes": ["order.*"] }));
    host.load(plugin).await;
    for (topic, code) in [("order.fail", "unwanted"), ("order.trap", "plugin_trapped")] {
        let outcome = host.runtime.emit(Event::new(topic, json!(null))).await.expect("it is accepted");
        assert_eq!((outcome.handlers, outcome.failed), (2, 1), "{topic}");
        assert_eq!(broken.metrics().errors.get(code), Some(&1), "{topic}");
        let is_logged = host.log.lines().iter().any(|line| {
            (&*line.plugin, &*line.target) == ("broken", "event")
                && line.fields.iter().any(|(_, value)| value.contains(topic))
        });
        assert!(is_logged, "its log says which event was not handled: {:?}", host.log.lines());
    }
    assert_eq!(pings(&broken).await, 1);
}

#[tokio::test]
async fn published_events_arrive_in_order() {
    let host = host();
    let plugin = host.load(subscriber("orders", json!(["order.*"]))).await;
    for number in 0..100 {
        host.runtime.publish(Event::new("order.placed", number)).await.expect("it is queued");
    }
    let numbers: Vec<Value> = all_heard(&plugin, 100).await.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(numbers, (0..100).map(|number| json!(number)).collect::<Vec<_>>());
}

#[tokio::test]
async fn unloaded_plugin_receives_nothing_and_a_reloaded_one_goes_on() {
    let host = host();
    let plugin = host.load(subscriber("orders", json!(["order.*"]))).await;
    host.runtime.reload(subscriber("orders", json!(["user.*"])).package()).await.expect("it is reloaded");
    let emit = async |topic: &str| host.runtime.emit(Event::new(topic, 1)).await.expect("it is accepted").handlers;
    assert_eq!((emit("order.placed").await, emit("user.created").await), (0, 1));
    assert_eq!(heard(&plugin).await.len(), 1);
    host.runtime.unload("orders").await;
    assert_eq!(emit("user.created").await, 0);
}

#[tokio::test]
async fn once_subscription_is_not_spent_by_a_failure() {
    let host = host();
    let once = json!([{ "topic": "order.*", "once": true }]);
    let plugin = host.load(subscriber("orders", once.clone())).await;
    let emit = async |topic: &str| host.runtime.emit(Event::new(topic, 1)).await.expect("it is accepted");
    assert_eq!(emit("order.fail").await.failed, 1);
    assert_eq!(emit("order.trap").await.failed, 1);
    assert_eq!(emit("order.placed").await.handlers, 1);
    assert_eq!((heard(&plugin).await.len(), emit("order.placed").await.handlers), (1, 0));
    host.runtime.reload(subscriber("orders", once).package()).await.expect("it is reloaded");
    assert_eq!(emit("order.placed").await.handlers, 0, "a reload does not renew it");
}

#[tokio::test]
async fn denial_is_an_event_that_the_application_receives() {
    let host = Host::new();
    let mut denials = host.runtime.subscribe("permission.*").expect("a pattern");
    let error = host.try_load(feature::DATA.into()).await.expect_err("it imports what it was not granted");
    let event = next(&mut denials).await;
    assert_eq!((&*event.name, &*event.source), ("permission.deny", "host"));
    assert_eq!((&event.data["plugin"], &event.data["action"]), (&json!("feature_data"), &json!("read")), "{error}");
}

#[tokio::test]
async fn allowed_access_is_an_event_for_those_who_name_it() {
    let host = host();
    let mut all = host.runtime.subscribe("**").expect("a pattern");
    let data = TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }]));
    let data = host.load(data).await;
    let set = async || drop(data.call::<Value>("set", &json!({ "key": "a", "value": 1 })).await.expect("it is set"));
    set().await;
    let mut allowed = host.runtime.subscribe("permission.allow").expect("a pattern");
    set().await;
    let event = next(&mut allowed).await;
    let fields = ["plugin", "resource", "action", "caller"].map(|field| event.data[field].clone());
    assert_eq!(fields, [json!("feature_data"), json!("data.a"), json!("write"), json!("host")]);
    assert_eq!(event.data["refused"], Value::Null);
    drop(allowed);
    set().await;
    host.runtime.publish(Event::new("done", 1)).await.expect("it is accepted");
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "done") {
        names.push(next(&mut all).await.name.clone());
    }
    assert_eq!(names.iter().filter(|name| *name == "permission.allow").count(), 1, "{names:?}");
}

#[tokio::test]
async fn handler_of_allowed_accesses_does_not_hear_of_its_own() {
    let host = host();
    // Its handler reads a value of the configuration, which is an access.
    let watcher = host.load(subscriber("watcher", json!(["permission.*"]))).await;
    for number in 0..3 {
        host.runtime.publish(Event::new("permission.other", number)).await.expect("it is accepted");
    }
    let heard = until("the last event", async || {
        let heard = heard(&watcher).await;
        heard.iter().any(|event| event["data"] == 2).then_some(heard)
    })
    .await;
    let of_handlers = heard.iter().filter(|event| event["data"]["caller"] == "event");
    assert_eq!(of_handlers.count(), 0, "{heard:?}");
}

#[tokio::test]
async fn log_lines_are_events_but_for_those_of_their_handlers() {
    let host = host();
    let mut lines = host.runtime.subscribe("log.*").expect("a pattern");
    // Its handler fails on the topic `log.fail`, which the host logs for it.
    let watcher = host.load(subscriber("watcher", json!(["log.*"]))).await;
    let chatty = |name: &str| TestPlugin::from(feature::LIFECYCLE).manifest("name", json!(name));
    host.load(chatty("fail")).await;
    until("the failure of the handler", async || watcher.metrics().errors.get("unwanted").copied()).await;
    host.load(chatty("other")).await;
    for plugin in ["fail", "other"] {
        let event = next(&mut lines).await;
        assert_eq!((&*event.name, &*event.source), (&*format!("log.{plugin}"), "host"));
        let data = &event.data;
        assert_eq!(
            (&data["plugin"], &data["level"], &data["target"]),
            (&json!(plugin), &json!("info"), &json!("lifecycle"))
        );
        assert_eq!((&data["message"], data["time_ms"].is_u64()), (&json!("on_load"), true), "{data}");
    }
    let is_logged =
        host.log.lines().iter().any(|line| line.plugin == "watcher" && line.message.contains("not handled"));
    assert!(is_logged, "{:?}", host.log.lines());
}

#[tokio::test]
async fn stream_that_is_not_read_in_time_reports_what_it_missed() {
    /// The events that a stream holds.
    const HELD: u64 = 256;

    let host = host();
    let mut stream = host.runtime.subscribe("order.*").expect("a pattern");
    for number in 0..HELD + 44 {
        host.runtime.emit(Event::new("order.placed", number)).await.expect("it is emitted");
    }
    let Some(Received::Missed(missed)) = stream.try_next() else { panic!("nothing was missed") };
    assert_eq!(missed, 44);
    let read: Vec<Value> = std::iter::from_fn(|| stream.try_next())
        .map(|received| match received {
            Received::Event(event) => event.data.clone(),
            Received::Missed(_) => panic!("the rest is whole"),
        })
        .collect();
    assert_eq!(read, (44..HELD + 44).map(Value::from).collect::<Vec<_>>());
}

async fn next(stream: &mut EventStream) -> std::sync::Arc<Event> {
    match ends(stream.next()).await {
        Some(Received::Event(event)) => event,
        other => panic!("an event: {other:?}"),
    }
}

fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

fn subscriber(name: &str, subscribes: Value) -> TestPlugin {
    TestPlugin::from(feature::EVENTS)
        .manifest("name", json!(name))
        .manifest("events", json!({ "subscribes": subscribes }))
}

async fn heard(plugin: &Plugin) -> Vec<Value> {
    let heard = call(plugin, "heard").await.expect("it answers");
    heard.as_array().cloned().expect("a list of events")
}

/// Waits until the plugin has received this number of events.
async fn all_heard(plugin: &Plugin, count: usize) -> Vec<Value> {
    let all = async || Some(heard(plugin).await).filter(|heard| heard.len() >= count);
    until(format!("{count} events"), all).await
}
