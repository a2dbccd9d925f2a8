//! The catalog in a SQLite file, `catalog.db` in the data directory.
//!
//! Each change is one transaction and on disk when it returns: write-ahead log, `synchronous=FULL`. Components are rows
//! of a table of their own, by digest, so that lists do not read them and two versions with the same component share
//! one. Other processes may use the same file: the command changes the catalog while a host runs.
//!
//! A host that bounds the memory of plugins' SQL statements does so before it opens a catalog: SQLite takes an
//! allocator before its first use in a process only.

mod open;
mod rows;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use self::rows::{Place, installed, stored_package};
use crate::digest::Digest;
use crate::fail_point::fail_point;
use crate::installed::{Installed, InstalledState, PluginId, PluginKey, StoredPackage};
use crate::limits::PLUGINS_MAX;
use crate::store::{CatalogStore, Later, NewVersion, StoreError};

/// A catalog in a SQLite file, or in memory. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    connection: Arc<Mutex<Connection>>,
    place: Arc<str>,
}

/// The reason why a unit of work ended without a commit.
enum Stopped {
    Sql(rusqlite::Error),
    Refused(StoreError),
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Stopped::Sql(error)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Refused(error)
    }
}

impl SqliteStore {
    /// Opens the catalog of a data directory, and creates it if there is none. May block on the disk.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the file is not a catalog, is damaged, or is missing while its log is there: it is
    /// never replaced by an empty one. [`StoreError::Newer`], [`StoreError::NoAccess`] and others of the file system.
    pub fn open(data_dir: &Path) -> Result<SqliteStore, StoreError> {
        let path = data_dir.join(open::FILE_NAME);
        let connection = open::open(&path)?;
        Ok(SqliteStore { connection: Arc::new(Mutex::new(connection)), place: path.display().to_string().into() })
    }

    /// Opens the catalog of a data directory if there is one: for commands that only look, and for hosts that have no
    /// installed plugins.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]. A data directory that does not exist has no catalog.
    pub fn open_existing(data_dir: &Path) -> Result<Option<SqliteStore>, StoreError> {
        if SqliteStore::exists(data_dir) { SqliteStore::open(data_dir).map(Some) } else { Ok(None) }
    }

    /// Whether a data directory has a catalog, be it damaged. Opens nothing.
    pub fn exists(data_dir: &Path) -> bool {
        let is_there = |end: &str| data_dir.join(format!("{}{end}", open::FILE_NAME)).symlink_metadata().is_ok();
        // A log without its catalog is an error of opening.
        is_there("") || is_there("-wal")
    }

    /// A catalog that ends with the process: for hosts without a data directory, and for tests.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if SQLite cannot make a database.
    pub fn in_memory() -> Result<SqliteStore, StoreError> {
        let place: Arc<str> = "in memory".into();
        let connection = open::open_in_memory().map_err(|error| unavailable(&place, &error))?;
        Ok(SqliteStore { connection: Arc::new(Mutex::new(connection)), place })
    }

    /// Runs on a thread that may block.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &str) -> Result<T, Stopped> + Send + 'static,
    ) -> Later<'_, T> {
        let (connection, place) = (self.connection.clone(), self.place.clone());
        Box::pin(async move {
            let thread = tokio::task::spawn_blocking({
                let place = place.clone();
                move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner), &place)
            });
            match thread.await {
                Ok(Ok(done)) => Ok(done),
                Ok(Err(Stopped::Refused(refused))) => Err(refused),
                Ok(Err(Stopped::Sql(error))) => Err(unavailable(&place, &error)),
                Err(error) => Err(StoreError::Failed { place: place.to_string(), reason: error.to_string() }),
            }
        })
    }

    /// Runs in a transaction. The change is on disk when this returns, and is made even if the caller stops waiting.
    fn change<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Stopped> + Send + 'static,
    ) -> Later<'_, T> {
        self.run(move |connection, _| {
            fail_point(name, "begun");
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            if name != "record" {
                transaction.execute("UPDATE catalog SET revision = revision + 1", ())?;
            }
            fail_point(name, "changed");
            transaction.commit()?;
            fail_point(name, "committed");
            Ok(done)
        })
    }
}

impl CatalogStore for SqliteStore {
    fn list(&self) -> Later<'_, Vec<Installed>> {
        self.run(|connection, place| {
            let transaction = connection.transaction()?;
            let mut statement = transaction.prepare("SELECT id FROM plugin ORDER BY id")?;
            let ids: Vec<PluginId> = statement.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
            let each = ids.into_iter().map(|id| installed(&transaction, place, id));
            each.filter_map(Result::transpose).collect()
        })
    }

    fn get(&self, key: PluginKey) -> Later<'_, Option<Installed>> {
        self.run(move |connection, place| {
            let transaction = connection.transaction()?;
            match find(&transaction, &key)? {
                Some((id, _)) => installed(&transaction, place, id),
                None => Ok(None),
            }
        })
    }

    fn package(&self, key: PluginKey) -> Later<'_, Option<StoredPackage>> {
        self.run(move |connection, place| {
            let transaction = connection.transaction()?;
            match find(&transaction, &key)? {
                Some((id, name)) => stored_package(&transaction, place, id, name).map(Some),
                None => Ok(None),
            }
        })
    }

    fn install(&self, new: NewVersion) -> Later<'_, PluginId> {
        self.change("install", move |transaction| {
            if let Some((id, name)) = find(transaction, &PluginKey::Name(new.name.clone()))? {
                return Err(StoreError::NameTaken { name, id }.into());
            }
            let count: i64 = transaction.query_row("SELECT count(*) FROM plugin", (), |row| row.get(0))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= PLUGINS_MAX {
                return Err(StoreError::TooMany.into());
            }
            let sql = "INSERT INTO plugin (name, enabled, state, installed_at) VALUES (?1, 1, ?2, ?3) RETURNING id";
            let state = InstalledState::Installed.name();
            let id = transaction.query_row(sql, params![new.name, state, seconds(new.stored_at)], |row| row.get(0))?;
            rows::insert(transaction, id, Place::Current, &new)?;
            Ok(id)
        })
    }

    fn update(&self, id: PluginId, replaces: (Digest, Option<Digest>), new: NewVersion) -> Later<'_, ()> {
        self.change("update", move |transaction| {
            let name = name_of(transaction, id)?;
            let current = rows::digests(transaction, id)?;
            if current != Some((replaces.0.to_string(), replaces.1.map(|digest| digest.to_string())))
                || name != new.name
            {
                return Err(StoreError::Changed(name).into());
            }
            transaction
                .execute("DELETE FROM version WHERE plugin = ?1 AND place = ?2", params![id, Place::Previous])?;
            rows::move_to(transaction, id, Place::Current, Place::Previous)?;
            rows::insert(transaction, id, Place::Current, &new)?;
            reset_state(transaction, id)?;
            rows::drop_unused_components(transaction)?;
            Ok(())
        })
    }

    fn rollback(&self, id: PluginId) -> Later<'_, ()> {
        self.change("rollback", move |transaction| {
            let name = name_of(transaction, id)?;
            if !rows::exists(transaction, id, Place::Previous)? {
                return Err(StoreError::NoPrevious(name).into());
            }
            rows::move_to(transaction, id, Place::Current, Place::Moving)?;
            rows::move_to(transaction, id, Place::Previous, Place::Current)?;
            rows::move_to(transaction, id, Place::Moving, Place::Previous)?;
            reset_state(transaction, id)?;
            Ok(())
        })
    }

    fn remove(&self, id: PluginId) -> Later<'_, ()> {
        self.change("remove", move |transaction| {
            name_of(transaction, id)?;
            transaction.execute("DELETE FROM version WHERE plugin = ?1", [id])?;
            transaction.execute("DELETE FROM plugin WHERE id = ?1", [id])?;
            rows::drop_unused_components(transaction)?;
            Ok(())
        })
    }

    fn set_enabled(&self, id: PluginId, enabled: bool) -> Later<'_, ()> {
        let name = if enabled { "enable" } else { "disable" };
        self.change(name, move |transaction| {
            name_of(transaction, id)?;
            transaction.execute("UPDATE plugin SET enabled = ?2 WHERE id = ?1", params![id, enabled])?;
            Ok(())
        })
    }

    fn disabled_names(&self) -> Later<'_, BTreeSet<String>> {
        self.run(|connection, _| {
            let mut statement = connection.prepare("SELECT name FROM disabled")?;
            let names = statement.query_map((), |row| row.get(0))?;
            Ok(names.collect::<Result<_, _>>()?)
        })
    }

    fn set_name_disabled(&self, name: String, disabled: bool) -> Later<'_, ()> {
        self.change(if disabled { "disable" } else { "enable" }, move |transaction| {
            if !disabled {
                transaction.execute("DELETE FROM disabled WHERE name = ?1", [name])?;
                return Ok(());
            }
            let count: i64 = transaction.query_row("SELECT count(*) FROM disabled", (), |row| row.get(0))?;
            if usize::try_from(count).unwrap_or(usize::MAX) >= PLUGINS_MAX {
                return Err(StoreError::TooMany.into());
            }
            transaction.execute("INSERT OR IGNORE INTO disabled VALUES (?1)", [name])?;
            Ok(())
        })
    }

    fn record(&self, id: PluginId, state: InstalledState, error: Option<String>) -> Later<'_, ()> {
        self.change("record", move |transaction| {
            name_of(transaction, id)?;
            let sql = "UPDATE plugin SET state = ?2, last_error = ?3 WHERE id = ?1";
            transaction.execute(sql, params![id, state.name(), error])?;
            Ok(())
        })
    }

    fn revision(&self) -> Later<'_, u64> {
        self.run(|connection, _| {
            let revision: i64 = connection.query_row("SELECT revision FROM catalog", (), |row| row.get(0))?;
            Ok(revision.unsigned_abs())
        })
    }
}

/// The number and the name of a plugin.
fn find(transaction: &Transaction<'_>, key: &PluginKey) -> rusqlite::Result<Option<(PluginId, String)>> {
    let both = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    match key {
        PluginKey::Id(id) => transaction.query_row("SELECT id, name FROM plugin WHERE id = ?1", [id], both),
        PluginKey::Name(name) => transaction.query_row("SELECT id, name FROM plugin WHERE name = ?1", [name], both),
    }
    .optional()
}

fn name_of(transaction: &Transaction<'_>, id: PluginId) -> Result<String, Stopped> {
    let found = find(transaction, &PluginKey::Id(id))?;
    found.map(|(_, name)| name).ok_or_else(|| StoreError::NotInstalled(id.to_string()).into())
}

/// Another version was not loaded yet, and has not failed.
fn reset_state(transaction: &Transaction<'_>, id: PluginId) -> rusqlite::Result<()> {
    let sql = "UPDATE plugin SET state = ?2, last_error = NULL WHERE id = ?1";
    transaction.execute(sql, params![id, InstalledState::Installed.name()])?;
    Ok(())
}

/// SQLite's integers are signed.
fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// The error for one of SQLite's.
fn unavailable(place: &str, error: &rusqlite::Error) -> StoreError {
    let place = place.to_owned();
    let reason = error.to_string().replace('\n', " ");
    match error.sqlite_error_code() {
        // The statements are fixed, so one that is wrong (`Unknown`) means that a table is missing.
        Some(
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation | ErrorCode::Unknown,
        ) => StoreError::Damaged { place, reason },
        Some(ErrorCode::DiskFull) => StoreError::Full { place },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { place },
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::NoAccess { place, reason }
        }
        Some(_) => StoreError::Failed { place, reason },
        // Not an error of SQLite: a row has a value that no version of this crate writes.
        None => StoreError::Damaged { place, reason },
    }
}

#[cfg(test)]
mod tests;
