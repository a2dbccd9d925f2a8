//! The lifetime of jobs: reloads, unloading, new runtimes, removed and damaged data.

use std::time::Duration;

use plugbay::Plugin;
use plugbay::clock::ManualClock;
use plugbay::error::RemoveDataError;
use plugbay::lifecycle::PluginState;
use serde_json::{Value, json};

use super::{HOUR, START, Scene, jobs, open};
use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::database;
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin, call, pings};
use crate::harness::patience::until;

#[tokio::test]
async fn jobs_survive_in_a_new_runtime_and_missed_runs_catch_up() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let first = Scene::stored_in(data.path(), &clock).await;
    first.add(json!({ "id": "tick", "interval_ms": 60_000, "args": "kept" })).await;
    first.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    first.add(json!({ "id": "paused", "interval_ms": 60_000 })).await;
    first.ask("pause", "paused").await;
    first.host.runtime.unload("feature_scheduler").await;
    drop(first);
    clock.advance(Duration::from_secs(24 * 3_600));
    let second = Scene::stored_in(data.path(), &clock).await;
    assert_eq!(second.outcomes("tick", 1).await.len(), 1);
    second.outcomes("later", 1).await;
    assert_eq!(second.ask("get", "tick").await["args"], "kept");
    assert_eq!(second.ask("get", "paused").await["paused"], true);
    assert_eq!(second.ask("outcomes", "paused").await, json!([]));
}

#[tokio::test]
async fn jobs_survive_a_reload_and_stop_with_unloading() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    scene.host.runtime.reload(jobs().manifest("version", json!("0.2.0")).package()).await.expect("reloaded");
    scene.set_clock(START + 60_000);
    scene.outcomes("tick", 1).await;
    assert_eq!(call(&scene.plugin, "worked").await.expect("it answers").as_array().map(Vec::len), Some(1));
    assert!(scene.host.runtime.unload("feature_scheduler").await);
    scene.set_clock(START + HOUR);
    // Without a data directory, jobs live as long as their runtime.
    let Scene { host, plugin, clock } = scene;
    drop(plugin);
    let plugin = host.load(jobs()).await;
    let again = Scene { host, plugin, clock };
    let outcomes = again.outcomes("tick", 2).await;
    assert_eq!(outcomes[0]["started_ms"], START + HOUR);
    assert_eq!(outcomes.len(), 2, "none ran while the plugin was not loaded");
}

#[tokio::test]
async fn jobs_of_a_disabled_plugin_rest_until_it_is_enabled() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    assert!(scene.host.runtime.disable("feature_scheduler").await);
    scene.set_clock(START + HOUR);
    assert!(scene.host.runtime.jobs_are_idle());
    scene.host.runtime.enable("feature_scheduler").await.expect("it starts");
    let outcomes = scene.outcomes("tick", 1).await;
    assert_eq!((outcomes.len(), &outcomes[0]["started_ms"]), (1, &json!(START + HOUR)), "missed runs are made up once");
}

#[tokio::test]
async fn jobs_of_a_failed_plugin_rest_until_it_is_restarted() {
    let scene = Scene::new().await;
    scene.add(json!({ "id": "trap", "action": "trap", "interval_ms": 60_000 })).await;
    scene.add(json!({ "id": "tick", "interval_ms": HOUR })).await;
    for minute in 1..=4 {
        scene.set_clock(START + minute * 60_000);
        until("the job's trap", async || (scene.plugin.status().broken_in_a_row as u64 == minute).then_some(())).await;
    }
    assert_eq!(scene.plugin.state(), PluginState::Failed);
    scene.set_clock(START + HOUR);
    until("the runner waits", async || scene.host.runtime.jobs_are_idle().then_some(())).await;
    assert_eq!(scene.plugin.metrics().errors.get("plugin_failed"), None, "no run was begun");
    scene.host.runtime.restart("feature_scheduler").await.expect("it starts");
    assert_eq!(scene.outcomes("tick", 1).await[0]["started_ms"], START + HOUR);
}

/// A plugin that adds these jobs when it is loaded.
fn adding(jobs: &[&str], fail: bool) -> TestPlugin {
    TestPlugin::from(sdk::JOBS_AT_LOAD)
        .manifest("permissions", json!([{ "resource": "scheduler.*" }, { "resource": "config.*" }]))
        .manifest(
            "configuration",
            json!({ "jobs": { "type": "array", "default": jobs }, "fail": { "type": "boolean", "default": fail } }),
        )
}

async fn ids(plugin: &Plugin) -> Vec<String> {
    plugin.call("jobs", &()).await.expect("it answers")
}

#[tokio::test]
async fn jobs_of_a_failed_load_are_taken_back() {
    let host = Host::with(|builder| open(builder, &ManualClock::default()));
    let error = host.try_load(adding(&["a", "b"], true)).await.expect_err("it fails");
    assert_load_error(&error, "sdk_jobs_at_load", "not_ready");
    let plugin = host.load(adding(&["c"], false)).await;
    assert_eq!(ids(&plugin).await, ["c"]);
}

#[tokio::test]
async fn jobs_that_existed_before_a_failed_start_stay() {
    let host = Host::with(|builder| open(builder, &ManualClock::default()));
    let plugin = host.load(adding(&["a"], false)).await;
    host.runtime.reload(adding(&["a", "b"], true).package()).await.expect_err("it fails");
    assert_eq!(ids(&plugin).await, ["a"]);
    host.runtime.unload("sdk_jobs_at_load").await;
    host.try_load(adding(&["a", "b"], true)).await.expect_err("it fails");
    let plugin = host.load(adding(&[], false)).await;
    assert_eq!(ids(&plugin).await, ["a"]);
}

#[tokio::test]
async fn run_queued_while_unloading_runs_later() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let slow = || jobs().resource("max_fuel", json!(1e12 as u64)).resource("timeout_seconds", json!(10));
    let host = Host::with(|builder| open(builder, &clock).data_dir(data.path()));
    let plugin = host.load(slow()).await;
    let scene = Scene { host, plugin, clock };
    scene.add(json!({ "id": "later", "date_ms": START + HOUR })).await;
    let busy = tokio::spawn({
        let plugin = scene.plugin.clone();
        async move { call(&plugin, "hang").await }
    });
    let hangs = || scene.host.log.lines().iter().any(|line| line.message == "hanging");
    until("a call that hangs", async || hangs().then_some(())).await;
    scene.set_clock(START + HOUR);
    let file = database::open(&data.path().join("feature_scheduler/scheduler.sqlite3"));
    let begun = || file.query_row("SELECT count(begun_ms) FROM jobs", [], |row| row.get::<_, u8>(0)) == Ok(1);
    until("a run that has begun", async || begun().then_some(())).await;
    // The run has begun and waits for the instance. It is turned away without having run.
    scene.host.runtime.unload("feature_scheduler").await;
    busy.await.expect("it ended").expect_err("it hung");
    let plugin = scene.host.load(slow()).await;
    let scene = Scene { plugin, ..scene };
    let outcomes = scene.outcomes("later", 1).await;
    assert_eq!((outcomes.len(), &outcomes[0]["result"]), (1, &json!({ "worked": true })), "{outcomes:?}");
}

#[tokio::test]
async fn jobs_do_not_run_if_the_embedder_disables_them() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let host = Host::with(|builder| open(builder, &clock).data_dir(data.path()).run_jobs(false));
    let plugin = host.load(jobs()).await;
    let idle = Scene { host, plugin, clock: clock.clone() };
    idle.add(json!({ "id": "past", "date_ms": 0 })).await;
    idle.host.runtime.unload("feature_scheduler").await;
    let running = Scene::stored_in(data.path(), &clock).await;
    assert_eq!(running.outcomes("past", 1).await.len(), 1, "only the other runtime ran it");
}

#[tokio::test]
async fn jobs_of_two_plugins_are_separate() {
    let scene = Scene::new().await;
    let other = scene.host.load(jobs().manifest("name", json!("other"))).await;
    scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await;
    assert_eq!(call(&other, "jobs").await.expect("it answers"), json!([]));
    assert_eq!(other.call::<Value>("remove", "j").await.expect("it answers"), false);
    assert!(scene.ask("get", "j").await.is_object());
}

#[tokio::test]
async fn jobs_do_not_keep_the_runtime_or_the_plugin_alive() {
    let data = tempfile::tempdir().expect("a directory");
    let clock = ManualClock::default();
    let first = Scene::stored_in(data.path(), &clock).await;
    first.add(json!({ "id": "tick", "interval_ms": 60_000 })).await;
    // Drop the handles without unloading. The clock stands still, so that nothing else wakes the scheduler's task.
    drop(first);
    let second = Scene::stored_in(data.path(), &clock).await;
    second.add(json!({ "id": "now", "date_ms": 0 })).await;
    assert_eq!(second.outcomes("now", 1).await.len(), 1, "the scheduler of the first runtime has ended");
}

#[tokio::test]
async fn removing_data_removes_the_jobs() {
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
async fn damaged_file_is_an_error_of_its_plugin_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let home = data.path().join("feature_scheduler");
    std::fs::create_dir_all(&home).expect("created");
    std::fs::write(home.join("scheduler.sqlite3"), "this is not a database, but long enough to be read as one")
        .expect("written");
    let scene = Scene::stored_in(data.path(), &ManualClock::default()).await;
    let answer = scene.add(json!({ "id": "j", "interval_ms": 60_000 })).await;
    let text = answer["error"]["unavailable"].as_str().unwrap_or_else(|| panic!("it is available: {answer}"));
    assert_contains(text, &["scheduler.sqlite3", "damaged"]);
    assert!(!text.contains(&data.path().display().to_string()), "{text}");
    assert_eq!(pings(&scene.plugin).await, 1);
    let other = scene.host.load(jobs().manifest("name", json!("other"))).await;
    let answer: Value = other.call("add", &json!({ "id": "j", "interval_ms": 60_000 })).await.expect("it answers");
    assert!(answer["next_ms"].is_u64(), "{answer}");
}
