//! Lazy plugins: started by their first use, once, and tried again after a pause if they do not start.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::error::InvokeErrorKind;
use plugbay::event::Received;
use plugbay::host_plugin::HostCall;
use plugbay::invocation::HttpRequest;
use plugbay::lifecycle::PluginState;
use plugbay::{Event, Failure, HostPlugin, Package, Plugin, Policy};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

const NAME: &str = "feature_lifecycle";

fn lifecycle() -> TestPlugin {
    TestPlugin::from(feature::LIFECYCLE)
}

fn named(name: &str, requires: Value) -> TestPlugin {
    lifecycle().manifest("name", json!(name)).manifest("requires", requires)
}

/// A plugin whose `on_load` calls another one.
fn calling(name: &str, other: &str) -> Package {
    let calls = json!({ "calls": { "type": "string", "default": other } });
    let plugin = TestPlugin::from(feature::PLUGINS).manifest("name", json!(name)).manifest("configuration", calls);
    let plugin = plugin.manifest("permissions", json!([{ "resource": format!("plugin.{other}") }]));
    plugin.manifest("allowed_callers", json!(["*"])).package()
}

async fn lazy(host: &Host, plugin: TestPlugin) -> Plugin {
    host.runtime.load(plugin.package().lazy(true)).await.expect("it can be loaded")
}

#[tokio::test]
async fn lazy_plugin_is_listed_and_started_by_its_first_call() {
    let host = Host::new();
    let mut changes = host.runtime.subscribe("plugin.**").expect("a pattern");
    let plugin = lazy(&host, lifecycle()).await;
    assert_eq!((plugin.state(), plugin.is_loaded()), (PluginState::Lazy, true));
    assert_eq!(host.runtime.plugins().iter().map(Plugin::name).collect::<Vec<_>>(), [NAME]);
    assert_eq!((host.log.messages("lifecycle"), plugin.metrics().instances_started), (Vec::new(), 0));

    assert_eq!((pings(&plugin).await, plugin.state()), (1, PluginState::Ready));
    assert_eq!(pings(&plugin).await, 2, "it is the same instance");
    assert_eq!(host.log.messages("lifecycle"), ["on_load"]);
    let mut published = Vec::new();
    while let Some(Received::Event(event)) = changes.try_next() {
        published.push((event.name.clone(), event.data.clone()));
    }
    let change = |from: &str, to: &str| {
        (format!("plugin.{NAME}.state_changed"), json!({ "plugin": NAME, "from": from, "to": to }))
    };
    let loaded = ("plugin.loaded".to_owned(), json!({ "plugin": NAME, "version": "0.1.0" }));
    assert_eq!(published, [change("loading", "lazy"), change("lazy", "loading"), change("loading", "ready"), loaded]);
}

#[tokio::test]
async fn callers_that_come_at_once_start_it_once() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let (begun, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let passed = (begun.clone(), gate.clone());
    let keeper = HostPlugin::new("gate").action("ping", move |_: HostCall, (): ()| {
        let (begun, gate) = passed.clone();
        async move {
            begun.fetch_add(1, Ordering::SeqCst);
            let _permit = gate.acquire().await.expect("it is open");
            Ok::<(), Failure>(())
        }
    });
    host.runtime.provide(keeper).expect("the name is free");
    let plugin = host.runtime.load(calling("slow", "gate").lazy(true)).await.expect("it can be loaded");
    // The first caller leaves before the plugin has started. The others wait for the same start.
    let first = tokio::spawn({
        let plugin = plugin.clone();
        async move { pings(&plugin).await }
    });
    ends(async {
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(plugin.state(), PluginState::Loading);
    first.abort();
    let others: Vec<_> = (0..8)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { pings(&plugin).await })
        })
        .collect();
    tokio::task::yield_now().await;
    gate.add_permits(1);
    let mut answers = Vec::new();
    for other in others {
        answers.push(ends(other).await.expect("it ends"));
    }
    answers.sort_unstable();
    assert_eq!((answers, begun.load(Ordering::SeqCst)), ((1..=8).collect(), 1));
}

#[tokio::test]
async fn lazy_plugin_that_does_not_start_is_tried_again_after_a_pause() {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.clock(clock.clone()));
    let fails = json!({ "on_load": { "type": "string", "default": "fail" } });
    let plugin = lazy(&host, lifecycle().manifest("configuration", fails)).await;
    let reason = "on_load fails as configured (not_ready)";
    for tries in [1, 1, 2] {
        if tries == 2 {
            clock.advance(Duration::from_secs(5));
        }
        let error = plugin.call::<Value>("ping", &()).await.expect_err("it does not start");
        assert_eq!((error.plugin(), error.code()), (NAME, "load_failed"));
        assert_eq!(error.to_string(), format!("Could not load {NAME} - {reason}"));
        assert_eq!(error.public(), format!("Could not load {NAME} - not_ready"), "its words are the operator's");
        assert_eq!((error.http_status(), error.is_transient()), (503, true));
        let InvokeErrorKind::LoadFailed { retry_after, .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!(*retry_after, Duration::from_secs(5));
        assert_eq!(host.log.messages("lifecycle").len(), tries);
        assert_eq!(plugin.state(), PluginState::Lazy);
    }
    let last = plugin.status().last_error.expect("the error");
    assert_eq!(last.code, "not_ready");
    // A revision that is mended needs no pause.
    host.runtime.reload(lifecycle().package()).await.expect("it is replaced");
    assert_eq!(plugin.state(), PluginState::Lazy, "none of its code runs");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn route_starts_it_and_neither_an_event_nor_a_health_check_does() {
    let host = Host::new();
    let routes = json!([{ "method": "GET", "path": "/", "actions": ["ping"] }]);
    let plugin = lifecycle().manifest("routes", routes).manifest("events", json!({ "subscribes": ["order.*"] }));
    let plugin = lazy(&host, plugin).await;
    let outcome = host.runtime.emit(Event::new("order.placed", json!(1))).await.expect("it is emitted");
    assert_eq!(outcome.handlers, 0);
    assert_invoke_error(&plugin.health().await.expect_err("it does not run"), NAME, "not_loaded");
    let unknown = host.runtime.handle_route(NAME, HttpRequest::new("GET", "/else")).await.expect_err("no such route");
    assert_contains(&unknown.to_string(), &["no route"]);
    assert_eq!(plugin.state(), PluginState::Lazy);
    host.runtime.handle_route(NAME, HttpRequest::new("GET", "/")).await.expect("it answers");
    assert_eq!(plugin.state(), PluginState::Ready);
}

#[tokio::test]
async fn plugin_that_is_required_or_called_by_another_is_started() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let lazy = |name: &str, requires: Value| named(name, requires).package().lazy(true);
    let called = lifecycle().manifest("name", json!("called")).manifest("allowed_callers", json!(["*"]));
    let sources = [
        named("above", json!(["lazy"])).package(),
        lazy("lazy", json!(["lower"])),
        lazy("lower", json!([])),
        lazy("alone", json!(["lower"])),
        called.package().lazy(true),
    ];
    let loaded = host.runtime.load_all(sources).await;
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    let state = |name: &str| host.runtime.plugin(name).expect("it is listed").state();
    assert_eq!(["above", "lazy", "lower"].map(state), [PluginState::Ready; 3]);
    assert_eq!(["alone", "called"].map(state), [PluginState::Lazy; 2]);
    host.runtime.load(calling("caller", "called")).await.expect("its `on_load` calls the lazy plugin");
    assert_eq!(state("called"), PluginState::Ready);
}

#[tokio::test]
async fn requirement_that_does_not_start_fails_the_plugin_with_the_reason() {
    let host = Host::new();
    let fails = json!({ "on_load": { "type": "string", "default": "fail" } });
    lazy(&host, named("broken", json!([])).manifest("configuration", fails)).await;
    let error = host.try_load(named("above", json!(["broken"]))).await.expect_err("it requires a broken one");
    assert_load_error(&error, "above", "failed_requirement");
    assert_contains(&error.to_string(), &["broken", "on_load fails as configured"]);
    let error = host.runtime.load(named("lazy", json!(["missing"])).package().lazy(true)).await;
    assert_load_error(&error.expect_err("a missing one is found at once"), "lazy", "missing_requirement");
}

#[tokio::test]
async fn lazy_plugins_that_call_each_other_on_load_do_not_wait_forever() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    for (name, other) in [("a", "b"), ("b", "a")] {
        host.runtime.load(calling(name, other).lazy(true)).await.expect("it can be loaded");
    }
    let plugin = host.runtime.plugin("a").expect("it is loaded");
    let error = ends(plugin.call::<Value>("ping", &())).await.expect_err("a calls b, and b calls a");
    assert_eq!((error.plugin(), error.code()), ("a", "load_failed"));
    assert_contains(&error.to_string(), &["Could not load a - ", "Could not load b - "]);
}

#[tokio::test]
async fn lazy_plugin_is_enabled_disabled_and_unloaded() {
    let host = Host::new();
    let plugin = lazy(&host, lifecycle()).await;
    assert!(host.runtime.disable(NAME).await);
    assert_eq!(plugin.state(), PluginState::Disabled);
    let error = plugin.call::<Value>("ping", &()).await.expect_err("it is disabled");
    assert_invoke_error(&error, NAME, "plugin_disabled");
    assert!(host.runtime.unload(NAME).await);
    assert_eq!(host.log.messages("lifecycle"), [""; 0]);

    let plugin = lazy(&host, lifecycle()).await;
    host.runtime.enable(NAME).await.expect("it starts");
    assert_eq!((plugin.state(), host.log.messages("lifecycle")), (PluginState::Ready, vec!["on_load".to_owned()]));
    assert!(host.runtime.unload(NAME).await);
    assert_eq!(plugin.state(), PluginState::Unloaded);
}
