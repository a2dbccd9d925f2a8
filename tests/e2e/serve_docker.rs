//! Docker engines of a served host: Podman's events reach a plugin although the connection is cut again and again, and
//! an engine that is not there harms nothing.

use std::path::Path;

use serde_json::{Value, json};

use super::serve::Served;
use crate::harness::assert::assert_contains;
use crate::harness::client::{Client, get};
use crate::harness::command::Plugbay;
use crate::harness::docker_registry::DockerRegistry;
use crate::harness::guest::example;
use crate::harness::patience::until;
use crate::harness::podman::{CutProxy, Podman};

/// The number of times that the connection is cut.
const CUTS: u64 = 20;

/// Writes a host's file in a directory, and returns its path.
fn host_file(directory: &tempfile::TempDir, file: &str) -> String {
    let path = directory.path().join("plugbay.yaml");
    std::fs::write(&path, file).expect("written");
    path.to_str().expect("UTF-8").to_owned()
}

/// A host with `container-watch`, which may receive the events of containers and images.
fn watched(plugin: &Path, file: &str) -> Served {
    let grants = ["--grant", "db.*", "--grant", "events.container.*", "--grant", "events.image.*"];
    Served::start(&[&[plugin.to_str().expect("UTF-8"), "--host-file", file], &grants[..]].concat())
}

/// The only engine of the host.
async fn engine(served: &Served) -> Value {
    get(served.address, "/api/v1/docker").await.json()["engines"][0].clone()
}

/// The events that an action of `container-watch` returns, by their names.
async fn recorded(served: &Served, action: &str, payload: &str) -> Vec<Value> {
    let path = format!("/plugins/container-watch/actions/{action}");
    let mut client = Client::connect(served.address).await;
    let answer = client
        .request("POST", &path, "content-type: application/json\r\n", json!(payload).to_string().as_bytes())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let rows = answer["result"].as_array();
    rows.unwrap_or_else(|| panic!("{answer}")).iter().map(|row| row["event"].clone()).collect()
}

/// Waits until what an action returns is accepted. It is asked again only when the plugin has handled another event,
/// because its calls are limited.
async fn recorded_until(
    served: &Served,
    what: &str,
    (action, payload): (&str, &str),
    accepts: impl Fn(&[Value]) -> bool,
) -> Vec<Value> {
    let mut handled = None;
    until(what, async || {
        let metrics = get(served.address, "/api/v1/metrics").await.json();
        let calls = metrics["plugins"]["container-watch"]["calls"].as_u64().expect("a number");
        if handled == Some(calls) {
            return None;
        }
        let events = recorded(served, action, payload).await;
        // This call counts as well.
        handled = Some(calls + 1);
        accepts(&events).then_some(events)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_of_podman_is_lost_or_doubled_by_twenty_cuts() {
    let Some(podman) = Podman::start() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("proxy.sock");
    let proxy = CutProxy::start(&socket, podman.socket());
    let file = host_file(&directory, &format!("docker: [{{ name: podman, url: \"unix://{}\" }}]", socket.display()));
    let plugin = example::CONTAINER_WATCH.path();
    let served = watched(&plugin, &file);
    let connected = async |connections: u64| {
        until("the engine is followed", async || {
            let engine = engine(&served).await;
            (engine["connected"] == true && engine["connections"].as_u64() >= Some(connections)).then_some(engine)
        })
        .await
    };
    let first = connected(1).await;
    assert!(
        first["engine"].as_str().is_some_and(|name| name.contains("Podman")) && first["error"].is_null(),
        "{first}"
    );

    podman.import("docker.io/library/watched:1");
    let mut containers = Vec::new();
    for round in 0..CUTS {
        let name = format!("watched-{round}");
        containers.push(podman.run(&[
            "create",
            "--name",
            &name,
            "--network",
            "none",
            "docker.io/library/watched:1",
            "/file",
        ]));
        assert!(proxy.cut() > 0, "the stream of events is open");
        // This happens while nothing is connected, or has just begun to be.
        podman.run(&["rm", &name]);
        podman.run(&["tag", "docker.io/library/watched:1", &format!("docker.io/library/watched:tag-{round}")]);
        connected(round + 2).await;
    }
    podman.run(&["rmi", "--force", "docker.io/library/watched:1"]);
    for container in &containers {
        let history = ("history", &**container);
        recorded_until(&served, container, history, |events| events.contains(&json!("destroy"))).await;
    }
    let count = |events: &[Value], action: &str| events.iter().filter(|event| **event == action).count() as u64;
    recorded_until(&served, "the tags", ("images", "watched:tag-"), |tags| count(tags, "tag") >= CUTS).await;
    for container in &containers {
        assert_eq!(recorded(&served, "history", container).await, ["create", "destroy"], "{container}");
    }
    let tags = recorded(&served, "images", "watched:tag-").await;
    assert_eq!(count(&tags, "tag"), CUTS, "{tags:?}");
    let last = engine(&served).await;
    assert!(last["connections"].as_u64() > Some(CUTS) && last["malformed"] == 0, "{last}");
    served.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn image_that_podman_pushes_pulls_and_removes_is_recorded() {
    let (Some(podman), Some(registry)) = (Podman::start(), DockerRegistry::start()) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("unix://{}", podman.socket().display());
    let file = host_file(&directory, &format!("docker: [{{ name: podman, url: \"{url}\" }}]"));
    let plugin = example::CONTAINER_WATCH.path();
    let served = watched(&plugin, &file);
    until("the engine is followed", async || (engine(&served).await["connected"] == true).then_some(())).await;
    let image = format!("{}/pulled:1", registry.address);
    podman.import(&image);
    podman.run(&["push", "-q", "--tls-verify=false", &image]);
    podman.run(&["rmi", &image]);
    podman.run(&["pull", "-q", "--tls-verify=false", &image]);
    podman.run(&["rmi", &image]);
    let removed_twice = |events: &[Value]| events.iter().filter(|event| **event == "delete").count() == 2;
    let events = recorded_until(&served, "the second removal", ("images", "pulled:1"), removed_twice).await;
    for action in ["push", "pull", "untag"] {
        assert!(events.contains(&json!(action)), "{action}: {events:?}");
    }
    served.end();
}

#[tokio::test]
async fn engine_that_is_not_there_is_a_warning() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = host_file(&directory, "docker: [{ name: gone, url: \"unix:///nonexistent/docker.sock\" }]");
    let mut served = Served::start(&["--host-file", &file]);
    let printed = served.printed_until("it is tried again");
    assert!(printed.contains("gone") && printed.contains("correct the path of its socket"), "{printed}");
    let engine =
        until("the reason", async || Some(engine(&served).await).filter(|engine| engine["error"].is_string())).await;
    assert_eq!(
        (&engine["name"], &engine["connected"], &engine["connections"]),
        (&json!("gone"), &json!(false), &json!(0))
    );
    served.end();
}

#[test]
fn file_that_is_no_certificate_is_refused_at_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    let file =
        host_file(&directory, "docker: [{ name: far, url: \"tcp://docker.example\", tls: { ca: plugbay.yaml } }]");
    let refused = Plugbay::new(["serve", "--address", "127.0.0.1:0", "--host-file", &file]).run().exits_with(2);
    assert_contains(&refused.stderr, &["Docker engine `far`", "plugbay.yaml has no certificate in the PEM format"]);
}
