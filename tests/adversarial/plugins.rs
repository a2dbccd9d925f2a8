//! Plugins that abuse their right to call others.

use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::{Guest, feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

#[tokio::test]
async fn cycle_of_calls_ends_at_once_and_harms_no_plugin() {
    let (host, [a, b, neighbour]) = scene(hostile::CALL_CYCLE, json!(1)).await;
    let answer: Value = ends(a.call("attack", &["b", "a"])).await.expect("the cycle is reported as an error");
    assert_eq!(answer["error"]["code"], "reentrant_call", "{answer}");
    assert_eq!((pings(&a).await, pings(&b).await, pings(&neighbour).await), (1, 1, 1));
    assert_eq!((a.metrics().instances_started, b.metrics().instances_started), (1, 1));
    drop(host);
}

#[tokio::test]
async fn endless_depth_ends_at_the_limit() {
    let (host, [a, b, neighbour]) = scene(hostile::CALL_CYCLE, json!("per_call")).await;
    let answer: Value = a.call("attack", &["b", "a"]).await.expect("the depth is an error that the guest handles");
    assert_eq!(&answer["error"]["code"], &json!("call_depth"));
    assert_eq!((pings(&a).await, pings(&b).await, pings(&neighbour).await), (1, 1, 1));
    drop(host);
}

#[tokio::test]
async fn flood_of_calls_yields_and_ends_with_the_callers_fuel() {
    let (host, [a, b, neighbour]) = scene(hostile::CALL_FLOOD, json!(1)).await;
    let flood = tokio::spawn(async move { (a.call::<Value>("attack", "b").await, a) });
    // On one thread the neighbour is served only if the flood yields.
    let mut served = 0;
    while !flood.is_finished() {
        served = pings(&neighbour).await;
        tokio::task::yield_now().await;
    }
    let (answer, a) = flood.await.expect("it ended");
    assert_eq!(answer.expect_err("it never answers").code(), "out_of_fuel");
    assert!(served > 10, "the neighbour was served {served} times");
    assert_eq!(pings(&a).await, 1, "a fresh instance");
    assert!(b.metrics().calls > 100 && pings(&b).await > 100, "the victim goes on");
    drop(host);
}

#[tokio::test]
async fn flood_of_calls_is_cut_by_the_victims_rate_limit() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let limited = plugin(feature::PLUGINS, "b").resource("rate_limit", json!({ "calls": 5, "period_seconds": 3600 }));
    let b = host.load(limited).await;
    let a = host.load(plugin(hostile::CALL_FLOOD, "a").resource("max_fuel", json!(2_000_000))).await;
    a.call::<Value>("attack", "b").await.expect_err("it never answers");
    let metrics = b.metrics();
    assert_eq!(metrics.errors.get("rate_limit_exceeded"), Some(&(metrics.calls - 5)), "{metrics:?}");
}

#[tokio::test]
async fn squatter_gets_no_more_names_than_the_limit() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let squatter = host.load(plugin(hostile::SERVICE_NAMES, "squatter")).await;
    let honest = host.load(plugin(feature::PLUGINS, "honest")).await;
    let answer: Value = squatter.call("attack", &()).await.expect("the limit is an error that the guest handles");
    assert_eq!(answer["got"], crate::harness::limits::SERVICES_MAX);
    assert_eq!(answer["error"]["code"], "limit_exceeded");
    let registered: Value = honest.call("register", "mailer").await.expect("it answers");
    assert_eq!(registered, "registered", "other plugins still get names");
    host.runtime.unload("squatter").await;
    let left: Value = honest.call("services", &()).await.expect("it answers");
    assert_eq!(left, json!([["mailer", "honest"]]));
}

#[tokio::test]
async fn squatter_without_the_grant_gets_no_name() {
    let host = Host::with(|builder| builder.policy(Policy::default().allow("service.other:write").expect("readable")));
    let squatter = host.load(plugin(hostile::SERVICE_NAMES, "squatter")).await;
    let answer: Value = squatter.call("attack", &()).await.expect("the denial is an error that the guest handles");
    assert_eq!((&answer["got"], &answer["error"]["code"]), (&json!(0), &json!("permission_denied")));
}

/// Two attackers, `a` and `b`, that may call each other, and a neighbour.
async fn scene(guest: Guest, instances: Value) -> (Host, [Plugin; 3]) {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = |guest, name| plugin(guest, name).resource("max_fuel", json!(2_000_000));
    let a = host.load(plugin(guest, "a").resource("instances", instances.clone())).await;
    let b = host.load(plugin(guest, "b").resource("instances", instances)).await;
    let neighbour = host.load(plugin(feature::ECHO, "neighbour")).await;
    (host, [a, b, neighbour])
}

fn plugin(guest: Guest, name: &str) -> TestPlugin {
    TestPlugin::from(guest)
        .manifest("name", json!(name))
        .manifest("permissions", json!([{ "resource": "plugin.*" }, { "resource": "service.*" }]))
        .manifest("allowed_callers", json!(["*"]))
}
