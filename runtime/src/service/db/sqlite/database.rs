//! One plugin's database: its file and its two connections, which it lends to statements.
//!
//! Reads have a connection of their own, so that they do not wait for a write that waits for the disk. Statements run
//! on threads that may block, except short queries that ran before. The holder of the writing connection is the
//! plugin's only writer; other writers wait for it without a thread.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use rusqlite::ErrorCode;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OnceCell, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::connection::{Conn, Place};
use super::problem::limit;
use super::statement::SqlCall;
use crate::clock::Clock;
use crate::limits::{DB_FILE_BYTES_MAX, DB_MEMORY_BYTES_MAX, DB_STATEMENTS_AT_ONCE_MAX, DB_WAIT_MAX};
use crate::service::db::store::{SqlError, SqlStatement};
use crate::sqlite::open::{ReadOnly, is_forbidden, make_file, patiently};

/// The file in the plugin's directory.
pub(super) const FILE: &str = "db.sqlite3";

/// The free space below which a disk counts as full.
const DISK_FREE_BYTES_MIN: u64 = 64 << 20;

/// One plugin's database.
pub(super) struct Database {
    clock: Arc<dyn Clock>,
    pub(super) about: Arc<About>,
    opened: OnceCell<Opened>,
    /// The version of the schema. Connections forget their prepared statements when it changes.
    schema: AtomicU64,
    turns: Arc<Semaphore>,
}

struct Opened {
    writer: Arc<AsyncMutex<Conn>>,
    /// `None` if one connection reads and writes: in memory, and if the file cannot be written.
    reader: Option<Arc<AsyncMutex<Conn>>>,
}

/// The names by which messages refer to a database.
pub(super) struct About {
    plugin: Arc<str>,
    path: Option<PathBuf>,
    /// One bit for each reason that was already logged, so that a plugin that retries does not fill the log.
    logged: AtomicU8,
}

impl Database {
    pub(super) fn new(plugin: Arc<str>, path: Option<PathBuf>, clock: Arc<dyn Clock>, turns: Arc<Semaphore>) -> Self {
        let about = Arc::new(About { plugin, path, logged: AtomicU8::new(0) });
        Database { clock, about, opened: OnceCell::new(), schema: AtomicU64::new(0), turns }
    }

    /// The statement as a call on this database.
    pub(super) fn call(&self, mut statement: SqlStatement) -> SqlCall {
        let trimmed = statement.sql.trim();
        if trimmed.len() < statement.sql.len() {
            statement.sql = trimmed.to_owned();
        }
        SqlCall { statement, about: self.about.clone() }
    }

    async fn opened(&self) -> Result<&Opened, SqlError> {
        self.opened
            .get_or_try_init(|| async {
                let (about, clock) = (self.about.clone(), self.clock.clone());
                let opened = tokio::task::spawn_blocking(move || open(&about, &clock)).await;
                opened.unwrap_or_else(|error| Err(self.about.unavailable(Why::Failed, &error)))
            })
            .await
    }

    /// The connection for changes. Waits until it is free.
    pub(super) async fn writer(&self) -> Result<Held, SqlError> {
        let writer = self.opened().await?.writer.clone();
        self.hold(writer).await
    }

    /// The connection for queries.
    pub(super) async fn reader(&self) -> Result<Held, SqlError> {
        let opened = self.opened().await?;
        let reader = opened.reader.as_ref().unwrap_or(&opened.writer).clone();
        self.hold(reader).await
    }

    /// The connection for queries, if it is free and open.
    pub(super) fn reader_now(&self) -> Option<MutexGuard<'_, Conn>> {
        let opened = self.opened.get()?;
        let mut conn = opened.reader.as_ref().unwrap_or(&opened.writer).try_lock().ok()?;
        self.bring_up_to_date(&mut conn);
        Some(conn)
    }

    async fn hold(&self, conn: Arc<AsyncMutex<Conn>>) -> Result<Held, SqlError> {
        match tokio::time::timeout(DB_WAIT_MAX, conn.lock_owned()).await {
            Ok(conn) => Ok(self.held(conn)),
            Err(_) => {
                let seconds = DB_WAIT_MAX.as_secs();
                Err(SqlError::Busy(format!(
                    "another call of this plugin has held the database for {seconds} s: try again"
                )))
            }
        }
    }

    fn held(&self, mut conn: OwnedMutexGuard<Conn>) -> Held {
        self.bring_up_to_date(&mut conn);
        Held { conn: Some(conn), turns: self.turns.clone() }
    }

    /// Makes the connection forget its prepared statements if the schema has changed since it was used.
    fn bring_up_to_date(&self, conn: &mut Conn) {
        let schema = self.schema.load(Ordering::Acquire);
        if conn.schema != schema {
            conn.forget_statements();
            conn.schema = schema;
        }
    }

    /// Notes that a table was created, altered or dropped.
    pub(super) fn schema_changed(&self) {
        self.schema.fetch_add(1, Ordering::AcqRel);
    }
}

fn open(about: &About, clock: &Arc<dyn Clock>) -> Result<Opened, SqlError> {
    let connect = |place: Place<'_>| {
        let conn = patiently(|| Conn::open(&place, clock.clone()))?;
        // The first read of the file, which fails if the file is not a database.
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

/// Closing copies the write-ahead log into the file, which may block on the disk.
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
    /// Runs `work` on a thread that may block, and returns the connection. If the caller stops waiting, the flag that
    /// `work` is given is set, which stops a statement, and the connection is released on that thread.
    pub(super) async fn run<R: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Conn, Arc<AtomicBool>) -> R + Send + 'static,
    ) -> Result<(Held, R), SqlError> {
        let turn = turn(self.turns.clone()).await?;
        let cancelled = Arc::<AtomicBool>::default();
        let waiting = CancelOnDrop(cancelled.clone());
        let ran = tokio::task::spawn_blocking(move || {
            // Held by the thread and not by its caller: a statement that is being stopped still counts.
            let _turn = turn;
            let answer = self.conn.as_deref_mut().map(|conn| {
                let answer = work(conn, cancelled);
                conn.watch.record().slice.end();
                answer
            });
            (self, answer)
        });
        let ran = ran.await;
        drop(waiting);
        match ran {
            Ok((held, Some(answer))) => Ok((held, answer)),
            lost => {
                tracing::error!(
                    "a statement of a plugin was lost: {}",
                    lost.err().map_or_else(String::new, |error| error.to_string())
                );
                Err(SqlError::Unavailable("the statement was lost; the host's log says why".to_owned()))
            }
        }
    }
}

/// Waits until one of the statements that may run at once has ended.
async fn turn(turns: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, SqlError> {
    match tokio::time::timeout(DB_WAIT_MAX, turns.acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(SqlError::Busy(format!(
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

/// The reason why the host could not read or write a database.
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
        About { plugin: "test".into(), path: None, logged: AtomicU8::new(0) }
    }

    /// The error of a statement that failed for a reason outside of it.
    pub(super) fn problem(&self, error: &rusqlite::Error) -> SqlError {
        match super::problem::code(error) {
            Some(ErrorCode::DiskFull) if self.disk_has_space() => {
                let allowed = if self.path.is_some() { DB_FILE_BYTES_MAX } else { DB_MEMORY_BYTES_MAX };
                limit("bytes of the plugin's database", allowed, "more")
            }
            _ => self.of_file(error),
        }
    }

    /// SQLite reports a full disk and a database with the maximum of pages by the same code.
    fn disk_has_space(&self) -> bool {
        let Some(directory) = self.path.as_deref().and_then(std::path::Path::parent) else { return true };
        rustix::fs::statvfs(directory)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) > DISK_FREE_BYTES_MIN)
    }

    fn of_file(&self, error: &rusqlite::Error) -> SqlError {
        let why = match super::problem::code(error) {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Why::Damaged,
            Some(ErrorCode::DiskFull) => Why::Full,
            Some(ErrorCode::ReadOnly) => Why::ReadOnly,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Why::NoAccess,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                return SqlError::Busy("another process holds the database: try again".to_owned());
            }
            _ => Why::Failed,
        };
        self.unavailable(why, error)
    }

    /// Logs the error, once for each reason, and returns the plugin's error, which has no path and no SQLite message.
    pub(super) fn unavailable(&self, why: Why, error: &dyn fmt::Display) -> SqlError {
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
        if self.logged.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let path = self.path.as_deref().unwrap_or(FILE.as_ref()).display();
            tracing::error!(plugin = &*self.plugin, %path, %error, "{text}");
        }
        SqlError::Unavailable(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::time::Duration;

    #[tokio::test]
    async fn statement_waits_while_as_many_run_as_may() {
        let turns = Arc::new(Semaphore::new(DB_STATEMENTS_AT_ONCE_MAX));
        let database = Database::new("p".into(), None, Arc::new(SystemClock), turns.clone());
        let others = turns.acquire_many(DB_STATEMENTS_AT_ONCE_MAX as u32).await.expect("all turns are free");
        let held = database.writer().await.expect("it opens");
        let mut statement = std::pin::pin!(held.run(|_, _| ()));
        let early = tokio::time::timeout(Duration::from_millis(50), &mut statement).await;
        assert!(early.is_err(), "it ran beside {DB_STATEMENTS_AT_ONCE_MAX} others");
        drop(others);
        assert!(statement.await.is_ok());
        assert_eq!(turns.available_permits(), DB_STATEMENTS_AT_ONCE_MAX, "its turn comes back");
    }
}
