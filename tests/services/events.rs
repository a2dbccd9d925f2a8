//! The `events` service: publishing, subscriptions that a plugin's code makes, and what each needs.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::event::Received;
use plugbay::{Event, InvokeError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::guest::{feature, sdk};
use crate::harness::host::{Host, TestPlugin, call};
use crate::harness::patience::{ends, until};

#[tokio::test]
async fn plugin_publishes_below_its_own_name_without_asking() {
    let host = host();
    let shop = host.load(plugin("shop")).await;
    let listener = host.load(plugin("listener").manifest("events", json!({ "subscribes": ["shop.**"] }))).await;
    let mut stream = host.runtime.subscribe("shop.*").expect("a pattern");
    let id = act(&shop, "publish", json!({ "topic": "shop.opened", "data": { "at": 9 } })).await.expect("published");
    let heard = heard(&listener, 1).await;
    assert_eq!((&heard[0]["id"], &heard[0]["source"], &heard[0]["data"]), (&id, &json!("shop"), &json!({ "at": 9 })));
    let Some(Received::Event(event)) = ends(stream.next()).await else { panic!("an event") };
    assert_eq!((&*event.source, json!(event.id)), ("shop", id));
    let refused = act(&shop, "publish", json!({ "topic": "shopping.done" })).await.expect_err("another name");
    assert_eq!(refused.code(), "permission_denied");
}

#[tokio::test]
async fn other_topics_need_the_manifest_and_a_grant() {
    let publishes = json!({ "publishes": ["order.*"] });
    let granted = json!([{ "resource": "events.*", "actions": ["publish"] }]);
    for (events, permissions, part) in [
        (json!({}), granted.clone(), "events.publishes"),
        (publishes.clone(), json!([]), "events.order.placed"),
        (publishes.clone(), granted.clone(), ""),
    ] {
        let shop = plugin("shop").manifest("events", events).manifest("permissions", permissions);
        let shop = host().load(shop).await;
        let published = act(&shop, "publish", json!({ "topic": "order.placed" })).await;
        match published {
            Ok(_) => assert_eq!(part, ""),
            Err(error) => {
                assert_eq!(error.code(), "permission_denied");
                assert!(!part.is_empty() && error.to_string().contains(part), "{part}: {error}");
            }
        }
    }
    let shop = plugin("shop").manifest("events", publishes).manifest("permissions", granted);
    let host = host();
    let shop = host.load(shop).await;
    host.runtime.update_policy(|policy| policy.deny_first("events.order.*:publish")).expect("a rule");
    let refused = act(&shop, "emit", json!({ "topic": "order.placed" })).await.expect_err("revoked");
    assert_eq!(refused.code(), "permission_denied");
}

/// The manifest asks by subscribing, and the operator grants each topic.
#[tokio::test]
async fn declared_subscription_receives_only_granted_topics() {
    let policy = Policy::default().allow("events.order.*:subscribe").expect("a rule");
    let host = Host::with(|builder| builder.policy(policy));
    let events = json!({ "subscribes": ["order.*", "spy.*", { "topic": "user.*", "durable": true }] });
    let spy = host.load(plugin("spy").manifest("events", events)).await;
    let emit = async |topic: &str| host.runtime.emit(Event::new(topic, 1)).await.expect("it is accepted");
    assert_eq!((emit("order.placed").await.handlers, emit("spy.own").await.handlers), (1, 1));
    for _ in 0..2 {
        let outcome = emit("user.created").await;
        assert_eq!((outcome.handlers, outcome.durable), (0, 0), "it was not granted");
    }
    let trail = host.runtime.audit_trail();
    let denied: Vec<_> = trail.iter().map(|entry| (&*entry.denial.resource, entry.denial.action)).collect();
    assert_eq!(denied, [("events.user.created", "subscribe")], "the first denial is audited");
    assert_contains(&trail[0].denial.hint(), &["events.user.created", "subscribe"]);
    host.runtime.update_policy(|policy| policy.deny_first("events.order.*:subscribe")).expect("a rule");
    assert_eq!(emit("order.placed").await.handlers, 0, "it was revoked");
    assert_eq!(heard(&spy, 2).await.len(), 2);
    let metrics = spy.metrics();
    assert_eq!((metrics.denials, metrics.denials_unrecorded), (3, 2), "all denials are counted");
}

#[tokio::test]
async fn declared_subscription_that_receives_nothing_is_noted_at_the_load() {
    let policy = Policy::default().allow("events.order.placed:subscribe").expect("a rule");
    let host = Host::with(|builder| builder.policy(policy));
    let events = json!({ "subscribes": ["order.*", "**", "spy.*", "user.*", "order.cancelled"] });
    host.load(plugin("spy").manifest("events", events)).await;
    let noted = host.log.messages("event");
    assert_eq!(noted.len(), 2, "the others receive some events: {noted:?}");
    assert_contains(&noted[0], &["`user.*`", "no such event", "events.user.*", "subscribe", "policy"]);
    assert_contains(&noted[1], &["`order.cancelled`", "events.order.cancelled"]);
}

#[tokio::test]
async fn queued_event_is_withheld_if_its_grant_is_revoked_meanwhile() {
    let host = host();
    let spy = host.load(plugin("spy").manifest("events", json!({ "subscribes": ["order.*", "spy.own"] }))).await;
    // The task that delivers them runs when this one waits.
    for topic in ["order.placed", "spy.own"] {
        host.runtime.publish(Event::new(topic, 1)).await.expect("it is queued");
    }
    host.runtime.update_policy(|policy| policy.deny_first("events.order.*:subscribe")).expect("a rule");
    assert_eq!(heard(&spy, 1).await[0]["topic"], "spy.own");
    assert_eq!(spy.metrics().denials, 1);
}

#[tokio::test]
async fn stored_event_is_a_dead_letter_if_its_grant_is_revoked_meanwhile() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock.clone()));
    let events = json!({ "subscribes": [{ "topic": "order.*", "durable": true }] });
    let spy = host.load(plugin("spy").manifest("events", events)).await;
    // The handler fails, and is called again after a pause.
    let id = host.runtime.publish(Event::new("order.fail", 1)).await.expect("it is stored");
    until("the first attempt", async || spy.metrics().errors.get("unwanted").copied()).await;
    host.runtime.update_policy(|policy| policy.deny_first("events.order.*:subscribe")).expect("a rule");
    let letter = until("a dead letter", async || {
        clock.advance(Duration::from_secs(1));
        host.runtime.dead_letters(0, 10).await.expect("they are read").pop()
    })
    .await;
    assert_eq!((&letter.event.id, spy.metrics().errors["unwanted"]), (&id, 1));
    assert_contains(&letter.error, &["does not grant"]);
}

#[tokio::test]
async fn emitter_receives_the_reason_of_a_handler_that_objects() {
    let host = host();
    let shop = host.load(plugin("shop")).await;
    host.load(plugin("stock").manifest("events", json!({ "subscribes": ["shop.*"] }))).await;
    let data = json!({ "reason": "sold out" });
    let outcome = act(&shop, "emit", json!({ "topic": "shop.cancel", "data": data })).await.expect("emitted");
    assert_eq!((&outcome["handlers"], &outcome["cancelled"]), (&json!(1), &json!("sold out")));
    let outcome = act(&shop, "emit", json!({ "topic": "shop.fail" })).await.expect("emitted");
    assert_eq!((&outcome["failed"], &outcome["cancelled"]), (&json!(1), &json!(null)));
    let outcome = act(&shop, "emit", json!({ "topic": "elsewhere" })).await.expect_err("not its name");
    assert_eq!(outcome.code(), "permission_denied");
}

#[tokio::test]
async fn message_to_one_plugin_reaches_no_other_and_has_its_sender() {
    let host = host();
    let shop = host.load(plugin("shop")).await;
    let subscribes = json!({ "subscribes": ["shop.*"] });
    let stock = host.load(plugin("stock").manifest("events", subscribes.clone())).await;
    let billing = host.load(plugin("billing").manifest("events", subscribes)).await;
    let message = json!({ "topic": "shop.sold", "data": 7, "options": { "target": "stock" } });
    let outcome = act(&shop, "emit", message).await.expect("emitted");
    assert_eq!(outcome["handlers"], 1, "{outcome}");
    let received = heard(&stock, 1).await;
    assert_eq!((&received[0]["source"], &received[0]["data"]), (&json!("shop"), &json!(7)));
    assert!(heard(&billing, 0).await.is_empty());
}

#[tokio::test]
async fn emitter_that_subscribed_to_its_own_event_is_not_called_while_it_waits() {
    let host = host();
    let shop = host.load(plugin("shop").manifest("events", json!({ "subscribes": ["shop.*"] }))).await;
    let outcome = ends(act(&shop, "emit", json!({ "topic": "shop.opened" }))).await.expect("emitted");
    assert_eq!((&outcome["handlers"], &outcome["failed"]), (&json!(1), &json!(1)));
    assert_eq!(shop.metrics().errors.get("reentrant_call"), Some(&1));
    act(&shop, "publish", json!({ "topic": "shop.opened" })).await.expect("queued");
    heard(&shop, 1).await;
}

#[tokio::test]
async fn code_subscribes_and_ends_subscriptions() {
    let host = host();
    let permissions = json!([{ "resource": "events.order.*", "actions": ["subscribe"] }]);
    let events = json!({ "subscribes": ["user.*"] });
    let plugin = host.load(plugin("orders").manifest("permissions", permissions).manifest("events", events)).await;
    let refused = act(&plugin, "subscribe", json!({ "topic": "**" })).await.expect_err("more than it was granted");
    assert_eq!(refused.code(), "permission_denied");
    let options = json!({ "priority": 99, "once": true });
    let subscribe = json!({ "topic": "order.*", "options": options });
    let id = act(&plugin, "subscribe", subscribe.clone()).await.expect("subscribed");
    let emit = async || host.runtime.emit(Event::new("order.placed", 7)).await.expect("accepted").handlers;
    assert_eq!((emit().await, emit().await), (1, 0), "it was for one event");
    assert_eq!(act(&plugin, "subscribe", subscribe).await.expect("renewed"), id);
    let all = act(&plugin, "subscriptions", json!(null)).await.expect("listed");
    let expected = json!([
        { "id": "user.*", "pattern": "user.*", "priority": 50, "once": false, "durable": false },
        { "id": "#order.*", "pattern": "order.*", "priority": 99, "once": true, "durable": false },
    ]);
    assert_eq!(all, expected);
    let unsubscribe = json!({ "topic": id });
    assert_eq!(act(&plugin, "unsubscribe", unsubscribe.clone()).await.expect("ended"), json!(true));
    assert_eq!(act(&plugin, "unsubscribe", unsubscribe).await.expect("ended"), json!(false));
    assert_eq!(emit().await, 0);
}

/// The plugin `orders`, which subscribes and ends subscriptions when it starts, and may fail then.
fn starting(subscribes: &[&str], unsubscribes: &[&str], fails: bool) -> TestPlugin {
    configured(subscribes, unsubscribes, fails, false)
}

/// The plugin `orders`, which subscribes to one event when it starts.
fn starting_once(fails: bool) -> TestPlugin {
    configured(&["order.*"], &[], fails, true)
}

fn configured(subscribes: &[&str], unsubscribes: &[&str], fails: bool, once: bool) -> TestPlugin {
    let list = |items: &[&str]| json!({ "type": "array", "default": items });
    plugin("orders").manifest("permissions", json!([{ "resource": "events.**", "actions": ["subscribe"] }])).manifest(
        "configuration",
        json!({
            "subscribes": list(subscribes), "unsubscribes": list(unsubscribes),
            "fails": { "type": "boolean", "default": fails }, "once": { "type": "boolean", "default": once },
        }),
    )
}

#[tokio::test]
async fn subscriptions_of_a_start_that_fails_are_taken_back() {
    let host = host();
    let emit = async |topic: &str| host.runtime.emit(Event::new(topic, 7)).await.expect("accepted").handlers;
    host.runtime.load(starting(&["order.*"], &[], true).package()).await.expect_err("it fails as configured");
    assert_eq!(emit("order.placed").await, 0);

    let plugin = host.load(starting(&["order.*", "user.*"], &[], false)).await;
    let before = act(&plugin, "subscriptions", json!(null)).await.expect("listed");
    act(&plugin, "subscribe", json!({ "topic": "stock.*", "options": { "once": true } })).await.expect("subscribed");
    assert_eq!(emit("stock.low").await, 1, "it is spent");
    // The revision that fails adds a subscription, changes one, and ends one.
    act(&plugin, "subscribe", json!({ "topic": "user.*", "options": { "priority": 70 } })).await.expect("changed");
    let changed = act(&plugin, "subscriptions", json!(null)).await.expect("listed");
    assert_ne!(before, changed);
    let failing = starting(&["new.*", "user.*"], &["#order.*"], true);
    host.runtime.reload(failing.package()).await.expect_err("it fails as configured");
    let mut after = act(&plugin, "subscriptions", json!(null)).await.expect("listed");
    let mut changed = changed;
    for list in [&mut after, &mut changed] {
        list.as_array_mut().expect("a list").sort_by_key(|one| one["id"].to_string());
    }
    assert_eq!(after, changed);
    for (topic, handlers) in [("order.placed", 1), ("user.left", 1), ("new.thing", 0), ("stock.low", 0)] {
        assert_eq!(emit(topic).await, handlers, "{topic}");
    }
}

/// Each instance subscribes when it starts, and `once` is counted for the plugin.
#[tokio::test]
async fn once_subscription_of_a_start_stays_spent() {
    let host = host();
    let emit = async || host.runtime.emit(Event::new("order.placed", 7)).await.expect("accepted").handlers;
    let plugin = host.load(starting_once(false)).await;
    assert_eq!((emit().await, emit().await), (1, 0));
    act(&plugin, "trap", json!(null)).await.expect_err("it traps");
    act(&plugin, "heard", json!(null)).await.expect("the next instance has started");
    assert_eq!(emit().await, 0, "another instance");
    host.runtime.reload(starting_once(false).package()).await.expect("it is replaced");
    assert_eq!(emit().await, 0, "another revision");
    host.runtime.reload(starting_once(true).package()).await.expect_err("it fails as configured");
    act(&plugin, "trap", json!(null)).await.expect_err("it traps");
    act(&plugin, "heard", json!(null)).await.expect("the next instance has started");
    assert_eq!(emit().await, 0, "a revision that failed");

    let again = json!({ "topic": "order.*", "options": { "once": true } });
    act(&plugin, "subscribe", again).await.expect("renewed");
    assert_eq!((emit().await, emit().await), (1, 0), "an action asks anew");
    host.runtime.unload("orders").await;
    host.load(starting_once(false)).await;
    assert_eq!(emit().await, 1, "another life");
}

#[tokio::test]
async fn subscriptions_of_all_plugins_are_listed() {
    let host = host();
    host.load(plugin("quiet")).await;
    let orders = host.load(starting(&["order.*"], &[], false).manifest("events", json!({ "subscribes": ["user.*"] })));
    let orders = orders.await;
    host.load(plugin("stock").manifest("events", json!({ "subscribes": ["stock.low"] }))).await;
    let listed = json!(host.runtime.subscriptions());
    assert_eq!(listed, json!({ "orders": ["user.*", "order.*"], "stock": ["stock.low"] }));
    act(&orders, "unsubscribe", json!({ "topic": "#order.*" })).await.expect("ended");
    host.runtime.unload("stock").await;
    assert_eq!(json!(host.runtime.subscriptions()), json!({ "orders": ["user.*"] }));
}

#[tokio::test]
async fn malformed_events_are_refused_with_the_problem() {
    let host = host();
    let plugin = host.load(plugin("shop")).await;
    for (action, payload, part) in [
        ("publish", json!({ "topic": "shop..x" }), "empty word"),
        ("publish", json!({ "topic": "shop.*" }), "pattern"),
        ("publish", json!({ "topic": "shop.x", "options": { "colour": 1 } }), "colour"),
        ("publish", json!({ "topic": "shop.x", "options": { "source": "host" } }), "source"),
        ("subscribe", json!({ "topic": "shop.x", "options": { "priority": 1_000_001 } }), "priority"),
        ("subscribe", json!({ "topic": "shop.x y" }), "not allowed"),
    ] {
        let error = act(&plugin, action, payload).await.expect_err(part);
        assert_eq!(error.code(), "invalid_argument", "{error}");
        assert_contains(&error.to_string(), &[part]);
    }
    let huge = "x".repeat(1 << 20);
    let error = act(&plugin, "publish", json!({ "topic": "shop.x", "data": huge })).await.expect_err("too large");
    assert_eq!(error.code(), "limit_exceeded");
}

#[tokio::test]
async fn sdk_publishes_and_returns_what_became_of_an_event() {
    let host = host();
    let listener = host.load(sdk::LISTENER.into()).await;
    let events = json!({ "subscribes": ["sdk_listener.*"] });
    let stock = host.load(plugin("stock").manifest("events", events)).await;
    let outcome = act(&listener, "announce", json!("tea")).await.expect("it answers");
    assert_eq!((&outcome["handlers"], &outcome["failed"], &outcome["cancelled"]), (&json!(1), &json!(0), &json!(null)));
    let mut topics: Vec<Value> = heard(&stock, 2).await.iter().map(|event| event["topic"].clone()).collect();
    topics.sort_by_key(Value::to_string);
    assert_eq!(topics, ["sdk_listener.announced", "sdk_listener.queued"]);
}

#[tokio::test]
async fn sdk_passes_events_of_run_time_subscriptions_to_their_handlers() {
    let host = host();
    let permissions = json!([{ "resource": "events.**", "actions": ["subscribe"] }]);
    let subscriber = TestPlugin::from(sdk::SUBSCRIBER).manifest("permissions", permissions);
    let plugin = host.load(subscriber.clone()).await;
    let emit = async |topic: &str| {
        let outcome = host.runtime.emit(Event::new(topic, 7)).await.expect("accepted");
        (outcome.handlers, outcome.failed, outcome.cancelled)
    };
    assert_eq!(emit("order.placed").await, (1, 0, Some("7 is sold out".to_owned())));
    assert_eq!(emit("onContainerStart").await, (1, 0, None), "the handler without a topic");
    let seen = async || act(&plugin, "seen", json!(null)).await.expect("listed");
    assert_eq!(seen().await, json!(["order.placed #order.*", "container.start #container.*"]));

    // The subscriptions outlive the instance that made them.
    act(&plugin, "trap", json!(null)).await.expect_err("it traps");
    assert_eq!(emit("order.placed").await.0, 1);
    host.runtime.reload(subscriber.package()).await.expect("reloaded");
    assert_eq!(emit("order.placed").await.0, 1);
    assert_eq!(act(&plugin, "end", json!("#order.*")).await.expect("ended"), json!(true));
    assert_eq!(emit("order.placed").await.0, 0);
}

fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

fn plugin(name: &str) -> TestPlugin {
    TestPlugin::from(feature::EVENTS).manifest("name", json!(name))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Result<Value, InvokeError> {
    plugin.call(action, &payload).await
}

/// Waits until the plugin has received this number of events.
async fn heard(plugin: &Plugin, count: usize) -> Vec<Value> {
    until(format!("{count} events"), async || {
        let heard = call(plugin, "heard").await.expect("it answers");
        heard.as_array().filter(|heard| heard.len() >= count).cloned()
    })
    .await
}
