//! `plugbay:plugin/scheduler`: due times by a clock that the test moves, permissions, limits, and durability.
//!
//! A test moves the clock and then waits for the outcome that it expects.

mod bounds;
mod life;
mod when;

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use plugbay::clock::ManualClock;
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::patience::until;

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;
/// The clock's initial time: 1 January 2026, 00:00 UTC.
const START: u64 = 1_767_225_600_000;
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

    async fn stored_in(data: &Path, clock: &ManualClock) -> Self {
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

    /// Repeats the call until the answer is as expected.
    async fn until(&self, action: &str, id: &str, expected: impl Fn(&Value) -> bool) -> Value {
        until(format!("the expected answer of `{action}` for `{id}`"), async || {
            let answer = self.ask(action, id).await;
            expected(&answer).then_some(answer)
        })
        .await
    }

    /// Waits for this many outcomes of a job, and returns them.
    async fn outcomes(&self, id: &str, count: usize) -> Vec<Value> {
        let enough = |all: &Value| all.as_array().is_some_and(|all| all.len() >= count);
        let Value::Array(all) = self.until("outcomes", id, enough).await else { panic!("they are a list") };
        all
    }

    /// Waits for a line about a run in the host's log, without calling the plugin.
    async fn until_logged(&self, part: &str) -> String {
        until(format!("`{part}` in the log"), async || {
            self.host.log.messages("schedule").into_iter().find(|line| line.contains(part))
        })
        .await
    }
}

fn open(builder: plugbay::RuntimeBuilder, clock: &ManualClock) -> plugbay::RuntimeBuilder {
    builder.policy(Policy::allow_all()).clock(clock.clone())
}

/// The guest, which requests all jobs.
fn jobs() -> TestPlugin {
    TestPlugin::from(feature::SCHEDULER).manifest("permissions", json!([{ "resource": "scheduler.*" }]))
}
