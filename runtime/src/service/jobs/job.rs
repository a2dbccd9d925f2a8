//! What the service says of jobs: a job, its schedule, the outcome of a run, and what can go wrong.

use super::when::When;
use crate::sqlite::Unavailable;

/// A job of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) action: String,
    /// JSON.
    pub(crate) args: String,
    pub(crate) schedule: Schedule,
    /// Milliseconds since the Unix epoch; `None` if it will not run any more or is paused.
    pub(crate) next_run_ms: Option<u64>,
    pub(crate) paused: bool,
}

/// When a job runs, as a plugin says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// This many milliseconds apart.
    IntervalMs(u64),
    /// Once, at this moment in milliseconds since the Unix epoch.
    DateMs(u64),
    /// Whenever the expression fits in this IANA time zone; empty is UTC.
    Cron { expression: String, time_zone: String },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) job: String,
    /// When the run was due, in milliseconds since the Unix epoch, like the other moments.
    pub(crate) scheduled_ms: u64,
    pub(crate) started_ms: u64,
    pub(crate) finished_ms: u64,
    /// The JSON that the action answered, or the JSON of its error.
    pub(crate) answer: Result<String, String>,
}

/// A job as it is added.
pub(super) struct NewJob {
    pub(super) id: String,
    pub(super) action: String,
    pub(super) args: String,
    pub(super) when: When,
    pub(super) replace_existing: bool,
}

/// Why a use of the jobs was refused, or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobsError {
    /// The id, the action, the arguments or the schedule cannot be taken as they are.
    Invalid(String),
    /// There is a job of this id already.
    Exists(String),
    /// The id does not exist.
    NotFound(String),
    /// A bound was reached.
    Limit(String),
    /// The host cannot read or store it.
    Unavailable(Unavailable),
}

impl From<Unavailable> for JobsError {
    fn from(unavailable: Unavailable) -> Self {
        JobsError::Unavailable(unavailable)
    }
}
