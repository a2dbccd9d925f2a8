//! Many plugins at once, loaded in the order of their requirements and unloaded in reverse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plugbay::error::UnloadError;
use plugbay::host_plugin::HostCall;
use plugbay::lifecycle::Dependents;
use plugbay::{Failure, HostPlugin, Package, Policy};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

#[tokio::test]
async fn plugins_of_a_random_graph_load_in_order_unload_reversed() {
    let given = std::env::var("PLUGBAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("PLUGBAY_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    // Each plugin requires some of those before it; the names are shuffled.
    let mut names: Vec<String> = (0..120).map(|index| format!("p{index}")).collect();
    random.shuffle(&mut names);
    let mut requires: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for index in 0..names.len() {
        let count = random.usize(..4).min(index);
        requires.insert(names[index].clone(), (0..count).map(|_| names[random.usize(..index)].clone()).collect());
    }
    let host = Host::with(|builder| builder.live_instances(200));
    random.shuffle(&mut names);
    let sources = names.iter().map(|name| plugin(name, json!(requires[name])));
    let loaded = host.runtime.load_all(sources).await;

    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    assert_eq!(loaded.successes.len(), names.len());
    let serving: Vec<String> = loaded.successes.iter().map(plugbay::Plugin::name).collect();
    let started = moments(&host, "on_load");
    for (name, required) in requires.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one))) {
        for order in [&serving, &started] {
            assert!(position(order, required) < position(order, name), "{name} requires {required}");
        }
    }

    host.runtime.shutdown().await;
    assert!(host.runtime.plugins().is_empty());
    let ended = moments(&host, "on_unload");
    assert_eq!(ended.len(), names.len());
    for (name, required) in requires.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one))) {
        assert!(position(&ended, name) < position(&ended, required), "{name} requires {required}");
    }
}

#[tokio::test]
async fn plugins_that_do_not_require_each_other_start_at_the_same_time() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    // Neither `on_load` ends before the other has begun.
    let both = Arc::new(Barrier::new(2));
    let gate = HostPlugin::new("gate").action("ping", move |_: HostCall, (): ()| {
        let both = both.clone();
        async move {
            both.wait().await;
            Ok::<(), Failure>(())
        }
    });
    host.runtime.provide(gate).expect("the name is free");
    let waiting = |name: &str| {
        let calls = json!({ "calls": { "type": "string", "default": "gate" } });
        let plugin = TestPlugin::from(feature::PLUGINS).manifest("name", json!(name)).manifest("configuration", calls);
        plugin.manifest("permissions", json!([{ "resource": "plugin.gate" }])).package()
    };
    let loaded = ends(host.runtime.load_all([waiting("a"), waiting("b")])).await;
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
}

#[tokio::test]
async fn failure_stays_with_the_plugin_and_its_dependents() {
    let host = Host::new();
    let fails = json!({ "on_load": { "type": "string", "default": "fail" } });
    let broken =
        TestPlugin::from(feature::LIFECYCLE).manifest("name", json!("broken")).manifest("configuration", fails);
    let sources = [
        plugin("top", json!(["middle"])),
        plugin("middle", json!(["broken"])),
        broken.package(),
        plugin("other", json!([])),
    ];
    let loaded = host.runtime.load_all(sources).await;

    let serving: Vec<String> = loaded.successes.iter().map(plugbay::Plugin::name).collect();
    assert_eq!(serving, ["other"]);
    assert_eq!(loaded.errors.len(), 3);
    assert_load_error(&loaded.errors[0], "top", "failed_requirement");
    assert_contains(&loaded.errors[0].to_string(), &["`broken`", "(top -> middle -> broken)", "fails as configured"]);
    assert_load_error(&loaded.errors[1], "middle", "failed_requirement");
    assert_load_error(&loaded.errors[2], "broken", "not_ready");
}

#[tokio::test]
async fn missing_requirement_is_reported_with_the_chain() {
    let host = Host::new();
    let loaded = host.runtime.load_all([plugin("a", json!(["b"])), plugin("b", json!(["c"]))]).await;
    assert!(loaded.successes.is_empty());
    for (error, name) in loaded.errors.iter().zip(["a", "b"]) {
        assert_load_error(error, name, "missing_requirement");
    }
    assert_contains(&loaded.errors[0].to_string(), &["`c`", "(a -> b -> c)", "not loaded"]);
}

#[tokio::test]
async fn cycle_is_reported_and_the_others_are_loaded() {
    let host = Host::new();
    let sources =
        [plugin("a", json!(["b"])), plugin("b", json!(["a"])), plugin("c", json!(["a"])), plugin("d", json!([]))];
    let loaded = host.runtime.load_all(sources).await;
    assert_eq!((loaded.successes.len(), loaded.errors.len()), (1, 3));
    assert_load_error(&loaded.errors[0], "a", "requirement_cycle");
    assert_contains(&loaded.errors[0].to_string(), &["a -> b -> a"]);
    assert_load_error(&loaded.errors[1], "b", "requirement_cycle");
    assert_load_error(&loaded.errors[2], "c", "failed_requirement");
}

#[tokio::test]
async fn version_of_a_requirement_is_checked_before_loading() {
    let host = Host::new();
    let requires = |version: &str| json!([{ "name": "b", "version": version }]);
    let loaded = host.runtime.load_all([plugin("a", requires(">=2")), plugin("b", json!([]))]).await;
    assert_eq!((loaded.successes.len(), loaded.errors.len()), (1, 1));
    assert_load_error(&loaded.errors[0], "a", "missing_requirement");
    assert_contains(&loaded.errors[0].to_string(), &["`b` >=2", "version 0.1.0"]);

    let loaded = host.runtime.load_all([plugin("c", requires("<1"))]).await;
    assert_eq!(pings_of(&loaded.successes).await, [1], "it is already loaded in a version that fits");
}

#[tokio::test]
async fn plugin_that_is_already_loaded_is_skipped() {
    let host = Host::new();
    let before = host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("b"))).await;
    pings(&before).await;
    let loaded =
        host.runtime.load_all([plugin("a", json!(["b"])), plugin("b", json!([])), plugin("a", json!([]))]).await;
    assert_eq!(loaded.successes.iter().map(plugbay::Plugin::name).collect::<Vec<_>>(), ["a"]);
    assert_load_error(&loaded.errors[0], "a", "already_loaded");
    assert_eq!(pings(&before).await, 2, "it was left alone");
}

/// The plugins `top` → `middle` → `bottom`, each of which requires the next, and `other`.
async fn tower() -> Host {
    let host = Host::new();
    let plugins =
        [("top", json!(["middle"])), ("middle", json!(["bottom"])), ("bottom", json!([])), ("other", json!([]))];
    let loaded = host.runtime.load_all(plugins.map(|(name, requires)| plugin(name, requires))).await;
    assert!(loaded.errors.is_empty(), "{:?}", loaded.errors);
    host
}

fn listed(host: &Host) -> Vec<String> {
    host.runtime.plugins().iter().map(plugbay::Plugin::name).collect()
}

#[tokio::test]
async fn required_plugin_is_not_unloaded_if_that_is_to_be_refused() {
    let host = tower().await;
    let error = host.runtime.unload_with("bottom", Dependents::Refuse).await.expect_err("it is required");
    assert_eq!(error.to_string(), "plugin `bottom` is required by middle, top");
    assert_eq!(listed(&host).len(), 4);
    host.runtime.disable("middle").await;
    let unloaded = host.runtime.unload_with("bottom", Dependents::Refuse).await.expect("nothing uses it");
    assert_eq!(unloaded, ["bottom"]);
    let error = host.runtime.unload_with("bottom", Dependents::Refuse).await.expect_err("it is gone");
    assert!(matches!(error, UnloadError::NotLoaded { .. }), "{error}");
}

#[tokio::test]
async fn dependents_are_unloaded_first_if_they_are_to_be() {
    let host = tower().await;
    let unloaded = host.runtime.unload_with("bottom", Dependents::Unload).await.expect("it is loaded");
    assert_eq!(unloaded, ["top", "middle", "bottom"]);
    assert_eq!(moments(&host, "on_unload"), unloaded);
    assert_eq!(listed(&host), ["other"]);
}

#[tokio::test]
async fn dependents_stay_if_they_are_to_be_kept() {
    let host = tower().await;
    assert_eq!(host.runtime.unload_with("bottom", Dependents::Keep).await.expect("it is loaded"), ["bottom"]);
    assert_eq!(listed(&host), ["middle", "other", "top"]);
}

#[tokio::test]
async fn disabling_a_required_plugin_is_refused_or_disables_its_dependents() {
    let host = tower().await;
    let error = host.runtime.disable_with("bottom", Dependents::Refuse).await.expect_err("it is required");
    assert_eq!(error.to_string(), "plugin `bottom` is required by middle, top");
    let disabled = host.runtime.disable_with("bottom", Dependents::Unload).await.expect("it is loaded");
    assert_eq!(disabled, ["top", "middle", "bottom"]);
    assert_eq!(moments(&host, "on_unload"), disabled);
    let serving: Vec<String> =
        host.runtime.plugins().iter().filter(|plugin| plugin.is_loaded()).map(plugbay::Plugin::name).collect();
    assert_eq!((serving, listed(&host).len()), (vec!["other".to_owned()], 4));
    let error = host.runtime.enable("top").await.expect_err("what it requires is disabled");
    assert_load_error(&error, "top", "missing_requirement");
    assert_eq!(host.runtime.disable_with("bottom", Dependents::Refuse).await.expect("nothing uses it"), ["bottom"]);
}

#[tokio::test]
async fn version_that_dependents_do_not_accept_is_refused_or_ends_them() {
    let host = Host::new();
    let version = |version: &str| {
        TestPlugin::from(feature::LIFECYCLE).manifest("name", json!("base")).manifest("version", json!(version))
    };
    host.load(version("1.0.0")).await;
    for (name, requires) in
        [("exact", json!([{ "name": "base", "version": "<2" }])), ("above", json!(["exact"])), ("any", json!(["base"]))]
    {
        host.runtime.load(plugin(name, requires)).await.expect("it is loaded");
    }
    let reload = async |to: &str, dependents| host.runtime.reload_with(version(to).package(), dependents).await;
    let (_, unloaded) = reload("1.1.0", Dependents::Refuse).await.expect("all accept it");
    assert!(unloaded.is_empty());
    let error = reload("2.0.0", Dependents::Refuse).await.expect_err("one does not accept it");
    assert_load_error(&error, "base", "required_version");
    assert_contains(&error.to_string(), &["2.0.0", "exact"]);
    assert_eq!(host.runtime.plugin("base").expect("it is loaded").manifest().version.to_string(), "1.1.0");
    let (base, unloaded) = reload("2.0.0", Dependents::Unload).await.expect("it is reloaded");
    assert_eq!(
        (base.manifest().version.to_string().as_str(), unloaded),
        ("2.0.0", vec!["above".into(), "exact".into()])
    );
    assert_eq!(listed(&host), ["any", "base"]);
}

async fn pings_of(plugins: &[plugbay::Plugin]) -> Vec<u64> {
    let mut answers = Vec::new();
    for plugin in plugins {
        answers.push(pings(plugin).await);
    }
    answers
}

fn plugin(name: &str, requires: Value) -> Package {
    TestPlugin::from(feature::LIFECYCLE).manifest("name", json!(name)).manifest("requires", requires).package()
}

/// The plugins in the order of this lifecycle call.
fn moments(host: &Host, moment: &str) -> Vec<String> {
    let lines = host.log.lines();
    lines.iter().filter(|line| line.message == moment).map(|line| line.plugin.clone()).collect()
}

fn position(order: &[String], name: &str) -> usize {
    order.iter().position(|one| one == name).unwrap_or_else(|| panic!("{name} is not in {order:?}"))
}
