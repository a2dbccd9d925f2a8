//! Durable events across the ends of hosts. A host ends as if it were killed: its executor is dropped with all tasks,
//! and the next host opens the same file.

use std::collections::BTreeMap;
use std::path::Path;

use parking_lot::Mutex;
use plugbay_manifest::Subscription as Declared;
use serde_json::json;

use super::*;
use crate::clock::{ManualClock, SystemClock};
use crate::error::Failure;
use crate::event::{Event, Handler, Handling, Reaction, SqliteEvents};

/// The deliveries that began, as pairs of the event's data and the attempt.
type Begun = Arc<Mutex<Vec<(String, u32)>>>;

/// A handler that fails for the data `fail`, and never ends for the data `hang`.
#[derive(Default, Clone)]
struct Recorder {
    begun: Begun,
    handled: Begun,
}

impl Handler for Recorder {
    fn may_receive(&self, _: &str) -> bool {
        true
    }

    fn handle<'a>(&'a self, delivery: Delivery<'a>) -> Handling<'a> {
        let Delivery { event, attempt, .. } = delivery;
        self.begun.lock().push((event.data.clone(), attempt));
        Box::pin(async move {
            match &*event.data {
                "\"fail\"" => {
                    let failure = Failure { code: "no".into(), message: "no".into(), details: None, status_code: None };
                    let kind = InvokeErrorKind::Guest { failure: Box::new(failure) };
                    return Err(InvokeError::new("p", "on_event", kind));
                }
                "\"hang\"" => std::future::pending().await,
                _ => tokio::task::yield_now().await,
            }
            self.handled.lock().push((event.data.clone(), attempt));
            Ok(Reaction::default())
        })
    }

    fn log_failure(&self, _: Delivery<'_>, _: &InvokeError) {}
}

fn open(directory: &Path, clock: impl Clock, recorder: &Recorder) -> Arc<EventBus> {
    let bus = EventBus::new(Arc::new(clock), Arc::new(SqliteEvents::new(directory)), Box::new(|_| None));
    attach(&bus, recorder);
    bus
}

fn attach(bus: &Arc<EventBus>, recorder: &Recorder) {
    let durable = Declared { id: "order.*".into(), topic: "order.*".into(), priority: 50, once: false, durable: true };
    bus.attach(&"p".into(), &[durable], || Box::new(recorder.clone()));
}

async fn publish(bus: &Arc<EventBus>, data: impl Into<serde_json::Value>) {
    bus.publish(Event::new("order.placed", data).try_into().expect("a topic")).await.expect("it is stored");
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(180), wait).await.expect("the condition holds");
}

fn executor() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("an executor")
}

/// Every acknowledged event is handled, whatever the host was doing when it ended, and a delivery that may be a
/// repetition says so.
#[test]
fn no_durable_event_is_lost_when_hosts_end_again_and_again() {
    const HOSTS: usize = 20;
    const EVENTS: usize = 50;
    let directory = tempfile::tempdir().expect("a directory");
    let recorder = Recorder::default();
    let published = Arc::new(Mutex::new(Vec::new()));
    for host in 0..HOSTS {
        let executor = executor();
        let handled_before = recorder.handled.lock().len();
        executor.block_on(async {
            let bus = open(directory.path(), SystemClock, &recorder);
            for number in 0..EVENTS {
                let (bus, published) = (bus.clone(), published.clone());
                tokio::spawn(async move {
                    let data = format!("{host}/{number}");
                    publish(&bus, &*data).await;
                    published.lock().push(json!(data).to_string());
                });
            }
            // Each host ends after another number of deliveries.
            until(|| recorder.handled.lock().len() > handled_before + host).await;
        });
        executor.shutdown_background();
    }
    let executor = executor();
    executor.block_on(async {
        let _bus = open(directory.path(), SystemClock, &recorder);
        let is_handled = || {
            let handled = recorder.handled.lock();
            published.lock().iter().all(|data| handled.iter().any(|(known, _)| known == data))
        };
        until(is_handled).await;
    });
    let mut attempts: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (data, attempt) in recorder.begun.lock().iter() {
        attempts.entry(data.clone()).or_default().push(*attempt);
    }
    for (data, attempts) in attempts {
        assert!(attempts.is_sorted_by(|a, b| a < b), "{data}: {attempts:?}");
    }
}

#[tokio::test]
async fn durable_events_arrive_in_order_and_wait_for_one_that_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    let (clock, recorder) = (ManualClock::default(), Recorder::default());
    let bus = open(directory.path(), clock.clone(), &recorder);
    for data in ["first", "fail", "last"] {
        publish(&bus, data).await;
    }
    for attempt in 1..=EVENT_ATTEMPTS_MAX {
        until(|| recorder.begun.lock().last() == Some(&("\"fail\"".into(), attempt))).await;
        // The task may not have begun to wait for the clock yet.
        while recorder.begun.lock().len() == attempt as usize + 1 && attempt < EVENT_ATTEMPTS_MAX {
            clock.advance(EVENT_RETRY_PAUSE.saturating_mul(1 << (attempt - 1)));
            tokio::task::yield_now().await;
        }
    }
    until(|| recorder.handled.lock().len() == 2).await;
    assert_eq!(*recorder.handled.lock(), [("\"first\"".into(), 1), ("\"last\"".into(), 1)]);
    let letters = bus.dead_letters(None, 0, 10).await.expect("it is read");
    let [letter] = &letters[..] else { panic!("one dead letter: {letters:?}") };
    assert_eq!((&*letter.plugin, &*letter.event.data, letter.attempts), ("p", "\"fail\"", EVENT_ATTEMPTS_MAX));
    assert!(letter.error.contains("6 attempts"), "{}", letter.error);

    assert_eq!(bus.retry_dead_letter(letter.number).await, Ok(true));
    until(|| recorder.begun.lock().last() == Some(&("\"fail\"".into(), 1))).await;
    assert_eq!(bus.dead_letters(None, 0, 10).await, Ok(Vec::new()));
    assert_eq!(bus.remove_dead_letter(letter.number).await, Ok(false));
}

#[test]
fn event_that_ends_the_host_each_time_becomes_a_dead_letter() {
    let directory = tempfile::tempdir().expect("a directory");
    let recorder = Recorder::default();
    for host in 1..=EVENT_ATTEMPTS_MAX as usize {
        let executor = executor();
        executor.block_on(async {
            let bus = open(directory.path(), SystemClock, &recorder);
            if host == 1 {
                publish(&bus, "hang").await;
                publish(&bus, "next").await;
            }
            until(|| recorder.begun.lock().len() == host).await;
        });
        executor.shutdown_background();
    }
    let executor = executor();
    executor.block_on(async {
        let bus = open(directory.path(), SystemClock, &recorder);
        until(|| !recorder.handled.lock().is_empty()).await;
        assert_eq!(recorder.handled.lock()[0].0, "\"next\"");
        let letters = bus.dead_letters(None, 0, 10).await.expect("it is read");
        assert_eq!((letters.len(), &*letters[0].event.data), (1, "\"hang\""));
    });
}

#[tokio::test]
async fn stored_events_wait_for_a_plugin_that_is_not_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let recorder = Recorder::default();
    let bus = open(directory.path(), SystemClock, &recorder);
    publish(&bus, "hang").await;
    publish(&bus, "later").await;
    until(|| recorder.begun.lock().len() == 1).await;
    bus.detach("p");
    publish(&bus, "unheard").await;
    assert_eq!(bus.remove_stored("q").await, Ok(false));
    assert_eq!(bus.remove_stored("p").await, Ok(true));
    attach(&bus, &recorder);
    publish(&bus, "new").await;
    until(|| recorder.handled.lock().len() == 1).await;
    assert_eq!(*recorder.handled.lock(), [("\"new\"".into(), 1)]);
}

#[tokio::test]
async fn emitter_does_not_wait_for_durable_subscriptions() {
    let directory = tempfile::tempdir().expect("a directory");
    let recorder = Recorder::default();
    let bus = open(directory.path(), SystemClock, &recorder);
    let outcome =
        bus.emit(Event::new("order.placed", "x").try_into().expect("a topic"), None, None).await.expect("it is stored");
    assert_eq!((outcome.handlers, outcome.durable), (0, 1));
    bus.host_event("order.shipped", || json!("y"));
    until(|| recorder.handled.lock().len() == 2).await;
}
