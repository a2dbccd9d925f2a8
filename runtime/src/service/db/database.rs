//! One plugin's database: its file, its two connections, and who holds them.
//!
//! Reads do not wait for a write that waits for the disk: they have a connection of their own. Statements run on
//! threads that may wait, but for short queries that were run before. Who holds the writing connection is the plugin's
//! one writer; others wait for it without a thread.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;
use tokio::sync::{Mutex as AsyncMutex, OnceCell, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::connection::{Conn, Place};
use super::problem::DbError;
use crate::limits::{
    DB_FILE_BYTES_MAX, DB_MEMORY_BYTES_MAX, DB_STATEMENT_TIME_MAX, DB_STATEMENTS_AT_ONCE_MAX, DB_TIME_TO_ANSWER,
    DB_WAIT_MAX,
};
use crate::scope::{PluginScope, forget_gone};
use crate::sqlite::open::{ReadOnly, is_forbidden, make_file, patiently};

/// The file in the plugin's directory.
const FILE: &str = "db.sqlite3";

/// A disk with less room than this is full.
const DISK_ROOM_BYTES: u64 = 64 << 20;

/// The databases of all loaded plugins.
pub(crate) struct Databases {
    /// By name: two revisions of a plugin share one.
    of: Mutex<HashMap<Arc<str>, Weak<Database>>>,
    /// Statements that may run at once, of all plugins together.
    turns: Arc<Semaphore>,
}

impl Default for Databases {
    fn default() -> Self {
        Databases { of: Mutex::default(), turns: Arc::new(Semaphore::new(DB_STATEMENTS_AT_ONCE_MAX)) }
    }
}

impl Databases {
    /// The database of this plugin. Nothing is opened or created before the first use.
    pub(super) fn of(&self, scope: &PluginScope) -> Arc<Database> {
        let mut databases = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = databases.get(&scope.name).and_then(Weak::upgrade) {
            return database;
        }
        forget_gone(&mut databases, |database| database.strong_count() > 0);
        let database = Arc::new(Database::new(scope.clone(), self.turns.clone()));
        databases.insert(scope.name.clone(), Arc::downgrade(&database));
        database
    }

    /// Forgets the database of a plugin: the plugin that is loaded next opens its own.
    pub(crate) fn forget(&self, name: &str) {
        self.of.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// One plugin's database.
pub(super) struct Database {
    scope: PluginScope,
    pub(super) about: Arc<About>,
    opened: OnceCell<Opened>,
    /// Counts changes of the tables' shape, so that both connections forget what they knew.
    schema: AtomicU64,
    turns: Arc<Semaphore>,
}

struct Opened {
    writer: Arc<AsyncMutex<Conn>>,
    /// Absent if one connection does both: in memory, and if the file cannot be written.
    reader: Option<Arc<AsyncMutex<Conn>>>,
}

/// What messages say of a database.
pub(super) struct About {
    plugin: Arc<str>,
    path: Option<PathBuf>,
    /// One bit for each reason that was logged: a plugin that tries again and again does not fill the log.
    told: AtomicU8,
}

impl Database {
    fn new(scope: PluginScope, turns: Arc<Semaphore>) -> Self {
        let path = scope.directory.as_ref().map(|directory| directory.join(FILE));
        let about = Arc::new(About { plugin: scope.name.clone(), path, told: AtomicU8::new(0) });
        Database { scope, about, opened: OnceCell::new(), schema: AtomicU64::new(0), turns }
    }

    async fn opened(&self) -> Result<&Opened, DbError> {
        self.opened
            .get_or_try_init(|| async {
                let (about, scope) = (self.about.clone(), self.scope.clone());
                let opened = tokio::task::spawn_blocking(move || open(&about, &scope)).await;
                opened.unwrap_or_else(|error| Err(self.about.unavailable(Why::Failed, &error)))
            })
            .await
    }

    /// The connection for changes. Waits until it is free.
    pub(super) async fn writer(&self) -> Result<Held, DbError> {
        let writer = self.opened().await?.writer.clone();
        self.hold(writer).await
    }

    /// The connection for queries.
    pub(super) async fn reader(&self) -> Result<Held, DbError> {
        let opened = self.opened().await?;
        let reader = opened.reader.as_ref().unwrap_or(&opened.writer).clone();
        self.hold(reader).await
    }

    /// The connection for queries, if it is free and open.
    pub(super) fn reader_now(&self) -> Option<Held> {
        let opened = self.opened.get()?;
        let reader = opened.reader.as_ref().unwrap_or(&opened.writer).clone();
        Some(self.held(reader.try_lock_owned().ok()?))
    }

    async fn hold(&self, conn: Arc<AsyncMutex<Conn>>) -> Result<Held, DbError> {
        match tokio::time::timeout(DB_WAIT_MAX, conn.lock_owned()).await {
            Ok(conn) => Ok(self.held(conn)),
            Err(_) => {
                let seconds = DB_WAIT_MAX.as_secs();
                Err(DbError::Busy(format!(
                    "another call of this plugin has held the database for {seconds} s: try again"
                )))
            }
        }
    }

    fn held(&self, mut conn: OwnedMutexGuard<Conn>) -> Held {
        let schema = self.schema.load(Ordering::Acquire);
        if conn.schema != schema {
            conn.forget();
            conn.schema = schema;
        }
        Held { conn: Some(conn), turns: self.turns.clone() }
    }

    /// The tables have another shape now.
    pub(super) fn schema_changed(&self) {
        self.schema.fetch_add(1, Ordering::AcqRel);
    }
}

fn open(about: &About, scope: &PluginScope) -> Result<Opened, DbError> {
    let connect = |place: Place<'_>| {
        let conn = patiently(|| Conn::open(&place, scope.clock.clone()))?;
        // Reads the file for the first time: one that is not a database is found here.
        conn.sqlite.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
        Ok(Arc::new(AsyncMutex::new(conn)))
    };
    let sql = |error: rusqlite::Error| about.of_file(&error);
    let only_one = |opened: rusqlite::Result<_>| Ok(Opened { writer: opened.map_err(sql)?, reader: None });
    let Some(path) = &about.path else { return only_one(connect(Place::Memory)) };
    let no_access = |error: std::io::Error| about.unavailable(Why::NoAccess, &error);
    let read_only = || match ReadOnly::of(path).map_err(no_access)? {
        ReadOnly::Missing => only_one(connect(Place::EmptyReadOnly)),
        ReadOnly::File(uri) => only_one(connect(Place::ReadOnlyFile(&uri))),
    };
    let path = match make_file(path) {
        Err(error) if is_forbidden(&error) => return read_only(),
        made => made.map_err(no_access)?,
    };
    match connect(Place::File(&path)) {
        Err(error) if super::problem::code(&error) == Some(ErrorCode::ReadOnly) => read_only(),
        writer => Ok(Opened { writer: writer.map_err(sql)?, reader: Some(connect(Place::File(&path)).map_err(sql)?) }),
    }
}

/// Closing moves the write-ahead log into the file, which waits for the disk.
impl Drop for Database {
    fn drop(&mut self) {
        if let (Some(opened), Ok(runtime)) = (self.opened.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(opened));
        }
    }
}

/// A connection that is in use. Dropping it rolls back an open transaction.
pub(super) struct Held {
    conn: Option<OwnedMutexGuard<Conn>>,
    turns: Arc<Semaphore>,
}

impl Held {
    /// Runs on a thread that may wait, and comes back. If the caller stops waiting, the statement is stopped and the
    /// connection released on that thread.
    pub(super) async fn run<R: Send + 'static>(
        mut self,
        cancelled: Arc<AtomicBool>,
        work: impl FnOnce(&mut Conn) -> R + Send + 'static,
    ) -> Result<(Held, R), DbError> {
        let turn = turn(self.turns.clone()).await?;
        let waiting = CancelOnDrop(cancelled);
        let ran = tokio::task::spawn_blocking(move || {
            // Held by the thread and not by who waits for it: one that is being stopped still takes its turn.
            let _turn = turn;
            let answer = self.conn().map(work);
            (self, answer)
        });
        let ran = ran.await;
        drop(waiting);
        match ran {
            Ok((held, Some(answer))) => Ok((held, answer)),
            lost => {
                tracing::error!(
                    "a statement was lost: {}",
                    lost.err().map_or_else(String::new, |error| error.to_string())
                );
                Err(DbError::Unavailable("the statement was lost; the host's log says why".to_owned()))
            }
        }
    }

    /// The connection, here and now.
    pub(super) fn conn(&mut self) -> Option<&mut Conn> {
        self.conn.as_deref_mut()
    }
}

/// Waits until one of the statements that may run at once has ended.
async fn turn(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DbError> {
    match tokio::time::timeout(DB_WAIT_MAX, turns.acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(DbError::Busy(format!(
            "all plugins together have had {DB_STATEMENTS_AT_ONCE_MAX} statements running for {} s, as many as may: \
             try again",
            DB_WAIT_MAX.as_secs()
        ))),
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take().filter(|conn| conn.is_in_transaction()) else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || conn.roll_back())),
            Err(_) => conn.roll_back(),
        }
    }
}

/// Signals a thread, when dropped, that its caller no longer waits.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Why the host could not read or keep something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    Damaged,
    Full,
    NoAccess,
    ReadOnly,
    Failed,
}

impl About {
    #[cfg(test)]
    pub(super) fn of_test() -> Self {
        About { plugin: "test".into(), path: None, told: AtomicU8::new(0) }
    }

    /// What became of a statement for no fault of its own.
    pub(super) fn problem(&self, error: &rusqlite::Error) -> DbError {
        match super::problem::code(error) {
            Some(ErrorCode::DiskFull) if self.disk_has_room() => {
                let allowed = if self.path.is_some() { DB_FILE_BYTES_MAX } else { DB_MEMORY_BYTES_MAX };
                DbError::limit("bytes of the plugin's database", allowed, "more")
            }
            _ => self.of_file(error),
        }
    }

    /// SQLite says the same of a full disk and of a database that has as many pages as it may.
    fn disk_has_room(&self) -> bool {
        let Some(directory) = self.path.as_deref().and_then(std::path::Path::parent) else { return true };
        rustix::fs::statvfs(directory).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) > DISK_ROOM_BYTES)
    }

    fn of_file(&self, error: &rusqlite::Error) -> DbError {
        let why = match super::problem::code(error) {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Why::Damaged,
            Some(ErrorCode::DiskFull) => Why::Full,
            Some(ErrorCode::ReadOnly) => Why::ReadOnly,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Why::NoAccess,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                return DbError::Busy("another process holds the database: try again".to_owned());
            }
            _ => Why::Failed,
        };
        self.unavailable(why, error)
    }

    /// Logs the error, once for each reason, and returns the plugin's error, which has no path and no SQLite message.
    pub(super) fn unavailable(&self, why: Why, error: &dyn fmt::Display) -> DbError {
        let what = match why {
            Why::Damaged => {
                "is damaged: the operator has to restore it from a backup, or remove it and lose what it holds"
            }
            Why::Full => "cannot grow: the disk is full",
            Why::NoAccess => "cannot be opened or written in the data directory; the host's log says why",
            Why::ReadOnly => "cannot be written: the operator has to make it and its directory writable",
            Why::Failed => "could not be read or written; the host's log says why",
        };
        let text = format!("`{FILE}` of plugin `{}` {what}", self.plugin);
        let bit = 1 << why as u8;
        if self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let path = self.path.as_deref().unwrap_or(FILE.as_ref()).display();
            tracing::error!(plugin = &*self.plugin, %path, %error, "{text}");
        }
        DbError::Unavailable(text)
    }
}

/// When a statement has to stop: a little before the call, so that its plugin can still answer.
pub(super) fn deadline(call_time_left: Option<Duration>) -> Instant {
    let left = call_time_left.unwrap_or(DB_STATEMENT_TIME_MAX);
    let left = left.saturating_sub(DB_TIME_TO_ANSWER.min(left / 10));
    Instant::now() + left.min(DB_STATEMENT_TIME_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::time::Duration;

    #[tokio::test]
    async fn statement_waits_while_as_many_run_as_may() {
        let databases = Databases::default();
        let scope = PluginScope::new("p".into(), None, Arc::new(SystemClock));
        let database = databases.of(&scope);
        let turns = databases.turns.clone();
        let others = turns.acquire_many(DB_STATEMENTS_AT_ONCE_MAX as u32).await.expect("all turns are free");
        let held = database.writer().await.expect("it opens");
        let mut statement = std::pin::pin!(held.run(Arc::default(), |_| ()));
        let early = tokio::time::timeout(Duration::from_millis(50), &mut statement).await;
        assert!(early.is_err(), "it ran beside {DB_STATEMENTS_AT_ONCE_MAX} others");
        drop(others);
        assert!(statement.await.is_ok());
        assert_eq!(turns.available_permits(), DB_STATEMENTS_AT_ONCE_MAX, "its turn comes back");
    }
}
