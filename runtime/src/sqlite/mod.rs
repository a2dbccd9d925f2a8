//! The host's own SQLite files: the values of `data`, the jobs of `scheduler` and durable events.
//!
//! All SQL here is the host's own. (A plugin's SQL runs in `db`, which does not trust it.) A write is on disk when
//! [`Database::write`] returns: write-ahead log, `synchronous=FULL`. Reads do not wait for writers, since they see the
//! last committed state through a connection of their own. Reads run on the caller's thread, writes on a thread that
//! may block on the disk.
//!
//! Without a directory, the same statements run on a database in memory. If the directory cannot be written, reads work
//! and writes fail.
//!
//! Writes that wait for one another are committed together ([`batch`]), so that each of them does not wait for the disk
//! by itself.
//!
//! Each plugin has its own files. A damaged file fails the calls of its own plugin with an error that names the damage,
//! and does not affect other plugins.

mod batch;
pub(crate) mod open;
mod remove;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, Transaction};

use self::batch::Waiting;
pub(crate) use self::remove::remove_files;

use crate::scope::PluginScope;

/// The name in the scope of a database that belongs to no plugin.
pub(crate) const HOST: &str = ".host";

/// A database of one plugin, or of the host. [`Database::open`] may block on the disk, so services open it on first
/// use.
pub(crate) struct Database {
    about: Arc<About>,
    /// The lock of the only writer; others wait for it without blocking a thread.
    writer: Arc<tokio::sync::Mutex<Connection>>,
    /// The writes that wait for the lock. The first that gets it commits them all.
    waiting: Waiting,
    /// `None` if one connection does both: in memory, and if the file cannot be written.
    reader: Option<Mutex<Connection>>,
}

/// The names by which messages refer to a database.
pub(super) struct About {
    plugin: Arc<str>,
    /// The file's name, without a directory.
    file: &'static str,
    path: Option<PathBuf>,
    /// One bit for each reason that has been logged, so that a plugin that retries does not fill the log.
    told: AtomicU8,
}

/// The reason why the host could not read or write a file. Its text is for plugins: it has no path and no SQLite
/// message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unavailable {
    plugin: Arc<str>,
    file: &'static str,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Damaged,
    Newer,
    Full,
    Busy,
    NoAccess,
    ReadOnly,
    Failed,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Damaged => {
                "is damaged: the operator has to restore it from a backup, or remove it and lose what it holds"
            }
            Why::Newer => "was made by a newer Plugbay: the operator has to use that one, or remove the file",
            Why::Full => "cannot grow: the disk is full",
            Why::Busy => "is in use by another process for too long: try again",
            Why::NoAccess => "cannot be opened or written in the data directory; the host's log says why",
            Why::ReadOnly => "cannot be written: the operator has to make it and its directory writable",
            Why::Failed => "could not be read or written; the host's log says why",
        };
        match &*self.plugin {
            HOST => write!(f, "`{}` of the host {why}", self.file),
            plugin => write!(f, "`{}` of plugin `{plugin}` {why}", self.file),
        }
    }
}

/// The reason why a unit of work in [`Database::write`] ended without a commit.
pub(crate) enum Stopped<E> {
    /// SQLite returned an error.
    Sql(rusqlite::Error),
    /// The service refused the change.
    Refused(E),
}

impl<E> From<rusqlite::Error> for Stopped<E> {
    fn from(error: rusqlite::Error) -> Self {
        Stopped::Sql(error)
    }
}

impl Database {
    /// Opens the plugin's database of this name, and creates it and its directory if they do not exist. `steps` are SQL
    /// texts. Each runs once in the life of a file, in order; new steps are appended at the end.
    pub(crate) async fn open(
        scope: &PluginScope,
        file: &'static str,
        steps: &'static [&'static str],
    ) -> Result<Self, Unavailable> {
        let path = scope.directory.as_ref().map(|directory| directory.join(file));
        let about = Arc::new(About { plugin: scope.name.clone(), file, path, told: AtomicU8::new(0) });
        let opened = tokio::task::spawn_blocking({
            let about = about.clone();
            move || open::open(&about, steps)
        });
        match opened.await {
            Ok(opened) => {
                let open::Connections { writer, reader } = opened?;
                let writer = Arc::new(tokio::sync::Mutex::new(writer));
                Ok(Database { about, writer, waiting: Waiting::default(), reader: reader.map(Mutex::new) })
            }
            Err(error) => Err(about.failed(Why::Failed, &error)),
        }
    }

    /// Reads on the caller's thread. `work` must be short, and may run twice.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let read = match &self.reader {
            Some(reader) => work(&reader.lock()),
            None => work(&*self.writer.lock().await),
        };
        match read {
            // Another process recovers or closes the file. Waiting for it may block, so this continues on a blocking
            // thread.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                self.on_writer(move |connection| work(connection)).await?
            }
            read => read,
        }
        .map_err(|error| self.about.unavailable(&error))
    }

    /// Runs `work` in a transaction. The changes are on disk when this returns; the work completes even if the caller
    /// stops waiting, once it has begun. Concurrent writes may share a transaction, but if one of them fails, the
    /// others succeed nevertheless.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stopped<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Unavailable> + Send + 'static,
    {
        let mut done = self.waiting.add(self.about.clone(), work);
        let writer = self.writer.clone().lock_owned();
        let answer = tokio::select! {
            biased;
            answer = &mut done => answer,
            mut connection = writer => {
                let batch = self.waiting.take();
                if !batch.is_empty() {
                    let about = self.about.clone();
                    let run = tokio::task::spawn_blocking(move || batch.run(&mut connection, &about));
                    run.await.map_err(|error| self.about.failed(Why::Failed, &error))?;
                }
                done.await
            }
        };
        // The sender is dropped without an answer only if the write panicked.
        answer.unwrap_or_else(|_| Err(self.about.failed(Why::Failed, &"a write was dropped").into()))
    }

    /// Runs on a blocking thread, with the connection that waits for locks.
    async fn on_writer<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> R + Send + 'static,
    ) -> Result<R, Unavailable> {
        let mut connection = self.writer.clone().lock_owned().await;
        tokio::task::spawn_blocking(move || work(&mut connection))
            .await
            .map_err(|error| self.about.failed(Why::Failed, &error))
    }
}

/// Closing copies the write-ahead log into the file, which may block on the disk.
impl Drop for Database {
    fn drop(&mut self) {
        if let (Ok(runtime), Some(reader)) = (tokio::runtime::Handle::try_current(), self.reader.take()) {
            let writer = self.writer.clone();
            runtime.spawn_blocking(move || {
                drop(reader.into_inner());
                drop(writer);
            });
        }
    }
}

impl About {
    fn unavailable(&self, error: &rusqlite::Error) -> Unavailable {
        let why = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Why::Damaged,
            Some(ErrorCode::DiskFull) => Why::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Why::Busy,
            Some(ErrorCode::ReadOnly) => Why::ReadOnly,
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Why::NoAccess,
            _ => Why::Failed,
        };
        self.failed(why, error)
    }

    /// Logs the error, once for each reason, and returns the error for the plugin.
    fn failed(&self, why: Why, error: &dyn fmt::Display) -> Unavailable {
        let unavailable = Unavailable { plugin: self.plugin.clone(), file: self.file, why };
        let bit = 1 << why as u8;
        if self.told.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            let path = self.path.as_deref().unwrap_or(self.file.as_ref()).display();
            tracing::error!(plugin = &*self.plugin, %path, %error, "{unavailable}");
        }
        unavailable
    }
}

#[cfg(test)]
mod tests;
