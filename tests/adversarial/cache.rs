//! A cache that is filled beyond its bound, and searched for as long as it takes.

use std::time::Duration;

use plugbay::{Invocation, Policy, limits};
use serde_json::{Value, json};

use super::release::{Held, alone};
use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::processor::Moment;

/// What a full cache may take of the process: its bound, what is written before the bound is seen to, and as much again for
/// the allocator.
const GROWTH_BYTES_MAX: u64 = 2 * (limits::CACHE_BYTES_MAX + limits::CACHE_BYTES_UNTIL_BOOKED);

#[test]
fn cache_filled_beyond_its_bound_takes_no_more_memory_than_that() {
    alone("adversarial::cache::fill_alone");
}

/// A third of a gigabyte in all, in values of every size.
#[tokio::test]
#[ignore = "counts what the whole process holds: run by cache_filled_beyond_its_bound_takes_no_more_memory_than_that"]
async fn fill_alone() {
    let (host, attacker) = scene().await;
    let neighbour = host.load(TestPlugin::from(feature::CACHE).manifest("permissions", asks())).await;
    neighbour.call::<Value>("set", &json!({ "key": "mine", "value": 1 })).await.expect("it answers");
    let fill = async |bytes: u32, count: u32| {
        let answer: Value = attacker
            .call("attack", &json!({ "how": "fill", "bytes": bytes, "count": count }))
            .await
            .expect("the attack is harmless");
        assert_eq!(answer, json!("filled"));
    };
    // What the guest itself takes is there before it is measured.
    fill(1 << 20, 1).await;
    let before = Held::now();
    for (bytes, count) in [(1 << 20, 200), (64 << 10, 1_000), (1 << 10, 20_000), (1, 50_000)] {
        fill(bytes, count).await;
        let now = Held::now();
        let grown = now.resident_bytes.saturating_sub(before.resident_bytes);
        assert!(grown <= GROWTH_BYTES_MAX, "{count} values of {bytes} bytes: {before:?} grew to {now:?}");
    }
    let kept: Value = neighbour.call("get", &json!("mine")).await.expect("it answers");
    assert_eq!(kept, json!(1), "the neighbour's cache is its own");
    drop(host);
}

#[tokio::test]
async fn search_that_is_made_to_take_long_ends_by_its_limit_and_holds_up_nobody() {
    let (host, attacker) = scene().await;
    let neighbour = host.load(feature::ECHO.into()).await;
    let attack = tokio::spawn(async move { attacker.call::<Value>("attack", &json!({ "how": "search" })).await });
    let mut slowest = Duration::ZERO;
    while !attack.is_finished() {
        let asked = Moment::now();
        // One thread for both: whatever the attacker does without yielding, it does in here.
        tokio::task::yield_now().await;
        pings(&neighbour).await;
        slowest = slowest.max(asked.elapsed());
    }
    let answer = attack.await.expect("it ends").expect("it answers");
    let text = answer["limit"].as_str().unwrap_or_else(|| panic!("no limit: {answer}"));
    assert!(text.contains("cache_scan_time") && text.contains("200ms"), "{text}");
    assert!(slowest < limits::CACHE_SCAN_TIME_MAX, "the neighbour waited for {slowest:?}");
}

#[tokio::test]
async fn clearing_for_ever_ends_at_the_deadline() {
    let (_host, attacker) = scene().await;
    let payload = json!({ "how": "clear" });
    let attack = Invocation::new("attack").payload(&payload).expect("JSON").timeout(Duration::from_millis(300));
    let error = attacker.invoke(attack).await.expect_err("it never ends");
    assert_invoke_error(&error, "hostile_cache", "timeout");
    assert_eq!(pings(&attacker).await, 1, "a fresh instance serves");
}

/// A host, and a plugin that may use its cache and burn fuel.
async fn scene() -> (Host, plugbay::Plugin) {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let attacker = TestPlugin::from(hostile::CACHE)
        .manifest("permissions", asks())
        .resource("max_fuel", json!(10_000_000_000_u64))
        .resource("timeout_seconds", json!(120));
    let attacker = host.load(attacker).await;
    (host, attacker)
}

fn asks() -> Value {
    json!([{ "resource": "cache.*" }])
}
