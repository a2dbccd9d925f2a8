//! Changes of a plugin's state are events of the host.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::event::{EventStream, Received};
use plugbay::lifecycle::PluginState;
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

const NAME: &str = "feature_lifecycle";

fn lifecycle() -> TestPlugin {
    TestPlugin::from(feature::LIFECYCLE)
}

/// The events so far, as topic and data.
fn received(stream: &mut EventStream) -> Vec<(String, Value)> {
    std::iter::from_fn(|| stream.try_next())
        .map(|received| match received {
            Received::Event(event) => {
                assert_eq!(event.source, "host");
                (event.name.clone(), event.data.clone())
            }
            Received::Missed(count) => panic!("{count} events were missed"),
        })
        .collect()
}

fn topics(stream: &mut EventStream) -> Vec<String> {
    received(stream).into_iter().map(|(topic, _)| topic).collect()
}

async fn load_change_and_unload(host: &Host) {
    host.load(lifecycle()).await;
    host.runtime.reload(lifecycle().package()).await.expect("it is reloaded");
    host.runtime.disable(NAME).await;
    host.runtime.enable(NAME).await.expect("it starts");
    host.runtime.restart(NAME).await.expect("it starts");
    host.runtime.unload(NAME).await;
}

#[tokio::test]
async fn each_change_of_the_state_is_an_event() {
    let host = Host::new();
    let mut stream = host.runtime.subscribe("plugin.*.state_changed").expect("a pattern");
    load_change_and_unload(&host).await;
    let changes: Vec<String> = received(&mut stream)
        .into_iter()
        .map(|(topic, data)| {
            assert_eq!((topic.as_str(), &data["plugin"]), ("plugin.feature_lifecycle.state_changed", &json!(NAME)));
            format!("{} {}", data["from"].as_str().expect("a text"), data["to"].as_str().expect("a text"))
        })
        .collect();
    let expected = [
        "loading ready",
        "ready reloading",
        "reloading ready",
        "ready unloading",
        "unloading disabled",
        "disabled loading",
        "loading ready",
        "ready reloading",
        "reloading ready",
        "ready unloading",
        "unloading unloaded",
    ];
    assert_eq!(changes, expected);
}

#[tokio::test]
async fn what_was_done_with_a_plugin_is_an_event() {
    let host = Host::new();
    let mut done = host.runtime.subscribe("plugin.*").expect("a pattern");
    let mut hooks = host.runtime.subscribe("feature_lifecycle.*").expect("a pattern");
    load_change_and_unload(&host).await;
    let expected = ["loaded", "reloaded", "disabled", "enabled", "restarted", "unloaded"];
    assert_eq!(topics(&mut done), expected.map(|what| format!("plugin.{what}")));
    let expected = ["initialized", "shutdown", "initialized", "initialized", "shutdown"];
    assert_eq!(topics(&mut hooks), expected.map(|hook| format!("{NAME}.{hook}")));
}

#[tokio::test]
async fn failure_of_a_plugin_is_an_event_without_its_words() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.clock(clock.clone()));
    let mut failed = host.runtime.subscribe("plugin.failed").expect("a topic");
    let plugin = host.load(lifecycle()).await;
    while plugin.state() != PluginState::Failed {
        plugin.call::<Value>("trap", &()).await.expect_err("it traps");
        clock.advance(Duration::from_secs(10));
    }
    let events = received(&mut failed);
    assert_eq!((events.len(), &events[0].1["code"]), (1, &json!("plugin_trapped")));
    assert!(!events[0].1["error"].to_string().contains("the action"), "{events:?}");
}

#[tokio::test]
async fn end_of_a_boot_is_an_event() {
    let host = Host::new();
    let mut booted = host.runtime.subscribe("plugins.booted").expect("a topic");
    host.load(lifecycle().manifest("name", json!("old"))).await;
    let named = |name: &str| lifecycle().manifest("name", json!(name));
    let sources = [named("old"), named("new"), named("alone").manifest("requires", json!(["gone"]))];
    host.runtime.load_all(sources.map(TestPlugin::package)).await;
    let expected = json!({
        "loaded": ["new"], "skipped": ["old"], "failed": [{ "plugin": "alone", "code": "missing_requirement" }],
    });
    assert_eq!(received(&mut booted), [("plugins.booted".to_owned(), expected)]);
}
