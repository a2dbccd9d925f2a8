//! `plugbay:plugin/scheduler`.

use serde_json::Value;

use crate::bindings::imports::plugbay::plugin::scheduler as host;
use crate::error::{Error, INTERNAL_ERROR, Result, error};
use crate::scheduler::{Job, Outcome, Schedule, milliseconds, moment, whole_milliseconds};

pub(crate) fn scheduler_add(
    id: &str,
    action: &str,
    args: &str,
    schedule: &Schedule,
    replace_existing: bool,
) -> Result<Option<u64>> {
    let schedule = match schedule {
        Schedule::Every(interval) => host::Schedule::IntervalMs(whole_milliseconds(*interval)),
        Schedule::At(moment) => host::Schedule::DateMs(milliseconds(*moment)),
        Schedule::Cron { expression, time_zone } => {
            host::Schedule::Cron(host::Cron { expression: expression.clone(), time_zone: time_zone.clone() })
        }
        Schedule::Other(json) => host::Schedule::Other(json.clone()),
    };
    host::add(id, action, args, &schedule, replace_existing).map_err(failure)
}

pub(crate) fn scheduler_get(id: &str) -> Result<Option<Job>> {
    host::get(id).map(|found| found.map(job)).map_err(failure)
}

pub(crate) fn scheduler_jobs() -> Result<Vec<Job>> {
    host::jobs().map(|jobs| jobs.into_iter().map(job).collect()).map_err(failure)
}

pub(crate) fn scheduler_pause(id: &str) -> Result<bool> {
    host::pause(id).map_err(failure)
}

pub(crate) fn scheduler_resume(id: &str) -> Result<bool> {
    host::resume(id).map_err(failure)
}

pub(crate) fn scheduler_remove(id: &str) -> Result<bool> {
    host::remove(id).map_err(failure)
}

pub(crate) fn scheduler_outcomes(id: &str, limit: u32) -> Result<Vec<Outcome>> {
    host::outcomes(id, limit).map(|outcomes| outcomes.into_iter().map(outcome).collect()).map_err(failure)
}

fn job(job: host::Job) -> Job {
    Job {
        id: job.id,
        action: job.action,
        args: value(job.args),
        schedule: match job.schedule {
            host::Schedule::IntervalMs(ms) => Schedule::Every(std::time::Duration::from_millis(ms)),
            host::Schedule::DateMs(ms) => Schedule::At(moment(ms)),
            host::Schedule::Cron(host::Cron { expression, time_zone }) => Schedule::Cron { expression, time_zone },
            host::Schedule::Other(json) => Schedule::Other(json),
        },
        next_run: job.next_run_ms.map(moment),
        paused: job.paused,
    }
}

fn outcome(outcome: host::Outcome) -> Outcome {
    Outcome {
        job: outcome.job,
        scheduled: moment(outcome.scheduled_ms),
        started: moment(outcome.started_ms),
        finished: moment(outcome.finished_ms),
        answer: outcome.answer.map(value).map_err(value),
    }
}

/// The host stores JSON. Any other text becomes a JSON string.
fn value(json: String) -> Value {
    serde_json::from_str(&json).unwrap_or(Value::String(json))
}

fn failure(failure: host::Error) -> Error {
    let (code, text) = match failure {
        host::Error::Denied(text) => ("permission_denied", text),
        host::Error::Invalid(text) => ("invalid_argument", text),
        host::Error::Exists(text) => ("already_exists", text),
        host::Error::NotFound(text) => ("not_found", text),
        host::Error::Limit(text) => ("limit_exceeded", text),
        host::Error::Unavailable(text) => ("unavailable", text),
        host::Error::Other(text) => (INTERNAL_ERROR, text),
    };
    error(text).with_code(code)
}
