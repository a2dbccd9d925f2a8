//! `plugbay:plugin/scheduler` over the jobs service.
//!
//! It only changes and lists jobs; `trigger/schedule.rs` runs them.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::scheduler as wit;
use crate::service::jobs::{Job, JobError, JobOutcome, JobSchedule, check_id};

impl From<JobError> for wit::Error {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Invalid(text) => wit::Error::Invalid(text),
            JobError::Exists(text) => wit::Error::Exists(text),
            JobError::NotFound(text) => wit::Error::NotFound(text),
            JobError::Limit(text) => wit::Error::Limit(text),
            JobError::Unavailable(text) => wit::Error::Unavailable(text),
        }
    }
}

fn parse(schedule: wit::Schedule) -> Result<JobSchedule, wit::Error> {
    Ok(match schedule {
        wit::Schedule::IntervalMs(ms) => JobSchedule::IntervalMs(ms),
        wit::Schedule::DateMs(ms) => JobSchedule::DateMs(ms),
        wit::Schedule::Cron(wit::Cron { expression, time_zone }) => JobSchedule::Cron { expression, time_zone },
        wit::Schedule::Other(_) => {
            return Err(wit::Error::Invalid("this host knows schedules by interval, date and cron only".to_owned()));
        }
    })
}

impl From<JobSchedule> for wit::Schedule {
    fn from(schedule: JobSchedule) -> Self {
        match schedule {
            JobSchedule::IntervalMs(ms) => wit::Schedule::IntervalMs(ms),
            JobSchedule::DateMs(ms) => wit::Schedule::DateMs(ms),
            JobSchedule::Cron { expression, time_zone } => wit::Schedule::Cron(wit::Cron { expression, time_zone }),
        }
    }
}

impl From<Job> for wit::Job {
    fn from(job: Job) -> Self {
        let next_run_ms = job.next_run_ms();
        let Job { id, action, args, schedule, state, .. } = job;
        wit::Job { id, action, args, schedule: schedule.into(), next_run_ms, paused: state.paused }
    }
}

impl From<JobOutcome> for wit::Outcome {
    fn from(outcome: JobOutcome) -> Self {
        let JobOutcome { job, scheduled_ms, started_ms, finished_ms, answer } = outcome;
        wit::Outcome { job, scheduled_ms, started_ms, finished_ms, answer }
    }
}

impl HostState {
    /// Checks that `id` is valid and that the plugin may take this action on the job.
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
        let schedule = parse(schedule)?;
        Ok(self.plugin.jobs.add(id, action, args, schedule, replace_existing).await?)
    }

    async fn job_of(&mut self, id: String) -> Result<Option<wit::Job>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Read)?;
        Ok(self.plugin.jobs.queue.get(&id).await?.map(wit::Job::from))
    }

    /// Returns the jobs that the plugin may read. Others are left out without a denial, because the plugin did not ask
    /// for a particular one.
    async fn readable_jobs(&mut self) -> Result<Vec<wit::Job>, wit::Error> {
        let mut jobs = self.plugin.jobs.queue.list().await?;
        jobs.retain(|job| self.plugin.permissions.holds(&format!("scheduler.{}", job.id), PermissionAction::Read));
        Ok(jobs.into_iter().map(wit::Job::from).collect())
    }

    async fn set_job_paused(&mut self, id: String, paused: bool) -> Result<bool, wit::Error> {
        self.may_use_job(&id, PermissionAction::Write)?;
        Ok(self.plugin.jobs.queue.set_paused(id, paused).await?)
    }

    async fn job_outcomes(&mut self, id: String, limit: u32) -> Result<Vec<wit::Outcome>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Read)?;
        let outcomes = self.plugin.jobs.queue.outcomes(&id, limit).await?;
        Ok(outcomes.into_iter().map(wit::Outcome::from).collect())
    }
}

/// The approximate size of a job for the guest, in bytes.
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
            Ok(()) => self.plugin.jobs.queue.remove(id).await.map_err(wit::Error::from),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_of_a_later_contract_is_refused() {
        let refused = parse(wit::Schedule::Other("{}".into()));
        assert!(matches!(refused, Err(wit::Error::Invalid(text)) if text.contains("interval, date and cron")));
    }
}
