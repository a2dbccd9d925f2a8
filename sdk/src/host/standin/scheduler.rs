//! Jobs in this thread's memory. They run only when a test calls
//! [`Instance::run_job`](crate::native::Instance::run_job). The next time of a cron expression is not computed here;
//! `plugbay-testing` runs a component on the real host, with a clock that the test controls.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::error::{Error, Result, error};
use crate::scheduler::{Job, Outcome, Run, Schedule, milliseconds, moment, whole_milliseconds};

/// As the host's `JOB_ID_BYTES_MAX`.
const ID_BYTES_MAX: usize = 128;
/// As the host's `JOB_ARGS_BYTES_MAX`.
const ARGS_BYTES_MAX: usize = 64 << 10;
/// As the host's `JOB_INTERVAL_MIN`.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// As the host's `JOB_OUTCOMES_MAX`.
const OUTCOMES_MAX: usize = 100;

thread_local! {
    static JOBS: RefCell<BTreeMap<String, Job>> = const { RefCell::new(BTreeMap::new()) };
    /// The newest first.
    static OUTCOMES: RefCell<BTreeMap<String, Vec<Outcome>>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn scheduler_add(
    id: &str,
    action: &str,
    args: &str,
    schedule: &Schedule,
    replace_existing: bool,
) -> Result<Option<u64>> {
    check(id)?;
    if args.len() > ARGS_BYTES_MAX {
        return Err(error(format!("the arguments have {} bytes; the maximum is {ARGS_BYTES_MAX}", args.len()))
            .with_code("limit_exceeded"));
    }
    let next = first(schedule)?;
    JOBS.with_borrow_mut(|jobs| {
        if !replace_existing && jobs.contains_key(id) {
            return Err(
                error("the job exists already; replace it with `.replace_existing()`").with_code("already_exists")
            );
        }
        OUTCOMES.with_borrow_mut(|outcomes| outcomes.remove(id));
        let (args, schedule) = (serde_json::from_str(args)?, schedule.clone());
        let (id, action) = (id.to_owned(), action.to_owned());
        jobs.insert(id.clone(), Job { id, action, args, schedule, next_run: next, paused: false });
        Ok(next.map(milliseconds))
    })
}

pub(crate) fn scheduler_get(id: &str) -> Result<Option<Job>> {
    check(id)?;
    Ok(JOBS.with_borrow(|jobs| jobs.get(id).map(shown)))
}

pub(crate) fn scheduler_jobs() -> Result<Vec<Job>> {
    Ok(JOBS.with_borrow(|jobs| jobs.values().map(shown).collect()))
}

pub(crate) fn scheduler_pause(id: &str) -> Result<bool> {
    set_paused(id, true)
}

pub(crate) fn scheduler_resume(id: &str) -> Result<bool> {
    set_paused(id, false)
}

pub(crate) fn scheduler_remove(id: &str) -> Result<bool> {
    check(id)?;
    OUTCOMES.with_borrow_mut(|outcomes| outcomes.remove(id));
    Ok(JOBS.with_borrow_mut(|jobs| jobs.remove(id).is_some()))
}

pub(crate) fn scheduler_outcomes(id: &str, limit: u32) -> Result<Vec<Outcome>> {
    check(id)?;
    let last = |outcomes: &BTreeMap<String, Vec<Outcome>>| {
        outcomes.get(id).into_iter().flatten().take(limit as usize).cloned().collect()
    };
    Ok(OUTCOMES.with_borrow(last))
}

/// Begins a run of a job, due or not, and returns its action and payload.
pub(crate) fn begin_run(id: &str) -> Result<(String, Run<Value>)> {
    let job = JOBS.with_borrow(|jobs| jobs.get(id).cloned()).ok_or_else(|| none(id))?;
    let scheduled_ms = milliseconds(job.next_run.unwrap_or_else(SystemTime::now));
    Ok((job.action, Run { job: job.id, args: job.args, scheduled_ms }))
}

/// Stores the outcome of a run, and removes a one-time job.
pub(crate) fn end_run(run: &Run<Value>, answer: &Result<Value>) {
    let answer = answer
        .clone()
        .map_err(|failure| json!({ "status": "error", "msg": failure.message(), "code": failure.code() }));
    let now = SystemTime::now();
    let outcome = Outcome { job: run.job.clone(), scheduled: run.scheduled(), started: now, finished: now, answer };
    OUTCOMES.with_borrow_mut(|outcomes| {
        let of_job = outcomes.entry(run.job.clone()).or_default();
        of_job.insert(0, outcome);
        of_job.truncate(OUTCOMES_MAX);
    });
    JOBS.with_borrow_mut(|jobs| match jobs.get_mut(&run.job) {
        Some(Job { schedule: Schedule::At(_), .. }) => drop(jobs.remove(&run.job)),
        Some(Job { schedule: Schedule::Every(interval), next_run, .. }) => {
            *next_run = Some(moment(run.scheduled_ms.saturating_add(whole_milliseconds(*interval))));
        }
        Some(_) | None => {}
    });
}

fn shown(job: &Job) -> Job {
    let next_run = if job.paused { None } else { job.next_run };
    Job { next_run, ..job.clone() }
}

fn set_paused(id: &str, paused: bool) -> Result<bool> {
    check(id)?;
    JOBS.with_borrow_mut(|jobs| {
        let job = jobs.get_mut(id).ok_or_else(|| none(id))?;
        Ok(std::mem::replace(&mut job.paused, paused) != paused)
    })
}

fn first(schedule: &Schedule) -> Result<Option<SystemTime>> {
    match schedule {
        Schedule::Every(interval) if *interval < INTERVAL_MIN => {
            Err(error(format!("an interval of {interval:?} is too short; the minimum is {INTERVAL_MIN:?}"))
                .with_code("invalid_argument"))
        }
        Schedule::Every(interval) => Ok(SystemTime::now().checked_add(*interval)),
        Schedule::At(moment) => Ok(Some(*moment)),
        Schedule::Cron { expression, .. } if matches!(expression.split_whitespace().count(), 5 | 6) => Ok(None),
        Schedule::Cron { expression, .. } => {
            Err(error(format!("`{expression}` is not a cron expression: it must have five or six fields"))
                .with_code("invalid_argument"))
        }
        Schedule::Other(_) => Err(error("unknown kind of schedule").with_code("invalid_argument")),
    }
}

fn check(id: &str) -> Result<()> {
    let fits = (1..=ID_BYTES_MAX).contains(&id.len()) && !id.contains(char::is_control);
    let wrong = || {
        error(format!("a job's id must have 1 to {ID_BYTES_MAX} bytes and no control characters"))
            .with_code("invalid_argument")
    };
    if fits { Ok(()) } else { Err(wrong()) }
}

fn none(id: &str) -> Error {
    error(format!("the plugin has no job `{id}`")).with_code("not_found")
}
