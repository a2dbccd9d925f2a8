//! `plugbay:plugin/scheduler` over the jobs service.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::scheduler as wit;
use crate::service::jobs::{Job, JobsError, Outcome, Schedule, check_id};

impl From<JobsError> for wit::Error {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::Invalid(text) => wit::Error::Invalid(text),
            JobsError::Exists(text) => wit::Error::Exists(text),
            JobsError::NotFound(text) => wit::Error::NotFound(text),
            JobsError::Limit(text) => wit::Error::Limit(text),
            JobsError::Unavailable(unavailable) => wit::Error::Unavailable(unavailable.to_string()),
        }
    }
}

fn asked(schedule: wit::Schedule) -> Result<Schedule, wit::Error> {
    Ok(match schedule {
        wit::Schedule::IntervalMs(ms) => Schedule::IntervalMs(ms),
        wit::Schedule::DateMs(ms) => Schedule::DateMs(ms),
        wit::Schedule::Cron(wit::Cron { expression, time_zone }) => Schedule::Cron { expression, time_zone },
        wit::Schedule::Other(_) => {
            return Err(wit::Error::Invalid("this host knows schedules by interval, date and cron only".to_owned()));
        }
    })
}

impl From<Schedule> for wit::Schedule {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::IntervalMs(ms) => wit::Schedule::IntervalMs(ms),
            Schedule::DateMs(ms) => wit::Schedule::DateMs(ms),
            Schedule::Cron { expression, time_zone } => wit::Schedule::Cron(wit::Cron { expression, time_zone }),
        }
    }
}

impl From<Job> for wit::Job {
    fn from(job: Job) -> Self {
        let Job { id, action, args, schedule, next_run_ms, paused } = job;
        wit::Job { id, action, args, schedule: schedule.into(), next_run_ms, paused }
    }
}

impl From<Outcome> for wit::Outcome {
    fn from(outcome: Outcome) -> Self {
        let Outcome { job, scheduled_ms, started_ms, finished_ms, answer } = outcome;
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
        let schedule = asked(schedule)?;
        Ok(self.plugin.jobs.add(id, action, args, schedule, replace_existing).await?)
    }

    async fn job_of(&mut self, id: String) -> Result<Option<wit::Job>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Read)?;
        Ok(self.plugin.jobs.db.get(id).await.map_err(JobsError::from)?.map(wit::Job::from))
    }

    /// Returns the jobs that the plugin may read. Others are left out without a denial, because the plugin did not ask
    /// for a particular one.
    async fn readable_jobs(&mut self) -> Result<Vec<wit::Job>, wit::Error> {
        let mut jobs = self.plugin.jobs.db.all().await.map_err(JobsError::from)?;
        jobs.retain(|job| self.plugin.permissions.holds(&format!("scheduler.{}", job.id), PermissionAction::Read));
        Ok(jobs.into_iter().map(wit::Job::from).collect())
    }

    async fn set_job_paused(&mut self, id: String, paused: bool) -> Result<bool, wit::Error> {
        self.may_use_job(&id, PermissionAction::Write)?;
        Ok(self.plugin.jobs.db.set_paused(id, paused).await?)
    }

    async fn job_outcomes(&mut self, id: String, limit: u32) -> Result<Vec<wit::Outcome>, wit::Error> {
        self.may_use_job(&id, PermissionAction::Read)?;
        let outcomes = self.plugin.jobs.db.outcomes(id, limit).await.map_err(JobsError::from)?;
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
            Ok(()) => self.plugin.jobs.db.remove(id).await.map_err(wit::Error::from),
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
        let refused = asked(wit::Schedule::Other("{}".into()));
        assert!(matches!(refused, Err(wit::Error::Invalid(text)) if text.contains("interval, date and cron")));
    }
}
