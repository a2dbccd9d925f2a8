//! Native tests of the jobs and their actions. The times of the runs are tested with the component.

use std::time::Duration;

use plugbay_sdk::native::{Instance, set_config, take_log};
use plugbay_sdk::scheduler::{self, Schedule};
use plugbay_sdk::{Value, json};

fn loaded() -> Instance {
    let mut demo = scheduler_demo::native_instance();
    demo.load().expect("loaded");
    demo
}

#[test]
fn cleanup_recurs_as_configured() {
    set_config("cleanup_seconds", 60);
    let mut demo = loaded();
    let job = scheduler::get("cleanup").expect("readable").expect("it is there");
    assert_eq!(job.schedule, Schedule::Every(Duration::from_secs(60)));
    assert_eq!(demo.run_job("cleanup").expect("it runs"), 1);
    assert_eq!(demo.run_job("cleanup").expect("it is still there"), 2);
    assert_eq!(take_log(), ["INFO cleanup number=1", "INFO cleanup number=2"]);
}

#[test]
fn scheduled_action_runs_once_with_its_data() {
    let mut demo = loaded();
    let later = json!({ "run_at": "2026-12-24T18:00:00Z", "data": { "gifts": 3 } });
    let answer = demo.call("schedule", later).expect("scheduled");
    assert_eq!((&answer["status"], &answer["scheduled"]), (&json!("ok"), &json!(true)));
    let id = answer["job"].as_str().expect("an id");
    assert_eq!(demo.run_job(id).expect("it runs"), json!({ "gifts": 3 }));
    assert_eq!(demo.run_job(id).expect_err("it is gone").code(), "not_found");
    assert_eq!(scheduler::outcomes(id, 10).expect("kept")[0].answer, Ok(json!({ "gifts": 3 })));
}

#[test]
fn only_scheduled_actions_can_be_cancelled() {
    let mut demo = loaded();
    let job = demo.call("schedule", json!({ "run_at": "2026-12-24 18:00:00" })).expect("scheduled")["job"].clone();
    assert_eq!(demo.call("cancel", json!({ "job": job })).expect("cancelled"), Value::Bool(true));
    assert_eq!(demo.call("cancel", json!({ "job": job })).expect("not there"), Value::Bool(false));
    assert_eq!(demo.call("cancel", json!({ "job": "cleanup" })).expect_err("no").code(), "not_yours");
    assert_eq!(demo.call("jobs", ()).expect("a list"), json!(["cleanup: every 300s"]));
}

#[test]
fn invalid_time_is_refused() {
    let failure = loaded().call("schedule", json!({ "run_at": "tomorrow" })).expect_err("not a time");
    assert_eq!(failure.code(), "bad_moment");
}
