//! Events of a host over HTTP: dead letters, and Pup's messages.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::event::Received;
use plugbay::{Event, Policy};
use serde_json::{Value, json};

use crate::harness::administered::Administered;
use crate::harness::assert::assert_contains;
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::patience::until;

#[tokio::test]
async fn dead_letters_are_listed_retried_and_removed_by_a_manager() {
    let clock = ManualClock::default();
    let served = Administered::with(|builder| builder.policy(Policy::allow_all()).clock(clock.clone())).await;
    let durable = json!({ "subscribes": [{ "topic": "order.*", "durable": true }] });
    let orders = TestPlugin::from(feature::EVENTS).manifest("name", json!("orders")).manifest("events", durable);
    let orders = served.host.load(orders).await;
    for number in 0..2 {
        served.host.runtime.publish(Event::new("order.fail", number)).await.expect("it is stored");
    }
    let listed = async |path: &str| served.request("", "GET", path, Value::Null).await.json()["dead_letters"].clone();
    let letters = until("two dead letters", async || {
        clock.advance(Duration::from_secs(60));
        let letters = listed("/api/v1/dead-letters").await;
        letters.as_array().filter(|letters| letters.len() == 2).cloned()
    })
    .await;
    let number = |index: usize| letters[index]["number"].as_u64().expect("a number");
    let event = &letters[0]["event"];
    assert_eq!((&event["topic"], &letters[0]["plugin"]), (&json!("order.fail"), &json!("orders")));
    assert_eq!((&event["data"], &letters[0]["attempts"]), (&json!(0), &json!(6)));
    assert_eq!(listed("/api/v1/dead-letters?limit=1").await.as_array().map(Vec::len), Some(1));
    let after = listed(&format!("/api/v1/dead-letters?after={}", number(0))).await;
    assert_eq!(after[0]["number"], number(1));

    let retry = format!("/api/v1/dead-letters/{}/retry", number(0));
    assert_eq!(served.request("", "POST", &retry, Value::Null).await.status, 401);
    let trapped = orders.metrics().errors["unwanted"];
    assert_eq!(served.manage("POST", &retry, Value::Null).await["change"], "retried");
    assert_eq!(served.request(&served.manager, "POST", &retry, Value::Null).await.status, 404, "it is queued again");
    until("another attempt", async || {
        clock.advance(Duration::from_secs(1));
        (orders.metrics().errors["unwanted"] > trapped).then_some(())
    })
    .await;
    let remove = format!("/api/v1/dead-letters/{}", number(1));
    assert_eq!(served.manage("DELETE", &remove, Value::Null).await["change"], "removed");
    let gone = served.request(&served.manager, "DELETE", &remove, Value::Null).await;
    assert_eq!(gone.status, 404);
    assert_contains(&gone.text(), &["dead letter", &number(1).to_string()]);
    for wrong in ["/api/v1/dead-letters/x/retry", "/api/v1/dead-letters/-1/retry"] {
        assert_eq!(served.request(&served.manager, "POST", wrong, Value::Null).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn client_publishes_in_its_own_name_and_not_on_topics_of_the_host() {
    let served = Administered::start().await;
    let mut events = served.host.runtime.subscribe("**").expect("a pattern");
    let caller = served.token(&["read", "call"]);
    let publish = async |token: &str, topic: &str| {
        served.request(token, "POST", "/api/v1/events", json!({ "topic": topic })).await
    };
    for topic in
        ["plugin.shop.state_changed", "plugin.loaded", "log.shop", "process_log", "terminating", "onServerBoot"]
    {
        let refused = publish(&caller, topic).await;
        assert_eq!(refused.status, 403, "{topic}");
        assert_contains(&refused.text(), &["manage"]);
    }
    for (token, topic, source) in
        [(&caller, "container:started", "client:tester"), (&served.manager, "plugin.shop.note", "host")]
    {
        let sent = publish(token, topic).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        let Some(Received::Event(event)) = events.next().await else { panic!("an event") };
        assert_eq!((&json!(event.id), &*event.source), (&sent.json()["id"], source));
    }
}

#[tokio::test]
async fn message_of_a_client_is_an_event_with_its_sender() {
    let served = Administered::start().await;
    let mut events = served.host.runtime.subscribe("ipc").expect("a pattern");
    let caller = served.token(&["call"]);
    let message = json!({ "target": "shop", "event": "restock", "eventData": { "items": 3 }, "sender": "host" });
    let sent = served.request(&caller, "POST", "/ipc", message).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let Some(Received::Event(event)) = events.next().await else { panic!("an event") };
    assert_eq!(event.source, "client:tester");
    let expected = json!({ "sender": "tester", "target": "shop", "event": "restock", "eventData": { "items": 3 } });
    assert_eq!((&json!(event.id), &event.data), (&sent.json()["id"], &expected));
    for (missing, message) in [
        ("Missing target", json!({ "event": "a", "eventData": 1 })),
        ("Missing event", json!({ "target": "a", "eventData": 1 })),
        ("Missing event data", json!({ "target": "a", "event": "a" })),
    ] {
        let refused = served.request(&caller, "POST", "/ipc", message).await;
        assert_eq!(refused.status, 400);
        assert_contains(&refused.text(), &[missing]);
    }
    assert_eq!(served.request(&served.token(&["read"]), "POST", "/ipc", json!({})).await.status, 403);
}

/// The host sets the source of an event.
#[tokio::test]
async fn client_cannot_forge_the_source_of_an_event() {
    let served = Administered::start().await;
    let forged = json!({ "topic": "order.placed", "data": 1, "source": "shop" });
    let refused = served.request(&served.manager, "POST", "/api/v1/events", forged).await;
    assert_eq!(refused.status, 400);
    assert_contains(&refused.text(), &["source"]);
}

#[tokio::test]
async fn tokens_cannot_be_found_by_trying() {
    let served = Administered::start().await;
    let right = served.token(&["read"]);
    let wrong = format!("{}{}", &right[..20], &served.token(&["read"])[20..]);
    let mut statuses = Vec::new();
    for guess in ["a", "pbk_", "pbk_wrong", &wrong, &right[1..], &format!("{right}0")].repeat(3) {
        let headers = format!("authorization: Bearer {guess}\r\n");
        let mut client = crate::harness::client::Client::connect(served.address).await;
        let refused = client.request("GET", "/api/v1/plugins", &headers, b"").await;
        if refused.status == 429 {
            let seconds: u64 = refused.header("retry-after").and_then(|after| after.parse().ok()).expect("seconds");
            assert!((1..=60).contains(&seconds));
        } else {
            assert!(refused.header("www-authenticate").is_some_and(|challenge| challenge.contains("invalid_token")));
        }
        statuses.push(refused.status);
    }
    assert_eq!(statuses, [vec![401; 10], vec![429; 8]].concat());
    assert_eq!(served.request(&right, "GET", "/api/v1/plugins", Value::Null).await.status, 200, "a right one");
    assert_eq!(served.request("", "GET", "/healthz", Value::Null).await.status, 200);
}
