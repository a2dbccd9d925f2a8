//! `scheduler` through the command: jobs of one process run in the next process that lingers.

use std::io::BufReader;
use std::process::{Child, ChildStderr};

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, lines_until, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

#[test]
fn job_of_one_process_runs_in_the_next_one_that_lingers() {
    let scene = Scene::new();
    let added = scene.run("add", json!({ "id": "once", "args": [1], "date_ms": 0 }), &GRANT).exits_with(0);
    assert_eq!(added.json(), json!({ "next_ms": 0 }));
    assert_eq!(scene.run("outcomes", json!("once"), &GRANT).exits_with(0).json(), json!([]), "no process lingered");

    let lines = scene.linger_until("`once` answered");
    assert_contains(&lines, &["[feature_scheduler] INFO", "schedule", "{\"worked\":true}"]);

    let outcomes = scene.run("outcomes", json!("once"), &GRANT).exits_with(0).json();
    assert_eq!((&outcomes[0]["result"], outcomes.as_array().map(Vec::len)), (&json!({ "worked": true }), Some(1)));
    assert_eq!(scene.run("get", json!("once"), &GRANT).exits_with(0).json(), Value::Null);
}

#[test]
fn interval_job_runs_repeatedly_while_the_process_lingers() {
    let scene = Scene::new();
    scene.run("add", json!({ "id": "tick", "action": "fail", "interval_ms": 1_000 }), &GRANT).exits_with(0);
    let mut process = scene.linger();
    let lines = lines_until(&mut stderr_of(&mut process), "`tick` failed", 2);
    process.kill().expect("the test owns the process");
    process.wait().expect("it was killed");
    assert_contains(&lines, &["WARN", "not_today"]);
    let outcomes = scene.run("outcomes", json!("tick"), &GRANT).exits_with(0).json();
    assert!(outcomes.as_array().is_some_and(|all| all.len() >= 2), "{outcomes}");
}

#[test]
fn answer_is_printed_before_the_process_lingers() {
    let scene = Scene::new();
    let options = [&GRANT[..], &["--linger", "50ms"]].concat();
    let ran = scene.run("add", json!({ "id": "j", "interval_ms": 60_000 }), &options).exits_with(0);
    assert!(ran.json()["next_ms"].is_u64());
}

#[test]
fn job_killed_midway_is_reported_and_runs_again() {
    let scene = Scene::new();
    scene.run("add", json!({ "id": "long", "action": "hang", "date_ms": 0 }), &GRANT).exits_with(0);
    for _ in 0..2 {
        scene.linger_until("hanging");
    }
    let outcomes = scene.run("outcomes", json!("long"), &GRANT).exits_with(0).json();
    assert_eq!(outcomes[0]["error"]["code"], "interrupted", "{outcomes}");
    assert_eq!(scene.run("get", json!("long"), &GRANT).exits_with(0).json()["next_run_ms"], 0, "it is still there");
}

#[test]
fn job_paused_after_host_failures_is_warned_of_at_start() {
    let scene = Scene::new();
    scene.run("add", json!({ "id": "long", "action": "hang", "date_ms": 0 }), &GRANT).exits_with(0);
    for _ in 0..crate::harness::limits::JOB_INTERRUPTIONS_MAX {
        scene.linger_until("hanging");
    }
    for _ in 0..2 {
        let lines = scene.linger_until("is paused");
        assert_contains(&lines, &["WARN", "job `long` is paused", "5 times in a row"]);
    }
}

#[test]
fn job_without_a_grant_is_denied_with_the_line_to_add() {
    let scene = Scene::new();
    let ran = scene.run("add", json!({ "id": "j", "interval_ms": 60_000 }), &[]).exits_with(4);
    assert_contains(&ran.stderr, &["scheduler", "--grant"]);
    let other = ["--grant", "scheduler.other"];
    let ran = scene.run("add", json!({ "id": "j", "interval_ms": 60_000 }), &other).exits_with(0);
    let answer = ran.json();
    let text = answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
    assert_contains(text, &["write", "`scheduler.j`"]);
    assert_contains(&ran.advice(), &["--grant scheduler.j:write"]);
}

#[test]
fn job_over_a_limit_is_refused_with_its_name() {
    let scene = Scene::new();
    let answer = scene.run("add_long", json!({ "id": "j", "bytes": 70_000 }), &GRANT).exits_with(0).json();
    assert_contains(answer["error"]["limit_exceeded"].as_str().unwrap_or_default(), &["arguments", "65536", "70000"]);
}

const GRANT: [&str; 2] = ["--grant", "scheduler.*"];

/// A plugin in a file and a data directory.
struct Scene {
    plugin: tempfile::NamedTempFile,
    data: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let plugin = TestPlugin::from(feature::SCHEDULER)
            .manifest("permissions", json!([{ "resource": "scheduler.*" }]))
            .resource("max_fuel", json!(1e12 as u64))
            .resource("timeout_seconds", json!(300));
        Scene { plugin: plugin_file(plugin), data: tempfile::tempdir().expect("a directory") }
    }

    fn command(&self, action: &str, payload: Value, options: &[&str]) -> Plugbay {
        let (plugin, data) = (self.plugin.path().display().to_string(), self.data.path().display().to_string());
        let arguments = ["run", &plugin, action, &payload.to_string(), "--data-dir", &data];
        Plugbay::new([&arguments[..], options].concat())
    }

    fn run(&self, action: &str, payload: Value, options: &[&str]) -> crate::harness::command::Ran {
        self.command(action, payload, options).run()
    }

    /// Starts a process that lingers until the test ends it.
    fn linger(&self) -> Child {
        self.command("ping", Value::Null, &[&GRANT[..], &["--linger", "0"]].concat()).start()
    }

    /// Lingers until a line has these words, kills the process, and returns its standard error until then.
    fn linger_until(&self, words: &str) -> String {
        let mut process = self.linger();
        let lines = lines_until(&mut stderr_of(&mut process), words, 1);
        process.kill().expect("the test owns the process");
        process.wait().expect("it was killed");
        lines
    }
}

fn stderr_of(process: &mut Child) -> BufReader<ChildStderr> {
    BufReader::new(process.stderr.take().expect("it is piped"))
}
