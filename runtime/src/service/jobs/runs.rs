//! The runs of jobs: what is due, what becomes of it, and what is known of it after a crash.
//!
//! A run is written down before it begins, and a second time, together with its outcome and the next run, when it has
//! ended. So a run that was begun and killed is never lost: the next look finds its mark, stores the outcome
//! `interrupted` and runs the job again. **Jobs run at least once**: an action that must not be done twice has to see
//! to that itself, by `scheduled_ms`, say. A one-time job is taken away only after its run.
//!
//! It may have been the run that ended the host. A job that was interrupted several times in a row is paused, so that a
//! host that starts again and again comes up in the end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Transaction, named_params};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::claim::Claim;
use super::jobs_db::{JobsDb, Waking, from_sql, to_sql, when};
use crate::limits::{
    JOB_ANSWER_BYTES_MAX, JOB_CLOCK_CORRECTION, JOB_INTERRUPTIONS_MAX, JOB_OUTCOMES_MAX, JOB_OUTCOMES_TOTAL_MAX,
    JOB_RETRY_MIN,
};
use crate::sqlite::{Stopped, Unavailable};

/// A run that has begun.
pub(crate) struct Run {
    pub(crate) job: String,
    pub(crate) action: String,
    args: String,
    mark: Mark,
    /// Other processes keep their hands off until it has ended.
    _claim: Arc<Claim>,
    _running: Running,
}

/// Where a run is written down.
#[derive(Clone, Copy)]
struct Mark {
    /// The job's, which no other job ever has: what takes its place under the same id is another job.
    number: i64,
    scheduled_ms: u64,
    started_ms: u64,
}

/// What a look at the jobs found.
#[derive(Default)]
pub(crate) struct Look {
    /// Runs that have begun by it.
    pub(crate) begun: Vec<Run>,
    /// When the next job is due that is not due yet, in milliseconds since the Unix epoch.
    pub(crate) next_ms: Option<u64>,
    /// Jobs that are due and may not run.
    pub(crate) withheld: Vec<String>,
    /// Jobs that are paused because the host ended while they ran, again and again.
    pub(crate) given_up: Vec<String>,
}

/// How a run ended.
pub(crate) enum Ended {
    /// The action answered this, or the error that kept it from answering.
    With(Result<String, String>),
    /// It was turned away before the action began, with this error; it may come back after this long.
    Refused(String, Option<Duration>),
}

impl Run {
    /// What the action gets.
    pub(crate) fn payload(&self) -> String {
        // The arguments are JSON, and go to the action byte by byte as they were given.
        format!(r#"{{"job":{},"args":{},"scheduled_ms":{}}}"#, json!(self.job), self.args, self.mark.scheduled_ms)
    }
}

impl JobsDb {
    /// Begins what is due, up to the limit: the job that has been due for longest comes first. `may` says whether the
    /// job of an id may run.
    pub(crate) async fn look(
        self: &Arc<Self>,
        claim: Arc<Claim>,
        room: usize,
        may: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Look, Unavailable> {
        let (now_ms, jobs) = (self.now_ms(), self.clone());
        let work = move |rows: &Transaction<'_>| {
            mend_interrupted(rows, jobs.running_ids(), now_ms)?;
            mend_after_jump(rows, now_ms)?;
            let mut look = Look { next_ms: next_after(rows, now_ms)?, given_up: given_up(rows)?, ..Look::default() };
            for (number, id, scheduled_ms) in due(rows, now_ms)? {
                if look.begun.len() >= room {
                    break;
                }
                if !may(&id) {
                    look.withheld.push(id);
                    continue;
                }
                let Some(running) = Running::begin(&jobs, &id) else { continue };
                let mark = Mark { number, scheduled_ms, started_ms: now_ms };
                look.begun.push(begin(rows, id, mark, claim.clone(), running)?);
            }
            Ok::<_, Stopped<Unavailable>>(look)
        };
        self.database().await?.write(work).await
    }

    /// Keeps how a run ended, and when the job runs next.
    pub(crate) async fn end(&self, run: Run, ended: Ended) -> Result<(), Unavailable> {
        let (job, mark, finished_ms) = (run.job.clone(), run.mark, self.now_ms());
        let keep = move |rows: &Transaction<'_>| {
            let (answer, again) = match ended {
                Ended::With(answer) => (answer, None),
                Ended::Refused(error, again) => (Err(error), Some(again.unwrap_or_default().max(JOB_RETRY_MIN))),
            };
            keep_outcome(rows, &job, mark, finished_ms, answer)?;
            let again_ms = again.map(|pause| finished_ms.saturating_add(milliseconds(pause)));
            Ok::<_, Stopped<Unavailable>>(go_on(rows, mark, again_ms)?)
        };
        self.database().await?.write(keep).await
    }

    /// Takes back that a run has begun: the plugin went before the action was called.
    pub(crate) async fn put_back(&self, run: Run) -> Result<(), Unavailable> {
        let number = run.mark.number;
        let put_back = move |rows: &Transaction<'_>| {
            rows.execute("UPDATE jobs SET begun_ms = NULL WHERE number = ?1", [number])?;
            Ok::<_, Stopped<Unavailable>>(())
        };
        self.database().await?.write(put_back).await
    }

    /// How many jobs run now.
    pub(crate) fn running(&self) -> usize {
        self.running_ids().borrow().len()
    }

    /// Waits until no job runs.
    pub(crate) async fn settled(&self) {
        let _ = self.running_ids().subscribe().wait_for(HashSet::is_empty).await;
    }
}

/// A job is running for as long as this lives.
struct Running {
    ids: watch::Sender<HashSet<String>>,
    id: String,
    /// The last field, so that the woken runner finds the id gone.
    _waking: Waking,
}

impl Running {
    /// None where a job of this id runs already.
    fn begin(jobs: &JobsDb, id: &str) -> Option<Self> {
        let new = jobs.running_ids().send_if_modified(|ids| ids.insert(id.to_owned()));
        new.then(|| Running { ids: jobs.running_ids().clone(), id: id.to_owned(), _waking: jobs.waking() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ids.send_if_modified(|ids| ids.remove(&self.id));
    }
}

/// Jobs that may begin now: number, id and since when they are due.
fn due(rows: &Transaction<'_>, now_ms: u64) -> rusqlite::Result<Vec<(i64, String, u64)>> {
    rows.prepare_cached(
        "SELECT number, id, next_ms FROM jobs
         WHERE NOT paused AND begun_ms IS NULL AND next_ms <= ?1 ORDER BY next_ms, number",
    )?
    .query_map([to_sql(now_ms)], |row| Ok((row.get(0)?, row.get(1)?, from_sql(row.get(2)?))))?
    .collect()
}

/// Resuming a job resets its count, so that a job which its plugin paused is not among them.
fn given_up(rows: &Transaction<'_>) -> rusqlite::Result<Vec<String>> {
    rows.prepare_cached("SELECT id FROM jobs WHERE paused AND interruptions >= ?1 ORDER BY id")?
        .query_map([JOB_INTERRUPTIONS_MAX], |row| row.get(0))?
        .collect()
}

fn next_after(rows: &Transaction<'_>, now_ms: u64) -> rusqlite::Result<Option<u64>> {
    let next: Option<i64> = rows
        .prepare_cached("SELECT min(next_ms) FROM jobs WHERE NOT paused AND begun_ms IS NULL AND next_ms > ?1")?
        .query_row([to_sql(now_ms)], |row| row.get(0))?;
    Ok(next.map(from_sql))
}

fn begin(
    rows: &Transaction<'_>,
    job: String,
    mark: Mark,
    claim: Arc<Claim>,
    running: Running,
) -> rusqlite::Result<Run> {
    let (action, args) = rows
        .prepare_cached("UPDATE jobs SET begun_ms = ?2 WHERE number = ?1 RETURNING action, args")?
        .query_row((mark.number, to_sql(mark.started_ms)), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Run { job, action, args, mark, _claim: claim, _running: running })
}

/// Runs that have begun but are not running were killed with their host. They are due again, unless that has happened
/// too often.
fn mend_interrupted(
    rows: &Transaction<'_>,
    running: &watch::Sender<HashSet<String>>,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let begun: Vec<(i64, String, i64, i64, u32)> = rows
        .prepare_cached(
            "SELECT number, id, coalesce(next_ms, begun_ms), begun_ms, interruptions FROM jobs
             WHERE begun_ms IS NOT NULL",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (number, id, scheduled, started, before) in begun {
        if running.borrow().contains(&id) {
            continue;
        }
        let mark = Mark { number, scheduled_ms: from_sql(scheduled), started_ms: from_sql(started) };
        let interruptions = before.saturating_add(1);
        let gives_up = interruptions >= JOB_INTERRUPTIONS_MAX;
        let message = if gives_up {
            format!(
                "the host ended while the job ran, {interruptions} times in a row: the job is paused; \
                 resume it when it is known why"
            )
        } else {
            "the host ended while the job ran, which is run again".to_owned()
        };
        keep_outcome(rows, &id, mark, now_ms.max(mark.started_ms), Err(error_json("interrupted", &message)))?;
        rows.execute(
            "UPDATE jobs SET begun_ms = NULL, interruptions = ?2, paused = paused OR ?3 WHERE number = ?1",
            (number, interruptions, gives_up),
        )?;
    }
    Ok(())
}

/// The clock may have been set back. An interval is then counted from now. A cron job does not run again for what it
/// ran for already, unless the clock was set back so far that it must have been wrong before.
fn mend_after_jump(rows: &Transaction<'_>, now_ms: u64) -> rusqlite::Result<()> {
    let now = to_sql(now_ms);
    rows.prepare_cached(
        "UPDATE jobs SET next_ms = ?1 + interval_ms
         WHERE interval_ms IS NOT NULL AND begun_ms IS NULL AND next_ms > ?1 + interval_ms",
    )?
    .execute([now])?;
    let latest = to_sql(now_ms.saturating_add(milliseconds(JOB_CLOCK_CORRECTION)));
    let ahead: Vec<(i64, super::when::When)> = rows
        .prepare_cached("SELECT number, schedule FROM jobs WHERE begun_ms IS NULL AND covered_ms > ?1")?
        .query_map([latest], |row| Ok((row.get(0)?, when(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (number, when) in ahead {
        let next = when.first(now_ms).map(to_sql);
        rows.execute("UPDATE jobs SET covered_ms = ?2, next_ms = ?3 WHERE number = ?1", (number, now, next))?;
    }
    Ok(())
}

/// What becomes of a job after its run: a one-time job goes, unless it is to be tried `again`.
fn go_on(rows: &Transaction<'_>, mark: Mark, again_ms: Option<u64>) -> rusqlite::Result<()> {
    let found = rows
        .prepare_cached("SELECT schedule FROM jobs WHERE number = ?1")?
        .query_row([mark.number], |row| when(row, 0))
        .optional()?;
    // Removed or replaced in the meantime: what is there now is another job.
    let Some(when) = found else { return Ok(()) };
    let next = if when.is_date() { again_ms } else { when.after(mark.scheduled_ms, mark.started_ms) };
    if when.is_date() && next.is_none() {
        rows.execute("DELETE FROM jobs WHERE number = ?1", [mark.number])?;
        return Ok(());
    }
    rows.prepare_cached(
        "UPDATE jobs SET next_ms = :next, covered_ms = :covered, begun_ms = NULL, interruptions = 0
         WHERE number = :number",
    )?
    .execute(named_params! {
        ":next": next.map(to_sql), ":covered": to_sql(mark.started_ms), ":number": mark.number,
    })?;
    Ok(())
}

/// Keeps an outcome, and lets the oldest ones go.
fn keep_outcome(
    rows: &Transaction<'_>,
    job: &str,
    mark: Mark,
    finished_ms: u64,
    answer: Result<String, String>,
) -> rusqlite::Result<()> {
    let (succeeded, answer) = match answer {
        Ok(answer) => (true, bounded_answer(answer)),
        Err(error) => (false, bounded_error(error)),
    };
    rows.prepare_cached(
        "INSERT INTO outcomes (job, scheduled_ms, started_ms, finished_ms, succeeded, answer)
         VALUES (:job, :scheduled, :started, :finished, :succeeded, :answer)",
    )?
    .execute(named_params! {
        ":job": job, ":scheduled": to_sql(mark.scheduled_ms), ":started": to_sql(mark.started_ms),
        ":finished": to_sql(finished_ms), ":succeeded": succeeded, ":answer": answer,
    })?;
    rows.prepare_cached(
        "DELETE FROM outcomes WHERE job = ?1 AND number <=
         (SELECT number FROM outcomes WHERE job = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute((job, JOB_OUTCOMES_MAX))?;
    // Counted in the index, so that the answers are not read.
    rows.prepare_cached(
        "DELETE FROM outcomes WHERE number IN (SELECT number FROM outcomes ORDER BY number
         LIMIT max(0, (SELECT count(*) FROM outcomes INDEXED BY outcomes_by_job) - ?1))",
    )?
    .execute([JOB_OUTCOMES_TOTAL_MAX])?;
    Ok(())
}

fn bounded_answer(answer: String) -> String {
    if answer.len() <= JOB_ANSWER_BYTES_MAX { answer } else { json!({ "left_out_bytes": answer.len() }).to_string() }
}

/// An error without its details and with the beginning of its message, where it is too long as a whole.
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

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
