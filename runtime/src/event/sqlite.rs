//! Durable events in SQLite: one file for all plugins, so that one commit stores an event for all of them, and
//! concurrent events share commits.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use tokio::sync::OnceCell;

use super::Published;
use super::store::{
    DeadLetter, DeliveryOutcome, EventFuture, EventReceiver, EventStore, EventStoreError, PendingEvent,
};
use crate::clock::SystemClock;
use crate::limits::{DEAD_LETTERS_MAX, EVENT_CLAIM_BYTES, EVENTS_STORED_BYTES_MAX, EVENTS_STORED_MAX};
use crate::scope::PluginScope;
use crate::sqlite::{Database, HOST, Stopped, Unavailable};
use crate::store_future::StoreFuture;

/// The file. Its directory begins with a dot, which no plugin's name does.
const DIRECTORY: &str = ".host";
const FILE: &str = "events.sqlite3";

const STEPS: &[&str] = &["
    CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        plugin TEXT NOT NULL,
        subscription TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        id TEXT NOT NULL,
        topic TEXT NOT NULL,
        data TEXT NOT NULL,
        source TEXT NOT NULL,
        target TEXT,
        timestamp_ms INTEGER NOT NULL,
        correlation_id TEXT,
        depth INTEGER NOT NULL,
        error TEXT,
        failed_ms INTEGER
    ) STRICT;
    CREATE INDEX pending ON deliveries (plugin, number) WHERE failed_ms IS NULL;
    CREATE INDEX dead ON deliveries (plugin, number) WHERE failed_ms IS NOT NULL;
    CREATE TABLE totals (plugin TEXT NOT NULL PRIMARY KEY, pending INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
"];

/// The columns from which a [`PendingEvent`] is read.
const COLUMNS: &str =
    "number, subscription, attempts, id, topic, data, source, target, timestamp_ms, correlation_id, depth";

/// A backend for durable events in a SQLite file, `<directory>/.host/events.sqlite3`, which only this user can read.
pub struct SqliteEvents {
    scope: PluginScope,
    database: OnceCell<Database>,
}

type Work<T> = Result<T, Stopped<EventStoreError>>;

impl SqliteEvents {
    /// A backend that stores in this directory. The directory and the file are created when the first event is stored.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self::open_in(Some(directory.into().join(DIRECTORY)))
    }

    /// A backend whose events end with it.
    pub fn in_memory() -> Self {
        Self::open_in(None)
    }

    fn open_in(directory: Option<PathBuf>) -> Self {
        let scope = PluginScope::new(HOST.into(), directory, Arc::new(SystemClock));
        SqliteEvents { scope, database: OnceCell::new() }
    }

    async fn database(&self) -> Result<&Database, Unavailable> {
        self.database.get_or_try_init(|| Database::open(&self.scope, FILE, STEPS)).await
    }

    fn write<'a, T: Send + 'static>(
        &'a self,
        work: impl FnOnce(&Transaction<'_>) -> Work<T> + Send + 'static,
    ) -> EventFuture<'a, T> {
        StoreFuture::new(async move { self.database().await?.write(work).await })
    }

    /// Returns whether nothing can have been stored, so that the file need not be created.
    fn is_unused(&self) -> bool {
        let exists = self.scope.directory.as_ref().is_some_and(|directory| directory.join(FILE).exists());
        !self.database.initialized() && !exists
    }
}

impl std::fmt::Debug for SqliteEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteEvents").finish_non_exhaustive()
    }
}

impl EventStore for SqliteEvents {
    fn append(&self, event: Arc<Published>, receivers: Vec<EventReceiver>) -> EventFuture<'_, ()> {
        self.write(move |transaction| receivers.iter().try_for_each(|receiver| insert(transaction, &event, receiver)))
    }

    fn claim<'a>(&'a self, plugin: &'a str, limit: usize) -> EventFuture<'a, Vec<PendingEvent>> {
        if self.is_unused() {
            return StoreFuture::ready(Ok(Vec::new()));
        }
        let plugin = plugin.to_owned();
        self.write(move |transaction| claim(transaction, &plugin, limit))
    }

    fn settle(&self, outcomes: Vec<(u64, DeliveryOutcome)>) -> EventFuture<'_, ()> {
        self.write(move |transaction| {
            outcomes.iter().try_for_each(|(number, outcome)| settle(transaction, *number, outcome))
        })
    }

    fn dead_letters<'a>(
        &'a self,
        plugin: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> EventFuture<'a, Vec<DeadLetter>> {
        if self.is_unused() {
            return StoreFuture::ready(Ok(Vec::new()));
        }
        let plugin = plugin.map(str::to_owned);
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, plugin, error, failed_ms FROM deliveries
                 WHERE failed_ms IS NOT NULL AND number > ?1 AND (?3 IS NULL OR plugin = ?3) ORDER BY number LIMIT ?2"
            ))?;
            let letters = statement.query_map((after as i64, limit as i64, &plugin), |row| {
                Ok(DeadLetter::new(
                    pending(row)?,
                    row.get::<_, String>(11)?,
                    row.get::<_, String>(12)?,
                    unsigned(row, 13)?,
                ))
            })?;
            letters.collect()
        };
        StoreFuture::new(async move { Ok(self.database().await?.read(read).await?) })
    }

    fn retry_dead_letter(&self, number: u64) -> EventFuture<'_, Option<String>> {
        if self.is_unused() {
            return StoreFuture::ready(Ok(None));
        }
        self.write(move |transaction| {
            let found = transaction
                .prepare_cached(&format!(
                    "SELECT {COLUMNS}, plugin FROM deliveries WHERE number = ?1 AND failed_ms IS NOT NULL"
                ))?
                .query_row([number as i64], |row| Ok((pending(row)?, row.get::<_, String>(11)?)))
                .optional()?;
            let Some((letter, plugin)) = found else { return Ok(None) };
            delete(transaction, number)?;
            let receiver = EventReceiver { plugin, subscription: letter.subscription };
            insert(transaction, &letter.event, &receiver)?;
            Ok(Some(receiver.plugin))
        })
    }

    fn remove_dead_letter(&self, number: u64) -> EventFuture<'_, bool> {
        if self.is_unused() {
            return StoreFuture::ready(Ok(false));
        }
        self.write(move |transaction| {
            let removed = transaction
                .prepare_cached("DELETE FROM deliveries WHERE number = ?1 AND failed_ms IS NOT NULL")?
                .execute([number as i64])?;
            Ok(removed > 0)
        })
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> EventFuture<'a, bool> {
        if self.is_unused() {
            return StoreFuture::ready(Ok(false));
        }
        let plugin = plugin.to_owned();
        self.write(move |transaction| {
            let removed = transaction.execute("DELETE FROM deliveries WHERE plugin = ?1", [&plugin])?;
            transaction.execute("DELETE FROM totals WHERE plugin = ?1", [&plugin])?;
            Ok(removed > 0)
        })
    }
}

impl From<Unavailable> for EventStoreError {
    fn from(unavailable: Unavailable) -> Self {
        EventStoreError::Unavailable(unavailable.to_string())
    }
}

fn insert(transaction: &Transaction<'_>, event: &Published, receiver: &EventReceiver) -> Work<()> {
    let (pending, bytes) = add_to_totals(transaction, &receiver.plugin, 1, event.data.len() as i64)?;
    // A single event of any size is stored.
    if pending > EVENTS_STORED_MAX as i64 || (pending > 1 && bytes > EVENTS_STORED_BYTES_MAX as i64) {
        return Err(Stopped::Refused(EventStoreError::Full { plugin: receiver.plugin.clone() }));
    }
    transaction
        .prepare_cached(
            "INSERT INTO deliveries
             (plugin, subscription, id, topic, data, source, target, timestamp_ms, correlation_id, depth)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            &receiver.plugin,
            &receiver.subscription,
            &event.id,
            &event.topic,
            &event.data,
            &event.source,
            &event.target,
            event.timestamp_ms as i64,
            &event.correlation_id,
            event.depth,
        ))?;
    Ok(())
}

/// Changes the totals of a plugin, and returns them.
fn add_to_totals(
    transaction: &Transaction<'_>,
    plugin: &str,
    pending: i64,
    bytes: i64,
) -> rusqlite::Result<(i64, i64)> {
    transaction
        .prepare_cached(
            "INSERT INTO totals VALUES (?1, ?2, ?3)
             ON CONFLICT (plugin) DO UPDATE SET pending = pending + ?2, bytes = bytes + ?3 RETURNING pending, bytes",
        )?
        .query_row((plugin, pending, bytes), |row| Ok((row.get(0)?, row.get(1)?)))
}

fn claim(transaction: &Transaction<'_>, plugin: &str, limit: usize) -> Work<Vec<PendingEvent>> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM deliveries WHERE plugin = ?1 AND failed_ms IS NULL ORDER BY number LIMIT ?2"
    ))?;
    let mut rows = statement.query((plugin, limit.max(1) as i64))?;
    let (mut claimed, mut bytes): (Vec<PendingEvent>, usize) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let mut delivery = pending(row)?;
        bytes += delivery.event.data.len();
        let is_first = claimed.is_empty();
        if !is_first && (delivery.attempt > 0 || bytes > EVENT_CLAIM_BYTES) {
            break;
        }
        let was_claimed = delivery.attempt > 0;
        delivery.attempt += 1;
        claimed.push(delivery);
        if was_claimed {
            break;
        }
    }
    if let (Some(first), Some(last)) = (claimed.first(), claimed.last()) {
        transaction
            .prepare_cached(
                "UPDATE deliveries SET attempts = attempts + 1
                 WHERE plugin = ?1 AND failed_ms IS NULL AND number BETWEEN ?2 AND ?3",
            )?
            .execute((plugin, first.number as i64, last.number as i64))?;
    }
    Ok(claimed)
}

fn settle(transaction: &Transaction<'_>, number: u64, outcome: &DeliveryOutcome) -> Work<()> {
    match outcome {
        DeliveryOutcome::Delivered => {
            if let Some((plugin, bytes)) = delete(transaction, number)? {
                add_to_totals(transaction, &plugin, -1, -bytes)?;
            }
        }
        DeliveryOutcome::NotAttempted => {
            transaction
                .prepare_cached("UPDATE deliveries SET attempts = attempts - 1 WHERE number = ?1 AND attempts > 0")?
                .execute([number as i64])?;
        }
        DeliveryOutcome::Dead { error, time_ms } => {
            let dead: Option<(String, i64)> = transaction
                .prepare_cached(
                    "UPDATE deliveries SET error = ?2, failed_ms = ?3 WHERE number = ?1 AND failed_ms IS NULL
                     RETURNING plugin, octet_length(data)",
                )?
                .query_row((number as i64, error, *time_ms as i64), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            if let Some((plugin, bytes)) = dead {
                add_to_totals(transaction, &plugin, -1, -bytes)?;
                drop_old_dead_letters(transaction, &plugin)?;
            }
        }
    }
    Ok(())
}

fn drop_old_dead_letters(transaction: &Transaction<'_>, plugin: &str) -> Work<()> {
    let dropped = transaction
        .prepare_cached(
            "DELETE FROM deliveries WHERE plugin = ?1 AND failed_ms IS NOT NULL AND number <=
             (SELECT number FROM deliveries WHERE plugin = ?1 AND failed_ms IS NOT NULL
              ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute((plugin, DEAD_LETTERS_MAX as i64))?;
    if dropped > 0 {
        tracing::warn!(plugin, dropped, "old dead letters of events are dropped, because there are too many");
    }
    Ok(())
}

/// Deletes a delivery or a dead letter, and returns its plugin and the bytes of its data.
fn delete(transaction: &Transaction<'_>, number: u64) -> rusqlite::Result<Option<(String, i64)>> {
    transaction
        .prepare_cached("DELETE FROM deliveries WHERE number = ?1 RETURNING plugin, octet_length(data)")?
        .query_row([number as i64], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

fn pending(row: &Row<'_>) -> rusqlite::Result<PendingEvent> {
    Ok(PendingEvent {
        number: unsigned(row, 0)?,
        subscription: row.get(1)?,
        attempt: row.get(2)?,
        event: Published {
            id: row.get(3)?,
            topic: row.get(4)?,
            data: row.get(5)?,
            source: row.get(6)?,
            target: row.get(7)?,
            timestamp_ms: unsigned(row, 8)?,
            correlation_id: row.get(9)?,
            depth: row.get(10)?,
        },
    })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    Ok(u64::try_from(number).unwrap_or_default())
}
