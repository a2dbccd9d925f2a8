//! The Docker engines of a node, with an engine of the test that starts and ends a container.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use plugbay::Package;
use plugbay::event::Received;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::guest::example;
use crate::harness::node::node;
use crate::harness::patience::{ends, until};

/// A start and an end of a container. Docker writes no line break behind an event if a proxy removes it.
const EVENTS: &str = concat!(
    r#"{"Type":"container","Action":"start","Actor":{"ID":"4f","Attributes":{"name":"web","image":"nginx"}},"timeNano":9}"#,
    r#"{"Type":"container","Action":"die","Actor":{"ID":"4f","Attributes":{"name":"web","exitCode":"1"}},"timeNano":10}"#,
);

/// Events of each other kind, as Docker and Podman write them.
const OTHER_EVENTS: &str = concat!(
    r#"{"Type":"network","Action":"connect","Actor":{"ID":"n1","Attributes":{"name":"front","container":"4f"}},"timeNano":9}"#,
    r#"{"Type":"volume","Action":"create","Actor":{"ID":"data","Attributes":{"driver":"local"}},"timeNano":10}"#,
    r#"{"Type":"daemon","Action":"reload","Actor":{"ID":"d","Attributes":{"name":"host"}},"timeNano":11}"#,
    r#"{"Type":"image","Action":"loadfromarchive","Actor":{"ID":"i1","Attributes":{"name":"nginx"}},"timeNano":12}"#,
);

/// An engine of Docker's API 1.41. It ends each stream of events at once, so that it is asked for them again, or it has
/// no events and does not answer.
async fn engine(sent: Option<&'static str>) -> u16 {
    let listed = json!([{ "Id": "5a", "Names": ["/db"], "Image": "postgres", "State": "running" }]);
    let stats = json!({ "memory_stats": { "usage": 7 }, "cpu_stats": { "cpu_usage": { "total_usage": 1 } } });
    let answer = |value: Value| get(move || async move { axum::Json(value) });
    let router = Router::new()
        .route("/version", answer(json!({ "ApiVersion": "1.41", "MinAPIVersion": "1.24", "Version": "20.10" })))
        .route("/v1.41/events", get(move || events(sent)))
        .route("/v1.41/containers/json", answer(listed))
        .route("/v1.41/images/json", answer(json!([])))
        .route("/v1.41/networks", answer(json!([])))
        .route("/v1.41/volumes", answer(json!({})))
        .route("/v1.41/containers/5a/stats", answer(stats));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

async fn events(sent: Option<&'static str>) -> Response {
    match sent {
        Some(sent) => sent.into_response(),
        None => std::future::pending().await,
    }
}

#[tokio::test]
async fn start_and_end_of_a_container_reach_a_plugin_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let port = engine(Some(EVENTS)).await;
    let policy = "[{ resource: \"db.*\" }, { resource: events.container.* }, { resource: events.image.* }]";
    let file = format!("docker: [{{ name: a, url: \"tcp://127.0.0.1:{port}\" }}]\npolicy: {policy}\n");
    let node = node(&directory, &file);
    let package = Package::open(example::CONTAINER_WATCH.path()).expect("it opens");
    let plugin = node.runtime.load(package).await.expect("it is a valid plugin");
    node.start_docker();
    let again = |node: &plugbay_node::Node| node.docker()[0].connections >= 3;
    until("further connections", async || again(&node).then_some(())).await;
    let status = node.docker().remove(0);
    assert_eq!((&*status.name, status.url), ("a", format!("tcp://127.0.0.1:{port}")));
    until("both events", async || {
        let count: Value = plugin.call("count", &json!("4f")).await.expect("counted");
        (count == json!({ "starts": 1, "stops": 1 })).then_some(())
    })
    .await;
    until("two more connections", async || (node.docker()[0].connections >= status.connections + 2).then_some(()))
        .await;
    until("no event is on its way", async || node.runtime.events_are_idle().then_some(())).await;
    let history: Value = plugin.call("history", &json!("4f")).await.expect("read");
    let history: Vec<(&Value, &Value)> =
        history.as_array().expect("rows").iter().map(|row| (&row["event"], &row["name"])).collect();
    assert_eq!(history, [(&json!("start"), &json!("web")), (&json!("die"), &json!("web"))]);
    node.shutdown().await;
    assert!(node.docker().is_empty(), "it is not followed any longer");
}

#[tokio::test]
async fn running_containers_are_measured_while_a_stream_receives_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let port = engine(None).await;
    let file = format!("docker: [{{ name: a, url: \"tcp://127.0.0.1:{port}\", metrics_interval_seconds: 0.01 }}]");
    let node = node(&directory, &file);
    let mut metrics = node.runtime.subscribe("container:metrics").expect("a topic");
    node.start_docker();
    match ends(metrics.next()).await.expect("the runtime exists") {
        Received::Event(event) => {
            let data = &event.data;
            assert_eq!((&data["id"], &data["name"], &data["memoryUsage"]), (&json!("5a"), &json!("db"), &json!(7)));
            assert_eq!((&data["hostId"], &data["host"], &*event.source), (&json!(1), &json!("a"), "host"));
        }
        Received::Missed(count) => panic!("{count} events were missed"),
    }
    node.shutdown().await;
}

#[tokio::test]
async fn events_of_several_engines_have_their_names_and_dockstats_shape() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (engine(Some(EVENTS)).await, engine(Some(OTHER_EVENTS)).await);
    let entry = |name: &str, port: u16| format!("{{ name: {name}, url: \"tcp://127.0.0.1:{port}\" }}");
    let node = node(&directory, &format!("docker: [{}, {}]", entry("first", first), entry("second", second)));
    let mut all = node.runtime.subscribe("**").expect("a pattern");
    node.start_docker();
    let expected = [
        ("container.start", "4f", "web", 1),
        ("network.connect", "n1", "front", 2),
        ("volume.create", "data", "data", 2),
        ("daemon.reload", "d", "host", 2),
        ("image.load", "i1", "nginx", 2),
    ];
    let mut seen = std::collections::BTreeMap::new();
    while !expected.iter().all(|(topic, ..)| seen.contains_key(*topic)) {
        match ends(all.next()).await.expect("the runtime exists") {
            Received::Event(event) => _ = seen.insert(event.name.clone(), event.data.clone()),
            Received::Missed(count) => panic!("{count} events were missed"),
        }
    }
    for (topic, id, name, engine) in expected {
        let data = &seen[topic];
        assert_eq!((&data["id"], &data["name"], &data["hostId"]), (&json!(id), &json!(name), &json!(engine)), "{data}");
        assert_eq!(data["host"], if engine == 1 { "first" } else { "second" }, "{data}");
    }
    let start = json!({
        "id": "4f", "hostId": 1, "host": "first", "name": "web", "image": "nginx", "state": "running",
        "status": "running", "created": 0, "ports": [], "labels": {}, "action": "start",
        "attributes": { "name": "web", "image": "nginx" }, "time": 0, "synthetic": false,
    });
    assert_eq!(seen["container.start"], start);
    node.shutdown().await;
}
