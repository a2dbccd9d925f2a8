//! `plugbay:plugin/scheduler`.

use serde::Deserialize;
use serde_json::Value;

use super::failure;
use crate::bindings::imports::plugbay::plugin::scheduler as host;
use crate::error::Result;
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
    host::get(id).map_err(failure)?.map(|found| job(&found)).transpose()
}

pub(crate) fn scheduler_jobs() -> Result<Vec<Job>> {
    host::jobs().map_err(failure)?.iter().map(|found| job(found)).collect()
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
    host::outcomes(id, limit).map_err(failure)?.iter().map(|found| outcome(found)).collect()
}

fn job(json: &str) -> Result<Job> {
    #[derive(Deserialize)]
    struct Found {
        id: String,
        action: String,
        args: Value,
        schedule: Value,
        next_run_ms: Option<u64>,
        paused: bool,
    }
    let Found { id, action, args, schedule, next_run_ms, paused } = serde_json::from_str(json)?;
    Ok(Job { id, action, args, schedule: read_schedule(schedule), next_run: next_run_ms.map(moment), paused })
}

fn read_schedule(json: Value) -> Schedule {
    let text = |member: &str| json[member].as_str().map(str::to_owned);
    if let Some(ms) = json["interval_ms"].as_u64() {
        Schedule::Every(std::time::Duration::from_millis(ms))
    } else if let Some(ms) = json["date_ms"].as_u64() {
        Schedule::At(moment(ms))
    } else if let Some(expression) = text("cron") {
        Schedule::Cron { expression, time_zone: text("time_zone").unwrap_or_default() }
    } else {
        Schedule::Other(json.to_string())
    }
}

fn outcome(json: &str) -> Result<Outcome> {
    #[derive(Deserialize)]
    struct Found {
        job: String,
        scheduled_ms: u64,
        started_ms: u64,
        finished_ms: u64,
        #[serde(default)]
        result: Value,
        error: Option<Value>,
    }
    let Found { job, scheduled_ms, started_ms, finished_ms, result, error } = serde_json::from_str(json)?;
    Ok(Outcome {
        job,
        scheduled: moment(scheduled_ms),
        started: moment(started_ms),
        finished: moment(finished_ms),
        answer: error.map_or(Ok(result), Err),
    })
}
