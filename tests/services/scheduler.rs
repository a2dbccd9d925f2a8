//! `plugbay:plugin/scheduler`: jobs by a clock that the test moves, who may have them, what they cost, what is kept.
//!
//! A test moves the clock and then waits until the outcome that it expects is there.

use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use plugbay::manifest::Effect;
use plugbay::{ManualClock, Plugin, Policy, RemoveDataError};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call, pings};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// 1 January 2026, 00:00 UTC: where the clock begins.
const START: u64 = 1_767_225_600_000;
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn interval_job_runs_whenever_its_time_has_come() {
    let scene = Scene::new().await;
    let next = scene.add(json!({ "id": "tick", "interval_ms": 60_000, "args": { "n": 1 } })).await;
    assert_eq!(next, json!({ "next_ms": START + 60_000 }));
    for run in 1..=3 {
        scene.set_clock(START + 60_000 * run);
        let outcomes = scene.outcomes("tick", run as usize).await;
        assert_eq!(outcomes[0]["scheduled_ms"], START + 60_000 * run);
        assert_eq!(outcomes[0]["answer"], json!({ "worked": true }));
    }
    let runs = call(&scene.plugin, "worked").await.expect("it answers");
    let payload = json!({ "job": "tick", "args": { "n": 1 }, "scheduled_ms": START + 60_000 });
    assert_eq!(runs[0], json!({ "payload": payload, "caller": "schedule" }));
    assert_eq!(runs.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn one_time_job_runs_once_and_is_gone() {
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
async fn cron_job_runs_by_the_clock_of_its_time_zone() {
    let scene = Scene::new().await;
    let march_28 = START + (31 + 28 + 27) * DAY;
    scene.set_clock(march_28);
    let berlin = json!({ "id": "night", "cron": "30 2 * * *", "time_zone": "Europe/Berlin" });
    assert_eq!(scene.add(berlin).await, json!({ "next_ms": march_28 + HOUR + HOUR / 2 }));
    // In the night to the 29th there is no 02:30 in Berlin: the job runs at 03:00, which is 01:00 UTC.
    for (run, due) in [(1, march_28 + HOUR + HOUR / 2), (2, march_28 + DAY + HOUR)] {
        scene.set_clock(due);
        assert_eq!(scene.outcomes("night", run).await[0]["scheduled_ms"], due);
    }
    assert_eq!(scene.ask("get", "night").await["next_run_ms"], march_28 + 2 * DAY + HOUR / 2);
}

#[tokio::test]
async fn clock_that_jumps_ahead_makes_up_with_one_run() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    scene.set_clock(START + 100 * HOUR + 30_000);
    scene.outcomes("tick", 1).await;
    assert_eq!(scene.ask("get", "tick").await["next_run_ms"], START + 100 * HOUR + 60_000);
    assert_eq!(scene.outcomes("tick", 1).await.len(), 1);
}

#[tokio::test]
async fn clock_that_is_set_back_does_not_stall_an_interval() {
    let scene = Scene::new().await;
    scene.set_clock(START + 10 * HOUR);
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    scene.set_clock(START);
    scene.until("get", "tick", |job| job["next_run_ms"] == START + 60_000).await;
    scene.set_clock(START + 60_000);
    assert_eq!(scene.outcomes("tick", 1).await[0]["scheduled_ms"], START + 60_000);
}

#[tokio::test]
async fn failures_traps_and_limits_are_outcomes_and_the_job_goes_on() {
    let scene =
        Scene::with(jobs().resource("max_fuel", json!(1e12 as u64)).resource("timeout_seconds", json!(0.3))).await;
    for (job, code) in
        [("fail", "not_today"), ("trap", "plugin_trapped"), ("hang", "timeout"), ("gone", "unknown_action")]
    {
        scene.add(json!({ "id": job, "action": job, "interval_ms": 60_000 })).await;
        scene.clock.advance(Duration::from_secs(60));
        // A call would wait behind the one that hangs.
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
async fn payload_that_the_actions_schema_refuses_is_an_outcome() {
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
    assert_eq!(scene.outcomes("right", 1).await[0]["answer"], json!({ "worked": true }));
}

#[tokio::test]
async fn job_of_an_action_that_is_not_declared_is_invalid() {
    let scene = Scene::with(jobs().manifest("actions", json!([{ "name": "add" }, { "name": "work" }]))).await;
    let answer = scene.add(json!({ "id": "typo", "action": "wrok", "date_ms": 0 })).await;
    assert_contains(answer["error"]["invalid"].as_str().unwrap_or_default(), &["`wrok`", "did you mean `work`"]);
}

#[tokio::test]
async fn fresh_sandboxes_run_jobs_too() {
    let scene = Scene::with(jobs().resource("instances", json!("per_call"))).await;
    for job in 0..10 {
        scene.add(json!({ "id": format!("j{job}"), "date_ms": 0 })).await;
    }
    for job in 0..10 {
        assert_eq!(scene.outcomes(&format!("j{job}"), 1).await[0]["answer"], json!({ "worked": true }));
    }
    assert_eq!(call(&scene.plugin, "worked").await.expect("it answers"), json!([]), "this sandbox ran none");
}

#[tokio::test]
async fn jobs_are_listed_paused_resumed_and_removed() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "b", "interval_ms": 1_000, "args": [1] })).await;
    scene.add(json!({ "id": "a", "cron": "0 3 * * *", "time_zone": "Europe/Berlin" })).await;
    let list = call(&scene.plugin, "jobs").await.expect("it answers");
    assert_eq!(list[0]["schedule"], json!({ "cron": "0 3 * * *", "time_zone": "Europe/Berlin" }));
    assert_eq!(
        list[1],
        json!({
            "id": "b", "action": "work", "args": [1], "schedule": { "interval_ms": 1_000 },
            "next_run_ms": START + 1_000, "paused": false,
        })
    );
    assert_eq!((scene.ask("pause", "b").await, scene.ask("pause", "b").await), (json!(true), json!(false)));
    let job = scene.ask("get", "b").await;
    assert_eq!((&job["paused"], &job["next_run_ms"]), (&json!(true), &json!(null)));
    scene.set_clock(START + HOUR);
    scene.add(json!({ "id": "now", "date_ms": 0 })).await;
    scene.outcomes("now", 1).await;
    assert_eq!(scene.ask("outcomes", "b").await, json!([]), "a paused job does not run");
    assert_eq!(scene.ask("resume", "b").await, true);
    assert_eq!(scene.outcomes("b", 1).await.len(), 1, "one run makes up for it");
    assert_eq!((scene.ask("remove", "b").await, scene.ask("remove", "b").await), (json!(true), json!(false)));
    for action in ["pause", "resume"] {
        assert!(scene.ask(action, "b").await["error"]["not_found"].is_string());
    }
    assert_eq!(scene.ask("get", "b").await, Value::Null);
}

#[tokio::test]
async fn job_that_is_there_is_replaced_only_if_asked() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await;
    let answer = scene.add(json!({ "id": "j", "interval_ms": 30_000 })).await;
    assert_contains(answer["error"]["exists"].as_str().unwrap_or_default(), &["`j`"]);
    let answer = scene.add(json!({ "id": "j", "interval_ms": 30_000, "replace": true })).await;
    assert_eq!(answer, json!({ "next_ms": START + 30_000 }));
    assert_eq!(call(&scene.plugin, "jobs").await.expect("it answers").as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn job_without_asking_is_denied_with_what_to_add() {
    let reading = json!([{ "resource": "scheduler.*", "actions": ["read"] }]);
    let scene = Scene::with(jobs().manifest("permissions", reading)).await;
    for (answer, action) in [
        (scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await, "write"),
        (scene.ask("pause", "j").await, "write"),
        (scene.ask("resume", "j").await, "write"),
        (scene.ask("remove", "j").await, "write"),
    ] {
        let text = answer["error"]["denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
        assert_contains(text, &["scheduler.j", action, "manifest"]);
    }
    assert_eq!((scene.ask("get", "j").await, scene.ask("outcomes", "j").await), (json!(null), json!([])));
    assert_eq!(scene.plugin.metrics().denials, 4);
}

#[tokio::test]
async fn job_that_the_operator_did_not_allow_is_denied_with_what_to_add() {
    let clock = ManualClock::default();
    let policy = Policy::default().allow("scheduler.mine").and_then(|policy| policy.allow("scheduler.blind:write"));
    let policy = policy.expect("permissions");
    let host = Host::with(|builder| builder.policy(policy).clock(clock.clone()));
    let plugin = host.load(jobs()).await;
    let scene = Scene { host, plugin, clock };
    assert!(scene.add(json!({ "id": "mine", "interval_ms": 60_000 })).await["next_ms"].is_u64());
    for answer in [
        scene.add(json!({ "id": "yours", "interval_ms": 60_000 })).await,
        scene.ask("get", "yours").await,
        scene.ask("outcomes", "yours").await,
    ] {
        let text = answer["error"]["denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
        assert_contains(text, &["scheduler.yours", "--grant scheduler.yours:"]);
    }
    assert!(scene.add(json!({ "id": "blind", "interval_ms": 60_000 })).await["next_ms"].is_u64());
    let list = call(&scene.plugin, "jobs").await.expect("it answers");
    assert_eq!((&list[0]["id"], &list[1]), (&json!("mine"), &json!(null)), "what it may not read is left out");
}

#[tokio::test]
async fn plugin_without_any_grant_is_not_loaded() {
    let error = Host::new().try_load(jobs()).await.expect_err("the operator allowed nothing");
    assert_load_error(&error, "feature_scheduler", "permission_denied");
    assert_contains(&error.to_string(), &["scheduler"]);
}

#[tokio::test]
async fn job_whose_permission_was_taken_away_stays_and_does_not_run() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let first = Scene::kept_in(data.path(), &clock).await;
    first.add(json!({ "id": "secret", "date_ms": START + HOUR })).await;
    first.add(json!({ "id": "free", "date_ms": START + HOUR })).await;
    first.host.runtime.unload("feature_scheduler").await;
    clock.advance(Duration::from_secs(3_600));
    let mut policy = Policy::default();
    policy.push("scheduler.secret", Some(vec![plugbay::manifest::PermissionAction::Write]), Effect::Deny);
    policy.push("*", None, Effect::Allow);
    let host = Host::with(|builder| builder.policy(policy).clock(clock.clone()).data_dir(data.path()));
    let plugin = host.load(jobs()).await;
    let second = Scene { host, plugin, clock };
    second.outcomes("free", 1).await;
    assert_eq!(second.ask("get", "secret").await["next_run_ms"], START + HOUR);
    let lines = second.host.log.messages("schedule");
    second.host.runtime.set_policy(Policy::allow_all());
    second.outcomes("secret", 1).await;
    assert!(
        lines.iter().any(|line| line.contains("`secret`") && line.contains("--grant scheduler.secret:write")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn job_over_a_limit_is_told_which() {
    let scene = Scene::new().await;
    let act =
        async |action: &str, payload: Value| scene.plugin.call::<_, Value>(action, &payload).await.expect("it answers");
    assert_eq!(act("add_long", json!({ "id": "fits", "bytes": 65_536 })).await, "added");
    let answer = act("add_long", json!({ "id": "long", "bytes": 65_537 })).await;
    assert_contains(answer["error"]["limit"].as_str().unwrap_or_default(), &["arguments", "65536", "65537"]);
    for (job, part) in [
        (json!({ "id": "", "interval_ms": 1_000 }), "1 to 128"),
        (json!({ "id": "x".repeat(129), "interval_ms": 1_000 }), "129 bytes"),
        (json!({ "id": "a\nb", "interval_ms": 1_000 }), "control"),
        (json!({ "id": "j", "interval_ms": 999 }), "1000 ms are the least"),
        (json!({ "id": "j", "date_ms": u64::MAX }), "9999"),
        (json!({ "id": "j", "cron": "* * *" }), "cron"),
        (json!({ "id": "j", "cron": "0 0 31 2 *" }), "no day"),
        (json!({ "id": "j", "cron": "0 0 * * *", "time_zone": "Mars/Olympus" }), "Mars/Olympus"),
        (json!({ "id": "j", "other": {} }), "interval, date and cron"),
        (json!({ "id": "j", "action": "", "date_ms": 0 }), "action"),
        (json!({ "id": "j", "args_text": "{", "date_ms": 0 }), "not JSON"),
    ] {
        let answer = scene.add(job).await;
        let text = answer["error"]["invalid"].as_str().unwrap_or_else(|| panic!("not invalid: {answer}"));
        assert_contains(text, &[part]);
    }
    assert_eq!(call(&scene.plugin, "jobs").await.expect("it answers").as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn outcomes_are_bounded_in_number_and_length() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "much", "action": "answer_much", "interval_ms": 1_000 })).await;
    for run in 1..=105 {
        scene.set_clock(START + run * SECOND);
        scene.until("outcomes", "much", |all| all[0]["scheduled_ms"] == START + run * SECOND).await;
    }
    let outcomes = scene.outcomes("much", 100).await;
    assert_eq!(outcomes.len(), 100);
    assert_eq!(outcomes[0]["answer"], json!({ "left_out_bytes": 100_002 }));
    let two = scene.plugin.call::<_, Value>("outcomes_limited", &json!({ "id": "much", "limit": 2 })).await;
    assert_eq!(two.expect("it answers").as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn one_time_job_over_the_rate_limit_is_tried_again() {
    let rate = json!({ "calls": 3, "period_seconds": 1 });
    let scene = Scene::with(jobs().resource("rate_limit", rate)).await;
    scene.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    while call(&scene.plugin, "ping").await.is_ok() {}
    scene.set_clock(START + HOUR);
    let text = scene.until_logged("`later` failed").await;
    assert_contains(&text, &["rate_limit_exceeded"]);
    // Again and again, as often as the refusal allows, until the window has room by the machine's clock.
    let start = Instant::now();
    while !scene.host.log.messages("schedule").iter().any(|line| line.contains("`later` answered")) {
        assert!(start.elapsed() < PATIENCE, "it is never tried again");
        scene.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn jobs_survive_in_a_new_runtime_and_what_was_missed_is_made_up_for() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let first = Scene::kept_in(data.path(), &clock).await;
    first.add(json!({ "id": "tick", "interval_ms": 60_000, "args": "kept" })).await;
    first.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    first.add(json!({ "id": "paused", "interval_ms": 60_000 })).await;
    first.ask("pause", "paused").await;
    first.host.runtime.unload("feature_scheduler").await;
    drop(first);
    clock.advance(Duration::from_secs(24 * 3_600));
    let second = Scene::kept_in(data.path(), &clock).await;
    assert_eq!(second.outcomes("tick", 1).await.len(), 1);
    second.outcomes("later", 1).await;
    assert_eq!(second.ask("get", "tick").await["args"], "kept");
    assert_eq!(second.ask("get", "paused").await["paused"], true);
    assert_eq!(second.ask("outcomes", "paused").await, json!([]));
}

#[tokio::test]
async fn jobs_follow_a_reload_and_stop_with_the_unloading() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    scene.host.runtime.reload(jobs().manifest("version", json!("0.2.0")).package()).await.expect("reloaded");
    scene.set_clock(START + 60_000);
    scene.outcomes("tick", 1).await;
    assert_eq!(call(&scene.plugin, "worked").await.expect("it answers").as_array().map(Vec::len), Some(1));
    assert!(scene.host.runtime.unload("feature_scheduler").await);
    scene.set_clock(START + HOUR);
    // Without a directory, jobs live as long as their runtime.
    let Scene { host, plugin, clock } = scene;
    drop(plugin);
    let plugin = host.load(jobs()).await;
    let again = Scene { host, plugin, clock };
    let outcomes = again.outcomes("tick", 2).await;
    assert_eq!(outcomes[0]["started_ms"], START + HOUR);
    assert_eq!(outcomes.len(), 2, "none ran while the plugin was not loaded");
}

#[tokio::test]
async fn run_that_waits_when_the_plugin_is_unloaded_is_no_outcome_and_runs_later() {
    let slow = || jobs().resource("max_fuel", json!(1e12 as u64)).resource("timeout_seconds", json!(0.5));
    let scene = Scene::with(slow()).await;
    scene.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    let busy = tokio::spawn({
        let plugin = scene.plugin.clone();
        async move { call(&plugin, "hang").await }
    });
    let start = Instant::now();
    while !scene.host.log.lines().iter().any(|line| line.message == "hanging") {
        assert!(start.elapsed() < PATIENCE, "it does not hang");
        tokio::task::yield_now().await;
    }
    scene.set_clock(START + HOUR);
    // The job has begun and waits for the instance, or has not begun: neither may count as a run.
    scene.host.runtime.unload("feature_scheduler").await;
    busy.await.expect("it ended").expect_err("it hung");
    let plugin = scene.host.load(slow()).await;
    let scene = Scene { plugin, ..scene };
    let outcomes = scene.outcomes("later", 1).await;
    assert_eq!((outcomes.len(), &outcomes[0]["answer"]), (1, &json!({ "worked": true })), "{outcomes:?}");
}

#[tokio::test]
async fn jobs_are_not_run_where_the_embedder_does_not_want_it() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let host = Host::with(|builder| open(builder, &clock).data_dir(data.path()).run_jobs(false));
    let plugin = host.load(jobs()).await;
    let idle = Scene { host, plugin, clock: clock.clone() };
    idle.add(json!({ "id": "past", "date_ms": 0 })).await;
    idle.host.runtime.unload("feature_scheduler").await;
    let running = Scene::kept_in(data.path(), &clock).await;
    assert_eq!(running.outcomes("past", 1).await.len(), 1, "the other runtime ran it, and not this one before");
}

#[tokio::test]
async fn jobs_of_two_plugins_are_apart() {
    let scene = Scene::new().await;
    let other = scene.host.load(jobs().manifest("name", json!("other"))).await;
    scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await;
    assert_eq!(call(&other, "jobs").await.expect("it answers"), json!([]));
    assert_eq!(other.call::<_, Value>("remove", "j").await.expect("it answers"), false);
    assert!(scene.ask("get", "j").await.is_object());
}

#[tokio::test]
async fn jobs_do_not_keep_the_runtime_or_the_plugin_alive() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let first = Scene::kept_in(data.path(), &clock).await;
    first.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    // No unloading: everything is just let go. The clock stands still, so that nothing else wakes whoever ran the jobs.
    drop(first);
    let second = Scene::kept_in(data.path(), &clock).await;
    second.add(json!({ "id": "now", "date_ms": 0 })).await;
    assert_eq!(second.outcomes("now", 1).await.len(), 1, "whoever ran the jobs before has gone");
}

#[tokio::test]
async fn removed_data_takes_the_jobs_along() {
    let data = tempfile::tempdir().expect("a directory");
    let kept = Host::with(|builder| open(builder, &ManualClock::default()).data_dir(data.path()));
    for host in [kept, Host::with(|builder| open(builder, &ManualClock::default()))] {
        let plugin = host.load(jobs()).await;
        let next: Value = plugin.call("add", &json!({ "id": "j", "interval_ms": 60_000 })).await.expect("it answers");
        assert!(next["next_ms"].is_u64());
        let refused = host.runtime.remove_data("feature_scheduler").await.expect_err("it is loaded");
        assert!(matches!(refused, RemoveDataError::Loaded { .. }), "{refused}");
        host.runtime.unload("feature_scheduler").await;
        assert!(host.runtime.remove_data("feature_scheduler").await.expect("removed"));
        assert!(!host.runtime.remove_data("feature_scheduler").await.expect("nothing left"));
        let refused = host.runtime.remove_data("../feature_scheduler").await.expect_err("not a name");
        assert!(matches!(refused, RemoveDataError::Name { .. }), "{refused}");
        let plugin = host.load(jobs()).await;
        assert_eq!(call(&plugin, "jobs").await.expect("it answers"), json!([]));
    }
    assert!(data.path().exists());
}

#[tokio::test]
async fn damaged_file_is_unavailable_and_harms_nobody_else() {
    let data = tempfile::tempdir().expect("a directory");
    let home = data.path().join("feature_scheduler");
    std::fs::create_dir_all(&home).expect("made");
    std::fs::write(home.join("scheduler.sqlite3"), "this is no database, and long enough to be looked at")
        .expect("written");
    let scene = Scene::kept_in(data.path(), &ManualClock::default()).await;
    let answer = scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await;
    let text = answer["error"]["unavailable"].as_str().unwrap_or_else(|| panic!("it is available: {answer}"));
    assert_contains(text, &["scheduler.sqlite3", "damaged"]);
    assert!(!text.contains(&data.path().display().to_string()), "{text}");
    assert_eq!(pings(&scene.plugin).await, 1);
    let other = scene.host.load(jobs().manifest("name", json!("other"))).await;
    let answer: Value = other.call("add", &json!({ "id": "j", "interval_ms": 60_000 })).await.expect("it answers");
    assert!(answer["next_ms"].is_u64(), "{answer}");
}

/// A runtime by its own clock with a plugin that may have any job.
struct Scene {
    host: Host,
    plugin: Plugin,
    clock: ManualClock,
}

impl Scene {
    async fn new() -> Self {
        Scene::with(jobs()).await
    }

    async fn with(plugin: TestPlugin) -> Self {
        let clock = ManualClock::default();
        let host = Host::with(|builder| open(builder, &clock));
        let plugin = host.load(plugin).await;
        Scene { host, plugin, clock }
    }

    async fn kept_in(data: &Path, clock: &ManualClock) -> Self {
        let host = Host::with(|builder| open(builder, clock).data_dir(data));
        let plugin = host.load(jobs()).await;
        Scene { host, plugin, clock: clock.clone() }
    }

    fn set_clock(&self, ms: u64) {
        self.clock.set(UNIX_EPOCH + Duration::from_millis(ms));
    }

    async fn add(&self, job: Value) -> Value {
        self.plugin.call("add", &job).await.expect("it answers")
    }

    async fn ask(&self, action: &str, id: &str) -> Value {
        self.plugin.call(action, id).await.expect("it answers")
    }

    /// Asks again and again until the answer is as expected.
    async fn until(&self, action: &str, id: &str, expected: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let answer = self.ask(action, id).await;
            if expected(&answer) {
                return answer;
            }
            assert!(start.elapsed() < PATIENCE, "`{action}` of `{id}` answers {answer}");
            tokio::task::yield_now().await;
        }
    }

    /// The outcomes of a job, once there are so many.
    async fn outcomes(&self, id: &str, count: usize) -> Vec<Value> {
        let enough = |all: &Value| all.as_array().is_some_and(|all| all.len() >= count);
        let Value::Array(all) = self.until("outcomes", id, enough).await else { panic!("they are a list") };
        all
    }

    /// What the host has logged of a run, without calling the plugin.
    async fn until_logged(&self, part: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(line) = self.host.log.messages("schedule").into_iter().find(|line| line.contains(part)) {
                return line;
            }
            assert!(start.elapsed() < PATIENCE, "never logged: {part}");
            tokio::task::yield_now().await;
        }
    }
}

fn open(builder: plugbay::RuntimeBuilder, clock: &ManualClock) -> plugbay::RuntimeBuilder {
    builder.policy(Policy::allow_all()).clock(clock.clone())
}

/// The guest, which asks for all jobs.
fn jobs() -> TestPlugin {
    TestPlugin::from(feature::SCHEDULER).manifest("permissions", json!([{ "resource": "scheduler.*" }]))
}
