//! Jobs in a `TestHost`. Advancing the clock runs each job at its due time and to its end; setting the clock runs each
//! missed job once.

use std::time::{Duration, UNIX_EPOCH};

use plugbay_testing::{TestHost, TestPlugin};
use serde_json::{Value, json};

use super::host::guest;
use crate::harness::guest::feature;

fn scheduler() -> (TestHost, TestPlugin) {
    let host = TestHost::builder().time(UNIX_EPOCH + Duration::from_secs(1_000)).build();
    let asks = json!({ "permissions": [{ "resource": "scheduler.*" }] });
    let plugin = guest(&host, feature::SCHEDULER).manifest(asks).load();
    (host, plugin)
}

/// The due times of a job's runs, in seconds from the beginning of the test.
fn runs(plugin: &TestPlugin, job: &str) -> Vec<u64> {
    let outcomes = plugin.call("outcomes", job);
    let due = |outcome: &Value| outcome["scheduled_ms"].as_u64().expect("a moment") / 1_000 - 1_000;
    let mut runs: Vec<u64> = outcomes.as_array().expect("a list").iter().map(due).collect();
    runs.sort_unstable();
    runs
}

#[test]
fn advanced_clock_runs_a_job_at_each_due_time() {
    let (host, plugin) = scheduler();
    plugin.call("add", json!({ "id": "tick", "interval_ms": 60_000 }));
    host.advance(Duration::from_secs(59));
    assert_eq!(plugin.call("worked", ()), json!([]));
    host.advance(Duration::from_secs(1));
    assert_eq!(plugin.call("worked", ())[0]["caller"], "schedule");
    host.advance(Duration::from_secs(250));
    assert_eq!(runs(&plugin, "tick"), [60, 120, 180, 240, 300]);
}

#[test]
fn jobs_with_different_due_times_run_in_order() {
    let (host, plugin) = scheduler();
    plugin.call("add", json!({ "id": "late", "date_ms": 1_090_000, "args": "late" }));
    plugin.call("add", json!({ "id": "early", "date_ms": 1_030_000, "args": "early" }));
    plugin.call("add", json!({ "id": "tick", "interval_ms": 60_000, "args": "tick" }));
    host.advance(Duration::from_secs(100));
    let worked = plugin.call("worked", ());
    let order: Vec<&str> =
        worked.as_array().expect("a list").iter().filter_map(|run| run["payload"]["args"].as_str()).collect();
    assert_eq!(order, ["early", "tick", "late"]);
}

#[test]
fn clock_that_is_set_runs_missed_jobs_once() {
    let (host, plugin) = scheduler();
    plugin.call("add", json!({ "id": "tick", "interval_ms": 60_000 }));
    host.set_time(UNIX_EPOCH + Duration::from_secs(1_000 + 3_600));
    assert_eq!(plugin.call("worked", ()).as_array().map(Vec::len), Some(1));
}
