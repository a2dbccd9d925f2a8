//! Plugins that abuse an interface of the application, and functions of it that fail.

use std::sync::atomic::Ordering::SeqCst;

use plugbay::Policy;
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::attack::Attack;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;
use crate::harness::warehouse::Warehouse;

fn attack(warehouse: &Warehouse, payload: Value) -> Attack {
    let warehouse = warehouse.clone();
    let attack = Attack::by(hostile::EXTENSION).granted("ext.stock.*").payload(payload);
    attack.host(move |builder| builder.extension(warehouse.extension()))
}

fn misbehaving(warehouse: &Warehouse, how: &str) -> Attack {
    attack(warehouse, json!({ "how": how }))
}

/// The executor has one thread: a flood that kept it would starve the neighbour.
#[tokio::test]
async fn flood_of_calls_lets_others_run_and_ends() {
    for payload in [json!({ "attack": "flood" }), json!({ "attack": "flood of parcels", "bytes": 1 << 20 })] {
        let warehouse = Warehouse::default();
        let host = Host::with(|builder| builder.policy(Policy::allow_all()).extension(warehouse.extension()));
        let attacker = TestPlugin::from(hostile::EXTENSION)
            .manifest("permissions", json!([{ "resource": "ext.*" }]))
            .resource("max_fuel", json!(1_000_000_000_000_u64))
            .resource("timeout_seconds", json!(1));
        let attacker = host.load(attacker).await;
        let neighbour = host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("neighbour"))).await;
        let flood = tokio::spawn(async move { attacker.call::<Value>("attack", &payload).await });
        let mut served = 0;
        while !flood.is_finished() {
            served = pings(&neighbour).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(flood.await.expect("it ended").expect_err("it never answers").code(), "timeout");
        assert!(served > 10, "the neighbour was served {served} times");
    }
}

#[tokio::test]
async fn huge_arguments_are_refused_before_they_are_copied() {
    for attack_with in ["huge parcel", "huge name"] {
        let payload = json!({ "attack": attack_with, "bytes": 9 << 20 });
        attack(&Warehouse::default(), payload).ends_in("result_too_large").await;
    }
}

#[tokio::test]
async fn resources_of_the_application_are_limited_as_handles() {
    attack(&Warehouse::default(), json!({ "attack": "baskets" })).ends_in("resource_limit").await;
}

#[tokio::test]
async fn name_of_megabytes_is_cut_in_the_denial() {
    let warehouse = Warehouse::default();
    let extension = warehouse.extension();
    let policy = Policy::default().allow("ext.stock.apple").expect("a rule");
    let host = Host::with(|builder| builder.policy(policy).extension(extension));
    let attacker = TestPlugin::from(hostile::EXTENSION).manifest("permissions", json!([{ "resource": "*" }]));
    let attacker = host.load(attacker).await;
    let payload = json!({ "attack": "huge name", "bytes": 1 << 20 });
    let answer: Value = attacker.call("attack", &payload).await.expect("the denial is an error that the guest handles");
    let denial = answer["Err"].as_str().expect("a denial");
    assert_contains(denial, &["not allowed by the operator"]);
    assert!(denial.len() < 5_000, "{} bytes", denial.len());
    assert_eq!(pings(&attacker).await, 1);
}

#[tokio::test]
async fn panic_of_the_application_costs_one_instance() {
    for how in ["panic", "panic later"] {
        let warehouse = Warehouse::default();
        let aftermath = misbehaving(&warehouse, how).ends_in("host_error").await;
        assert_eq!(warehouse.states.load(SeqCst), 0, "the state is dropped with the instance");
        assert_contains(&aftermath.error.to_string(), &["hunter2"]);
    }
}

#[tokio::test]
async fn error_of_the_application_is_a_trap() {
    let aftermath = misbehaving(&Warehouse::default(), "fail").ends_in("plugin_trapped").await;
    assert_contains(&aftermath.error.to_string(), &["the shelf is broken"]);
}

#[tokio::test]
async fn hanging_function_is_dropped_at_the_deadline() {
    let warehouse = Warehouse::default();
    let attack = misbehaving(&warehouse, "hang").resource("timeout_seconds", json!(0.5));
    ends(attack.ends_in("timeout")).await;
    assert_eq!((warehouse.hanging.load(SeqCst), warehouse.states.load(SeqCst)), (0, 0));
}

/// A function that keeps its thread cannot be stopped. What it returns to does not go on.
#[tokio::test]
async fn function_that_returns_after_the_deadline_returns_to_a_stopped_guest() {
    let payload = json!({ "attack": "late, then on" });
    attack(&Warehouse::default(), payload).resource("timeout_seconds", json!(0.2)).ends_in("timeout").await;
}

#[tokio::test]
async fn state_that_panics_while_it_is_dropped_harms_no_one() {
    let warehouse = Warehouse::default();
    let (host, answer) = misbehaving(&warehouse, "break on drop").does_no_harm().await;
    assert_eq!(answer, 0);
    assert!(host.runtime.unload("hostile_extension").await);
    assert_eq!(warehouse.states.load(SeqCst), 0);
}
