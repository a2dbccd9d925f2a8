//! Polls of pages, and their runs after events: when several share one call of the plugin, and when not.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::page::{LoaderResult, PageCall};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::administered::Administered;
use crate::harness::client::Client;
use crate::harness::guest::{Guest, feature, hostile};
use crate::harness::host::{Host, TestPlugin};

/// A guest as `polled`, whose page polls an action every two seconds.
fn polled(guest: Guest, action: &str) -> TestPlugin {
    let loader = |id: &str, path: &str| json!({ "id": id, "apiRoute": path, "polling": { "interval": 2_000 } });
    TestPlugin::from(guest)
        .manifest("name", json!("polled"))
        .manifest(
            "routes",
            json!([
                { "method": "GET", "path": "/value", "actions": [action] },
                { "method": "POST", "path": "/value", "actions": ["ping"] },
            ]),
        )
        .manifest(
            "frontend",
            json!({ "pages": [{
                "path": "/",
                "template": {},
                "loaders": [
                    loader("value", "/value?of={{state.of}}"),
                    { "id": "posted", "apiRoute": "/value", "method": "POST", "polling": { "interval": 2_000 } },
                    { "id": "once", "apiRoute": "/value?of=once" },
                    { "id": "followed", "apiRoute": "/value", "events": ["value.changed"] },
                ],
                "actions": [{ "id": "act", "type": "api", "apiRoute": "/value" }],
            }] }),
        )
}

fn of(value: &str) -> PageCall {
    PageCall::new("/").state(json!({ "of": value }).as_object().expect("an object").clone())
}

async fn run(host: &Host, loader: &str, call: PageCall) -> LoaderResult {
    let results = host.runtime.run_loaders("polled", call, Some(&[loader.to_owned()])).await;
    results.expect("the page has it").remove(0)
}

async fn value(host: &Host, call: PageCall) -> Value {
    run(host, "value", call).await.data.expect("an answer")
}

#[tokio::test]
async fn hundreds_of_clients_that_poll_are_one_call_of_the_plugin() {
    let clock = ManualClock::default();
    let host = Administered::with(|builder| builder.clock(clock.clone())).await;
    // Fewer calls than there are clients.
    let plugin = polled(feature::ECHO, "ping").resource("rate_limit", json!({ "calls": 3, "period_seconds": 60 }));
    host.host.load(plugin).await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(Client::connect(host.address).await);
    }
    for round in 1..=3 {
        let mut polls = JoinSet::new();
        for mut client in clients.drain(..) {
            let body =
                json!({ "path": "/", "state": { "of": "all" }, "loaderIds": ["value"], "poll": true }).to_string();
            polls.spawn(async move {
                let path = "/api/v1/plugins/polled/page/loaders";
                let response =
                    client.request("POST", path, "content-type: application/json\r\n", body.as_bytes()).await;
                (client, response)
            });
        }
        for (client, response) in polls.join_all().await {
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(response.json()[0]["data"], round, "{}", response.text());
            clients.push(client);
        }
        clock.advance(Duration::from_millis(1_001));
    }
    let calls = host.host.runtime.plugin("polled").expect("loaded").metrics().calls;
    assert_eq!(calls, 3, "200 clients polled three times");
    host.close().await;
}

#[tokio::test]
async fn poll_accepts_a_result_of_half_its_interval_and_other_runs_none() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.clock(clock.clone()));
    host.load(polled(feature::ECHO, "ping")).await;
    let poll = || of("x").poll(true);
    assert_eq!(value(&host, poll()).await, 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(value(&host, poll()).await, 1);
    let since = run(&host, "value", poll()).await.loaded_at;
    assert_eq!(value(&host, of("x")).await, 2, "a person asked");
    let shared = run(&host, "value", poll()).await;
    assert_eq!(shared.data, Some(json!(2)), "never an older result than the page has");
    assert_eq!(shared.loaded_at, since + 1_000, "when the plugin answered");
    assert_eq!(value(&host, of("y").poll(true)).await, 3, "another request");
    clock.advance(Duration::from_millis(1_001));
    assert_eq!(value(&host, poll()).await, 4);
    clock.set(std::time::UNIX_EPOCH);
    assert_eq!(value(&host, poll()).await, 5, "the clock was set back");
    for (loader, expected) in [("posted", 6), ("posted", 7), ("once", 8), ("once", 9)] {
        assert_eq!(run(&host, loader, poll()).await.data, Some(json!(expected)), "neither is shared");
    }
    let timed = poll().timeout(Duration::from_secs(60));
    assert_eq!(value(&host, timed).await, 10, "it must not wait for another call");
}

#[tokio::test]
async fn poll_after_an_action_of_a_page_gets_a_new_result() {
    let host = Host::with(|builder| builder.clock(ManualClock::default()));
    host.load(polled(feature::ECHO, "ping")).await;
    assert_eq!(value(&host, of("x").poll(true)).await, 1);
    let acted = host.runtime.run_page_action("polled", "act", PageCall::new("/")).await.expect("it is declared");
    assert_eq!(acted.data, Some(json!(2)));
    assert_eq!(value(&host, of("x").poll(true)).await, 3);
    assert_eq!(value(&host, of("x").poll(true)).await, 3);
}

#[tokio::test]
async fn poll_is_shared_among_callers_only_if_the_plugin_cannot_see_them() {
    let host = Host::with(|builder| builder.clock(ManualClock::default()));
    host.load(polled(feature::INVOCATION, "about")).await;
    let poll = |identity: &'static str, scopes: &'static [&'static str]| {
        let call = of("x").poll(true).identity(identity, scopes.iter().copied());
        async { value(&host, call).await }
    };
    let ada = poll("ada", &["call"]).await;
    assert_eq!((&ada["identity"], &ada["scopes"]), (&json!("ada"), &json!(["call"])));
    assert_eq!(poll("ada", &["call"]).await, ada, "also the request's id is that of the call");
    let manager = poll("ada", &["call", "manage"]).await;
    assert_eq!(manager["scopes"], json!(["call", "manage"]));
    assert_eq!(poll("bob", &["call"]).await["identity"], "bob");
    assert_eq!(value(&host, of("x").poll(true)).await["identity"], Value::Null);

    let host = Host::with(|builder| builder.clock(ManualClock::default()));
    host.load(polled(feature::ECHO, "ping")).await;
    for identity in ["ada", "bob"] {
        assert_eq!(value(&host, of("x").poll(true).identity(identity, ["call"])).await, 1);
    }
}

#[tokio::test]
async fn poll_that_waits_asks_itself_if_the_one_before_is_dropped() {
    let host = Host::with(|builder| builder.clock(ManualClock::default()));
    let plugin = host.load(polled(hostile::INFINITE_LOOP, "attack")).await;
    let mut waker = Context::from_waker(Waker::noop());
    let mut waiting = pin!(run(&host, "value", of("x").poll(true)));
    {
        let mut first = pin!(run(&host, "value", of("x").poll(true)));
        assert!(first.as_mut().poll(&mut waker).is_pending());
        assert!(waiting.as_mut().poll(&mut waker).is_pending());
    }
    // The call that was dropped is not counted.
    let error = waiting.await.error.expect("its fuel is used up");
    assert_eq!((error.code.as_str(), plugin.metrics().calls), ("out_of_fuel", 1));
    let shared = run(&host, "value", of("x").poll(true)).await;
    assert_eq!((shared.error, plugin.metrics().calls), (Some(error), 1), "failures are shared, too");
}

#[tokio::test]
async fn event_that_reaches_hundreds_of_pages_is_two_calls_of_the_plugin() {
    let host = Host::with(|builder| builder.clock(ManualClock::default()));
    let plugin = host.load(polled(feature::ECHO, "ping")).await;
    let after_event = || run(&host, "followed", PageCall::new("/").after_event(true));
    let mut runs: Vec<_> = (0..200).map(|_| Box::pin(after_event())).collect();
    let mut results = Vec::new();
    // All have asked before the second call of the plugin.
    let mut waker = Context::from_waker(Waker::noop());
    runs.retain_mut(|run| match run.as_mut().poll(&mut waker) {
        Poll::Ready(result) => {
            results.push(result.data);
            false
        }
        Poll::Pending => true,
    });
    for run in runs {
        results.push(run.await.data);
    }
    assert_eq!(results[0], Some(json!(1)), "the first waits for no other");
    assert!(results[1..].iter().all(|data| *data == Some(json!(2))), "{results:?}");
    assert_eq!(plugin.metrics().calls, 2);
    assert_eq!(after_event().await.data, Some(json!(3)), "a later event");
    assert_eq!(run(&host, "followed", PageCall::new("/")).await.data, Some(json!(4)), "a person asked");
}
