//! The jobs of a plugin: actions that the host runs later or again and again.
//!
//! Jobs are checked here, stored (`jobs_db.rs`) and looked at. What runs them is a trigger (`trigger/schedule.rs`),
//! which finds here what is due and reports how it ended (`runs.rs`).

mod claim;
mod job;
mod jobs_db;
mod runs;
mod when;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::de::IgnoredAny;

use self::job::NewJob;
use self::when::When;
use super::over_limit;
use crate::limits::{ACTION_NAME_BYTES_MAX, JOB_ARGS_BYTES_MAX, JOB_ID_BYTES_MAX};
use crate::scope::{PluginScope, forget_gone};

pub(crate) use self::claim::Claim;
pub(crate) use self::job::{Job, JobsError, Outcome, Schedule};
pub(crate) use self::jobs_db::{JobsDb, Wake};
pub(crate) use self::runs::{Ended, Run};

/// The scheduler service of one loaded plugin.
pub(crate) struct PluginJobs {
    pub(crate) db: Arc<JobsDb>,
    /// The actions that the plugin declares; empty where it declares none, and a job may then name any.
    actions: Box<[String]>,
}

impl PluginJobs {
    pub(crate) fn new(db: Arc<JobsDb>, actions: impl IntoIterator<Item = String>) -> Self {
        PluginJobs { db, actions: actions.into_iter().collect() }
    }

    /// Adds a job. Returns when it first runs, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`JobsError`] with what of the job cannot be.
    pub(crate) async fn add(
        &self,
        id: String,
        action: String,
        args: String,
        schedule: Schedule,
        replace_existing: bool,
    ) -> Result<Option<u64>, JobsError> {
        self.check_action(&action).map_err(JobsError::Invalid)?;
        if args.len() > JOB_ARGS_BYTES_MAX {
            let what = "bytes of arguments of one job";
            return Err(JobsError::Limit(over_limit(what, JOB_ARGS_BYTES_MAX, args.len())));
        }
        serde_json::from_str::<IgnoredAny>(&args)
            .map_err(|error| JobsError::Invalid(format!("the arguments are not JSON: {error}")))?;
        let when = When::asked(schedule).map_err(JobsError::Invalid)?;
        self.db.add(NewJob { id, action, args, when, replace_existing }).await
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

/// The jobs of all plugins, by name: they belong to the plugin and not to a revision, so two that are loaded at the
/// same time share them.
#[derive(Default)]
pub(crate) struct AllJobs(Mutex<HashMap<Arc<str>, Entry>>);

#[derive(Default)]
struct Entry {
    jobs: Weak<JobsDb>,
    /// What is in memory only outlives its plugin in here.
    in_memory: Option<Arc<JobsDb>>,
}

impl AllJobs {
    /// The jobs of the plugin of this scope. Nothing is opened or made before the first use.
    pub(crate) fn of(&self, scope: &PluginScope) -> Arc<JobsDb> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = all.get(&scope.name).and_then(|entry| entry.jobs.upgrade()) {
            return jobs;
        }
        forget_gone(&mut all, |entry| entry.jobs.strong_count() > 0);
        let jobs = Arc::new(JobsDb::new(scope.clone()));
        all.insert(scope.name.clone(), Entry { jobs: Arc::downgrade(&jobs), in_memory: None });
        jobs
    }

    /// Sees to it that jobs which are in memory only are still there when the plugin is loaded again.
    pub(crate) fn keep(&self, jobs: &Arc<JobsDb>) {
        let scope = jobs.scope();
        if scope.directory.is_none() && jobs.may_have_jobs() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = Entry { jobs: Arc::downgrade(jobs), in_memory: Some(jobs.clone()) };
            all.insert(scope.name.clone(), entry);
        }
    }

    /// Forgets what is kept in memory of a plugin. Answers whether there was anything.
    pub(crate) fn forget(&self, name: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(name).is_some_and(|entry| entry.in_memory.is_some())
    }
}

/// Whether a text can be the id of a job: 1 to [`JOB_ID_BYTES_MAX`] bytes without control characters.
///
/// # Errors
/// [`JobsError::Invalid`].
pub(crate) fn check_id(id: &str) -> Result<(), JobsError> {
    let wrong = if id.is_empty() || id.len() > JOB_ID_BYTES_MAX {
        format!("the job's id has {} bytes: 1 to {JOB_ID_BYTES_MAX} are allowed", id.len())
    } else if id.chars().any(char::is_control) {
        "the job's id has control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(JobsError::Invalid(wrong))
}
