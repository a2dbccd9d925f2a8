//! The jobs of a plugin: actions that the host runs later or repeatedly.
//!
//! A job that a plugin adds is checked here. `job_queue.rs` is what revisions, guests and the runner of a plugin share,
//! and `runs.rs` decides which runs begin and what follows from their ends. A trigger (`trigger/schedule.rs`) runs
//! them. `store.rs` is the interface to the backends that store jobs, of which `sqlite/` is one.

mod job_queue;
mod runs;
mod sqlite;
mod store;
mod when;

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use serde::de::IgnoredAny;
use tokio::task::JoinHandle;

use super::limit::ReachedLimit;
use crate::limits::{ACTION_NAME_BYTES_MAX, JOB_ARGS_BYTES_MAX, JOB_ID_BYTES_MAX};

pub(crate) use self::job_queue::{JobQueue, Wake};
pub(crate) use self::runs::{Ended, Run};
pub use self::sqlite::SqliteJobs;
pub use self::store::{
    BegunRun, DueJob, DueJobs, DueRun, Job, JobChange, JobClaim, JobError, JobFuture, JobLimits, JobOutcome,
    JobSchedule, JobState, JobStore, JobStoreProvider, JobUpdate, NewJob,
};

/// The scheduler service of one loaded plugin.
pub(crate) struct PluginJobs {
    pub(crate) queue: Arc<JobQueue>,
    /// The actions that the plugin declares. If it declares none, a job may name any action.
    actions: Box<[String]>,
    /// While the revision starts, the ids of the jobs that were added and did not exist before.
    added_at_start: Mutex<Option<Vec<String>>>,
}

/// The start of a revision. Unless it succeeds, the jobs that were added since it began are removed again.
pub(crate) struct JobsAtStart<'a>(&'a PluginJobs);

impl JobsAtStart<'_> {
    /// Leaves the jobs as they are.
    pub(crate) fn succeeded(self) {
        *self.0.added_at_start() = None;
    }

    /// Removes the jobs.
    pub(crate) async fn failed(self) {
        if let Some(removing) = self.remove() {
            let _ = removing.await;
        }
    }

    /// Removes the jobs in a task of its own, so that they are removed even if the caller stops waiting.
    fn remove(&self) -> Option<JoinHandle<()>> {
        let ids = self.0.added_at_start().take().filter(|ids| !ids.is_empty())?;
        let (executor, queue) = (tokio::runtime::Handle::try_current().ok()?, self.0.queue.clone());
        Some(executor.spawn(async move {
            for id in ids {
                if let Err(error) = queue.remove(id).await {
                    tracing::error!(plugin = queue.plugin(), "a job of a start that failed was not removed: {error}");
                }
            }
        }))
    }
}

impl Drop for JobsAtStart<'_> {
    fn drop(&mut self) {
        drop(self.remove());
    }
}

impl PluginJobs {
    pub(crate) fn new(queue: Arc<JobQueue>, actions: impl IntoIterator<Item = String>) -> Self {
        PluginJobs { queue, actions: actions.into_iter().collect(), added_at_start: Mutex::default() }
    }

    /// Begins a start of the revision.
    pub(crate) fn begin_start(&self) -> JobsAtStart<'_> {
        *self.added_at_start() = Some(Vec::new());
        JobsAtStart(self)
    }

    fn added_at_start(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        self.added_at_start.lock()
    }

    /// Adds a job. Returns when it first runs, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`JobError`] with the part of the job that is not valid.
    pub(crate) async fn add(
        &self,
        id: String,
        action: String,
        args: String,
        schedule: JobSchedule,
        replace_existing: bool,
    ) -> Result<Option<u64>, JobError> {
        self.check_action(&action).map_err(JobError::Invalid)?;
        if args.len() > JOB_ARGS_BYTES_MAX {
            let what = "bytes of arguments of one job";
            return Err(JobError::Limit(ReachedLimit::new(what, JOB_ARGS_BYTES_MAX, args.len())));
        }
        serde_json::from_str::<IgnoredAny>(&args)
            .map_err(|error| JobError::Invalid(format!("the arguments are not JSON: {error}")))?;
        if self.added_at_start().is_none() {
            return self.queue.add(id, action, args, schedule, replace_existing).await;
        }
        let is_new = self.queue.get(&id).await?.is_none();
        let added = self.queue.add(id.clone(), action, args, schedule, replace_existing).await?;
        if let Some(ids) = &mut *self.added_at_start()
            && is_new
        {
            ids.push(id);
        }
        Ok(added)
    }

    fn check_action(&self, action: &str) -> Result<(), String> {
        if action.is_empty() || action.len() > ACTION_NAME_BYTES_MAX {
            return Err(format!(
                "the action's name has {} bytes: 1 to {ACTION_NAME_BYTES_MAX} are allowed",
                action.len()
            ));
        }
        if self.actions.is_empty() || self.actions.iter().any(|known| known == action) {
            return Ok(());
        }
        let nearest = plugbay_manifest::nearest(action, self.actions.iter().map(String::as_str));
        let hint = nearest.map(|nearest| format!("did you mean `{nearest}`? ")).unwrap_or_default();
        Err(format!("the plugin declares no action `{action}`; {hint}it has: {}", self.actions.join(", ")))
    }
}

/// Whether a text can be the id of a job: 1 to [`JOB_ID_BYTES_MAX`] bytes without control characters.
///
/// # Errors
/// [`JobError::Invalid`].
pub(crate) fn check_id(id: &str) -> Result<(), JobError> {
    let wrong = if id.is_empty() || id.len() > JOB_ID_BYTES_MAX {
        format!("the job's id has {} bytes: 1 to {JOB_ID_BYTES_MAX} are allowed", id.len())
    } else if id.chars().any(char::is_control) {
        "the job's id has control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(JobError::Invalid(wrong))
}
