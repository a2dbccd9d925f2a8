//! The runs of jobs: which begin, what follows from their ends, and what remains of them after a crash.
//!
//! A run is stored before it begins, and again, with its outcome and the job's next run, when it has ended. So a run
//! that was begun and killed is never lost: the next look finds it begun and not running, stores the outcome
//! `interrupted` and runs the job again. **Jobs run at least once**: an action that must not happen twice has to ensure
//! that itself, for example by `scheduled_ms`. A one-time job is removed only after its run.
//!
//! The run may have ended the host. A job that was interrupted several times in a row is paused, so that a host that
//! is restarted again and again comes up in the end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::job_queue::{JobQueue, WakeOnDrop, find_run, within};
use super::store::{
    DueJob, DueRun, Job, JobChange, JobClaim, JobError, JobOutcome, JobSchedule, JobUpdate, run_payload,
};
use super::when::{When, milliseconds};
use crate::limits::{JOB_ANSWER_BYTES_MAX, JOB_INTERRUPTIONS_MAX, JOB_RETRY_MIN};

/// A run that has begun.
pub(crate) struct Run {
    job: DueJob,
    action: String,
    args: String,
    started_ms: u64,
    /// Other processes do not run these jobs until it has ended.
    _claim: Arc<dyn JobClaim>,
    _running: Running,
}

/// The result of a look at the jobs.
#[derive(Default)]
pub(crate) struct Look {
    /// The runs that it began.
    pub(crate) begun: Vec<Run>,
    /// When the next job is due that is not due yet, in milliseconds since the Unix epoch.
    pub(crate) next_ms: Option<u64>,
    /// Jobs that are due and may not run.
    pub(crate) withheld: Vec<String>,
    /// Jobs that are paused because the host ended while they ran, several times in a row. Found by the first look of a
    /// runner, and by the look that pauses them.
    pub(crate) given_up: Vec<String>,
}

/// The end of a run.
pub(crate) enum Ended {
    /// The action returned this result, or failed with this error.
    With(Result<String, String>),
    /// It was refused with this error before the action began. It may be tried again after this time.
    Refused(String, Option<Duration>),
}

impl Run {
    /// The job's id.
    pub(crate) fn job(&self) -> &str {
        &self.job.id
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    /// The payload of the action.
    pub(crate) fn payload(&self) -> String {
        run_payload(&self.job.id, &self.args, self.scheduled_ms())
    }

    pub(super) fn scheduled_ms(&self) -> u64 {
        self.job.scheduled_ms()
    }
}

impl DueJob {
    /// When its run is or was due.
    fn scheduled_ms(&self) -> u64 {
        self.state.next_ms.or(self.state.begun_ms).unwrap_or(self.state.covered_ms)
    }
}

impl JobQueue {
    /// Begins runs that are due, at most `capacity`: the job that has been due the longest comes first. `may` returns
    /// whether the job with an id may run.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn look(
        self: &Arc<Self>,
        claim: Arc<dyn JobClaim>,
        capacity: usize,
        may: impl Fn(&str) -> bool + Send,
    ) -> Result<Look, JobError> {
        // One look at a time. Only looks begin runs, so a run that has begun and is not among these ids was killed: its
        // end is stored before its id is removed.
        let _looking = self.activity().looking.lock().await;
        let running = self.activity().running.borrow().clone();
        let (now_ms, set_back) = self.now_ms_and_set_back();
        let mut look = Look::default();
        if set_back {
            look.given_up = self.check_clock(now_ms).await.inspect_err(|_| self.check_clock_again())?;
        }
        let store = self.store().await?;
        let mut due = within(store.due(now_ms)).await?;
        let interrupted = interrupted(&due.jobs, &running, now_ms, &mut look.given_up);
        if !interrupted.is_empty() {
            within(store.update(interrupted)).await?;
            due = within(store.due(now_ms)).await?;
        }
        look.next_ms = due.next_ms;
        let mut reserved = Vec::new();
        for job in due.jobs.into_iter().filter(|job| job.state.begun_ms.is_none()) {
            if reserved.len() >= capacity {
                break;
            }
            if !may(&job.id) {
                look.withheld.push(job.id);
                continue;
            }
            if let Some(running) = Running::reserve(self, &job.id) {
                reserved.push((job, running));
            }
        }
        if reserved.is_empty() {
            return Ok(look);
        }
        let runs =
            reserved.iter().map(|(job, _)| DueRun { number: job.number, scheduled_ms: job.scheduled_ms() }).collect();
        let mut begun = within(store.begin(runs, now_ms)).await?;
        for (job, mut running) in reserved {
            // A job that was removed, replaced or paused in the meantime has not begun.
            let Some(index) = begun.iter().position(|run| run.number == job.number) else { continue };
            let run = begun.swap_remove(index);
            running.wake_at_end(self);
            look.begun.push(Run {
                job,
                action: run.action,
                args: run.args,
                started_ms: now_ms,
                _claim: claim.clone(),
                _running: running,
            });
        }
        Ok(look)
    }

    /// Checks all jobs against a clock that may have been set back. Returns the jobs that are paused because the host
    /// ended while they ran.
    async fn check_clock(&self, now_ms: u64) -> Result<Vec<String>, JobError> {
        let store = self.store().await?;
        let jobs = within(store.list()).await?;
        let given_up = |job: &&Job| job.state.paused && job.state.interruptions >= JOB_INTERRUPTIONS_MAX;
        let ids = jobs.iter().filter(given_up).map(|job| job.id.clone()).collect();
        // On a thread that may block, because a cron expression may take long to search.
        let updates = tokio::task::spawn_blocking(move || {
            jobs.iter().filter_map(|job| after_set_back(job, now_ms)).collect::<Vec<_>>()
        });
        let updates = updates.await.map_err(|error| {
            tracing::error!(plugin = self.plugin(), %error, "its jobs were not checked against the clock");
            JobError::Unavailable("the jobs were not checked against the clock; the host's log says why".to_owned())
        })?;
        if !updates.is_empty() {
            within(store.update(updates)).await?;
        }
        Ok(ids)
    }

    /// Stores the outcome of a run, and when its job runs next.
    ///
    /// # Errors
    /// Those of the store. The run then counts as interrupted.
    pub(crate) async fn end(&self, run: Run, ended: Ended) -> Result<(), JobError> {
        let finished_ms = self.now_ms();
        let (scheduled_ms, started_ms) = (run.scheduled_ms(), run.started_ms);
        let (answer, again) = match ended {
            Ended::With(answer) => (answer, None),
            Ended::Refused(error, again) => (Err(error), Some(again.unwrap_or_default().max(JOB_RETRY_MIN))),
        };
        let again_ms = again.map(|pause| finished_ms.saturating_add(milliseconds(pause)));
        let next_ms = match When::parse(&run.job.schedule) {
            // A one-time job is removed, unless it is to be tried again.
            Ok(When::DateMs(_)) => again_ms,
            Ok(when) => find_run(&when, move |when| when.after(scheduled_ms, started_ms)).await,
            Err(error) => {
                let (plugin, job) = (self.plugin(), &run.job.id);
                tracing::error!(plugin, job, %error, "the stored schedule cannot be read: the job does not run again");
                None
            }
        };
        let change = match (&run.job.schedule, next_ms) {
            (JobSchedule::DateMs(_), None) => JobChange::Remove,
            _ => JobChange::Set { next_ms, covered_ms: started_ms, interruptions: 0, pause: false },
        };
        let outcome =
            JobOutcome { job: run.job.id.clone(), scheduled_ms, started_ms, finished_ms, answer: bounded(answer) };
        self.update(&run, Some(outcome), change).await
    }

    /// Takes back that a run has begun: its plugin was unloaded before the action was called.
    ///
    /// # Errors
    /// Those of the store. The run then counts as interrupted.
    pub(crate) async fn put_back(&self, run: Run) -> Result<(), JobError> {
        let state = run.job.state;
        let change = JobChange::Set {
            next_ms: state.next_ms,
            covered_ms: state.covered_ms,
            interruptions: state.interruptions,
            pause: false,
        };
        self.update(&run, None, change).await
    }

    async fn update(&self, run: &Run, outcome: Option<JobOutcome>, change: JobChange) -> Result<(), JobError> {
        let update = JobUpdate { number: run.job.number, begun_ms: Some(run.started_ms), outcome, change };
        within(self.store().await?.update(vec![update])).await
    }
}

/// The updates for runs that have begun and do not run: they were killed with their host. Their jobs are due again,
/// unless that has happened too often.
fn interrupted(jobs: &[DueJob], running: &HashSet<String>, now_ms: u64, given_up: &mut Vec<String>) -> Vec<JobUpdate> {
    let mut updates = Vec::new();
    for job in jobs {
        let Some(started_ms) = job.state.begun_ms.filter(|_| !running.contains(&job.id)) else { continue };
        let interruptions = job.state.interruptions.saturating_add(1);
        let pause = interruptions >= JOB_INTERRUPTIONS_MAX;
        let message = if pause {
            given_up.push(job.id.clone());
            format!(
                "the host ended while the job ran, {interruptions} times in a row: the job is paused; \
                 resume it when it is known why"
            )
        } else {
            "the host ended while the job ran, which is run again".to_owned()
        };
        updates.push(JobUpdate {
            number: job.number,
            begun_ms: Some(started_ms),
            outcome: Some(JobOutcome {
                job: job.id.clone(),
                scheduled_ms: job.scheduled_ms(),
                started_ms,
                finished_ms: now_ms.max(started_ms),
                answer: Err(error_json("interrupted", &message)),
            }),
            change: JobChange::Set {
                next_ms: job.state.next_ms,
                covered_ms: job.state.covered_ms,
                interruptions,
                pause,
            },
        });
    }
    updates
}

/// The update of a job after the clock was set back, if it needs one.
fn after_set_back(job: &Job, now_ms: u64) -> Option<JobUpdate> {
    let (next_ms, covered_ms) = When::parse(&job.schedule).ok()?.after_set_back(&job.state, now_ms)?;
    let interruptions = job.state.interruptions;
    Some(JobUpdate {
        number: job.number,
        begun_ms: None,
        outcome: None,
        change: JobChange::Set { next_ms, covered_ms, interruptions, pause: false },
    })
}

/// A job is running for as long as this lives.
struct Running {
    ids: watch::Sender<HashSet<String>>,
    id: String,
    /// The last field, so that the runner that it wakes finds the id removed.
    wake: Option<WakeOnDrop>,
}

impl Running {
    /// `None` if a job with this id runs already.
    fn reserve(queue: &JobQueue, id: &str) -> Option<Self> {
        let new = queue.activity().running.send_if_modified(|ids| ids.insert(id.to_owned()));
        new.then(|| Running { ids: queue.activity().running.clone(), id: id.to_owned(), wake: None })
    }

    /// Wakes the runner when the job no longer runs. A reservation that is given up does not: the runner would try
    /// again at once, and forever if the store fails.
    fn wake_at_end(&mut self, queue: &JobQueue) {
        self.wake = Some(queue.wake_on_drop());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ids.send_if_modified(|ids| ids.remove(&self.id));
    }
}

/// An answer that is short enough to be stored.
fn bounded(answer: Result<String, String>) -> Result<String, String> {
    match answer {
        Ok(answer) => Ok(bounded_answer(answer)),
        Err(error) => Err(bounded_error(error)),
    }
}

fn bounded_answer(answer: String) -> String {
    if answer.len() <= JOB_ANSWER_BYTES_MAX { answer } else { json!({ "left_out_bytes": answer.len() }).to_string() }
}

/// An error that fits: if it is too long as a whole, its code and the beginning of its message.
fn bounded_error(error: String) -> String {
    if error.len() <= JOB_ANSWER_BYTES_MAX {
        return error;
    }
    let whole: Value = serde_json::from_str(&error).unwrap_or_default();
    let beginning = |member: &str| {
        let text = whole[member].as_str().unwrap_or_default();
        // In JSON a character may take six bytes.
        text[..text.floor_char_boundary(JOB_ANSWER_BYTES_MAX / 16)].to_owned()
    };
    error_json(&beginning("code"), &beginning("msg"))
}

fn error_json(code: &str, message: &str) -> String {
    json!({ "status": "error", "msg": message, "code": code }).to_string()
}

#[cfg(test)]
mod tests;
