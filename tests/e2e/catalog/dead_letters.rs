//! Dead letters through the command, in the data directory of a host that has ended.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::store::DeadLetter;
use plugbay::{Event, Policy};
use serde_json::{Value, json};

use super::super::serve::Served;
use super::scene::Scene;
use crate::harness::assert::assert_contains;
use crate::harness::client::get;
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::patience::until;

#[tokio::test]
async fn dead_letters_are_listed_retried_and_removed() {
    let scene = Scene::new();
    let letters = left_by_a_host(&scene).await;
    let listed = scene.run(&["events", "dead", "--json"]).exits_with(0).json();
    assert_eq!(listed["dead_letters"], described(&letters));
    let of_orders = scene.run(&["events", "dead", "--plugin", "orders"]).exits_with(0).stdout;
    assert_contains(&of_orders, &["2 dead letters", "orders", "order.trap", "3 attempts", "given up"]);
    assert!(!of_orders.contains("stock"), "{of_orders}");

    let first = letters.iter().find(|letter| letter.plugin == "orders").expect("it has some").number.to_string();
    let retried = scene.run(&["events", "retry", &first]).exits_with(0).stdout;
    assert_eq!(retried, "retried 1 dead letter\n");
    let again = scene.run(&["events", "retry", &first]).exits_with(2).stderr;
    assert_contains(&again, &["no dead letter", &first, "plugbay events dead"]);
    let removed = scene.run(&["events", "remove", "--all", "--plugin", "stock", "--json"]).exits_with(0).json();
    assert_eq!(removed, json!({ "status": "ok", "change": "removed", "dead_letters": 2 }));
    assert_eq!(scene.run(&["events", "retry", "--all"]).exits_with(0).stdout, "retried 1 dead letter\n");
    assert_eq!(scene.run(&["events", "dead"]).exits_with(0).stdout, "there are no dead letters\n");

    // The next host delivers what was retried.
    let (host, _) = host(&scene);
    let orders = host.load(subscriber("orders")).await;
    until("a delivery", async || orders.metrics().errors.get("plugin_trapped").copied()).await;
}

#[tokio::test]
async fn host_that_runs_delivers_what_is_retried_at_once() {
    let scene = Scene::new();
    let letters = left_by_a_host(&scene).await;
    let plugin = scene.file("orders.wasm", subscriber("orders"));
    let host_file = scene.data().with_file_name("plugbay.json");
    std::fs::write(&host_file, json!({ "policy": [{ "resource": "*" }] }).to_string()).expect("written");
    let (data, plugin) = (scene.data(), plugin.to_str().expect("UTF-8"));
    let options = ["--data-dir", data.to_str().expect("UTF-8"), "--host-file", host_file.to_str().expect("UTF-8")];
    let served = Served::start(&[&[plugin][..], &options].concat());
    let retried = scene.run(&["events", "retry", "--all", "--plugin", "orders"]).exits_with(0);
    assert_eq!((&*retried.stdout, &*retried.stderr), ("retried 2 dead letters\n", ""));
    until("a delivery", async || {
        let metrics = get(served.address, "/api/v1/metrics").await.json();
        metrics["plugins"]["orders"]["errors"]["plugin_trapped"].as_u64()
    })
    .await;
    let gone = letters.iter().find(|letter| letter.plugin == "orders").expect("it had some").number.to_string();
    let again = scene.run(&["events", "retry", &gone]).exits_with(2).stderr;
    assert_contains(&again, &["there is no dead letter with the number", &gone]);
    served.end();
}

#[test]
fn command_for_dead_letters_says_what_is_missing() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["events", "dead"]).exits_with(0).stdout, "there are no dead letters\n");
    assert!(!scene.data().exists(), "looking creates nothing");
    assert_contains(&scene.run(&["events", "retry"]).exits_with(2).stderr, &["NUMBER"]);
    assert_contains(&scene.run(&["events", "retry", "1", "--all"]).exits_with(2).stderr, &["--all"]);
    assert_contains(&scene.run(&["events", "remove", "1"]).exits_with(2).stderr, &["there is no dead letter 1"]);
}

/// Dead letters as a server and the command describe them: with the data of the event as a value.
fn described(letters: &[DeadLetter]) -> Value {
    let mut described = json!(letters);
    for (letter, value) in letters.iter().zip(described.as_array_mut().expect("a list")) {
        value["event"]["data"] = serde_json::from_str(&letter.event.data).expect("JSON");
    }
    described
}

#[tokio::test]
async fn dead_letters_of_a_server_are_listed_retried_and_removed() {
    let scene = Scene::new();
    let letters = left_by_a_host(&scene).await;
    let (data, token) = (scene.data(), scene.run(&["token", "--consumer", "ci", "--scope", "manage", "--json"]));
    let token = token.exits_with(0).json()["token"].as_str().expect("a token").to_owned();
    let served = Served::start(&["--data-dir", data.to_str().expect("UTF-8")]);
    let url = format!("http://{}", served.address);
    let events = |arguments: &[&str]| {
        let arguments = [&["events"], arguments, &["--server", &url]].concat();
        Plugbay::new(arguments).environment("PLUGBAY_TOKEN", &token).run()
    };
    assert_eq!(events(&["dead", "--json"]).exits_with(0).json()["dead_letters"], described(&letters));
    let of_orders = events(&["dead", "--plugin", "orders"]).exits_with(0).stdout;
    assert_contains(&of_orders, &["2 dead letters", "orders", "order.trap", "3 attempts", "given up"]);
    assert_eq!(events(&["remove", "--all", "--plugin", "stock"]).exits_with(0).stdout, "removed 2 dead letters\n");
    let first = letters.iter().find(|letter| letter.plugin == "orders").expect("it has some").number.to_string();
    assert_eq!(events(&["retry", &first]).exits_with(0).stdout, "retried 1 dead letter\n");
    assert_contains(&events(&["remove", &first]).exits_with(2).stderr, &["no dead letter with the number", &first]);
    served.end();
}

/// Two dead letters of each of two plugins.
async fn left_by_a_host(scene: &Scene) -> Vec<DeadLetter> {
    let (host, clock) = host(scene);
    for name in ["orders", "stock"] {
        host.load(subscriber(name)).await;
    }
    for number in 0..2 {
        host.runtime.publish(Event::new("order.trap", number)).await.expect("it is stored");
    }
    let letters = until("four dead letters", async || {
        clock.advance(Duration::from_secs(60));
        let letters = host.runtime.dead_letters(0, 10).await.expect("they are read");
        (letters.len() == 4).then_some(letters)
    })
    .await;
    host.runtime.shutdown().await;
    letters
}

fn host(scene: &Scene) -> (Host, ManualClock) {
    let clock = ManualClock::default();
    std::fs::create_dir_all(scene.data()).expect("created");
    let settings = clock.clone();
    (Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(scene.data()).clock(settings)), clock)
}

fn subscriber(name: &str) -> TestPlugin {
    let durable = json!([{ "topic": "order.*", "durable": true }]);
    TestPlugin::from(feature::EVENTS).manifest("name", json!(name)).manifest("events", json!({ "subscribes": durable }))
}
