//! Plugins that abuse their right to schedule jobs.

use std::time::Duration;

use plugbay::clock::ManualClock;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::{Guest, feature, hostile};
use crate::harness::host::{Host, TestPlugin, call, pings};
use crate::harness::patience::{ends, until};

#[tokio::test]
async fn million_jobs_are_refused_after_the_first_thousand() {
    let (_host, [attacker, neighbour], _clock) = scene([plugin(hostile::JOB_FLOOD, "attacker")]).await;
    let attack = json!({ "until_refused": true });
    let answer: Value = ends(attacker.call("attack", &attack)).await.expect("the guest handles the refusal");
    assert_eq!(answer["added"], 1_000, "{answer}");
    assert_contains(answer["limit"].as_str().unwrap_or_default(), &["jobs", "1000 allowed", "1001"]);
    assert_eq!((pings(&attacker).await, pings(&neighbour).await), (1, 1));
}

#[tokio::test]
async fn flood_of_jobs_yields_and_ends_at_its_deadline() {
    let flood = plugin(hostile::JOB_FLOOD, "attacker")
        .resource("timeout_seconds", json!(1))
        .resource("max_fuel", json!(1e12 as u64));
    let (host, [attacker, neighbour], _clock) = scene([flood]).await;
    let flood = tokio::spawn(async move { (attacker.call::<Value>("attack", &()).await, attacker) });
    // On one thread the neighbour is served only if the flood yields.
    let mut served = 0;
    while !flood.is_finished() {
        served = pings(&neighbour).await;
        tokio::task::yield_now().await;
    }
    let (answer, attacker) = flood.await.expect("it ended");
    assert_invoke_error(&answer.expect_err("a million take longer"), "attacker", "timeout");
    assert!(served > 10, "the neighbour was served {served} times");
    assert_eq!(pings(&attacker).await, 1, "a fresh instance serves");
    // The interrupted writes left whole jobs, which can be replaced.
    host.runtime.reload(plugin(feature::SCHEDULER, "attacker").package()).await.expect("it loads");
    let jobs = call(&attacker, "jobs").await.expect("it answers");
    assert!(jobs.as_array().is_some_and(|jobs| jobs.len() <= 1_000), "{jobs}");
}

#[tokio::test]
async fn thousand_jobs_due_at_once_do_not_starve_others() {
    let (_host, [attacker, neighbour], clock) = scene([plugin(hostile::JOB_FLOOD, "attacker")]).await;
    let _: Value =
        attacker.call("attack", &json!({ "until_refused": true })).await.expect("the guest handles the refusal");
    clock.advance(Duration::from_secs(3_600));
    // Every job is a call, and so was the attack.
    until("a run of each job", async || {
        assert!(pings(&neighbour).await > 0);
        (attacker.metrics().calls >= 1_001).then_some(())
    })
    .await;
    assert!(attacker.metrics().errors.is_empty(), "{:?}", attacker.metrics());
}

#[tokio::test]
async fn job_rescheduling_itself_is_bounded_by_the_rate_limit() {
    let rate = json!({ "calls": 10, "period_seconds": 3600 });
    let (host, [attacker, neighbour], clock) =
        scene([plugin(feature::SCHEDULER, "attacker").resource("rate_limit", rate)]).await;
    let again = json!({ "id": "again", "action": "again", "date_ms": 0 });
    let added: Value = attacker.call("add", &again).await.expect("it answers");
    assert!(added["next_ms"].is_u64(), "{added}");
    let logged = |part: &str| host.log.messages("schedule").iter().filter(|line| line.contains(part)).count();
    until("a refusal by the rate limit", async || {
        assert!(pings(&neighbour).await > 0);
        (logged("rate_limit_exceeded") > 0).then_some(())
    })
    .await;
    assert_eq!(logged("`again` answered"), 9, "ten calls, counting the first one");
    // The refused run is retried after the time in the refusal, not sooner.
    clock.advance(Duration::from_secs(3_500));
    assert!((0..1_000).all(|_| logged("rate_limit_exceeded") == 1));
}

/// A host with these attackers, a neighbour, and a clock that stands still.
async fn scene<const N: usize, const M: usize>(attackers: [TestPlugin; N]) -> (Host, [Plugin; M], ManualClock) {
    let clock = ManualClock::default();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock.clone()));
    let mut loaded = Vec::new();
    for attacker in attackers {
        loaded.push(host.load(attacker).await);
    }
    loaded.push(host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("neighbour"))).await);
    (host, loaded.try_into().expect("the attackers and the neighbour"), clock)
}

fn plugin(guest: Guest, name: &str) -> TestPlugin {
    TestPlugin::from(guest)
        .manifest("name", json!(name))
        .manifest("permissions", json!([{ "resource": "scheduler.*" }]))
}
