//! Plugins that fill their cache beyond its bound, or make the host search it for long.

use std::time::Duration;

use plugbay::{Invocation, Policy};
use serde_json::{Value, json};

use super::release::{Held, alone};
use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::limits;
use crate::harness::processor::Moment;

/// The most by which a full cache may grow the process: its bound, doubled for the
/// allocator.
const GROWTH_BYTES_MAX: u64 = 2 * limits::CACHE_BYTES_MAX;

#[test]
fn full_cache_takes_no_more_memory_than_its_bound() {
    alone("adversarial::cache::fill_alone");
}

/// Writes a third of a gigabyte in all, in values of different sizes.
#[tokio::test]
#[ignore = "measures the whole process: run by full_cache_takes_no_more_memory_than_its_bound"]
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
    // The guest's own memory is allocated before the measurement.
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
async fn costly_search_ends_at_its_limit_and_blocks_nothing() {
    let (host, attacker) = scene().await;
    let neighbour = host.load(feature::ECHO.into()).await;
    let attack = tokio::spawn(async move { attacker.call::<Value>("attack", &json!({ "how": "search" })).await });
    let mut slowest = Duration::ZERO;
    while !attack.is_finished() {
        let asked = Moment::now();
        // One thread for both: work that the attacker does without yielding is measured here.
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
async fn endless_clearing_ends_at_the_deadline() {
    let (_host, attacker) = scene().await;
    let payload = json!({ "how": "clear" });
    let attack = Invocation::new("attack").payload(&payload).timeout(Duration::from_millis(300));
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
