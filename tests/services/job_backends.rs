//! Backends of the embedder for `scheduler`: they hold the jobs, and one that fails, hangs or panics fails one call.

use std::future::pending;
use std::sync::{Arc, Mutex};

use plugbay::clock::ManualClock;
use plugbay::store::{
    BegunRun, DueJobs, DueRun, Job, JobClaim, JobError, JobFuture, JobLimits, JobOutcome, JobStore, JobStoreProvider,
    JobUpdate, NewJob, SqliteJobs, StoreFuture,
};
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::until;

/// The text of a backend's error, which the plugin gets.
const DOWN: &str = "the database is down";

#[tokio::test]
async fn backend_of_the_embedder_holds_and_runs_the_jobs() {
    let backend = Backend::new(None);
    let host = host(backend.clone());
    let plugin = host.load(jobs()).await;
    let added = act(&plugin, "add", json!({ "id": "now", "date_ms": 0, "args": [1] })).await;
    assert_eq!(added, json!({ "next_ms": 0 }));
    act(&plugin, "add", json!({ "id": "later", "interval_ms": 60_000 })).await;
    let store = backend.inner.open("feature_scheduler", JobLimits::default()).await.expect("it opens");
    let outcome =
        until("the outcome of the run", async || store.outcomes("now", 1).await.expect("it can be read").pop()).await;
    assert_eq!((outcome.job.as_str(), outcome.answer.as_deref()), ("now", Ok("{\"worked\":true}")));
    let stored: Vec<String> = store.list().await.expect("it can be read").into_iter().map(|job| job.id).collect();
    assert_eq!(stored, ["later"]);
    for action in ["get", "outcomes", "pause", "remove"] {
        act(&plugin, action, json!("later")).await;
    }
    act(&plugin, "jobs", json!(null)).await;
    let calls = backend.calls();
    let all = ["add", "begin", "claim", "due", "get", "list", "open", "outcomes", "remove", "set_paused", "update"];
    assert_eq!(calls, all, "each method of the interface was called");

    assert!(host.runtime.unload("feature_scheduler").await);
    assert!(host.runtime.remove_data("feature_scheduler").await.expect("removed"));
    let store = backend.inner.open("feature_scheduler", JobLimits::default()).await.expect("it opens");
    assert!(store.outcomes("now", 1).await.expect("it can be read").is_empty());
}

#[tokio::test]
async fn claim_that_was_lost_is_taken_again() {
    let backend = Backend { loses_claims: true, ..Backend::new(None) };
    let host = host(backend.clone());
    let plugin = host.load(jobs()).await;
    let store = backend.inner.open("feature_scheduler", JobLimits::default()).await.expect("it opens");
    for id in ["one", "two"] {
        act(&plugin, "add", json!({ "id": id, "date_ms": 0 })).await;
        until(format!("the outcome of `{id}`"), async || store.outcomes(id, 1).await.expect("readable").pop()).await;
    }
    assert_eq!(store.outcomes("one", 9).await.expect("readable").len(), 1, "it ran once");
}

#[tokio::test]
async fn backend_that_fails_is_unavailable_to_the_plugin() {
    let host = host(Backend::new(Some(Fault::Error)));
    let plugin = host.load(jobs()).await;
    for (action, payload) in actions() {
        let answer = act(&plugin, action, payload).await;
        assert_eq!(answer, json!({ "error": { "unavailable": DOWN } }), "{action}");
    }
    assert_eq!(pings(&plugin).await, 1, "the same instance");
    assert!(host.runtime.unload("feature_scheduler").await);
    let error = host.runtime.remove_data("feature_scheduler").await.expect_err("the backend fails").to_string();
    assert_contains(&error, &["feature_scheduler", DOWN]);
}

#[tokio::test]
async fn backend_that_hangs_is_ended_by_the_deadline_of_the_call() {
    let host = host(Backend::new(Some(Fault::Hang)));
    let neighbour = host.load(feature::ECHO.into()).await;
    let plugin = host.load(jobs().resource("timeout_seconds", json!(0.2))).await;
    for (action, payload) in [("add", json!({ "id": "j", "date_ms": 0 })), ("get", json!("j"))] {
        let (hung, ()) = tokio::join!(plugin.call::<Value>(action, &payload), async {
            pings(&neighbour).await;
        });
        assert_invoke_error(&hung.expect_err("the backend never answers"), "feature_scheduler", "timeout");
    }
    assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
    assert!(host.runtime.unload("feature_scheduler").await, "unloading does not wait for the backend forever");
}

#[tokio::test]
async fn backend_that_panics_fails_the_call_alone() {
    let host = host(Backend::new(Some(Fault::Panic)));
    let plugin = host.load(jobs()).await;
    for (action, payload) in actions() {
        let error = plugin.call::<Value>(action, &payload).await.expect_err("the backend panics");
        assert_invoke_error(&error, "feature_scheduler", "host_error");
        assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
    }
    assert!(host.runtime.unload("feature_scheduler").await);
}

fn host(backend: Backend) -> Host {
    let clock = ManualClock::default();
    Host::with(|builder| builder.policy(Policy::allow_all()).clock(clock).job_store(backend))
}

/// The guest, which requests all jobs.
fn jobs() -> TestPlugin {
    TestPlugin::from(feature::SCHEDULER).manifest("permissions", json!([{ "resource": "scheduler.*" }]))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}

/// An action for each function of the interface.
fn actions() -> [(&'static str, Value); 6] {
    [
        ("add", json!({ "id": "j", "date_ms": 0 })),
        ("get", json!("j")),
        ("jobs", json!(null)),
        ("pause", json!("j")),
        ("remove", json!("j")),
        ("outcomes", json!("j")),
    ]
}

#[derive(Clone, Copy)]
enum Fault {
    Error,
    Hang,
    Panic,
}

/// Jobs in memory behind a backend that records its calls and has a fault in all methods of its stores.
#[derive(Clone)]
struct Backend {
    inner: Arc<SqliteJobs>,
    fault: Option<Fault>,
    loses_claims: bool,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Backend {
    fn new(fault: Option<Fault>) -> Self {
        Backend { inner: Arc::new(SqliteJobs::in_memory()), fault, loses_claims: false, calls: Arc::default() }
    }

    fn pass<'a, T: Send + 'a>(&self, call: &'static str, go: impl FnOnce() -> JobFuture<'a, T>) -> JobFuture<'a, T> {
        self.calls.lock().expect("no panic in here").push(call);
        match self.fault {
            None => go(),
            Some(Fault::Error) => StoreFuture::ready(Err(JobError::Unavailable(DOWN.to_owned()))),
            Some(Fault::Hang) => StoreFuture::new(pending()),
            Some(Fault::Panic) => StoreFuture::new(async { panic!("a broken backend") }),
        }
    }

    /// The methods that were called, in the order of their names.
    fn calls(&self) -> Vec<&'static str> {
        let mut calls = self.calls.lock().expect("no panic in here").clone();
        calls.sort_unstable();
        calls.dedup();
        calls
    }
}

impl JobStoreProvider for Backend {
    fn open<'a>(&'a self, plugin: &'a str, limits: JobLimits) -> JobFuture<'a, Arc<dyn JobStore>> {
        self.calls.lock().expect("no panic in here").push("open");
        let backend = self.clone();
        StoreFuture::new(async move {
            let store = self.inner.open(plugin, limits).await?;
            Ok(Arc::new(Recorded { store, backend }) as Arc<dyn JobStore>)
        })
    }

    fn may_have_jobs(&self, _: &str) -> bool {
        true
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> JobFuture<'a, bool> {
        self.pass("remove_all", || self.inner.remove(plugin))
    }
}

struct Recorded {
    store: Arc<dyn JobStore>,
    backend: Backend,
}

impl JobStore for Recorded {
    fn add(&self, job: NewJob) -> JobFuture<'_, ()> {
        self.backend.pass("add", || self.store.add(job))
    }

    fn get<'a>(&'a self, id: &'a str) -> JobFuture<'a, Option<Job>> {
        self.backend.pass("get", || self.store.get(id))
    }

    fn list(&self) -> JobFuture<'_, Vec<Job>> {
        self.backend.pass("list", || self.store.list())
    }

    fn set_paused<'a>(&'a self, id: &'a str, paused: bool) -> JobFuture<'a, bool> {
        self.backend.pass("set_paused", || self.store.set_paused(id, paused))
    }

    fn remove<'a>(&'a self, id: &'a str) -> JobFuture<'a, bool> {
        self.backend.pass("remove", || self.store.remove(id))
    }

    fn outcomes<'a>(&'a self, id: &'a str, limit: u32) -> JobFuture<'a, Vec<JobOutcome>> {
        self.backend.pass("outcomes", || self.store.outcomes(id, limit))
    }

    fn claim(&self) -> JobFuture<'_, Option<Arc<dyn JobClaim>>> {
        let loses_claims = self.backend.loses_claims;
        self.backend.pass("claim", || {
            StoreFuture::new(async move {
                // The lease of a backend that loses it has expired for the others, too.
                let claim = if loses_claims { None } else { self.store.claim().await? };
                Ok(if loses_claims { Some(Arc::new(Lost) as Arc<dyn JobClaim>) } else { claim })
            })
        })
    }

    fn due(&self, now_ms: u64) -> JobFuture<'_, DueJobs> {
        self.backend.pass("due", || self.store.due(now_ms))
    }

    fn begin(&self, runs: Vec<DueRun>, started_ms: u64) -> JobFuture<'_, Vec<BegunRun>> {
        self.backend.pass("begin", || self.store.begin(runs, started_ms))
    }

    fn update(&self, updates: Vec<JobUpdate>) -> JobFuture<'_, ()> {
        self.backend.pass("update", || self.store.update(updates))
    }
}

/// A claim whose lease has expired.
struct Lost;

impl JobClaim for Lost {
    fn is_held(&self) -> bool {
        false
    }
}
