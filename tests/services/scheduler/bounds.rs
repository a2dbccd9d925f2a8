//! Operations on jobs: listing, pausing, replacing, with and without a grant, and over each limit.

use std::time::Duration;

use plugbay::Policy;
use plugbay::clock::ManualClock;
use plugbay::manifest::Effect;
use serde_json::{Value, json};

use super::{HOUR, SECOND, START, Scene, jobs};
use crate::harness::assert::{assert_contains, assert_load_error, line_to_add};
use crate::harness::host::{Host, call};

#[tokio::test]
async fn job_of_an_undeclared_action_is_invalid() {
    let scene = Scene::with(jobs().manifest("actions", json!([{ "name": "add" }, { "name": "work" }]))).await;
    let answer = scene.add(json!({ "id": "typo", "action": "wrok", "date_ms": 0 })).await;
    assert_contains(
        answer["error"]["invalid_argument"].as_str().unwrap_or_default(),
        &["`wrok`", "did you mean `work`"],
    );
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
async fn existing_job_is_replaced_only_on_request() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await;
    let answer = scene.add(json!({ "id": "j", "interval_ms": 30_000 })).await;
    assert_contains(answer["error"]["already_exists"].as_str().unwrap_or_default(), &["`j`"]);
    let answer = scene.add(json!({ "id": "j", "interval_ms": 30_000, "replace": true })).await;
    assert_eq!(answer, json!({ "next_ms": START + 30_000 }));
    assert_eq!(call(&scene.plugin, "jobs").await.expect("it answers").as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn job_without_a_request_is_denied_with_the_line_to_add() {
    let reading = json!([{ "resource": "scheduler.*", "actions": ["read"] }]);
    let scene = Scene::with(jobs().manifest("permissions", reading)).await;
    for (answer, action) in [
        (scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await, "write"),
        (scene.ask("pause", "j").await, "write"),
        (scene.ask("resume", "j").await, "write"),
        (scene.ask("remove", "j").await, "write"),
    ] {
        let text = answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
        assert_contains(text, &["scheduler.j", action, "manifest"]);
    }
    assert_eq!((scene.ask("get", "j").await, scene.ask("outcomes", "j").await), (json!(null), json!([])));
    assert_eq!(scene.plugin.metrics().denials, 4);
}

#[tokio::test]
async fn job_without_the_operators_grant_is_denied_with_advice() {
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
        let text = answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
        assert_contains(text, &["scheduler.yours", "not allowed by the operator"]);
    }
    assert!(scene.add(json!({ "id": "blind", "interval_ms": 60_000 })).await["next_ms"].is_u64());
    let list = call(&scene.plugin, "jobs").await.expect("it answers");
    assert_eq!((&list[0]["id"], &list[1]), (&json!("mine"), &json!(null)), "jobs that it may not read are left out");
}

#[tokio::test]
async fn plugin_without_any_grant_is_not_loaded() {
    let error = Host::new().try_load(jobs()).await.expect_err("the operator allowed nothing");
    assert_load_error(&error, "feature_scheduler", "permission_denied");
    assert_contains(&error.to_string(), &["scheduler"]);
}

#[tokio::test]
async fn job_with_a_revoked_permission_stays_but_does_not_run() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let first = Scene::stored_in(data.path(), &clock).await;
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
    assert_eq!(second.plugin.metrics().denials, 1, "counted once, however often it was checked");
    second.host.runtime.set_policy(Policy::allow_all());
    second.outcomes("secret", 1).await;
    assert!(
        lines.iter().any(|line| line.contains("`secret`") && line.contains(&line_to_add("scheduler.secret", "write"))),
        "{lines:?}"
    );
}

#[tokio::test]
async fn job_over_a_limit_is_refused_with_its_name() {
    let scene = Scene::new().await;
    let act =
        async |action: &str, payload: Value| scene.plugin.call::<Value>(action, &payload).await.expect("it answers");
    assert_eq!(act("add_long", json!({ "id": "fits", "bytes": 65_536 })).await, "added");
    let answer = act("add_long", json!({ "id": "long", "bytes": 65_537 })).await;
    assert_contains(answer["error"]["limit_exceeded"].as_str().unwrap_or_default(), &["arguments", "65536", "65537"]);
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
        let text = answer["error"]["invalid_argument"].as_str().unwrap_or_else(|| panic!("not invalid: {answer}"));
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
    assert_eq!(outcomes[0]["result"], json!({ "left_out_bytes": 100_002 }));
    let two = scene.plugin.call::<Value>("outcomes_limited", &json!({ "id": "much", "limit": 2 })).await;
    assert_eq!(two.expect("it answers").as_array().map(Vec::len), Some(2));
}
