//! `plugbay:plugin/invocation`: the caller, request id and deadline that a call can read.

use std::time::Duration;

use plugbay::{Caller, Invocation};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn call_knows_its_caller_and_its_id() {
    let plugin = Host::new().load(feature::INVOCATION.into()).await;
    for (caller, name) in
        [(Caller::Host, "host"), (Caller::Cli, "cli"), (Caller::Plugin("other".to_owned()), "plugin:other")]
    {
        let invocation = Invocation::new("about").caller(caller).request_id("order-7");
        let about: Value = plugin.invoke(invocation).await.expect("it answers").parse("", "").expect("JSON");
        assert_eq!((&about["caller"], &about["request_id"]), (&json!(name), &json!("order-7")));
    }
}

#[tokio::test]
async fn calls_without_an_id_get_different_ones() {
    let plugin = Host::new().load(feature::INVOCATION.into()).await;
    let one = call(&plugin, "about").await.expect("it answers");
    let two = call(&plugin, "about").await.expect("it answers");
    assert!(one["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{one}");
    assert_ne!(one["request_id"], two["request_id"]);
}

#[tokio::test]
async fn time_left_counts_down_to_the_sooner_deadline() {
    let plugin = TestPlugin::from(feature::INVOCATION).resource("timeout_seconds", json!(5));
    let plugin = Host::new().load(plugin).await;
    let about = call(&plugin, "about").await.expect("it answers");
    let left = about["time_left_ms"].as_u64().expect("there is a deadline");
    assert!((1..=5_000).contains(&left), "{left}");

    let invocation = Invocation::new("time_passes").payload(&20).timeout(Duration::from_secs(4));
    let [before, after]: [u64; 2] = plugin.invoke(invocation).await.expect("it answers").parse("", "").expect("JSON");
    assert!(before <= 4_000 && after + 20 <= before, "{before} {after}");
}

#[tokio::test]
async fn time_left_of_an_unlimited_plugin_is_none() {
    let host = Host::with(|builder| builder.ceilings(plugbay::Ceilings::unlimited()));
    let plugin = host.load(TestPlugin::from(feature::INVOCATION).resource("timeout_seconds", json!(0))).await;
    assert_eq!(call(&plugin, "about").await.expect("it answers")["time_left_ms"], Value::Null);
}
