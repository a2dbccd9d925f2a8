//! `plugbay:plugin/scheduler`: actions that the host runs later or again and again.
//!
//! This is what plugins see of it: jobs are checked, kept (`scheduler/kept.rs`) and looked at. What runs them is a trigger
//! (`trigger/schedule.rs`), which finds here what is due and tells how it ended (`scheduler/runs.rs`).

mod claim;
mod kept;
mod runs;
mod when;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use plugbay_manifest::PermissionAction;
use serde::de::IgnoredAny;

use self::kept::NewJob;
use self::when::When;
use super::bindings::plugbay::plugin::scheduler as wit;
use super::home::forget_gone;
use super::{PluginHome, over_limit};
use crate::limits::{ACTION_NAME_BYTES_MAX, JOB_ARGS_BYTES_MAX, JOB_ID_BYTES_MAX};
use crate::plugin::state::HostState;

pub(crate) use self::claim::Claim;
pub(crate) use self::kept::{KeptJobs, Wake};
pub(crate) use self::runs::{Ended, Run};

/// The scheduler service of one loaded plugin.
pub(crate) struct PluginJobs {
    pub(crate) kept: Arc<KeptJobs>,
    /// The actions that the plugin declares; empty where it declares none, and a job may then name any.
    actions: Box<[String]>,
}

impl PluginJobs {
    pub(crate) fn new(kept: Arc<KeptJobs>, actions: impl IntoIterator<Item = String>) -> Self {
        PluginJobs { kept, actions: actions.into_iter().collect() }
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

/// The jobs of all plugins, by name: they belong to the plugin and not to a revision, so two that are loaded at the same
/// time share them.
#[derive(Default)]
pub(crate) struct AllJobs(Mutex<HashMap<Arc<str>, Entry>>);

#[derive(Default)]
struct Entry {
    jobs: Weak<KeptJobs>,
    /// What is in memory only outlives its plugin in here.
    in_memory: Option<Arc<KeptJobs>>,
}

impl AllJobs {
    /// The jobs of the plugin that is at home there. Nothing is opened or made before the first use.
    pub(crate) fn of(&self, home: &PluginHome) -> Arc<KeptJobs> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = all.get(&home.name).and_then(|entry| entry.jobs.upgrade()) {
            return jobs;
        }
        forget_gone(&mut all, |entry| entry.jobs.strong_count() > 0);
        let jobs = Arc::new(KeptJobs::new(home.clone()));
        all.insert(home.name.clone(), Entry { jobs: Arc::downgrade(&jobs), in_memory: None });
        jobs
    }

    /// Sees to it that jobs which are in memory only are still there when the plugin is loaded again.
    pub(crate) fn keep(&self, jobs: &Arc<KeptJobs>) {
        let home = jobs.home();
        if home.directory.is_none() && jobs.may_have_jobs() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = Entry { jobs: Arc::downgrade(jobs), in_memory: Some(jobs.clone()) };
            all.insert(home.name.clone(), entry);
        }
    }

    /// Forgets what is kept in memory of a plugin. Answers whether there was anything.
    pub(crate) fn forget(&self, name: &str) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(name).is_some_and(|entry| entry.in_memory.is_some())
    }
}

fn check_id(id: &str) -> Result<(), wit::Error> {
    let wrong = if id.is_empty() || id.len() > JOB_ID_BYTES_MAX {
        format!("the job's id has {} bytes: 1 to {JOB_ID_BYTES_MAX} are allowed", id.len())
    } else if id.chars().any(char::is_control) {
        "the job's id has control characters".to_owned()
    } else {
        return Ok(());
    };
    Err(wit::Error::Invalid(wrong))
}

impl HostState {
    /// Whether `id` can be one, and whether the plugin may do this with the job.
    fn may_use_job(&self, id: &str, action: PermissionAction) -> Result<(), wit::Error> {
        check_id(id)?;
        self.check(&format!("scheduler.{id}"), action).map_err(|denial| wit::Error::Denied(denial.to_string()))
    }

    async fn add_job(
        &mut self,
        id: String,
        action: String,
        args: String,
        schedule: wit::Schedule,
        replace_existing: bool,
    ) -> Result<Option<u64>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Write)?;
        let jobs = &self.plugin.jobs;
        jobs.check_action(&action).map_err(wit::Error::Invalid)?;
        if args.len() > JOB_ARGS_BYTES_MAX {
            let what = "bytes of arguments of one job";
            return Err(wit::Error::Limit(over_limit(what, JOB_ARGS_BYTES_MAX, args.len())));
        }
        serde_json::from_str::<IgnoredAny>(&args)
            .map_err(|error| wit::Error::Invalid(format!("the arguments are not JSON: {error}")))?;
        let when = When::asked(schedule).map_err(wit::Error::Invalid)?;
        jobs.kept.add(NewJob { id, action, args, when, replace_existing }).await
    }

    async fn job_of(&mut self, id: String) -> Result<Option<wit::Job>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Read)?;
        Ok(self.plugin.jobs.kept.get(id).await?)
    }

    /// Those that it may not read are left out, and that is no denial: it did not ask for one of them.
    async fn readable_jobs(&mut self) -> Result<Vec<wit::Job>, wit::Error> {
        let mut jobs = self.plugin.jobs.kept.all().await?;
        let may =
            |job: &wit::Job| self.plugin.grants.check(&format!("scheduler.{}", job.id), PermissionAction::Read).is_ok();
        jobs.retain(may);
        Ok(jobs)
    }

    async fn set_job_paused(&mut self, id: String, paused: bool) -> Result<bool, wit::Error> {
        self.may_use_job(&id, PermissionAction::Write)?;
        self.plugin.jobs.kept.set_paused(id, paused).await
    }

    async fn job_outcomes(&mut self, id: String, limit: u32) -> Result<Vec<wit::Outcome>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Read)?;
        Ok(self.plugin.jobs.kept.outcomes(id, limit).await?)
    }
}

/// Bytes of a job that go to the guest, about.
fn job_bytes(job: &wit::Job) -> usize {
    size_of::<wit::Job>() + job.id.len() + job.action.len() + job.args.len()
}

impl wit::Host for HostState {
    async fn add(
        &mut self,
        id: String,
        action: String,
        args: String,
        schedule: wit::Schedule,
        replace_existing: bool,
    ) -> Result<Option<u64>, wit::Error> {
        let bytes = id.len() + action.len() + args.len();
        let answer = self.add_job(id, action, args, schedule, replace_existing).await;
        self.end_host_call(bytes).await;
        answer
    }

    async fn get(&mut self, id: String) -> Result<Option<wit::Job>, wit::Error> {
        let answer = self.job_of(id).await;
        self.end_host_call(answer.iter().flatten().map(job_bytes).sum()).await;
        answer
    }

    async fn jobs(&mut self) -> Result<Vec<wit::Job>, wit::Error> {
        let answer = self.readable_jobs().await;
        self.end_host_call(answer.iter().flatten().map(job_bytes).sum()).await;
        answer
    }

    async fn pause(&mut self, id: String) -> Result<bool, wit::Error> {
        let answer = self.set_job_paused(id, true).await;
        self.end_host_call(0).await;
        answer
    }

    async fn resume(&mut self, id: String) -> Result<bool, wit::Error> {
        let answer = self.set_job_paused(id, false).await;
        self.end_host_call(0).await;
        answer
    }

    async fn remove(&mut self, id: String) -> Result<bool, wit::Error> {
        let answer = match self.may_use_job(&id, PermissionAction::Write) {
            Ok(()) => self.plugin.jobs.kept.remove(id).await,
            Err(denied) => Err(denied),
        };
        self.end_host_call(0).await;
        answer
    }

    async fn outcomes(&mut self, id: String, limit: u32) -> Result<Vec<wit::Outcome>, wit::Error> {
        let answer = self.job_outcomes(id, limit).await;
        let bytes = |outcome: &wit::Outcome| {
            size_of::<wit::Outcome>() + outcome.answer.as_ref().map_or_else(String::len, String::len)
        };
        self.end_host_call(answer.iter().flatten().map(bytes).sum()).await;
        answer
    }
}
