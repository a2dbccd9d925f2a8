//! What is kept of one plugin's jobs: the jobs and their last outcomes, by the plugin's name, whatever revision of it
//! is loaded. In `scheduler.sqlite3` in the plugin's directory, or in memory where there is none.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};
use tokio::sync::{OnceCell, watch};
use tokio::task::JoinHandle;

use super::claim::Claim;
use super::job::{Job, JobsError, NewJob, Outcome};
use super::when::When;
use crate::clock::{Clock, unix_ms};
use crate::limits::{JOB_ARGS_BYTES_TOTAL_MAX, JOB_MOMENT_MS_MAX, JOB_OUTCOMES_MAX, JOBS_MAX};
use crate::scope::PluginScope;
use crate::service::over_limit;
use crate::sqlite::{Database, Stopped, Unavailable};

/// The file in the plugin's directory.
pub(super) const FILE: &str = "scheduler.sqlite3";

/// How the file came to its shape. `next_ms` is none where a job will not run any more; `covered_ms` is the moment up
/// to which its runs are accounted for; `begun_ms` is set while it runs, and what finds it set later knows that it was
/// killed. `interruptions` counts the runs since the last that ended.
const STEPS: &[&str] = &[
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

/// The jobs of one plugin.
pub(crate) struct JobsDb {
    scope: PluginScope,
    /// Opened at the first use: a plugin without jobs costs no file and no memory.
    database: OnceCell<Box<Database>>,
    /// The ids of the jobs that run now: no job runs twice at once, whatever was added in its place.
    running: OnceLock<watch::Sender<HashSet<String>>>,
    /// Held by the runner of these jobs.
    pub(super) claim: Mutex<Weak<Claim>>,
    waker: Arc<Mutex<Option<Box<dyn Wake>>>>,
}

/// The runner of the jobs, as seen from here.
pub(crate) trait Wake: Send + Sync {
    /// Something has changed: look again what is due.
    fn wake(&self);

    /// Whether it only waits, for a moment or a change.
    fn is_at_rest(&self) -> bool;

    /// Begins no more jobs. The returned handle, if any, completes when the runner has ended.
    fn stop(&self) -> Option<JoinHandle<()>>;
}

impl JobsDb {
    pub(super) fn new(scope: PluginScope) -> Self {
        JobsDb {
            scope,
            database: OnceCell::new(),
            running: OnceLock::new(),
            claim: Mutex::default(),
            waker: Arc::default(),
        }
    }

    pub(crate) fn scope(&self) -> &PluginScope {
        &self.scope
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.scope.clock.clone()
    }

    pub(super) fn now_ms(&self) -> u64 {
        unix_ms(self.scope.clock.now()).min(JOB_MOMENT_MS_MAX)
    }

    /// Whether there may be jobs: something was kept, in this process or before it.
    pub(crate) fn may_have_jobs(&self) -> bool {
        let on_disk = |directory: &std::path::PathBuf| directory.join(FILE).exists();
        self.database.initialized() || self.scope.directory.as_ref().is_some_and(on_disk)
    }

    /// Notifies this runner of every change from now on. Returns the previous one.
    pub(crate) fn set_waker(&self, waker: Option<Box<dyn Wake>>) -> Option<Box<dyn Wake>> {
        std::mem::replace(&mut *lock(&self.waker), waker)
    }

    pub(super) fn running_ids(&self) -> &watch::Sender<HashSet<String>> {
        self.running.get_or_init(watch::Sender::default)
    }

    /// Whether no job runs or is about to begin.
    pub(crate) fn are_at_rest(&self) -> bool {
        self.running_ids().borrow().is_empty() && lock(&self.waker).as_ref().is_none_or(|waker| waker.is_at_rest())
    }

    /// Has the runner check again what is due, if there may be any jobs.
    pub(crate) fn wake(&self) {
        if self.may_have_jobs() {
            drop(self.waking());
        }
    }

    /// Notifies the runner when it is dropped, even if the call that changed something was dropped before.
    pub(super) fn waking(&self) -> Waking {
        Waking(self.waker.clone())
    }

    pub(super) async fn database(&self) -> Result<&Database, Unavailable> {
        let open = || async { Database::open(&self.scope, FILE, STEPS).await.map(Box::new) };
        Ok(self.database.get_or_try_init(open).await?)
    }

    /// Keeps a job. Answers when it first runs.
    pub(super) async fn add(&self, job: NewJob) -> Result<Option<u64>, JobsError> {
        let (waking, now_ms) = (self.waking(), self.now_ms());
        self.database()
            .await?
            .write(move |rows| {
                let _waking = waking;
                // In here, because a search that finds nothing takes its time.
                let next = job.when.first(now_ms);
                if next.is_none() {
                    return Err(Stopped::Refused(JobsError::Invalid("the cron expression fits no day at all".into())));
                }
                make_room(rows, &job)?;
                rows.prepare_cached(
                    "INSERT INTO jobs (id, action, args, schedule, interval_ms, next_ms, covered_ms, paused)
                     VALUES (:id, :action, :args, :schedule, :interval, :next, :now, 0)",
                )?
                .execute(named_params! {
                    ":id": job.id, ":action": job.action, ":args": job.args,
                    ":schedule": serde_json::to_string(&job.when).unwrap_or_default(),
                    ":interval": job.when.interval_ms().map(to_sql), ":next": next.map(to_sql), ":now": to_sql(now_ms),
                })?;
                Ok(next)
            })
            .await
    }

    pub(crate) async fn get(&self, id: String) -> Result<Option<Job>, Unavailable> {
        let read = move |rows: &Connection| {
            rows.prepare_cached(&format!("{SELECT_JOBS} WHERE id = ?1"))?.query_row([&id], job).optional()
        };
        self.database().await?.read(read).await
    }

    pub(crate) async fn all(&self) -> Result<Vec<Job>, Unavailable> {
        let read = |rows: &Connection| {
            rows.prepare_cached(&format!("{SELECT_JOBS} ORDER BY id"))?.query_map([], job)?.collect()
        };
        self.database().await?.read(read).await
    }

    /// Pauses a job or lets it run again. Answers whether that changed anything.
    pub(crate) async fn set_paused(&self, id: String, paused: bool) -> Result<bool, JobsError> {
        let waking = self.waking();
        self.database()
            .await?
            .write(move |rows| {
                let _waking = waking;
                let found =
                    rows.query_row("SELECT paused FROM jobs WHERE id = ?1", [&id], |row| row.get(0)).optional()?;
                let was: bool = found.ok_or_else(|| Stopped::Refused(JobsError::NotFound(no_job(&id))))?;
                if was != paused {
                    rows.execute("UPDATE jobs SET paused = ?2, interruptions = 0 WHERE id = ?1", (&id, paused))?;
                }
                Ok(was != paused)
            })
            .await
    }

    /// Removes a job and its outcomes. Answers whether it was there.
    pub(crate) async fn remove(&self, id: String) -> Result<bool, JobsError> {
        let waking = self.waking();
        let removed = self.database().await?.write(move |rows| {
            let _waking = waking;
            Ok(forget(rows, &id)?)
        });
        removed.await
    }

    pub(crate) async fn outcomes(&self, id: String, limit: u32) -> Result<Vec<Outcome>, Unavailable> {
        let limit = limit.min(JOB_OUTCOMES_MAX);
        let read = move |rows: &Connection| {
            rows.prepare_cached(
                "SELECT job, scheduled_ms, started_ms, finished_ms, succeeded, answer FROM outcomes
                 WHERE job = ?1 ORDER BY number DESC LIMIT ?2",
            )?
            .query_map((&id, limit), outcome)?
            .collect()
        };
        self.database().await?.read(read).await
    }
}

/// Notifies the runner of a change when it is dropped.
pub(super) struct Waking(Arc<Mutex<Option<Box<dyn Wake>>>>);

impl Drop for Waking {
    fn drop(&mut self) {
        if let Some(waker) = &*lock(&self.0) {
            waker.wake();
        }
    }
}

/// Takes away the job that a new one replaces, if it may, and checks the bounds for the new one.
fn make_room(rows: &Transaction<'_>, job: &NewJob) -> Result<(), Stopped<JobsError>> {
    let refuse = |error: JobsError| Err(Stopped::Refused(error));
    if job.replace_existing {
        forget(rows, &job.id)?;
    } else if rows.prepare_cached("SELECT 1 FROM jobs WHERE id = ?1")?.exists([&job.id])? {
        return refuse(JobsError::Exists(format!("there is a job `{}`, and it was not to be replaced", job.id)));
    }
    let (jobs, bytes) = rows
        .prepare_cached("SELECT count(*), coalesce(sum(octet_length(args)), 0) FROM jobs")?
        .query_row([], |row| Ok((count(row, 0)?, count(row, 1)?)))?;
    if jobs >= JOBS_MAX {
        return refuse(JobsError::Limit(over_limit("jobs of one plugin", JOBS_MAX, jobs + 1)));
    }
    let bytes = bytes + job.args.len();
    if bytes > JOB_ARGS_BYTES_TOTAL_MAX {
        let what = "bytes of arguments of all jobs of one plugin";
        return refuse(JobsError::Limit(over_limit(what, JOB_ARGS_BYTES_TOTAL_MAX, bytes)));
    }
    Ok(())
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<usize> {
    Ok(usize::try_from(row.get::<_, i64>(column)?).unwrap_or(usize::MAX))
}

fn forget(rows: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    rows.prepare_cached("DELETE FROM outcomes WHERE job = ?1")?.execute([id])?;
    Ok(rows.prepare_cached("DELETE FROM jobs WHERE id = ?1")?.execute([id])? > 0)
}

pub(super) fn no_job(id: &str) -> String {
    format!("there is no job `{id}`")
}

const SELECT_JOBS: &str =
    "SELECT id, action, args, schedule, CASE WHEN paused THEN NULL ELSE next_ms END, paused FROM jobs";

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get(0)?,
        action: row.get(1)?,
        args: row.get(2)?,
        schedule: when(row, 3)?.shown(),
        next_run_ms: row.get::<_, Option<i64>>(4)?.map(from_sql),
        paused: row.get(5)?,
    })
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<Outcome> {
    let answer = row.get(5)?;
    Ok(Outcome {
        job: row.get(0)?,
        scheduled_ms: from_sql(row.get(1)?),
        started_ms: from_sql(row.get(2)?),
        finished_ms: from_sql(row.get(3)?),
        answer: if row.get(4)? { Ok(answer) } else { Err(answer) },
    })
}

/// The schedule in a column.
pub(super) fn when(row: &Row<'_>, column: usize) -> rusqlite::Result<When> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// Moments are bounded far below what SQLite's integers hold.
pub(super) fn to_sql(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
