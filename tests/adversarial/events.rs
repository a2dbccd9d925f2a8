//! Plugins whose event handlers hang or fail.

use plugbay::clock::ManualClock;
use plugbay::event::Received;
use plugbay::{Event, Plugin, Policy, RuntimeBuilder};
use serde_json::{Value, json};

use crate::harness::guest::{feature, sdk};
use crate::harness::host::{Host, TestPlugin, call, pings};
use crate::harness::patience::{ends, until};

/// The events that a plugin's queue holds.
const QUEUE_MAX: usize = 1_000;
/// The bytes of the events in it.
const QUEUE_BYTES_MAX: usize = 32 << 20;
/// The events that a plugin publishes in a second.
const PUBLISHES_MAX: u64 = 10_000;
/// The events that follow from one another.
const DEPTH_MAX: usize = 16;

#[tokio::test]
async fn plugin_that_hangs_in_its_handler_fills_only_its_own_queue() {
    let host = host(|builder| builder);
    let slow = host.load(TestPlugin::from(sdk::LISTENER).resource("timeout_seconds", json!(0.2))).await;
    let neighbour = host.load(subscriber("neighbour", json!(["order.*"]))).await;
    for _ in 0..QUEUE_MAX {
        host.runtime.publish(Event::new("listen.forever", json!(null))).await.expect("it is queued");
    }
    let error = host.runtime.publish(Event::new("listen.forever", json!(null))).await.expect_err("the queue is full");
    assert_eq!((error.code(), error.to_string().contains("sdk_listener")), ("busy", true), "{error}");
    host.runtime.publish(Event::new("order.placed", json!(7))).await.expect("it does not concern the slow plugin");
    heard(&neighbour, 1).await;
    until("the failure of a handler", async || slow.metrics().errors.get("timeout").copied()).await;
    ends(host.runtime.unload("sdk_listener")).await;
    host.runtime.publish(Event::new("listen.forever", json!(null))).await.expect("no plugin receives it");
}

/// The bytes of all events in a queue are bounded, too.
#[tokio::test]
async fn queue_of_large_events_is_full_earlier() {
    let host = host(|builder| builder);
    host.load(TestPlugin::from(sdk::LISTENER).resource("timeout_seconds", json!(300))).await;
    let neighbour = host.load(subscriber("neighbour", json!(["order.*"]))).await;
    // Its name is that of the topic, so it may publish it.
    let publisher = host.load(TestPlugin::from(feature::EVENTS).manifest("name", json!("listen"))).await;
    let event_bytes = (1 << 20) - "\"\"".len();
    let many = json!({ "topic": "listen.forever", "count": 40, "bytes": event_bytes });
    let accepted: Value = publisher.call("publish_many", &many).await.expect("it answers");
    assert_eq!(accepted, json!([QUEUE_BYTES_MAX >> 20, "busy"]), "the first is in its handler");
    let small = json!({ "topic": "listen.forever", "data": null });
    let error = publisher.call::<Value>("publish", &small).await.expect_err("the queue is full");
    assert_eq!((error.code(), error.to_string().contains("sdk_listener")), ("busy", true), "{error}");
    host.runtime.publish(Event::new("order.placed", json!(7))).await.expect("it does not concern the slow plugin");
    heard(&neighbour, 1).await;
}

#[tokio::test]
async fn plugin_that_publishes_too_often_is_refused() {
    let host = host(|builder| builder);
    let fuel = json!(100_000_000_000_u64);
    let attacker = TestPlugin::from(feature::EVENTS).manifest("name", json!("attacker")).resource("max_fuel", fuel);
    let attacker = host.load(attacker.resource("timeout_seconds", json!(120))).await;
    let neighbour = host.load(subscriber("neighbour", json!(["order.*"]))).await;
    let flood = json!({ "topic": "attacker.flood", "count": 2_000_000, "bytes": 1 });
    let accepted: Value = attacker.call("publish_many", &flood).await.expect("it answers");
    assert_eq!(accepted[1], "rate_limit_exceeded");
    assert!(accepted[0].as_u64().is_some_and(|accepted| accepted >= PUBLISHES_MAX), "{accepted}");
    host.runtime.publish(Event::new("order.placed", json!(7))).await.expect("it is queued");
    heard(&neighbour, 1).await;
}

#[tokio::test]
async fn poison_event_becomes_a_dead_letter_and_others_go_on() {
    let clock = ManualClock::default();
    let host = host(|builder| builder.clock(clock.clone()));
    let durable = json!([{ "topic": "order.*", "durable": true }]);
    let plugin = host.load(subscriber("attacker", durable.clone())).await;
    let neighbour = host.load(subscriber("neighbour", durable)).await;
    let publish =
        async |topic: &str| host.runtime.publish(Event::new(topic, json!(topic))).await.expect("it is stored");
    let poison = publish("order.trap").await;
    let next = publish("order.placed").await;
    let letters = until("a dead letter of each plugin", async || {
        clock.advance(std::time::Duration::from_secs(60));
        let letters = host.runtime.dead_letters(0, 10).await.expect("they are read");
        (letters.len() == 2).then_some(letters)
    })
    .await;
    assert!(letters.iter().all(|letter| letter.event.id == poison && letter.attempts == 3), "{letters:?}");
    for plugin in [&plugin, &neighbour] {
        // It serves again when the delay after its last trap has passed.
        let heard = until("the event behind it", async || {
            clock.advance(std::time::Duration::from_secs(1));
            let heard = call(plugin, "heard").await.ok()?;
            heard.as_array().filter(|heard| !heard.is_empty()).cloned()
        })
        .await;
        let metrics = plugin.metrics();
        assert_eq!((&heard[0]["id"], metrics.errors["plugin_trapped"]), (&json!(next), 3));
        assert_eq!(metrics.events_given_up, 1);
    }
    assert!(host.runtime.remove_dead_letter(letters[0].number).await.expect("it is removed"));
    assert!(host.runtime.retry_dead_letter(letters[1].number).await.expect("it is retried"));
    until("another attempt", async || {
        let attempts: u64 = [&plugin, &neighbour].map(|plugin| plugin.metrics().errors["plugin_trapped"]).iter().sum();
        (attempts == 7).then_some(())
    })
    .await;
}

#[tokio::test]
async fn handler_that_publishes_what_it_receives_ends() {
    let host = host(|builder| builder);
    let attacker = host.load(subscriber("attacker", json!(["attacker.storm"]))).await;
    let neighbour = host.load(subscriber("neighbour", json!(["order.*"]))).await;
    let mut storm = host.runtime.subscribe("attacker.*").expect("a pattern");
    let publish = json!({ "topic": "attacker.storm" });
    let first: Value = attacker.call("publish", &publish).await.expect("it may publish below its own name");
    // Each event leads to two, until the nesting or the attacker's own queue ends it.
    until("the end of the storm", async || {
        let errors = attacker.metrics().errors;
        (errors.contains_key("cycle") || errors.contains_key("busy")).then_some(())
    })
    .await;
    host.runtime.publish(Event::new("order.placed", json!(7))).await.expect("it is queued");
    heard(&neighbour, 1).await;
    assert_eq!(pings(&neighbour).await, 1);
    let mut events = std::iter::from_fn(|| storm.try_next());
    let is_related = |received| match received {
        Received::Event(event) => event.correlation_id.as_deref() == first.as_str() && event.source == "attacker",
        Received::Missed(_) => true,
    };
    assert!(events.by_ref().skip(1).take(100).all(is_related), "they share the id of the first");
    ends(host.runtime.unload("attacker")).await;
}

#[tokio::test]
async fn event_for_a_thousand_handlers_reaches_each_of_them() {
    const PLUGINS: usize = 20;
    // Each pattern replaces other words of the topic, so that they are all different.
    let (topic, words) = ("fan.out.to.all.of.them", 6);
    let replaced = |mask: usize, at: usize, word| if mask >> at & 1 == 1 { "*" } else { word };
    let pattern = |mask: usize| {
        let words = topic.split('.').enumerate().map(|(at, word)| replaced(mask, at, word));
        words.collect::<Vec<_>>().join(".")
    };
    let patterns: Vec<String> = (0..50).map(pattern).collect();
    assert!(patterns.len() < 1 << words);
    let host = host(|builder| builder.live_instances(PLUGINS as u32 + 8));
    let mut plugins = Vec::new();
    for index in 0..PLUGINS {
        plugins.push(host.load(subscriber(&format!("p{index}"), json!(patterns))).await);
    }
    let neighbour = host.load(subscriber("neighbour", json!(["order.*"]))).await;
    let outcome = host.runtime.emit(Event::new(topic, 1)).await.expect("it is accepted");
    assert_eq!((outcome.handlers, outcome.failed), (PLUGINS * patterns.len(), 0));
    // Published, it visits them one after another, and other events pass it.
    host.runtime.publish(Event::new(topic, 2)).await.expect("it is queued");
    host.runtime.publish(Event::new("order.placed", 3)).await.expect("it is queued");
    heard(&neighbour, 1).await;
    for plugin in &plugins {
        assert_eq!(heard(plugin, 2 * patterns.len()).await.len(), 2 * patterns.len());
    }
}

/// The depth of an event is not lost if its handler makes another plugin publish the next one.
#[tokio::test]
async fn storm_by_way_of_another_plugin_ends() {
    let host = host(|builder| builder);
    let permissions = json!([{ "resource": "plugin.*" }]);
    let attacker = host.load(TestPlugin::from(sdk::CALLER).manifest("permissions", permissions)).await;
    let accomplice = TestPlugin::from(feature::EVENTS)
        .manifest("name", json!("call"))
        .manifest("allowed_callers", json!(["sdk_caller"]));
    let accomplice = host.load(accomplice).await;
    let mut storm = host.runtime.subscribe("call.**").expect("a pattern");
    // Its handler calls `publish` of the accomplice with this event's own data.
    let mut data = json!({ "plugin": "call", "action": "publish", "payload": { "topic": "call.again" } });
    for _ in 0..20 {
        let payload = json!({ "topic": "call.again", "data": data });
        data = json!({ "plugin": "call", "action": "publish", "payload": payload });
    }
    host.runtime.publish(Event::new("call.first", data)).await.expect("it is queued");
    until("the end of the storm", async || attacker.metrics().errors.get("cycle").copied()).await;
    let mut events = std::iter::from_fn(|| storm.try_next());
    let first = events.next();
    let Some(Received::Event(first)) = first else { panic!("no event: {first:?}") };
    let ids: Vec<Option<String>> = events
        .map(|received| match received {
            Received::Event(event) => event.correlation_id.clone(),
            Received::Missed(count) => panic!("{count} events were missed"),
        })
        .collect();
    assert_eq!(ids, vec![Some(first.id.clone()); DEPTH_MAX - 1]);
    assert_eq!((pings(&attacker).await, pings(&accomplice).await), (1, 1));
}

#[tokio::test]
async fn durable_event_survives_its_host() {
    let directory = tempfile::tempdir().expect("a directory");
    let stored = || host(|builder| builder.data_dir(directory.path()));
    let durable = json!([{ "topic": "order.*", "durable": true }]);
    let first = stored();
    first.load(subscriber("orders", durable.clone())).await;
    // The handler fails, so the event stays stored.
    let id = first.runtime.publish(Event::new("order.fail", json!(7))).await.expect("it is stored");
    drop(first);
    let second = stored();
    let plugin = second.load(subscriber("orders", durable)).await;
    until("the delivery by the second host", async || plugin.metrics().errors.get("unwanted").copied()).await;
    let is_logged = second.log.lines().iter().any(|line| line.request_id.as_deref() == Some(&*id));
    assert!(is_logged, "{:?}", second.log.lines());
    second.runtime.unload("orders").await;
    assert!(second.runtime.remove_data("orders").await.expect("it is removed"));
}

/// A host whose plugins may do what they ask for.
fn host(settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Host {
    Host::with(|builder| settings(builder.policy(Policy::allow_all())))
}

fn subscriber(name: &str, subscribes: Value) -> TestPlugin {
    TestPlugin::from(feature::EVENTS)
        .manifest("name", json!(name))
        .manifest("events", json!({ "subscribes": subscribes }))
}

/// Waits until the plugin has received this number of events.
async fn heard(plugin: &Plugin, count: usize) -> Vec<Value> {
    until(format!("{count} events"), async || {
        let heard = call(plugin, "heard").await.expect("it answers");
        heard.as_array().filter(|heard| heard.len() >= count).cloned()
    })
    .await
}
