//! `plugbay:plugin/scheduler` over the jobs service.
//!
//! It only changes and lists jobs; `trigger/schedule.rs` runs them.

use std::borrow::Cow;

use plugbay_manifest::PermissionAction;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::HostState;
use super::bindings::plugbay::plugin::scheduler as wit;
use super::failure::{Failure, INVALID_ARGUMENT, UNAVAILABLE, failure};
use crate::capability::resource;
use crate::service::jobs::{Job, JobError, JobOutcome, JobSchedule, check_id};

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Invalid(text) => failure(INVALID_ARGUMENT, text),
            JobError::Exists(text) => failure("already_exists", text),
            JobError::NotFound(text) => failure("not_found", text),
            JobError::Limit(limit) => limit.into(),
            JobError::Unavailable(text) => failure(UNAVAILABLE, text),
        }
    }
}

fn parse(schedule: wit::Schedule) -> Result<JobSchedule, Failure> {
    Ok(match schedule {
        wit::Schedule::IntervalMs(ms) => JobSchedule::IntervalMs(ms),
        wit::Schedule::DateMs(ms) => JobSchedule::DateMs(ms),
        wit::Schedule::Cron(wit::Cron { expression, time_zone }) => JobSchedule::Cron { expression, time_zone },
        wit::Schedule::Other(_) => {
            return Err(failure(INVALID_ARGUMENT, "this host knows schedules by interval, date and cron only"));
        }
    })
}

/// A schedule as JSON.
fn schedule_json(schedule: &JobSchedule) -> Value {
    match schedule {
        JobSchedule::IntervalMs(ms) => json!({ "interval_ms": ms }),
        JobSchedule::DateMs(ms) => json!({ "date_ms": ms }),
        JobSchedule::Cron { expression, time_zone } => json!({ "cron": expression, "time_zone": time_zone }),
    }
}

/// A stored text that should be JSON. Any other text becomes a JSON string, so that the object around it stays valid.
fn stored_json(text: &str) -> Cow<'_, RawValue> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Cow::Borrowed(raw),
        Err(_) => Cow::Owned(serde_json::value::to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())),
    }
}

/// A job as the JSON object that guests receive.
fn job_json(job: &Job) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        id: &'a str,
        action: &'a str,
        args: &'a RawValue,
        schedule: Value,
        paused: bool,
        next_run_ms: Option<u64>,
    }
    let args = stored_json(&job.args);
    let shown = Shown {
        id: &job.id,
        action: &job.action,
        args: &args,
        schedule: schedule_json(&job.schedule),
        paused: job.state.paused,
        next_run_ms: job.next_run_ms(),
    };
    serde_json::to_string(&shown).unwrap_or_default()
}

/// The outcome of a run as the JSON object that guests receive.
fn outcome_json(outcome: &JobOutcome) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        job: &'a str,
        scheduled_ms: u64,
        started_ms: u64,
        finished_ms: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a RawValue>,
    }
    let answer = outcome.answer.as_ref().map(|text| stored_json(text)).map_err(|text| stored_json(text));
    let shown = Shown {
        job: &outcome.job,
        scheduled_ms: outcome.scheduled_ms,
        started_ms: outcome.started_ms,
        finished_ms: outcome.finished_ms,
        result: answer.as_deref().ok(),
        error: answer.as_ref().err().map(|error| &**error),
    };
    serde_json::to_string(&shown).unwrap_or_default()
}

impl HostState {
    /// Checks that `id` is valid and that the plugin may take this action on the job.
    fn may_use_job(&self, id: &str, action: PermissionAction) -> Result<(), Failure> {
        check_id(id)?;
        Ok(self.check(&resource("scheduler", id), action)?)
    }

    async fn add_job(
        &mut self,
        id: String,
        action: String,
        args: String,
        schedule: wit::Schedule,
        replace_existing: bool,
    ) -> Result<Option<u64>, Failure> {
        self.may_use_job(&id, PermissionAction::Write)?;
        let schedule = parse(schedule)?;
        Ok(self.plugin.jobs.add(id, action, args, schedule, replace_existing).await?)
    }

    async fn job_of(&mut self, id: String) -> Result<Option<String>, Failure> {
        self.may_use_job(&id, PermissionAction::Read)?;
        Ok(self.plugin.jobs.queue.get(&id).await?.as_ref().map(job_json))
    }

    /// Returns the jobs that the plugin may read. Others are left out without a denial, because the plugin did not ask
    /// for a particular one.
    async fn readable_jobs(&mut self) -> Result<Vec<String>, Failure> {
        let mut jobs = self.plugin.jobs.queue.list().await?;
        jobs.retain(|job| self.plugin.permissions.holds(&resource("scheduler", &job.id), PermissionAction::Read));
        Ok(jobs.iter().map(job_json).collect())
    }

    async fn set_job_paused(&mut self, id: String, paused: bool) -> Result<bool, Failure> {
        self.may_use_job(&id, PermissionAction::Write)?;
        Ok(self.plugin.jobs.queue.set_paused(id, paused).await?)
    }

    async fn job_outcomes(&mut self, id: String, limit: u32) -> Result<Vec<String>, Failure> {
        self.may_use_job(&id, PermissionAction::Read)?;
        let outcomes = self.plugin.jobs.queue.outcomes(&id, limit).await?;
        Ok(outcomes.iter().map(outcome_json).collect())
    }
}

impl wit::Host for HostState {
    async fn add(
        &mut self,
        id: String,
        action: String,
        args: String,
        schedule: wit::Schedule,
        replace_existing: bool,
    ) -> Result<Option<u64>, Failure> {
        let bytes = id.len() + action.len() + args.len();
        let answer = self.add_job(id, action, args, schedule, replace_existing).await;
        self.end_host_call(bytes).await;
        answer
    }

    async fn get(&mut self, id: String) -> Result<Option<String>, Failure> {
        let answer = self.job_of(id).await;
        self.end_host_call(answer.iter().flatten().map(String::len).sum()).await;
        answer
    }

    async fn jobs(&mut self) -> Result<Vec<String>, Failure> {
        let answer = self.readable_jobs().await;
        self.end_host_call(answer.iter().flatten().map(String::len).sum()).await;
        answer
    }

    async fn pause(&mut self, id: String) -> Result<bool, Failure> {
        let answer = self.set_job_paused(id, true).await;
        self.end_host_call(0).await;
        answer
    }

    async fn resume(&mut self, id: String) -> Result<bool, Failure> {
        let answer = self.set_job_paused(id, false).await;
        self.end_host_call(0).await;
        answer
    }

    async fn remove(&mut self, id: String) -> Result<bool, Failure> {
        let answer = match self.may_use_job(&id, PermissionAction::Write) {
            Ok(()) => self.plugin.jobs.queue.remove(id).await.map_err(Failure::from),
            Err(denied) => Err(denied),
        };
        self.end_host_call(0).await;
        answer
    }

    async fn outcomes(&mut self, id: String, limit: u32) -> Result<Vec<String>, Failure> {
        let answer = self.job_outcomes(id, limit).await;
        self.end_host_call(answer.iter().flatten().map(String::len).sum()).await;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_of_a_later_contract_is_refused() {
        let refused = parse(wit::Schedule::Other("{}".into()));
        assert!(
            matches!(&refused, Err(failure) if failure.code == INVALID_ARGUMENT && failure.message.contains("interval, date")),
            "{refused:?}"
        );
    }
}
