//! Processes of a node, and the events of the host on the bus.

use plugbay::event::{EventStream, Received};
use plugbay::{Plugin, Policy};
use plugbay_node::supervisor::{Order, ProcessState};
use plugbay_node::{HostFile, Node, NodeError, NodeOptions, ProcessOptions};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{TestPlugin, call};
use crate::harness::node::node;
use crate::harness::patience::{ends, until};

/// The data of the next event with this topic.
async fn next(stream: &mut EventStream, topic: &str) -> Value {
    loop {
        match ends(stream.next()).await.expect("the runtime exists") {
            Received::Event(event) if event.name == topic => return event.data.clone(),
            Received::Event(_) => {}
            Received::Missed(count) => panic!("{count} events were missed"),
        }
    }
}

#[tokio::test]
async fn events_of_the_host_are_on_the_bus_in_pups_shapes() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = node(&directory, "processes: [{ id: job, cmd: echo hello, cron: 0 3 * * * }]");
    let mut all = node.runtime.subscribe("*").expect("a pattern");
    node.start_processes(ProcessOptions::default()).expect("valid");
    assert_eq!(next(&mut all, "init").await, Value::Null);
    let created = next(&mut all, "process_status_changed").await;
    assert_eq!((&created["old"], &created["new"], &created["newState"]), (&Value::Null, &json!(0), &json!("created")));
    assert!(
        next(&mut all, "process_scheduled").await["next"].as_str().is_some_and(|next| next.ends_with("T03:00:00.000Z"))
    );
    let processes = node.processes().expect("they were started");
    processes.order("job", Order::Start, "a test").await.expect("started");
    let starting = next(&mut all, "process_status_changed").await;
    assert_eq!((&starting["processId"], &starting["new"]), (&json!("job"), &json!(100)));
    loop {
        let line = next(&mut all, "log").await;
        if line["category"] == "stdout" {
            assert_eq!(
                (&line["text"], &line["processId"], &line["severity"]),
                (&json!("hello"), &json!("job"), &json!("log"))
            );
            break;
        }
    }
    assert_eq!(next(&mut all, "watchdog").await, Value::Null);
    node.shutdown().await;
}

/// The data of the next event with this topic, and for which `is_it`.
async fn next_that(stream: &mut EventStream, topic: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    loop {
        let data = next(stream, topic).await;
        if is_it(&data) {
            return data;
        }
    }
}

#[tokio::test]
async fn plugin_receives_what_becomes_of_processes() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("src")).expect("made");
    let file = "processes:
  - { id: ends, cmd: sleep 1000000, terminate: 0 4 * * *, autostart: true }
  - { id: fails, cmd: 'false', autostart: true, restart: error, restartLimit: 0 }
  - { id: both, cmd: sleep 1000000, cluster: { instances: 2 } }
  - { id: web, cmd: sleep 1000000, watch: [src], autostart: true }
";
    let node = node(&directory, file);
    let subscribes = json!({ "subscribes": ["process_*", "application_state"] });
    let plugin = TestPlugin::from(feature::EVENTS).manifest("events", subscribes).package();
    let plugin = node.runtime.load(plugin.policy(Policy::allow_all())).await.expect("it is loaded");
    let mut all = node.runtime.subscribe("*").expect("a pattern");
    node.start_processes(ProcessOptions::default()).expect("valid");
    let processes = node.processes().expect("they were started");

    let state = next(&mut all, "application_state").await;
    assert_eq!((&state["status"], &state["processes"][0]["id"]), (&json!("Running"), &json!("ends")));
    let mut changes = node.runtime.subscribe("process_status_changed").expect("a pattern");
    let word = |id: &'static str, word: &'static str| {
        move |data: &Value| (&data["processId"], &data["newState"]) == (&json!(id), &json!(word))
    };
    processes.order("both", Order::Start, "a test").await.expect("started");
    ends(processes.wait_for("both-2", |status| status.status == ProcessState::Running)).await.expect("it runs");
    processes.order("both-2", Order::Stop, "a test").await.expect("stopped");
    assert_eq!(processes.status("both").map(|status| status.status), Some(ProcessState::Mixed));
    next_that(&mut changes, "process_status_changed", word("both-2", "finished")).await;

    let report = json!({
        "sender": "web", "memory": { "rss": 1.0, "heapTotal": 2.0, "heapUsed": 3.0, "external": 4.0 },
        "sent": "2026-01-01T00:00:00.000Z", "cwd": "/",
    });
    assert!(processes.report(serde_json::from_value(report.clone()).expect("a report")));
    let changed = async {
        // A change before the first look at the files is not seen.
        for number in 0.. {
            std::fs::write(directory.path().join(format!("src/{number}.ts")), "x").expect("written");
            let heard = heard(&plugin).await;
            if heard.iter().any(|(topic, _)| topic == "process_watch") {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    ends(changed).await;
    let heard = until("all events", async || {
        let heard = heard(&plugin).await;
        let has = |topic: &str, is_it: &dyn Fn(&Value) -> bool| {
            heard.iter().any(|(known, data)| known == topic && is_it(data))
        };
        let all = has("process_status_changed", &word("fails", "failed"))
            && has("process_scheduled_terminate", &|data| data["status"]["id"] == "ends")
            && has("process_telemetry", &|data| *data == report)
            && has("application_state", &|data| data["type"] == "main");
        all.then_some(heard)
    })
    .await;
    let terminate = heard.iter().find(|(topic, _)| topic == "process_scheduled_terminate").expect("it was found");
    assert!(terminate.1["next"].as_str().is_some_and(|next| next.ends_with("T04:00:00.000Z")), "{terminate:?}");
    let watch = heard.iter().find(|(topic, _)| topic == "process_watch").expect("it was found");
    assert!(watch.1["at"].is_string() && watch.1["status"]["id"] == "web", "{watch:?}");
    node.shutdown().await;
}

/// The topics and data of the events that the plugin has received.
async fn heard(plugin: &Plugin) -> Vec<(String, Value)> {
    let heard = call(plugin, "heard").await.expect("it answers");
    let one = |event: &Value| (event["topic"].as_str().unwrap_or_default().to_owned(), event["data"].clone());
    heard.as_array().into_iter().flatten().map(one).collect()
}

#[tokio::test]
async fn terminating_reaches_listeners_before_processes_end() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = node(&directory, "processes: [{ id: web, cmd: sleep 1000000, autostart: true }]");
    let mut terminating = node.runtime.subscribe("terminating").expect("a pattern");
    node.start_processes(ProcessOptions::default()).expect("valid");
    let processes = node.processes().expect("they were started").clone();
    ends(processes.wait_for("web", |status| status.status == ProcessState::Running)).await.expect("it runs");
    node.shutdown().await;
    assert_eq!(next(&mut terminating, "terminating").await, json!(30_000));
    assert_eq!(processes.status("web").map(|status| status.status), Some(ProcessState::Finished));
}

#[tokio::test(flavor = "multi_thread")]
async fn flood_of_lines_loses_no_state() {
    let directory = tempfile::tempdir().expect("a directory");
    // The tests beside this one need the processors, too.
    let flood = "nice -n 19 sh -c 'while :; do echo line; done'";
    let node = node(
        &directory,
        &format!(
            "processes: [{{ id: a, cmd: \"{flood}\" }}, {{ id: b, cmd: \"{flood}\" }}, {{ id: web, cmd: sleep 1000000 }}]"
        ),
    );
    let mut states = node.runtime.subscribe("process_status_changed").expect("a pattern");
    // A listener of everything makes all events be published.
    let _all = node.runtime.subscribe("**").expect("a pattern");
    node.start_processes(ProcessOptions::default()).expect("valid");
    let processes = node.processes().expect("they were started");
    for id in ["a", "b"] {
        processes.order(id, Order::Start, "a test").await.expect("started");
    }
    for _ in 0..10 {
        processes.order("web", Order::Start, "a test").await.expect("started");
        processes.order("web", Order::Stop, "a test").await.expect("stopped");
        ends(processes.wait_for("web", |status| status.status == ProcessState::Finished)).await.expect("it ends");
    }
    let mut seen = Vec::new();
    while seen.len() < 41 {
        let change = next(&mut states, "process_status_changed").await;
        if change["processId"] == "web" {
            seen.push(change["new"].as_u64().expect("a state"));
        }
    }
    let expected: Vec<u64> = std::iter::once(0).chain([100, 200, 250, 300].into_iter().cycle().take(40)).collect();
    assert_eq!(seen, expected);
    node.shutdown().await;
}

#[tokio::test]
async fn topic_has_subscribers_while_a_stream_receives_it() {
    let runtime = plugbay::Runtime::builder().live_instances(1).build().expect("a runtime");
    assert!(!runtime.has_subscribers("process_watch"));
    let stream = runtime.subscribe("process_*").expect("a pattern");
    assert!(runtime.has_subscribers("process_watch") && !runtime.has_subscribers("watchdog"));
    drop(stream);
    assert!(!runtime.has_subscribers("process_watch"));
}

#[test]
fn processes_are_checked_when_a_node_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("plugbay.yaml");
    std::fs::write(&path, "processes: [{ id: web, cmd: \"a 'b\" }]").expect("written");
    let mut options = NodeOptions::default();
    options.file = HostFile::read(&path).expect("a host's file");
    let error = Node::open(options, plugbay::Runtime::builder().live_instances(1)).expect_err("a quotation mark");
    assert!(matches!(error, NodeError::Processes(_)) && error.to_string().contains("process `web`"), "{error}");
}
