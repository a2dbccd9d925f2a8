//! Due times of jobs: intervals, dates, cron expressions and clock changes. Also, outcomes of failed runs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{DAY, HOUR, START, Scene, jobs};
use crate::harness::assert::assert_contains;
use crate::harness::host::{call, pings};
use crate::harness::patience::until;

#[tokio::test]
async fn interval_job_runs_at_each_interval() {
    let scene = Scene::new().await;
    let next = scene.add(json!({ "id": "tick", "interval_ms": 60_000, "args": { "n": 1 } })).await;
    assert_eq!(next, json!({ "next_ms": START + 60_000 }));
    for run in 1..=3 {
        scene.set_clock(START + 60_000 * run);
        let outcomes = scene.outcomes("tick", run as usize).await;
        assert_eq!(outcomes[0]["scheduled_ms"], START + 60_000 * run);
        assert_eq!(outcomes[0]["result"], json!({ "worked": true }));
    }
    let runs = call(&scene.plugin, "worked").await.expect("it answers");
    let payload = json!({ "job": "tick", "args": { "n": 1 }, "scheduled_ms": START + 60_000 });
    assert_eq!(runs[0], json!({ "payload": payload, "caller": "schedule" }));
    assert_eq!(runs.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn one_time_job_runs_once_and_is_removed() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    scene.set_clock(START + HOUR);
    scene.outcomes("later", 1).await;
    assert_eq!(scene.ask("get", "later").await, Value::Null);
    scene.add(json!({ "id": "end", "date_ms": START + 2 * HOUR })).await;
    scene.set_clock(START + 2 * HOUR);
    scene.outcomes("end", 1).await;
    assert_eq!(scene.outcomes("later", 1).await.len(), 1);
}

#[tokio::test]
async fn date_in_the_past_runs_at_once() {
    let scene = Scene::new().await;
    assert_eq!(scene.add(json!({ "id": "past", "date_ms": 5 })).await, json!({ "next_ms": 5 }));
    assert_eq!(scene.outcomes("past", 1).await[0]["scheduled_ms"], 5);
}

#[tokio::test]
async fn cron_job_runs_in_its_time_zone() {
    let scene = Scene::new().await;
    let march_28 = START + (31 + 28 + 27) * DAY;
    scene.set_clock(march_28);
    let berlin = json!({ "id": "night", "cron": "30 2 * * *", "time_zone": "Europe/Berlin" });
    assert_eq!(scene.add(berlin).await, json!({ "next_ms": march_28 + HOUR + HOUR / 2 }));
    // On the 29th there is no 02:30 in Berlin. The job runs at 03:00, which is 01:00 UTC.
    for (run, due) in [(1, march_28 + HOUR + HOUR / 2), (2, march_28 + DAY + HOUR)] {
        scene.set_clock(due);
        assert_eq!(scene.outcomes("night", run).await[0]["scheduled_ms"], due);
    }
    assert_eq!(scene.ask("get", "night").await["next_run_ms"], march_28 + 2 * DAY + HOUR / 2);
}

#[tokio::test]
async fn clock_that_jumps_ahead_causes_one_run() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    scene.set_clock(START + 100 * HOUR + 30_000);
    scene.outcomes("tick", 1).await;
    assert_eq!(scene.ask("get", "tick").await["next_run_ms"], START + 100 * HOUR + 60_000);
    assert_eq!(scene.outcomes("tick", 1).await.len(), 1);
}

#[tokio::test]
async fn clock_set_back_does_not_stall_an_interval() {
    let scene = Scene::new().await;
    scene.set_clock(START + 10 * HOUR);
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    scene.set_clock(START);
    scene.until("get", "tick", |job| job["next_run_ms"] == START + 60_000).await;
    scene.set_clock(START + 60_000);
    assert_eq!(scene.outcomes("tick", 1).await[0]["scheduled_ms"], START + 60_000);
}

#[tokio::test]
async fn failures_are_outcomes_and_the_job_goes_on() {
    let scene =
        Scene::with(jobs().resource("max_fuel", json!(1e12 as u64)).resource("timeout_seconds", json!(3))).await;
    for (job, code) in
        [("fail", "not_today"), ("trap", "plugin_trapped"), ("hang", "timeout"), ("gone", "unknown_action")]
    {
        scene.add(json!({ "id": job, "action": job, "interval_ms": 60_000 })).await;
        scene.clock.advance(Duration::from_secs(60));
        // A call would queue behind the one that hangs.
        scene.until_logged(&format!("`{job}` failed")).await;
        let outcomes = scene.outcomes(job, 1).await;
        assert_eq!(outcomes[0]["error"]["code"], code, "{outcomes:?}");
        assert!(scene.ask("get", job).await["next_run_ms"].is_u64(), "{job}");
        assert_eq!(scene.ask("remove", job).await, true);
    }
    assert_eq!(pings(&scene.plugin).await, 1, "a fresh instance serves");
    let lines = scene.host.log.messages("schedule");
    assert!(lines.iter().any(|line| line.contains("`trap` failed") && line.contains("plugin_trapped")), "{lines:?}");
}

#[tokio::test]
async fn payload_that_the_schema_refuses_is_an_outcome() {
    let schema = json!({ "type": "object", "properties": { "args": { "type": "integer" } } });
    let scene = Scene::with(jobs().manifest(
        "actions",
        json!([
            { "name": "add" }, { "name": "outcomes" }, { "name": "work", "payload": schema },
        ]),
    ))
    .await;
    scene.add(json!({ "id": "wrong", "args": "text", "date_ms": 0 })).await;
    assert_eq!(scene.outcomes("wrong", 1).await[0]["error"]["code"], "validation_error");
    scene.add(json!({ "id": "right", "args": 5, "date_ms": 0 })).await;
    assert_eq!(scene.outcomes("right", 1).await[0]["result"], json!({ "worked": true }));
}

#[tokio::test]
async fn fresh_sandboxes_run_jobs_too() {
    let scene = Scene::with(jobs().resource("instances", json!("per_call"))).await;
    for job in 0..10 {
        scene.add(json!({ "id": format!("j{job}"), "date_ms": 0 })).await;
    }
    for job in 0..10 {
        assert_eq!(scene.outcomes(&format!("j{job}"), 1).await[0]["result"], json!({ "worked": true }));
    }
    assert_eq!(call(&scene.plugin, "worked").await.expect("it answers"), json!([]), "this sandbox ran none");
}

#[tokio::test]
async fn one_time_job_over_the_rate_limit_is_retried() {
    let rate = json!({ "calls": 3, "period_seconds": 1 });
    let scene = Scene::with(jobs().resource("rate_limit", rate)).await;
    scene.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    while call(&scene.plugin, "ping").await.is_ok() {}
    scene.set_clock(START + HOUR);
    let text = scene.until_logged("`later` failed").await;
    assert_contains(&text, &["rate_limit_exceeded"]);
    // Again and again, as often as the refusal allows, until the window admits a call by the machine's clock.
    until("another try", async || {
        scene.clock.advance(Duration::from_secs(1));
        scene.host.log.messages("schedule").iter().any(|line| line.contains("`later` answered")).then_some(())
    })
    .await;
}
