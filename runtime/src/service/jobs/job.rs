//! The plain types of jobs: a job, its schedule and state, the outcome of a run, and the errors.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sqlite::Unavailable;

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// A number that no other job of the plugin has or had: a job that replaces another under its id has another one.
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) action: String,
    /// JSON.
    pub(crate) args: String,
    pub(crate) schedule: JobSchedule,
    pub(crate) state: JobState,
}

impl Job {
    /// When the job runs next; `None` if it is paused or will not run again.
    pub(crate) fn next_run_ms(&self) -> Option<u64> {
        self.state.next_ms.filter(|_| !self.state.paused)
    }
}

/// When a job runs, as the plugin requested it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobSchedule {
    /// Repeatedly, at an interval in milliseconds.
    IntervalMs(u64),
    /// Once, at this time.
    DateMs(u64),
    /// At the times of a cron expression in an IANA time zone; an empty time zone is UTC.
    Cron { expression: String, time_zone: String },
}

/// The state of a job between and during its runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct JobState {
    /// When the job runs next, or was due if a run has begun; `None` if it will not run again.
    pub(crate) next_ms: Option<u64>,
    /// The moment up to which the runs of the job are accounted for: when it was added, or its last run began.
    pub(crate) covered_ms: u64,
    /// When the run began that has not ended.
    pub(crate) begun_ms: Option<u64>,
    pub(crate) paused: bool,
    /// The number of interrupted runs since the last run that ended.
    pub(crate) interruptions: u32,
}

/// The outcome of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobOutcome {
    /// The job's id.
    pub(crate) job: String,
    /// When the run was due.
    pub(crate) scheduled_ms: u64,
    pub(crate) started_ms: u64,
    pub(crate) finished_ms: u64,
    /// The action's result as JSON, or the JSON of its error.
    pub(crate) answer: Result<String, String>,
}

/// A job to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewJob {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) args: String,
    pub(crate) schedule: JobSchedule,
    /// When it first runs.
    pub(crate) next_ms: Option<u64>,
    /// The current time.
    pub(crate) added_ms: u64,
    /// Whether a job with this id is replaced. It is an error otherwise.
    pub(crate) replace: bool,
}

/// A job that is due, or of which a run has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueJob {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) schedule: JobSchedule,
    pub(crate) state: JobState,
}

/// The jobs that need attention at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DueJobs {
    /// The jobs that are due, and those of which a run has begun; the job that has been due the longest is first.
    pub(crate) jobs: Vec<DueJob>,
    /// When the next of the other jobs is due.
    pub(crate) next_ms: Option<u64>,
}

/// A run to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DueRun {
    /// The job's number.
    pub(crate) number: u64,
    /// When the run was due.
    pub(crate) scheduled_ms: u64,
}

/// A run that has begun, with what its action receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BegunRun {
    /// The job's number.
    pub(crate) number: u64,
    pub(crate) action: String,
    pub(crate) args: String,
}

/// A change of a job's state, with the outcome that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobUpdate {
    /// The job's number.
    pub(crate) number: u64,
    /// The job changes only if this is when its run began, or if no run has begun and this is `None`.
    pub(crate) begun_ms: Option<u64>,
    /// Stored even if the job does not change.
    pub(crate) outcome: Option<JobOutcome>,
    pub(crate) change: JobChange,
}

/// What an update does with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobChange {
    /// Removes the job. Its outcomes stay.
    Remove,
    /// Sets these members of its state. No run has begun afterwards.
    Set {
        next_ms: Option<u64>,
        covered_ms: u64,
        interruptions: u32,
        /// Whether the job is paused. If not, it stays as it is.
        pause: bool,
    },
}

/// Why an operation on jobs failed. The texts are for plugins: they name no path, address or password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobError {
    /// The id, the action, the arguments or the schedule is not valid.
    Invalid(String),
    /// There is a job with this id.
    Exists(String),
    /// No job has this id.
    NotFound(String),
    /// A bound was reached. The text names it, with the allowed and the observed number.
    Limit(String),
    /// The jobs cannot be read or stored.
    Unavailable(String),
}

impl JobError {
    /// There is a job with this id already.
    pub(crate) fn exists(id: &str) -> Self {
        JobError::Exists(format!("there is a job `{id}`, and it was not to be replaced"))
    }

    /// No job has this id.
    pub(crate) fn not_found(id: &str) -> Self {
        JobError::NotFound(format!("there is no job `{id}`"))
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Invalid(text)
            | JobError::Exists(text)
            | JobError::NotFound(text)
            | JobError::Limit(text)
            | JobError::Unavailable(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for JobError {}

impl From<Unavailable> for JobError {
    fn from(unavailable: Unavailable) -> Self {
        JobError::Unavailable(unavailable.to_string())
    }
}
