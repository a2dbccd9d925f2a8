//! Data in SQLite: one file for each plugin, with every write on disk before it is acknowledged.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Transaction};

use super::store::{
    DataChange, DataError, DataFuture, DataLimits, DataStore, DataStoreProvider, DataTotals, DataUpdate, DataValue,
    EntriesPage, EntriesQuery,
};
use crate::clock::SystemClock;
use crate::limits::DATA_PAGE_KEYS_MAX;
use crate::scope::PluginScope;
use crate::sqlite::{Database, Stopped, Unavailable, remove_files};
use crate::store_future::StoreFuture;

/// The file in the plugin's directory.
const FILE: &str = "data.sqlite3";

/// The statements that create the tables. The totals are stored beside the entries and change in the same transactions,
/// because summing them up for each write would cost more than the write.
const STEPS: &[&str] = &["
    CREATE TABLE entries (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, is_json INTEGER NOT NULL) STRICT;
    CREATE TABLE totals (keys INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
    INSERT INTO totals VALUES (0, 0);
"];

/// A backend for `data` in SQLite files: `<directory>/<plugin>/data.sqlite3`, which only this user can read. A write is
/// on disk when it is acknowledged.
#[derive(Debug, Clone)]
pub struct SqliteData {
    directory: PathBuf,
}

impl SqliteData {
    /// A backend that stores in this directory. Directories and files are created when they are needed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        SqliteData { directory: directory.into() }
    }
}

impl DataStoreProvider for SqliteData {
    fn open<'a>(&'a self, plugin: &'a str, limits: DataLimits) -> DataFuture<'a, Arc<dyn DataStore>> {
        let scope = PluginScope::new(plugin.into(), Some(self.directory.join(plugin)), Arc::new(SystemClock));
        StoreFuture::new(async move {
            let database = Database::open(&scope, FILE, STEPS).await?;
            Ok(Arc::new(SqliteStore { database, limits }) as Arc<dyn DataStore>)
        })
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> DataFuture<'a, bool> {
        StoreFuture::new(async move {
            remove_files(self.directory.join(plugin), FILE, &[]).await.map_err(|error| {
                DataError::Unavailable(format!("`{FILE}` of plugin `{plugin}` cannot be removed: {}", error.kind()))
            })
        })
    }
}

/// The data of one plugin.
struct SqliteStore {
    database: Database,
    limits: DataLimits,
}

type Work<T> = Result<T, Stopped<DataError>>;

impl SqliteStore {
    /// Runs `work` in a transaction, which is rolled back if `work` or a limit refuses it.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Work<T> + Send + 'static,
    ) -> Result<T, DataError> {
        let limits = self.limits;
        let write = move |transaction: &Transaction<'_>| {
            let mut change = Change { transaction, keys: 0, bytes: 0 };
            let answer = work(&mut change)?;
            change.settle(&limits)?;
            Ok(answer)
        };
        self.database.write(write).await
    }
}

impl DataStore for SqliteStore {
    fn get<'a>(&'a self, key: &'a str) -> DataFuture<'a, Option<DataValue>> {
        let key = key.to_owned();
        StoreFuture::new(async move { Ok(self.database.read(move |connection| value_of(connection, &key)).await?) })
    }

    fn get_many<'a>(&'a self, keys: &'a [String]) -> DataFuture<'a, Vec<Option<DataValue>>> {
        let (keys, limits) = (keys.to_vec(), self.limits);
        let read = move |connection: &Connection| {
            let mut bytes = 0;
            let mut values = Vec::with_capacity(keys.len());
            for key in &keys {
                let value = value_of(connection, key)?;
                bytes += value.as_ref().map_or(0, |value| value.as_bytes().len());
                if let Err(error) = limits.check_batch(bytes) {
                    return Ok(Err(error));
                }
                values.push(value);
            }
            Ok(Ok(values))
        };
        StoreFuture::new(async move { self.database.read(read).await? })
    }

    fn exists<'a>(&'a self, key: &'a str) -> DataFuture<'a, bool> {
        let key = key.to_owned();
        let exists = move |connection: &Connection| {
            connection.prepare_cached("SELECT 1 FROM entries WHERE key = ?1")?.exists([&key])
        };
        StoreFuture::new(async move { Ok(self.database.read(exists).await?) })
    }

    fn keys<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, limit: usize) -> DataFuture<'a, Vec<String>> {
        let (prefix, after) = (prefix.to_owned(), after.unwrap_or_default().to_owned());
        let read = move |connection: &Connection| {
            let mut statement = connection
                .prepare_cached("SELECT key FROM entries WHERE key >= ?1 AND key > ?2 ORDER BY key LIMIT ?3")?;
            let mut rows = statement.query((&prefix, &after, limit as i64))?;
            let mut keys = Vec::new();
            while let Some(row) = rows.next()? {
                let key: String = row.get(0)?;
                if !key.starts_with(&prefix) {
                    break;
                }
                keys.push(key);
            }
            Ok(keys)
        };
        StoreFuture::new(async move { Ok(self.database.read(read).await?) })
    }

    fn entries(&self, query: EntriesQuery) -> DataFuture<'_, EntriesPage> {
        StoreFuture::new(async move { Ok(self.database.read(move |connection| page(connection, &query)).await?) })
    }

    fn set_many(&self, entries: Vec<(String, DataValue)>) -> DataFuture<'_, ()> {
        let set = move |change: &mut Change<'_>| -> Work<()> {
            entries.iter().try_for_each(|(key, value)| change.put(key, value))
        };
        StoreFuture::new(self.change(set))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> DataFuture<'a, u64> {
        let keys = keys.to_vec();
        let delete = move |change: &mut Change<'_>| -> Work<u64> {
            keys.iter().try_for_each(|key| change.remove(key))?;
            Ok(change.keys.unsigned_abs())
        };
        StoreFuture::new(self.change(delete))
    }

    fn update<'a>(&'a self, key: &'a str, mut update: DataUpdate) -> DataFuture<'a, bool> {
        let key = key.to_owned();
        let decide = move |change: &mut Change<'_>| -> Work<bool> {
            let old = value_of(change.transaction, &key)?;
            match update(old.as_ref()).map_err(Stopped::Refused)? {
                DataChange::Keep => return Ok(false),
                DataChange::Set(value) => change.put(&key, &value)?,
                DataChange::Remove => change.remove(&key)?,
            }
            Ok(true)
        };
        StoreFuture::new(self.change(decide))
    }
}

impl From<Unavailable> for DataError {
    fn from(unavailable: Unavailable) -> Self {
        DataError::Unavailable(unavailable.to_string())
    }
}

fn totals(keys: i64, bytes: i64) -> DataTotals {
    DataTotals { keys: u64::try_from(keys).unwrap_or_default(), bytes: u64::try_from(bytes).unwrap_or_default() }
}

fn value_of(connection: &Connection, key: &str) -> rusqlite::Result<Option<DataValue>> {
    connection
        .prepare_cached("SELECT value, is_json FROM entries WHERE key = ?1")?
        .query_row([key], |row| Ok(DataValue::new(row.get(0)?, row.get(1)?)))
        .optional()
}

fn page(connection: &Connection, query: &EntriesQuery) -> rusqlite::Result<EntriesPage> {
    let after = query.after.as_deref().unwrap_or_default();
    let mut statement = connection
        .prepare_cached("SELECT key, value, is_json FROM entries WHERE key >= ?1 AND key > ?2 ORDER BY key")?;
    let mut rows = statement.query((&query.prefix, after))?;
    let (mut page, mut bytes, mut looked_at) = (EntriesPage::default(), 0, 0);
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(&query.prefix) {
            break;
        }
        // A page ends before the entry that is too much for it, and the next one begins there.
        if looked_at == DATA_PAGE_KEYS_MAX || page.entries.len() == query.limit {
            return Ok(page);
        }
        looked_at += 1;
        if (query.wanted)(&key) {
            let value = DataValue::new(row.get(1)?, row.get(2)?);
            bytes += value.as_bytes().len();
            if bytes > query.bytes_max && !page.entries.is_empty() {
                return Ok(page);
            }
            page.entries.push((key.clone(), value));
        }
        page.last = Some(key);
    }
    page.last = None;
    Ok(page)
}

/// A transaction, and its change of the totals.
struct Change<'a> {
    transaction: &'a Transaction<'a>,
    keys: i64,
    bytes: i64,
}

impl Change<'_> {
    fn put(&mut self, key: &str, value: &DataValue) -> Work<()> {
        self.subtract(key)?;
        self.transaction
            .prepare_cached(
                "INSERT INTO entries (key, value, is_json) VALUES (?1, ?2, ?3)
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value, is_json = excluded.is_json",
            )?
            .execute((key, value.as_bytes(), value.is_json()))?;
        self.keys += 1;
        self.bytes += (key.len() + value.as_bytes().len()) as i64;
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Work<()> {
        self.subtract(key)?;
        self.transaction.prepare_cached("DELETE FROM entries WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Subtracts the entry of a key from the totals.
    fn subtract(&mut self, key: &str) -> Work<()> {
        let old: Option<i64> = self
            .transaction
            .prepare_cached("SELECT length(value) FROM entries WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        if let Some(bytes) = old {
            self.keys -= 1;
            self.bytes -= key.len() as i64 + bytes;
        }
        Ok(())
    }

    /// Writes the new totals, and compares them with the limits.
    fn settle(self, limits: &DataLimits) -> Work<()> {
        let (keys, bytes): (i64, i64) = self
            .transaction
            .prepare_cached("UPDATE totals SET keys = keys + ?1, bytes = bytes + ?2 RETURNING keys, bytes")?
            .query_row((self.keys, self.bytes), |row| Ok((row.get(0)?, row.get(1)?)))?;
        limits.check(totals(keys - self.keys, bytes - self.bytes), totals(keys, bytes)).map_err(Stopped::Refused)
    }
}
