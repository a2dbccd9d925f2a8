//! Durable events across the ends of host processes that are killed.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use plugbay::host_plugin::HostCall;
use plugbay::store::{
    DeadLetter, DeliveryOutcome, EventFuture, EventReceiver, EventStore, PendingEvent, PublishedEvent, SqliteEvents,
    StoreFuture,
};
use plugbay::{Event, Failure, HostPlugin, Policy};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::harness::guest::{feature, sdk};
use crate::harness::host::{Host, TestPlugin, call};
use crate::harness::patience::until;

/// Hosts that are killed before one that delivers what is left.
const KILLS: usize = 20;
/// Tasks of a host that publish at the same time, and so share commits.
const PUBLISHERS: usize = 64;
/// The data directory, the number of the first event and the number of events of a host process.
const HOST_VARIABLE: &str = "PLUGBAY_TEST_DURABLE_HOST";

/// Each event whose publisher got an id is handled, and a repeated delivery has the same id and a higher attempt.
#[test]
fn no_durable_event_is_lost_when_host_processes_are_killed() {
    let given = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seed = given("PLUGBAY_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("PLUGBAY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let events = given("PLUGBAY_DURABLE_EVENTS").unwrap_or(EVENTS) as usize;
    let per_host = events.div_ceil(KILLS);
    let directory = tempfile::tempdir().expect("a directory");

    let mut story = Story::default();
    for host in 0..KILLS {
        // It ends while it publishes, or while it delivers what it has published.
        let lines = random.usize(1..2 * per_host);
        let mut process = start(directory.path(), host * per_host, per_host);
        let mut output = lines_of(&mut process);
        story.follow(&mut output, |_, read| read == lines);
        process.kill().expect("the test owns the process");
        process.wait().expect("it was killed");
        // What the host wrote before it was killed.
        story.follow(&mut output, |_, _| false);
    }
    let left = events.saturating_sub(story.published.len());
    let mut last = start(directory.path(), KILLS * per_host, left);
    story.follow(&mut lines_of(&mut last), |story, _| story.published.len() >= events && story.is_handled());
    last.kill().expect("the test owns the process");
    last.wait().expect("it was killed");

    assert!(story.published.len() >= events && story.is_handled(), "the last host ended by itself");
    let repeated = story.deliveries.values().filter(|deliveries| deliveries.len() > 1).count();
    println!("{} events, {repeated} of them delivered again", story.published.len());
    for (number, deliveries) in &story.deliveries {
        let id = story.published.get(number).unwrap_or(&deliveries[0].id);
        assert!(deliveries.iter().all(|delivery| delivery.id == *id), "{number}: {deliveries:?}");
        assert!(deliveries.is_sorted_by(|a, b| a.attempt < b.attempt), "{number}: {deliveries:?}");
    }
}

/// The events of one publisher are handled in the order in which it published them, also across the end of a host, and
/// subscriptions that a plugin's code makes are durable, too.
#[tokio::test]
async fn durable_events_are_handled_in_order_across_a_host() {
    const EVENTS: usize = 500;

    let directory = tempfile::tempdir().expect("a directory");
    for by_code in [false, true] {
        let heard = Heard::default();
        let directory = directory.path().join(by_code.to_string());
        let first = hearing(&directory, by_code, &heard).await;
        for number in 0..EVENTS {
            first.runtime.publish(Event::new("order.placed", number)).await.expect("it is stored");
        }
        until("some events", async || (heard.count() > EVENTS / 10).then_some(())).await;
        drop(first);
        let _second = hearing(&directory, by_code, &heard).await;
        until("all events", async || heard.has(EVENTS - 1).then_some(())).await;
        assert_eq!(heard.first_deliveries(), (0..EVENTS).collect::<Vec<_>>(), "subscribed by its code: {by_code}");
    }
}

/// A store whose claims wait for the test.
#[derive(Clone)]
struct GatedEvents {
    events: Arc<SqliteEvents>,
    gate: Arc<Semaphore>,
    /// The claims that have begun, and the batches that were settled.
    claims: Arc<AtomicUsize>,
    settled: Arc<AtomicUsize>,
}

impl EventStore for GatedEvents {
    fn append(&self, event: Arc<PublishedEvent>, receivers: Vec<EventReceiver>) -> EventFuture<'_, ()> {
        self.events.append(event, receivers)
    }

    fn claim<'a>(&'a self, plugin: &'a str, limit: usize) -> EventFuture<'a, Vec<PendingEvent>> {
        StoreFuture::new(async move {
            self.claims.fetch_add(1, Ordering::SeqCst);
            self.gate.acquire().await.expect("it is open").forget();
            self.events.claim(plugin, limit).await
        })
    }

    fn settle(&self, outcomes: Vec<(u64, DeliveryOutcome)>) -> EventFuture<'_, ()> {
        StoreFuture::new(async move {
            self.events.settle(outcomes).await?;
            self.settled.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }

    fn dead_letters<'a>(
        &'a self,
        plugin: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> EventFuture<'a, Vec<DeadLetter>> {
        self.events.dead_letters(plugin, after, limit)
    }

    fn retry_dead_letter(&self, number: u64) -> EventFuture<'_, Option<String>> {
        self.events.retry_dead_letter(number)
    }

    fn remove_dead_letter(&self, number: u64) -> EventFuture<'_, bool> {
        self.events.remove_dead_letter(number)
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> EventFuture<'a, bool> {
        self.events.remove(plugin)
    }
}

#[tokio::test]
async fn event_that_is_claimed_while_its_host_ends_stays_stored() {
    let store = GatedEvents {
        events: Arc::new(SqliteEvents::in_memory()),
        gate: Arc::new(Semaphore::new(0)),
        claims: Arc::default(),
        settled: Arc::default(),
    };
    let hearing = async || {
        let host = Host::with(|builder| builder.policy(Policy::allow_all()).event_store(store.clone()));
        let events = json!({ "subscribes": [{ "topic": "order.*", "durable": true }] });
        let plugin = host.load(TestPlugin::from(feature::EVENTS).manifest("events", events)).await;
        (host, plugin)
    };
    let (first, plugin) = hearing().await;
    first.runtime.publish(Event::new("order.placed", 7)).await.expect("it is stored");
    until("a claim", async || (store.claims.load(Ordering::SeqCst) == 1).then_some(())).await;
    drop((first, plugin));
    store.gate.add_permits(1);
    until("the first host", async || (store.settled.load(Ordering::SeqCst) == 1).then_some(())).await;
    assert_eq!(store.dead_letters(None, 0, 10).await.expect("they are read"), []);
    store.gate.add_permits(10);
    let (_second, plugin) = hearing().await;
    let heard = until("the event", async || {
        let heard = call(&plugin, "heard").await.expect("it answers");
        heard.as_array().filter(|heard| !heard.is_empty()).cloned()
    })
    .await;
    assert_eq!((&heard[0]["data"], &heard[0]["attempt"]), (&json!(7), &json!(1)));
}

/// The numbers that a plugin has received, which outlive its host.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<usize>>>);

impl Heard {
    fn numbers(&self) -> Vec<usize> {
        self.0.lock().expect("not poisoned").clone()
    }

    fn count(&self) -> usize {
        self.0.lock().expect("not poisoned").len()
    }

    fn has(&self, number: usize) -> bool {
        self.numbers().contains(&number)
    }

    /// The numbers without repetitions: an event that was being handled when a host ended is handled again.
    fn first_deliveries(&self) -> Vec<usize> {
        let mut seen = HashSet::new();
        self.numbers().into_iter().filter(|number| seen.insert(*number)).collect()
    }
}

/// A host with a plugin that passes each number on, which it receives by a durable subscription.
async fn hearing(directory: &Path, by_code: bool, heard: &Heard) -> Host {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(directory));
    let heard = heard.clone();
    let recorder = HostPlugin::new("recorder").action("record", move |_: HostCall, number: usize| {
        heard.0.lock().expect("not poisoned").push(number);
        async { Ok::<(), Failure>(()) }
    });
    host.runtime.provide(recorder).expect("the name is free");
    let plugin = TestPlugin::from(feature::EVENTS)
        .manifest("permissions", json!([{ "resource": "plugin.recorder" }, { "resource": "events.order.*" }]))
        .resource("max_fuel", json!(1_000_000_000));
    let setting = |default: serde_json::Value, kind: &str| json!({ "type": kind, "default": default });
    let subscribes: &[&str] = if by_code { &["order.*"] } else { &[] };
    let configuration = json!({
        "recorder": setting(json!(true), "boolean"), "durable": setting(json!(by_code), "boolean"),
        "subscribes": setting(json!(subscribes), "array"),
    });
    let declared = if by_code { json!([]) } else { json!([{ "topic": "order.*", "durable": true }]) };
    let plugin = plugin.manifest("configuration", configuration).manifest("events", json!({ "subscribes": declared }));
    host.load(plugin).await;
    host
}

/// Events in a build without optimisation. `PLUGBAY_DURABLE_EVENTS` is another number.
const EVENTS: u64 = 100_000;

/// What hosts have written.
#[derive(Default)]
struct Story {
    /// The ids of the published events, by number.
    published: HashMap<usize, String>,
    deliveries: HashMap<usize, Vec<Delivery>>,
    /// The published events that no handler has received yet.
    unhandled: usize,
}

#[derive(Debug)]
struct Delivery {
    id: String,
    attempt: u32,
}

impl Story {
    /// Reads lines until the output ends, or until `is_enough`, which gets the number of lines that were read.
    fn follow(&mut self, output: &mut impl BufRead, is_enough: impl Fn(&Story, usize) -> bool) {
        let (mut line, mut read) = (String::new(), 0);
        while !is_enough(self, read) {
            line.clear();
            output.read_line(&mut line).expect("UTF-8");
            // A host that is killed may leave half a line.
            let Some(whole) = line.strip_suffix('\n') else { return };
            read += usize::from(self.add(whole).is_some());
        }
    }

    /// Adds a line of a host, unless it is one of the test's own.
    fn add(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let (kind, number, id) = (words.next()?, words.next()?.parse().ok()?, words.next()?.to_owned());
        match kind {
            "published" => {
                self.unhandled += usize::from(!self.deliveries.contains_key(&number));
                self.published.insert(number, id);
            }
            "handled" => {
                let attempt = words.next()?.parse().ok()?;
                let deliveries = self.deliveries.entry(number).or_default();
                if deliveries.is_empty() && self.published.contains_key(&number) {
                    self.unhandled -= 1;
                }
                deliveries.push(Delivery { id, attempt });
            }
            _ => return None,
        }
        Some(())
    }

    /// Returns whether each published event has been handled.
    fn is_handled(&self) -> bool {
        self.unhandled == 0
    }
}

/// Starts a host in a process of its own.
fn start(directory: &Path, first: usize, count: usize) -> Child {
    let this = std::env::current_exe().expect("the test binary has a path");
    let test = "lifecycle::durable::host_that_publishes_and_handles_events";
    Command::new(this)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(HOST_VARIABLE, format!("{first} {count} {}", directory.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

fn lines_of(process: &mut Child) -> impl BufRead + use<> {
    BufReader::new(process.stdout.take().expect("it is piped"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is a process of no_durable_event_is_lost_when_host_processes_are_killed"]
async fn host_that_publishes_and_handles_events() {
    let variable = std::env::var(HOST_VARIABLE).expect("set by the test");
    let mut words = variable.splitn(3, ' ');
    let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number");
    let (first, count): (usize, usize) = (number(), number());
    let directory = words.next().expect("a directory");

    let host = Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(directory));
    host.runtime.provide(HostPlugin::new("recorder").action("record", record)).expect("the name is free");
    let plugin = TestPlugin::from(sdk::CALLER)
        .manifest("events", json!({ "subscribes": [{ "topic": "call.*", "durable": true }] }))
        .manifest("permissions", json!([{ "resource": "plugin.recorder" }]))
        .resource("max_fuel", json!(1_000_000_000));
    host.load(plugin).await;
    let next = Arc::new(AtomicUsize::new(0));
    for _ in 0..PUBLISHERS {
        let (runtime, next) = (host.runtime.clone(), next.clone());
        tokio::spawn(async move {
            loop {
                let number = first + next.fetch_add(1, Ordering::Relaxed);
                if number >= first + count {
                    return;
                }
                let id = runtime.publish(Event::new("call.me", number)).await.expect("it is stored");
                write(&format!("published {number} {id}\n"));
            }
        });
    }
    std::future::pending::<()>().await;
}

#[derive(Deserialize)]
struct Received {
    id: String,
    attempt: u32,
    data: usize,
}

async fn record(_: HostCall, received: Received) -> Result<(), Failure> {
    write(&format!("handled {} {} {}\n", received.data, received.id, received.attempt));
    Ok(())
}

/// Writes a line at once, and as a whole unless the process is killed meanwhile.
fn write(line: &str) {
    std::io::stdout().lock().write_all(line.as_bytes()).expect("the test reads it");
}
