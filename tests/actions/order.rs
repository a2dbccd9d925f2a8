//! Calls and instances: one instance in order, several at once, or a fresh one for each call.

use std::time::{Duration, Instant};

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
    let in_turn = time_of_four_sleeps(&one).await;
    assert!(in_turn >= Duration::from_millis(800), "{in_turn:?}");
    let together = time_of_four_sleeps(&four).await;
    assert!(together < in_turn * 3 / 4, "{together:?}, and {in_turn:?} in turn");
    assert!(four.metrics().instances_started <= 4);
}

#[tokio::test]
async fn replicas_keep_their_own_state() {
    let plugin = TestPlugin::from(feature::SLEEP).resource("instances", json!(2));
    let plugin = Host::new().load(plugin).await;
    time_of_four_sleeps(&plugin).await;
    let counts = [pings(&plugin).await, pings(&plugin).await, pings(&plugin).await];
    assert!(plugin.metrics().instances_started <= 2);
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
    let in_turn = time_of_four_sleeps(&one).await;
    let together = time_of_four_sleeps(&fresh).await;
    assert!(together < in_turn * 3 / 4, "{together:?}, and {in_turn:?} in turn");
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

async fn time_of_four_sleeps(plugin: &Plugin) -> Duration {
    let start = Instant::now();
    let sleeps: Vec<_> = (0..4)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { plugin.call::<String>("sleep", &200).await })
        })
        .collect();
    for sleep in sleeps {
        sleep.await.expect("no panic").expect("it sleeps");
    }
    start.elapsed()
}
