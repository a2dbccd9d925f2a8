//! Calls and instances: one instance in order, several at once, or a fresh one for each call.

use std::task::{Context, Waker};

use plugbay::Plugin;
use serde_json::{Value, json};

use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn calls_to_one_instance_run_one_after_another_in_order() {
    let plugin = Host::new().load(feature::LIFECYCLE.into()).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { plugin.call::<u64>("add", &1).await })
        })
        .collect();
    let mut totals = Vec::new();
    for call in calls {
        totals.push(call.await.expect("no panic").expect("it adds"));
    }
    assert_eq!(totals, (1..=20).collect::<Vec<u64>>());
    assert_eq!(plugin.metrics().instances_started, 1);
}

#[tokio::test]
async fn replicas_serve_at_the_same_time() {
    let host = Host::new();
    let one = host.load(TestPlugin::from(feature::SLEEP).manifest("name", json!("one"))).await;
    let four = TestPlugin::from(feature::SLEEP).manifest("name", json!("four")).resource("instances", json!(4));
    let four = host.load(four).await;
    assert_eq!(parked_calls(&host, &one, 6), 1, "the others wait for their turn");
    assert_eq!(parked_calls(&host, &four, 6), 4, "and two wait for theirs");
    assert_eq!(four.metrics().instances_started, 4);
}

#[tokio::test]
async fn replicas_keep_their_own_state() {
    let plugin = TestPlugin::from(feature::SLEEP).resource("instances", json!(2));
    let plugin = Host::new().load(plugin).await;
    let sleeps = (0..4).map(|_| plugin.call::<String>("sleep", &1));
    let [a, b, c, d] = sleeps.collect::<Vec<_>>().try_into().unwrap_or_else(|_| unreachable!("there are four"));
    let (a, b, c, d) = tokio::join!(a, b, c, d);
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert_eq!(plugin.metrics().instances_started, 2);
    let counts = [pings(&plugin).await, pings(&plugin).await, pings(&plugin).await];
    assert_eq!(plugin.metrics().instances_started, 2);
    assert!(counts.iter().sum::<u64>() <= 6, "{counts:?}");
}

#[tokio::test]
async fn trap_of_one_replica_costs_only_that_replica() {
    let plugin = TestPlugin::from(feature::LIFECYCLE).resource("instances", json!(2));
    let plugin = Host::new().load(plugin).await;
    plugin.call::<Value>("trap", &()).await.expect_err("it traps");
    for _ in 0..4 {
        pings(&plugin).await;
    }
    assert!(plugin.metrics().instances_started <= 3);
}

#[tokio::test]
async fn fresh_sandbox_for_each_call_forgets_everything() {
    let plugin = TestPlugin::from(feature::LIFECYCLE).resource("instances", json!("per_call"));
    let plugin = Host::new().load(plugin).await;
    for _ in 0..5 {
        assert_eq!(pings(&plugin).await, 1);
        let moments: Vec<String> = plugin.call("moments", &()).await.expect("it answers");
        assert_eq!(moments, ["on_load"], "each instance is loaded");
    }
}

#[tokio::test]
async fn fresh_sandboxes_serve_at_the_same_time() {
    let host = Host::new();
    let one = host.load(TestPlugin::from(feature::SLEEP).manifest("name", json!("one"))).await;
    let fresh = TestPlugin::from(feature::SLEEP).resource("instances", json!("per_call"));
    let fresh = host.load(fresh).await;
    assert_eq!(parked_calls(&host, &one, 4), 1);
    assert_eq!(parked_calls(&host, &fresh, 4), 4);
}

#[tokio::test]
async fn sandboxes_beyond_the_pool_wait_or_report_busy() {
    let host = Host::with(|builder| builder.live_instances(4));
    let plugin = host.load(TestPlugin::from(feature::SLEEP).resource("instances", json!("per_call"))).await;
    let calls: Vec<_> = (0..12)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { plugin.call::<String>("sleep", &50).await })
        })
        .collect();
    let mut answered = 0;
    for call in calls {
        match call.await.expect("no panic") {
            Ok(_) => answered += 1,
            Err(error) => assert_eq!(error.code(), "busy", "{error}"),
        }
    }
    assert!(answered >= 3, "{answered}");
    assert_eq!(pings(&plugin).await, 1, "the pool has free slots again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn replicas_spread_over_threads_answer_every_call() {
    let plugin = TestPlugin::from(feature::ECHO).resource("instances", json!(4));
    let plugin = Host::new().load(plugin).await;
    let calls: Vec<_> = (0..400)
        .map(|number| {
            let plugin = plugin.clone();
            tokio::spawn(async move { (number, plugin.call::<u64>("echo", &number).await) })
        })
        .collect();
    for call in calls {
        let (number, answer) = call.await.expect("no panic");
        assert_eq!(answer.expect("it echoes"), number);
    }
    assert!(plugin.metrics().instances_started <= 4);
}

/// With a fresh sandbox for each call, a trap is invisible to the next call.
#[tokio::test]
async fn trap_in_a_fresh_sandbox_leaves_the_next_call_alone() {
    let plugin = TestPlugin::from(hostile::PANIC).resource("instances", json!("per_call"));
    let plugin = Host::new().load(plugin).await;
    for _ in 0..20 {
        let error = plugin.call::<Value>("attack", &()).await.expect_err("it panics");
        assert_eq!(error.code(), "plugin_trapped");
        assert_eq!(pings(&plugin).await, 1);
    }
}

/// Begins `count` calls of which none ends by itself, and returns how many have reached the guest, which says so. The
/// others wait for an instance. All of them are dropped.
fn parked_calls(host: &Host, plugin: &Plugin, count: usize) -> usize {
    let mut calls: Vec<_> = (0..count)
        .map(|_| Box::pin(tokio::task::coop::unconstrained(plugin.call::<String>("sleep", &3_600_000))))
        .collect();
    for call in &mut calls {
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let name = plugin.name();
    host.log.lines().iter().filter(|line| line.plugin == name && line.message == "sleeping").count()
}
