//! The jobs of one plugin and their last outcomes in SQLite: `scheduler.sqlite3` in the plugin's directory, or a
//! database in memory if there is no directory.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};

use crate::service::jobs::store::{
    BegunRun, DueJob, DueJobs, DueRun, Job, JobChange, JobError, JobLimits, JobOutcome, JobSchedule, JobState,
    JobUpdate, NewJob,
};
use crate::sqlite::{Database, Stopped};

/// The file in the plugin's directory.
pub(super) const FILE: &str = "scheduler.sqlite3";

/// The steps that made the file what it is. `next_ms` is null if a job will not run again. `covered_ms` is the moment
/// up to which its runs are accounted for. `begun_ms` is set while it runs; if it is found set without a run, the run
/// was killed. `interruptions` counts the killed runs since the last run that ended.
pub(super) const STEPS: &[&str] = &[
    "
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        action TEXT NOT NULL,
        args TEXT NOT NULL,
        schedule TEXT NOT NULL,
        interval_ms INTEGER,
        next_ms INTEGER,
        covered_ms INTEGER NOT NULL,
        begun_ms INTEGER,
        paused INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE outcomes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL,
        scheduled_ms INTEGER NOT NULL,
        started_ms INTEGER NOT NULL,
        finished_ms INTEGER NOT NULL,
        succeeded INTEGER NOT NULL,
        answer TEXT NOT NULL
    ) STRICT;
    CREATE INDEX outcomes_by_job ON outcomes (job, number);
",
    "
    ALTER TABLE jobs ADD COLUMN interruptions INTEGER NOT NULL DEFAULT 0;
",
];

/// The database of one plugin's jobs.
pub(super) struct JobsDb {
    database: Arc<Database>,
    limits: JobLimits,
}

impl JobsDb {
    pub(super) fn new(database: Arc<Database>, limits: JobLimits) -> Self {
        JobsDb { database, limits }
    }

    pub(super) async fn add(&self, job: NewJob) -> Result<(), JobError> {
        let limits = self.limits;
        self.database
            .write(move |rows| {
                replace_and_check(rows, &job, limits)?;
                let interval_ms = match job.schedule {
                    JobSchedule::IntervalMs(ms) => Some(to_sql(ms)),
                    JobSchedule::DateMs(_) | JobSchedule::Cron { .. } => None,
                };
                rows.prepare_cached(
                    "INSERT INTO jobs (id, action, args, schedule, interval_ms, next_ms, covered_ms, paused)
                     VALUES (:id, :action, :args, :schedule, :interval, :next, :now, 0)",
                )?
                .execute(named_params! {
                    ":id": job.id, ":action": job.action, ":args": job.args,
                    ":schedule": serde_json::to_string(&job.schedule).unwrap_or_default(), ":interval": interval_ms,
                    ":next": job.next_ms.map(to_sql), ":now": to_sql(job.added_ms),
                })?;
                Ok(())
            })
            .await
    }

    pub(super) async fn get(&self, id: &str) -> Result<Option<Job>, JobError> {
        let id = id.to_owned();
        let read = move |rows: &Connection| {
            rows.prepare_cached(&format!("{SELECT_JOBS} WHERE id = ?1"))?.query_row([&id], job).optional()
        };
        Ok(self.database.read(read).await?)
    }

    pub(super) async fn list(&self) -> Result<Vec<Job>, JobError> {
        let read = |rows: &Connection| {
            rows.prepare_cached(&format!("{SELECT_JOBS} ORDER BY id"))?.query_map([], job)?.collect()
        };
        Ok(self.database.read(read).await?)
    }

    pub(super) async fn set_paused(&self, id: &str, paused: bool) -> Result<bool, JobError> {
        let id = id.to_owned();
        self.database
            .write(move |rows| {
                let found =
                    rows.query_row("SELECT paused FROM jobs WHERE id = ?1", [&id], |row| row.get(0)).optional()?;
                let was: bool = found.ok_or_else(|| Stopped::Refused(JobError::not_found(&id)))?;
                if was != paused {
                    rows.execute("UPDATE jobs SET paused = ?2, interruptions = 0 WHERE id = ?1", (&id, paused))?;
                }
                Ok(was != paused)
            })
            .await
    }

    pub(super) async fn remove(&self, id: &str) -> Result<bool, JobError> {
        let id = id.to_owned();
        self.database.write(move |rows| Ok(remove(rows, &id)?)).await
    }

    pub(super) async fn outcomes(&self, id: &str, limit: u32) -> Result<Vec<JobOutcome>, JobError> {
        let id = id.to_owned();
        let read = move |rows: &Connection| {
            rows.prepare_cached(
                "SELECT job, scheduled_ms, started_ms, finished_ms, succeeded, answer FROM outcomes
                 WHERE job = ?1 ORDER BY number DESC LIMIT ?2",
            )?
            .query_map((&id, limit), outcome)?
            .collect()
        };
        Ok(self.database.read(read).await?)
    }

    pub(super) async fn due(&self, now_ms: u64) -> Result<DueJobs, JobError> {
        let read = move |rows: &Connection| {
            // Both statements see the same jobs.
            let rows = rows.unchecked_transaction()?;
            let jobs = rows
                .prepare_cached(
                    "SELECT number, id, schedule, next_ms, covered_ms, begun_ms, paused, interruptions FROM jobs
                     WHERE begun_ms IS NOT NULL OR (NOT paused AND next_ms <= ?1) ORDER BY next_ms, number",
                )?
                .query_map([to_sql(now_ms)], due)?
                .collect::<rusqlite::Result<_>>()?;
            let next_ms: Option<i64> = rows
                .prepare_cached("SELECT min(next_ms) FROM jobs WHERE NOT paused AND begun_ms IS NULL AND next_ms > ?1")?
                .query_row([to_sql(now_ms)], |row| row.get(0))?;
            Ok(DueJobs { jobs, next_ms: next_ms.map(from_sql) })
        };
        Ok(self.database.read(read).await?)
    }

    pub(super) async fn begin(&self, runs: Vec<DueRun>, started_ms: u64) -> Result<Vec<BegunRun>, JobError> {
        let begin = move |rows: &Transaction<'_>| {
            let mut update = rows.prepare_cached(
                "UPDATE jobs SET begun_ms = ?3 WHERE number = ?1 AND next_ms = ?2 AND begun_ms IS NULL AND NOT paused
                 RETURNING action, args",
            )?;
            let mut begun = Vec::with_capacity(runs.len());
            for DueRun { number, scheduled_ms } in runs {
                let run = update.query_row((to_sql(number), to_sql(scheduled_ms), to_sql(started_ms)), |row| {
                    Ok(BegunRun { number, action: row.get(0)?, args: row.get(1)? })
                });
                begun.extend(run.optional()?);
            }
            Ok::<_, Stopped<JobError>>(begun)
        };
        self.database.write(begin).await
    }

    pub(super) async fn update(&self, updates: Vec<JobUpdate>) -> Result<(), JobError> {
        let limits = self.limits;
        let change = move |rows: &Transaction<'_>| {
            for update in &updates {
                if let Some(outcome) = &update.outcome {
                    add_outcome(rows, outcome, limits)?;
                }
                change(rows, update)?;
            }
            Ok::<_, Stopped<JobError>>(())
        };
        self.database.write(change).await
    }
}

/// Removes the job that a new one replaces, and checks the limits for the new one.
fn replace_and_check(rows: &Transaction<'_>, job: &NewJob, limits: JobLimits) -> Result<(), Stopped<JobError>> {
    if job.replace {
        remove(rows, &job.id)?;
    } else if rows.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?.exists([&job.id])? {
        return Err(Stopped::Refused(JobError::exists(&job.id)));
    }
    let (jobs, bytes) = rows
        .prepare_cached("SELECT count(*), coalesce(sum(octet_length(args)), 0) FROM jobs")?
        .query_row([], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
    limits.check(jobs + 1, bytes + job.args.len()).map_err(Stopped::Refused)
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(column)?).unwrap_or(usize::MAX))
}

fn remove(rows: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    rows.prepare_cached("DELETE FROM outcomes WHERE job = ?1")?.execute([id])?;
    Ok(rows.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([id])? > 0)
}

fn change(rows: &Transaction<'_>, update: &JobUpdate) -> rusqlite::Result<()> {
    let (number, begun) = (to_sql(update.number), update.begun_ms.map(to_sql));
    match update.change {
        JobChange::Remove => {
            rows.prepare_cached("DELETE FROM jobs WHERE number = ?1 AND begun_ms IS ?2")?.execute((number, begun))?;
        }
        JobChange::Set { next_ms, covered_ms, interruptions, pause } => {
            rows.prepare_cached(
                "UPDATE jobs SET next_ms = :next, covered_ms = :covered, begun_ms = NULL,
                     interruptions = :interruptions, paused = paused OR :pause
                 WHERE number = :number AND begun_ms IS :begun",
            )?
            .execute(named_params! {
                ":next": next_ms.map(to_sql), ":covered": to_sql(covered_ms), ":interruptions": interruptions,
                ":pause": pause, ":number": number, ":begun": begun,
            })?;
        }
    }
    Ok(())
}

/// Stores an outcome, and removes the oldest ones beyond the bounds.
fn add_outcome(rows: &Transaction<'_>, outcome: &JobOutcome, limits: JobLimits) -> rusqlite::Result<()> {
    let (Ok(answer) | Err(answer)) = &outcome.answer;
    rows.prepare_cached(
        "INSERT INTO outcomes (job, scheduled_ms, started_ms, finished_ms, succeeded, answer)
         VALUES (:job, :scheduled, :started, :finished, :succeeded, :answer)",
    )?
    .execute(named_params! {
        ":job": outcome.job, ":scheduled": to_sql(outcome.scheduled_ms), ":started": to_sql(outcome.started_ms),
        ":finished": to_sql(outcome.finished_ms), ":succeeded": outcome.answer.is_ok(), ":answer": answer,
    })?;
    rows.prepare_cached(
        "DELETE FROM outcomes WHERE job = ?1 AND number <=
         (SELECT number FROM outcomes WHERE job = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute((&outcome.job, limits.outcomes_max))?;
    // Counted in the index, so that the answers are not read.
    rows.prepare_cached(
        "DELETE FROM outcomes WHERE number IN (SELECT number FROM outcomes ORDER BY number
         LIMIT max(0, (SELECT count(*) FROM outcomes INDEXED BY outcomes_by_job) - ?1))",
    )?
    .execute([limits.outcomes_total_max])?;
    Ok(())
}

const SELECT_JOBS: &str =
    "SELECT number, id, schedule, next_ms, covered_ms, begun_ms, paused, interruptions, action, args FROM jobs";

fn due(row: &Row<'_>) -> rusqlite::Result<DueJob> {
    Ok(DueJob {
        number: from_sql(row.get(0)?),
        id: row.get(1)?,
        schedule: schedule(row, 2)?,
        state: JobState {
            next_ms: row.get::<_, Option<i64>>(3)?.map(from_sql),
            covered_ms: from_sql(row.get(4)?),
            begun_ms: row.get::<_, Option<i64>>(5)?.map(from_sql),
            paused: row.get(6)?,
            interruptions: row.get(7)?,
        },
    })
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let DueJob { number, id, schedule, state } = due(row)?;
    Ok(Job { number, id, action: row.get(8)?, args: row.get(9)?, schedule, state })
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<JobOutcome> {
    let answer = row.get(5)?;
    Ok(JobOutcome {
        job: row.get(0)?,
        scheduled_ms: from_sql(row.get(1)?),
        started_ms: from_sql(row.get(2)?),
        finished_ms: from_sql(row.get(3)?),
        answer: if row.get(4)? { Ok(answer) } else { Err(answer) },
    })
}

/// The schedule in a column, which is JSON.
fn schedule(row: &Row<'_>, column: usize) -> rusqlite::Result<JobSchedule> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Moments and numbers are bounded far below what SQLite's integers hold.
fn to_sql(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn from_sql(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedule_is_stored_as_json_of_the_first_version() {
        let cron = JobSchedule::Cron { expression: "0 3 * * *".into(), time_zone: "Europe/Berlin".into() };
        for (schedule, json) in [
            (JobSchedule::IntervalMs(1_000), r#"{"interval_ms":1000}"#),
            (JobSchedule::DateMs(7), r#"{"date_ms":7}"#),
            (cron, r#"{"cron":{"expression":"0 3 * * *","time_zone":"Europe/Berlin"}}"#),
        ] {
            assert_eq!(serde_json::to_string(&schedule).expect("it can be written"), json);
            assert_eq!(serde_json::from_str::<JobSchedule>(json).expect("it can be read"), schedule);
        }
    }
}
