//! The interface between `scheduler` and its backends: the traits, what they store, and the rules that a backend keeps.
//!
//! A backend knows plugins by their names and nothing else of them. It has no clock and computes no schedule: all
//! moments are milliseconds since the Unix epoch, and callers pass them. Ids, actions, arguments, schedules and
//! permissions are checked before they reach it. `tests/conformance/jobs.rs` checks every rule below.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::{JOB_ARGS_BYTES_TOTAL_MAX, JOB_OUTCOMES_MAX, JOB_OUTCOMES_TOTAL_MAX, JOBS_MAX};
use crate::service::limit::ReachedLimit;
use crate::store_future::StoreFuture;

/// The future of a [`JobStore`]'s method.
pub type JobFuture<'a, T> = StoreFuture<'a, Result<T, JobError>>;

/// Opens the jobs of plugins, by their names: a backend for `scheduler`.
pub trait JobStoreProvider: Send + Sync + 'static {
    /// Opens the jobs of a plugin, at their first use and again after an error.
    ///
    /// All stores that are opened for one name share their jobs, in this process and, if the backend stores them
    /// outside of it, in others. Jobs outlive the stores.
    fn open<'a>(&'a self, plugin: &'a str, limits: JobLimits) -> JobFuture<'a, Arc<dyn JobStore>>;

    /// Returns whether there may be jobs of a plugin. Called when the plugin is loaded; if this returns `false`, its
    /// jobs are not opened before it uses them. Returns at once, and `true` if the answer is not known. Default:
    /// `true`.
    fn may_have_jobs(&self, plugin: &str) -> bool {
        let _ = plugin;
        true
    }

    /// Removes all jobs and outcomes of a plugin that is not loaded, and returns whether there were any. The other
    /// plugins keep theirs.
    fn remove<'a>(&'a self, plugin: &'a str) -> JobFuture<'a, bool>;
}

/// The jobs of one plugin, with the outcomes of their last runs.
///
/// Revisions, runners and processes use the jobs of one plugin at the same time, each through a store of its own. Every
/// method is atomic and takes effect as a whole or not at all, even if its future is dropped. A change is durable when
/// its future completes, as far as the backend is durable, and the methods that are called after that see it.
///
/// The host waits for a method at most 30 s, and then drops its
/// future.
///
/// # Runs
///
/// One runner of all processes runs the jobs of a plugin: the one that holds the [claim](JobStore::claim). It asks for
/// [due](JobStore::due) jobs, [begins](JobStore::begin) their runs, and [updates](JobStore::update) each job when its
/// run has ended. A run that has begun and has no end, because its process was killed, stays begun. The runner that has
/// the claim next finds it, stores its outcome and lets the job run again. So jobs run at least once.
pub trait JobStore: Send + Sync {
    /// Adds a job, which is not paused and has no interrupted runs. If `replace` is set, a job with the same id is
    /// removed first, with its outcomes. The new job has a [number](Job::number) that no job of the plugin had before.
    ///
    /// # Errors
    /// [`JobError::Exists`] if a job has this id and `replace` is not set; [`JobError::Limit`] if there would be more
    /// jobs or bytes of arguments than [`JobLimits`] allow. Nothing changes then, and no job is removed.
    fn add(&self, job: NewJob) -> JobFuture<'_, ()>;

    /// Returns the job with this id.
    fn get<'a>(&'a self, id: &'a str) -> JobFuture<'a, Option<Job>>;

    /// Returns all jobs, in the order of the UTF-8 bytes of their ids.
    fn list(&self) -> JobFuture<'_, Vec<Job>>;

    /// Pauses or resumes a job, and returns whether that changed anything. A change sets its interruptions to 0. A run
    /// that has begun goes on.
    ///
    /// # Errors
    /// [`JobError::NotFound`] if no job has this id.
    fn set_paused<'a>(&'a self, id: &'a str, paused: bool) -> JobFuture<'a, bool>;

    /// Removes a job with all outcomes under its id, and returns whether there was such a job.
    fn remove<'a>(&'a self, id: &'a str) -> JobFuture<'a, bool>;

    /// Returns the last outcomes under an id, newest first: at most `limit`. They outlive their job, unless it is
    /// removed by [`JobStore::remove`] or replaced.
    fn outcomes<'a>(&'a self, id: &'a str, limit: u32) -> JobFuture<'a, Vec<JobOutcome>>;

    /// Takes the claim on the plugin's jobs, which is held until the returned value is dropped. Returns `None` if it is
    /// held already, by this or another process.
    ///
    /// The backend releases the claim of a process that has ended. A backend that cannot know that from a lease that
    /// has not been renewed releases the claim when the lease expires, and [`JobClaim::is_held`] returns `false` from
    /// then on. Two claims are never held at the same time.
    fn claim(&self) -> JobFuture<'_, Option<Arc<dyn JobClaim>>>;

    /// Returns the jobs that have begun, and those that are due: not paused, with a next run at or before `now_ms`.
    /// They are ordered by their next run, and jobs with the same next run by their number.
    fn due(&self, now_ms: u64) -> JobFuture<'_, DueJobs>;

    /// Marks runs as begun at `started_ms`, and returns those that it marked. A job is left out if it is gone, is
    /// paused or has begun, or if its next run is another than `scheduled_ms`.
    fn begin(&self, runs: Vec<DueRun>, started_ms: u64) -> JobFuture<'_, Vec<BegunRun>>;

    /// Stores the outcomes of these updates and changes their jobs, in this order. A job changes only if its begun run
    /// is the one that the update names; its outcome is stored in any case, because the run took place.
    ///
    /// Of each id, the newest [`JobLimits::outcomes_max`] outcomes stay, and of all ids together the newest
    /// [`JobLimits::outcomes_total_max`].
    fn update(&self, updates: Vec<JobUpdate>) -> JobFuture<'_, ()>;
}

/// The claim on the jobs of one plugin. Dropping it releases it.
pub trait JobClaim: Send + Sync {
    /// Returns whether the claim is still held. The runner asks before each look at the jobs, and claims them again if
    /// it is not.
    fn is_held(&self) -> bool;
}

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// A number that no other job of the plugin has or had. A job that replaces another under the same id has another
    /// number.
    pub number: u64,
    /// The id, which the plugin chose: 1 to 128 bytes without control characters.
    pub id: String,
    /// The action that it runs.
    pub action: String,
    /// The arguments, as JSON.
    pub args: String,
    /// When it runs, as the plugin requested it.
    pub schedule: JobSchedule,
    /// Its state.
    pub state: JobState,
}

impl Job {
    /// When the job runs next; `None` if it is paused or will not run again.
    pub fn next_run_ms(&self) -> Option<u64> {
        self.state.next_ms.filter(|_| !self.state.paused)
    }

    /// Returns the payload of its action for a run that is due at this time, in milliseconds since the Unix epoch.
    pub fn payload(&self, scheduled_ms: u64) -> String {
        run_payload(&self.id, &self.args, scheduled_ms)
    }
}

/// The payload of the action of a run. The arguments are JSON, and reach the action byte by byte as they were given.
pub(super) fn run_payload(id: &str, args: &str, scheduled_ms: u64) -> String {
    format!(r#"{{"job":{},"args":{args},"scheduled_ms":{scheduled_ms}}}"#, serde_json::Value::from(id))
}

/// When a job runs, as the plugin requested it. A backend stores this and does not interpret it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobSchedule {
    /// Repeatedly, at an interval in milliseconds.
    IntervalMs(u64),
    /// Once, at this time.
    DateMs(u64),
    /// At the times of a cron expression.
    Cron {
        /// Five or six fields.
        expression: String,
        /// A name of the IANA time zone database; empty is UTC.
        time_zone: String,
    },
}

/// The state of a job between and during its runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobState {
    /// When the job runs next, or was due if its run has begun; `None` if it will not run again.
    pub next_ms: Option<u64>,
    /// The moment up to which the runs of the job are accounted for: when it was added, or its last run began.
    pub covered_ms: u64,
    /// When the run began that has not ended.
    pub begun_ms: Option<u64>,
    /// Whether the job is paused.
    pub paused: bool,
    /// The number of interrupted runs since the last run that ended.
    pub interruptions: u32,
}

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// The job's id.
    pub job: String,
    /// When the run was due.
    pub scheduled_ms: u64,
    /// When it began.
    pub started_ms: u64,
    /// When it ended.
    pub finished_ms: u64,
    /// The action's result as JSON, or the JSON of its error: at most 4 KiB.
    pub answer: Result<String, String>,
}

/// A job to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its id.
    pub id: String,
    /// The action that it runs.
    pub action: String,
    /// The arguments, as JSON.
    pub args: String,
    /// When it runs, as the plugin requested it.
    pub schedule: JobSchedule,
    /// Its first run: the initial [`JobState::next_ms`].
    pub next_ms: Option<u64>,
    /// The current time: the initial [`JobState::covered_ms`].
    pub added_ms: u64,
    /// Whether a job with the same id is replaced.
    pub replace: bool,
}

/// A job that is due or has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueJob {
    /// The job's number.
    pub number: u64,
    /// Its id.
    pub id: String,
    /// Its schedule.
    pub schedule: JobSchedule,
    /// Its state.
    pub state: JobState,
}

/// The jobs that need attention at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DueJobs {
    /// The jobs that have begun or are due.
    pub jobs: Vec<DueJob>,
    /// The earliest next run of the other jobs that are not paused.
    pub next_ms: Option<u64>,
}

/// A run to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueRun {
    /// The job's number.
    pub number: u64,
    /// When the run was due: the job's next run.
    pub scheduled_ms: u64,
}

/// A run that has begun, with the input of its action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunRun {
    /// The job's number.
    pub number: u64,
    /// The action to run.
    pub action: String,
    /// The arguments, as JSON.
    pub args: String,
}

/// A change of a job's state, with the outcome that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobUpdate {
    /// The job's number.
    pub number: u64,
    /// The job changes only if its run began at this time; `None` requires that no run has begun.
    pub begun_ms: Option<u64>,
    /// The outcome to store, if any.
    pub outcome: Option<JobOutcome>,
    /// The change.
    pub change: JobChange,
}

/// The effect of an update on its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobChange {
    /// The job is removed. Its outcomes stay.
    Remove,
    /// These members of its state are set, and no run has begun afterwards.
    Set {
        /// The next run.
        next_ms: Option<u64>,
        /// See [`JobState::covered_ms`].
        covered_ms: u64,
        /// See [`JobState::interruptions`].
        interruptions: u32,
        /// Whether the job is paused. If not, it stays as it is.
        pause: bool,
    },
}

/// The limits of one plugin's jobs, which its store enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// The number of jobs. Default: 1,000.
    pub jobs_max: usize,
    /// The bytes of the arguments of all jobs. Default: 8 MiB.
    pub args_bytes_max: usize,
    /// The outcomes that are stored under one id. Default: 100.
    pub outcomes_max: u32,
    /// The outcomes that are stored under all ids. Default: 10,000.
    pub outcomes_total_max: u32,
}

impl Default for JobLimits {
    fn default() -> Self {
        JobLimits {
            jobs_max: JOBS_MAX,
            args_bytes_max: JOB_ARGS_BYTES_TOTAL_MAX,
            outcomes_max: JOB_OUTCOMES_MAX,
            outcomes_total_max: JOB_OUTCOMES_TOTAL_MAX,
        }
    }
}

impl JobLimits {
    /// Checks the number of jobs and the bytes of their arguments, including those of a job to add.
    ///
    /// # Errors
    /// [`JobError::Limit`].
    pub fn check(&self, jobs: usize, args_bytes: usize) -> Result<(), JobError> {
        for (what, allowed, observed) in [
            ("jobs of one plugin", self.jobs_max, jobs),
            ("bytes of arguments of all jobs of one plugin", self.args_bytes_max, args_bytes),
        ] {
            if observed > allowed {
                return Err(JobError::Limit(ReachedLimit::new(what, allowed, observed)));
            }
        }
        Ok(())
    }
}

/// The reason why an operation on jobs failed.
///
/// The plugin gets the text. It names no path, address or password: a backend logs those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobError {
    /// The id, the action, the arguments or the schedule is not valid.
    Invalid(String),
    /// A job has this id.
    Exists(String),
    /// No job has this id.
    NotFound(String),
    /// A limit was reached.
    Limit(ReachedLimit),
    /// The backend cannot be reached, or cannot read or write.
    Unavailable(String),
}

impl JobError {
    /// The error of a job that is added under the id of another.
    pub fn exists(id: &str) -> Self {
        JobError::Exists(format!("there is a job `{id}`, and it was not to be replaced"))
    }

    /// The error of an id that no job has.
    pub fn not_found(id: &str) -> Self {
        JobError::NotFound(format!("there is no job `{id}`"))
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Invalid(text)
            | JobError::Exists(text)
            | JobError::NotFound(text)
            | JobError::Unavailable(text) => f.write_str(text),
            JobError::Limit(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for JobError {}
