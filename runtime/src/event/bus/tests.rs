//! The bus with handlers that record what they receive.

use std::sync::atomic::AtomicBool;

use plugbay_manifest::Subscription as Declared;
use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::clock::{ManualClock, SystemClock};
use crate::error::Failure;
use crate::event::{Handler, Handling, Received, SqliteEvents, SubscriptionOptions};
use crate::limits::EVENT_QUEUE_MAX;

/// The deliveries of a test, as `plugin subscription topic`.
type Heard = Arc<Mutex<Vec<String>>>;

/// A handler that reacts as the topic says.
struct Recorder {
    plugin: &'static str,
    heard: Heard,
    /// Handlers of `wait` wait for it.
    gate: Arc<Notify>,
    fails: Arc<AtomicBool>,
}

impl Handler for Recorder {
    fn may_receive(&self, _: &str) -> bool {
        true
    }

    fn handle<'a>(&'a self, delivery: Delivery<'a>) -> Handling<'a> {
        let Delivery { event, subscription, .. } = delivery;
        Box::pin(async move {
            if event.topic == "wait" {
                self.gate.notified().await;
            }
            self.heard.lock().push(format!("{} {} {}", self.plugin, subscription.id, event.topic));
            if self.fails.load(Ordering::Relaxed) {
                let failure = Failure { code: "no".into(), message: "no".into(), details: None, status_code: None };
                let kind = InvokeErrorKind::Guest { failure: Box::new(failure) };
                return Err(InvokeError::new(self.plugin, "on_event", kind));
            }
            let ends_with = |word: &str| event.topic.ends_with(word);
            let reason = ends_with("cancel").then(|| format!("{} objects", self.plugin));
            Ok(Reaction { stop: ends_with("stop"), cancel: reason.is_some(), reason, heard: 1 })
        })
    }

    fn log_failure(&self, _: Delivery<'_>, _: &InvokeError) {}
}

struct Fixture {
    bus: Arc<EventBus>,
    heard: Heard,
    gate: Arc<Notify>,
    fails: Arc<AtomicBool>,
}

fn new_event(topic: &str, data: Value) -> NewEvent {
    Event::new(topic, data).try_into().expect("a topic")
}

impl Fixture {
    fn new() -> Self {
        let bus = EventBus::new(Arc::new(SystemClock), Arc::new(SqliteEvents::in_memory()), Box::new(|_| None));
        Fixture { bus, heard: Heard::default(), gate: Arc::default(), fails: Arc::default() }
    }

    fn attach(&self, plugin: &'static str, declared: &[Declared]) {
        let recorder =
            Recorder { plugin, heard: self.heard.clone(), gate: self.gate.clone(), fails: self.fails.clone() };
        self.bus.attach(&plugin.into(), declared, || Box::new(recorder));
    }

    async fn emit(&self, topic: &str) -> EmitOutcome {
        self.bus.emit(new_event(topic, json!(null)), None, None).await.expect("the event is accepted")
    }

    async fn publish(&self, topic: &str) -> Result<String, EventError> {
        self.bus.publish(new_event(topic, json!(null))).await
    }

    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock())
    }

    /// Runs other tasks until this number of deliveries is recorded.
    async fn hear(&self, count: usize) -> Vec<String> {
        let hear = async {
            while self.heard.lock().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(180), hear).await.expect("they are delivered");
        self.heard()
    }
}

fn to(topic: &str, priority: i32) -> Declared {
    Declared { id: topic.into(), topic: topic.into(), priority, once: false, durable: false }
}

fn once(topic: &str) -> Declared {
    Declared { once: true, ..to(topic, 50) }
}

#[tokio::test]
async fn handlers_of_all_plugins_run_in_order_of_priority() {
    let fixture = Fixture::new();
    fixture.attach("a", &[to("order.*", 10), to("**", 100)]);
    fixture.attach("b", &[to("order.placed", 50), to("order.*", 50), to("user.*", 99)]);
    let outcome = fixture.emit("order.placed").await;
    assert_eq!((outcome.handlers, outcome.failed, outcome.stopped), (4, 0, false));
    let expected =
        ["a **", "b order.placed", "b order.*", "a order.*"].map(|handler| format!("{handler} order.placed"));
    assert_eq!(fixture.heard(), expected);
    fixture.publish("order.placed").await.expect("queued");
    assert_eq!(fixture.hear(4).await, expected);
}

#[tokio::test]
async fn stop_ends_the_propagation_and_the_first_reason_to_cancel_is_reported() {
    let fixture = Fixture::new();
    fixture.attach("a", &[to("**", 10)]);
    fixture.attach("b", &[to("**", 20)]);
    let outcome = fixture.emit("order.cancel").await;
    assert_eq!((outcome.handlers, outcome.cancelled.as_deref()), (2, Some("b objects")));
    fixture.heard();
    let outcome = fixture.emit("order.stop").await;
    assert_eq!((outcome.handlers, outcome.stopped, outcome.cancelled), (1, true, None));
    fixture.publish("order.stop").await.expect("queued");
    fixture.publish("order.placed").await.expect("queued");
    assert_eq!(fixture.hear(4).await[1..], ["b ** order.stop", "b ** order.placed", "a ** order.placed"]);
}

#[tokio::test]
async fn event_without_subscriptions_has_an_id_and_the_time_of_the_clock() {
    let clock = ManualClock::default();
    let bus = EventBus::new(Arc::new(clock.clone()), Arc::new(SqliteEvents::in_memory()), Box::new(|_| None));
    let mut stream = bus.stream("**").expect("a pattern");
    let outcome = bus.emit(new_event("onContainerStart", json!(7)), None, None).await.expect("accepted");
    assert_eq!((outcome.handlers, outcome.id.is_empty()), (0, false));
    let Some(Received::Event(event)) = stream.next().await else { panic!("an event") };
    assert_eq!((&event.id, &*event.name, &event.data), (&outcome.id, "container.start", &json!(7)));
    assert_eq!((event.timestamp_ms, &*event.source), (unix_ms(clock.now()), "host"));
    let error = NewEvent::try_from(Event::new("a..b", json!(null))).map(drop).expect_err("not a topic");
    assert_eq!(error.code(), "invalid_topic");
    assert_eq!(EmitOutcome::json_unheard(&outcome.id), serde_json::to_string(&outcome).expect("JSON"));
}

#[tokio::test]
async fn once_is_spent_only_by_success_and_stays_spent_after_a_reload() {
    let fixture = Fixture::new();
    fixture.attach("a", &[once("order.*")]);
    fixture.fails.store(true, Ordering::Relaxed);
    assert_eq!(fixture.emit("order.placed").await.failed, 1);
    fixture.fails.store(false, Ordering::Relaxed);
    assert_eq!(fixture.emit("order.placed").await.handlers, 1);
    assert_eq!(fixture.emit("order.placed").await.handlers, 0);
    fixture.attach("a", &[once("order.*"), to("**", 1)]);
    fixture.emit("order.placed").await;
    assert_eq!(fixture.heard().last().map(String::as_str), Some("a ** order.placed"));
    fixture.bus.detach("a");
    fixture.attach("a", &[once("order.*")]);
    assert_eq!(fixture.emit("order.placed").await.handlers, 1, "another life of the plugin");
}

#[tokio::test]
async fn plugin_that_is_detached_receives_nothing_that_is_queued() {
    let fixture = Fixture::new();
    fixture.attach("a", &[to("**", 50)]);
    fixture.attach("b", &[to("order.*", 10)]);
    fixture.publish("order.placed").await.expect("queued");
    fixture.bus.detach("a");
    assert_eq!(fixture.hear(1).await, ["b order.* order.placed"]);
    fixture.bus.detach("b");
    assert!(fixture.bus.routes.read().subscriptions.is_empty());
}

#[tokio::test]
async fn queue_that_is_full_refuses_the_event_for_all_plugins() {
    let fixture = Fixture::new();
    fixture.attach("fast", &[to("**", 50)]);
    fixture.attach("slow", &[to("wait", 10)]);
    for _ in 0..EVENT_QUEUE_MAX {
        fixture.publish("wait").await.expect("queued");
    }
    let error = fixture.publish("wait").await.expect_err("the queues are full");
    assert_eq!((error.code(), error.to_string().contains("queue")), ("busy", true), "{error}");
    // The handlers wait, and the events of the other plugin go on.
    for _ in 0..2 * EVENT_QUEUE_MAX {
        fixture.gate.notify_one();
        tokio::task::yield_now().await;
    }
    fixture.hear(2 * EVENT_QUEUE_MAX).await;
    for place in fixture.bus.plugins.lock().values() {
        assert!(place.listener.is_idle(), "{}", place.listener.plugin);
    }
}

#[tokio::test]
async fn slow_plugin_delays_only_its_own_events() {
    let fixture = Fixture::new();
    fixture.attach("slow", &[to("wait", 50)]);
    fixture.attach("fast", &[to("go", 50)]);
    fixture.publish("wait").await.expect("queued");
    fixture.publish("go").await.expect("queued");
    assert_eq!(fixture.hear(1).await, ["fast go go"]);
    fixture.gate.notify_one();
    assert_eq!(fixture.hear(1).await, ["slow wait wait"]);
}

#[tokio::test]
async fn slow_stream_loses_the_oldest_events_and_reports_their_number() {
    let fixture = Fixture::new();
    let mut stream = fixture.bus.stream("order.*").expect("a pattern");
    for _ in 0..EVENT_STREAM_EVENTS_MAX + 5 {
        fixture.emit("order.placed").await;
    }
    fixture.emit("user.created").await;
    assert_eq!(stream.next().await, Some(Received::Missed(5)));
    assert!(matches!(stream.next().await, Some(Received::Event(_))));
    drop(stream);
    assert!(fixture.bus.routes.read().streams.is_empty());
}

#[tokio::test]
async fn target_alone_receives_the_event() {
    let fixture = Fixture::new();
    fixture.attach("a", &[to("**", 50)]);
    fixture.attach("b", &[to("**", 50)]);
    let event = NewEvent { target: Some("b".into()), ..new_event("hello", json!(null)) };
    fixture.bus.emit(event, None, None).await.expect("accepted");
    assert_eq!(fixture.heard(), ["b ** hello"]);
}

#[tokio::test]
async fn subscriptions_of_the_code_are_one_for_each_pattern_and_outlive_reloads() {
    let fixture = Fixture::new();
    let plugin: Arc<str> = "a".into();
    let options = |priority, once| SubscriptionOptions { priority, once, durable: false };
    let subscribe =
        |pattern: &str, priority, once| fixture.bus.subscribe(&plugin, pattern, options(priority, once), false);
    // While it starts.
    let id = subscribe("order.*", 50, false).expect("subscribed");
    assert_eq!(fixture.emit("order.placed").await.handlers, 0, "it does not serve yet");
    fixture.attach("a", &[to("**", 10)]);
    assert_eq!(subscribe("order.*", 50, false), Ok(id.clone()));
    fixture.attach("a", &[to("**", 10)]);
    assert_eq!(fixture.emit("order.placed").await.handlers, 2);
    assert_eq!(fixture.heard(), ["a #order.* order.placed", "a ** order.placed"]);
    subscribe("order.*", 1, true).expect("changed");
    fixture.emit("order.placed").await;
    assert_eq!(fixture.heard(), ["a ** order.placed", "a #order.* order.placed"]);
    assert_eq!(fixture.emit("order.placed").await.handlers, 1, "it was spent");
    subscribe("order.*", 1, true).expect("renewed");
    assert_eq!(fixture.emit("order.placed").await.handlers, 2);
    subscribe("user.*", 1, false).expect("subscribed");
    let ids: Vec<String> = fixture.bus.subscriptions("a").iter().map(|known| known.id.clone()).collect();
    assert_eq!(ids, ["**", "#user.*"]);
    assert!(fixture.bus.unsubscribe("a", "#user.*") && !fixture.bus.unsubscribe("a", "#user.*"));
    assert_eq!(fixture.emit("user.created").await.handlers, 1);
    let mut numbers = 0..;
    let error = loop {
        if let Err(error) = subscribe(&format!("n.{}", numbers.next().unwrap_or_default()), 1, false) {
            break error;
        }
    };
    assert_eq!(error.code(), "limit_exceeded");
}

#[tokio::test]
async fn plugin_that_does_not_start_leaves_no_subscription() {
    let fixture = Fixture::new();
    let options = SubscriptionOptions { priority: 50, once: false, durable: true };
    fixture.bus.subscribe(&"a".into(), "order.*", options, false).expect("subscribed");
    fixture.bus.take_back("a", &[]);
    assert!(fixture.bus.routes.read().subscriptions.is_empty());
    fixture.attach("a", &[to("**", 10)]);
    fixture.bus.take_back("a", &[]);
    assert_eq!(fixture.emit("order.placed").await.handlers, 1, "it serves");
}

#[tokio::test]
async fn event_that_is_nested_too_deeply_is_refused() {
    let fixture = Fixture::new();
    let nested = |depth_before| NewEvent { depth_before, ..new_event("hello", json!(null)) };
    fixture.bus.emit(nested(EVENT_DEPTH_MAX - 1), None, None).await.expect("accepted");
    let error = fixture.bus.publish(nested(EVENT_DEPTH_MAX)).await.expect_err("nested too deeply");
    assert_eq!(error.code(), "cycle");
}

#[tokio::test]
async fn event_of_the_host_is_made_only_for_receivers() {
    let fixture = Fixture::new();
    fixture.bus.host_event("plugin.loaded", || panic!("nothing subscribed to it"));
    fixture.attach("a", &[to("plugin.*", 50)]);
    fixture.bus.host_event("plugin.loaded", || json!({ "plugin": "b" }));
    assert_eq!(fixture.hear(1).await, ["a plugin.* plugin.loaded"]);
}

#[tokio::test]
async fn thousand_plugins_receive_one_event() {
    let fixture = Fixture::new();
    for number in 0..1_000 {
        let name: &'static str = Box::leak(format!("p{number}").into_boxed_str());
        fixture.attach(name, &[to("order.*", number)]);
    }
    assert_eq!(fixture.emit("order.placed").await.handlers, 1_000);
    let heard = fixture.heard();
    assert_eq!((&*heard[0], &*heard[999]), ("p999 order.* order.placed", "p0 order.* order.placed"));
    fixture.publish("order.placed").await.expect("queued");
    assert_eq!(fixture.hear(1_000).await, heard);
}
