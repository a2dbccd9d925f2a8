//! Jobs in SQLite: a file for each plugin in a directory, or databases in memory.

mod claim;
mod jobs_db;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use self::claim::{FileClaim, FlagClaim};
use self::jobs_db::{FILE, JobsDb, STEPS};
use super::store::{
    BegunRun, DueJobs, DueRun, Job, JobClaim, JobError, JobFuture, JobLimits, JobOutcome, JobStore, JobStoreProvider,
    JobUpdate, NewJob,
};
use crate::clock::SystemClock;
use crate::scope::PluginScope;
use crate::sqlite::{Database, Unavailable, remove_files};
use crate::store_future::StoreFuture;

/// A backend for `scheduler` in SQLite files, `<directory>/<plugin>/scheduler.sqlite3`, which only this user can read,
/// or in memory. In files, a change is on disk when it is acknowledged, and processes that use the same directory share
/// the jobs. In memory, jobs last as long as this value.
pub struct SqliteJobs(Place);

enum Place {
    Directory(PathBuf),
    Memory(Mutex<HashMap<String, Arc<OnceCell<InMemory>>>>),
}

/// The jobs of one plugin in memory, and whether they are claimed.
#[derive(Clone)]
struct InMemory {
    database: Arc<Database>,
    claimed: Arc<AtomicBool>,
}

impl SqliteJobs {
    /// A backend that stores in this directory. Directories and files are created when they are needed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        SqliteJobs(Place::Directory(directory.into()))
    }

    /// A backend that stores in memory.
    pub fn in_memory() -> Self {
        SqliteJobs(Place::Memory(Mutex::default()))
    }

    async fn open_store(&self, plugin: &str, limits: JobLimits) -> Result<SqliteJobStore, JobError> {
        let open = async |directory: Option<PathBuf>| {
            let scope = PluginScope::new(plugin.into(), directory, Arc::new(SystemClock));
            Ok::<_, JobError>(Arc::new(Database::open(&scope, FILE, STEPS).await?))
        };
        match &self.0 {
            Place::Directory(directory) => {
                let directory = directory.join(plugin);
                let database = open(Some(directory.clone())).await?;
                Ok(SqliteJobStore { db: JobsDb::new(database, limits), claim: ClaimBy::File(directory) })
            }
            Place::Memory(all) => {
                let cell = {
                    let mut all = all.lock();
                    all.entry(plugin.to_owned()).or_default().clone()
                };
                let make =
                    async || Ok::<_, JobError>(InMemory { database: open(None).await?, claimed: Arc::default() });
                let InMemory { database, claimed } = cell.get_or_try_init(make).await?.clone();
                Ok(SqliteJobStore { db: JobsDb::new(database, limits), claim: ClaimBy::Flag(claimed) })
            }
        }
    }

    async fn remove_of(&self, plugin: &str) -> Result<bool, JobError> {
        match &self.0 {
            Place::Directory(directory) => {
                remove_files(directory.join(plugin), FILE, &[claim::FILE]).await.map_err(|error| {
                    tracing::error!(plugin, %error, "its jobs cannot be removed");
                    JobError::Unavailable(format!(
                        "the jobs of plugin `{plugin}` cannot be removed; the host's log says why"
                    ))
                })
            }
            Place::Memory(all) => {
                let removed = all.lock().remove(plugin);
                Ok(removed.is_some_and(|cell| cell.initialized()))
            }
        }
    }
}

impl JobStoreProvider for SqliteJobs {
    fn open<'a>(&'a self, plugin: &'a str, limits: JobLimits) -> JobFuture<'a, Arc<dyn JobStore>> {
        StoreFuture::new(async move {
            let store = self.open_store(plugin, limits).await?;
            Ok(Arc::new(store) as Arc<dyn JobStore>)
        })
    }

    fn may_have_jobs(&self, plugin: &str) -> bool {
        match &self.0 {
            Place::Directory(directory) => directory.join(plugin).join(FILE).exists(),
            Place::Memory(all) => all.lock().contains_key(plugin),
        }
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> JobFuture<'a, bool> {
        StoreFuture::new(self.remove_of(plugin))
    }
}

/// The jobs of one plugin.
struct SqliteJobStore {
    db: JobsDb,
    claim: ClaimBy,
}

enum ClaimBy {
    /// The lock file in this directory.
    File(PathBuf),
    Flag(Arc<AtomicBool>),
}

impl SqliteJobStore {
    async fn take_claim(&self) -> Result<Option<Arc<dyn JobClaim>>, JobError> {
        match &self.claim {
            ClaimBy::Flag(flag) => Ok(FlagClaim::set(flag).map(|claim| Arc::new(claim) as Arc<dyn JobClaim>)),
            ClaimBy::File(directory) => {
                let (plugin, directory) = (directory.file_name().unwrap_or_default().to_owned(), directory.clone());
                let locked = tokio::task::spawn_blocking(move || FileClaim::lock(&directory)).await;
                let claim = locked.map_err(io::Error::other).flatten().map_err(|error| {
                    tracing::error!(?plugin, %error, "the lock of its jobs cannot be opened");
                    JobError::Unavailable("the lock of the jobs cannot be opened; the host's log says why".to_owned())
                })?;
                Ok(claim.map(|claim| Arc::new(claim) as Arc<dyn JobClaim>))
            }
        }
    }
}

impl JobStore for SqliteJobStore {
    fn add(&self, job: NewJob) -> JobFuture<'_, ()> {
        StoreFuture::new(self.db.add(job))
    }

    fn get<'a>(&'a self, id: &'a str) -> JobFuture<'a, Option<Job>> {
        StoreFuture::new(self.db.get(id))
    }

    fn list(&self) -> JobFuture<'_, Vec<Job>> {
        StoreFuture::new(self.db.list())
    }

    fn set_paused<'a>(&'a self, id: &'a str, paused: bool) -> JobFuture<'a, bool> {
        StoreFuture::new(self.db.set_paused(id, paused))
    }

    fn remove<'a>(&'a self, id: &'a str) -> JobFuture<'a, bool> {
        StoreFuture::new(self.db.remove(id))
    }

    fn outcomes<'a>(&'a self, id: &'a str, limit: u32) -> JobFuture<'a, Vec<JobOutcome>> {
        StoreFuture::new(self.db.outcomes(id, limit))
    }

    fn claim(&self) -> JobFuture<'_, Option<Arc<dyn JobClaim>>> {
        StoreFuture::new(self.take_claim())
    }

    fn due(&self, now_ms: u64) -> JobFuture<'_, DueJobs> {
        StoreFuture::new(self.db.due(now_ms))
    }

    fn begin(&self, runs: Vec<DueRun>, started_ms: u64) -> JobFuture<'_, Vec<BegunRun>> {
        StoreFuture::new(self.db.begin(runs, started_ms))
    }

    fn update(&self, updates: Vec<JobUpdate>) -> JobFuture<'_, ()> {
        StoreFuture::new(self.db.update(updates))
    }
}

impl From<Unavailable> for JobError {
    fn from(unavailable: Unavailable) -> Self {
        JobError::Unavailable(unavailable.to_string())
    }
}
