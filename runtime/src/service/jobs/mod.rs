//! The jobs of a plugin: actions that the host runs later or repeatedly.
//!
//! A job that a plugin adds is checked here. `job_queue.rs` is what revisions, guests and the runner of a plugin share,
//! `sqlite.rs` stores the jobs, and `runs.rs` decides which runs begin and what follows from their ends. A trigger
//! (`trigger/schedule.rs`) runs them.

mod claim;
mod job;
mod job_queue;
mod runs;
mod sqlite;
mod when;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::de::IgnoredAny;

use super::over_limit;
use crate::limits::{ACTION_NAME_BYTES_MAX, JOB_ARGS_BYTES_MAX, JOB_ID_BYTES_MAX};
use crate::scope::{PluginScope, forget_gone};

pub(crate) use self::claim::Claim;
pub(crate) use self::job::{Job, JobError, JobOutcome, JobSchedule};
pub(crate) use self::job_queue::{JobQueue, Wake};
pub(crate) use self::runs::{Ended, Run};

/// The scheduler service of one loaded plugin.
pub(crate) struct PluginJobs {
    pub(crate) queue: Arc<JobQueue>,
    /// The actions that the plugin declares. If it declares none, a job may name any action.
    actions: Box<[String]>,
}

impl PluginJobs {
    pub(crate) fn new(queue: Arc<JobQueue>, actions: impl IntoIterator<Item = String>) -> Self {
        PluginJobs { queue, actions: actions.into_iter().collect() }
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
            return Err(JobError::Limit(over_limit(what, JOB_ARGS_BYTES_MAX, args.len())));
        }
        serde_json::from_str::<IgnoredAny>(&args)
            .map_err(|error| JobError::Invalid(format!("the arguments are not JSON: {error}")))?;
        self.queue.add(id, action, args, schedule, replace_existing).await
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

/// The jobs of all plugins, by plugin name. Two revisions of a plugin that are loaded at the same time share them.
#[derive(Default)]
pub(crate) struct AllJobs(Mutex<HashMap<Arc<str>, Entry>>);

#[derive(Default)]
struct Entry {
    queue: Weak<JobQueue>,
    /// Jobs that are only in memory stay here when their plugin is unloaded.
    in_memory: Option<Arc<JobQueue>>,
}

impl AllJobs {
    /// The jobs of the plugin of this scope. Nothing is opened or created before the first use.
    pub(crate) fn of(&self, scope: &PluginScope) -> Arc<JobQueue> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = all.get(&scope.name).and_then(|entry| entry.queue.upgrade()) {
            return queue;
        }
        forget_gone(&mut all, |entry| entry.queue.strong_count() > 0);
        let queue = Arc::new(JobQueue::new(scope.clone()));
        all.insert(scope.name.clone(), Entry { queue: Arc::downgrade(&queue), in_memory: None });
        queue
    }

    /// Retains jobs that are only in memory until the plugin is loaded again.
    pub(crate) fn retain(&self, queue: &Arc<JobQueue>) {
        let scope = queue.scope();
        if scope.directory.is_none() && queue.may_have_jobs() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = Entry { queue: Arc::downgrade(queue), in_memory: Some(queue.clone()) };
            all.insert(scope.name.clone(), entry);
        }
    }

    /// Removes the jobs of a plugin that are only in memory. Returns whether there were any.
    pub(crate) fn remove(&self, name: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(name).is_some_and(|entry| entry.in_memory.is_some())
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
