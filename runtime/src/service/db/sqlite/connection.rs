//! A connection for untrusted SQL, with every dangerous feature off and every limit set.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Once};
use std::time::Duration;

use hashlink::DefaultHashBuilder;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::facts::Facts;
use super::functions;
use super::watch::Watch;
use crate::clock::Clock;
use crate::limits::*;

/// Statements of the host that stay prepared beside the plugin's.
const HOST_STATEMENTS: usize = 4;

/// A connection, with the facts of the statements that it has prepared.
pub(super) struct Conn {
    pub(super) sqlite: Connection,
    pub(super) watch: Watch,
    /// By the text. A few dozen at most, so texts chosen to have one hash do no harm.
    pub(super) known: HashMap<Arc<str>, Arc<Facts>, DefaultHashBuilder>,
    /// The version of the schema that `known` describes.
    pub(super) schema: u64,
    /// The time for which SQLite waits for a lock: none, as `set_storage` sets it, until another is set.
    lock_wait: Cell<Duration>,
}

/// Where a database is.
pub(super) enum Place<'a> {
    Memory,
    File(&'a Path),
    /// A file that cannot be written, by its URI.
    ReadOnlyFile(&'a str),
    /// A file that does not exist and cannot be created.
    EmptyReadOnly,
}

impl Conn {
    /// Opens the database.
    pub(super) fn open(place: &Place<'_>, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        warn_if_memory_is_unbounded();
        let read_write = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut sqlite = match place {
            Place::File(path) => Connection::open_with_flags(path, read_write | OpenFlags::SQLITE_OPEN_NOFOLLOW)?,
            Place::ReadOnlyFile(uri) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
            }
            Place::Memory | Place::EmptyReadOnly => Connection::open_in_memory_with_flags(read_write)?,
        };
        disable_dangerous_features(&sqlite)?;
        set_limits(&sqlite)?;
        let path = if let Place::File(path) = place { Some(path) } else { None };
        set_storage(&sqlite, path.is_some())?;
        if let Place::EmptyReadOnly = place {
            sqlite.pragma_update(None, "query_only", true)?;
        }
        sqlite.set_prepared_statement_cache_capacity(DB_PREPARED_MAX + HOST_STATEMENTS);
        let log = path.map(|path| {
            let mut log = path.as_os_str().to_owned();
            log.push("-wal");
            log.into()
        });
        let watch = Watch::install(&mut sqlite, log)?;
        functions::install(&sqlite, clock, watch.clone())?;
        Ok(Conn { sqlite, watch, known: HashMap::default(), schema: 0, lock_wait: Cell::default() })
    }

    /// Drops prepared statements and their facts, because the schema has changed.
    pub(super) fn forget_statements(&mut self) {
        self.known.clear();
        self.sqlite.flush_prepared_statement_cache();
    }

    /// Sets the time for which SQLite waits for a lock.
    pub(super) fn wait_for_locks(&self, wait: Duration) -> rusqlite::Result<()> {
        if self.lock_wait.get() != wait {
            self.sqlite.busy_timeout(wait)?;
            self.lock_wait.set(wait);
        }
        Ok(())
    }

    pub(super) fn is_in_transaction(&self) -> bool {
        !self.sqlite.is_autocommit()
    }

    /// Rolls back the open transaction, if any.
    pub(super) fn roll_back(&mut self) {
        self.watch.record().origin = super::watch::Origin::Host;
        if self.is_in_transaction()
            && let Err(error) = self.sqlite.execute_batch("ROLLBACK")
        {
            tracing::warn!("a plugin's transaction was not rolled back: {error}");
        }
    }
}

/// Logs, once per process, that plugins' statements may allocate without a bound.
fn warn_if_memory_is_unbounded() {
    static WARNED: Once = Once::new();
    if !plugbay_sqlite_memory::is_installed() {
        WARNED.call_once(|| {
            tracing::warn!(
                "the memory of plugins' SQL statements is not bounded: call `plugbay::bound_sql_memory` at the beginning \
                 of `main`"
            );
        });
    }
}

/// Disables features with which untrusted SQL, or a file that was made elsewhere, could do harm.
fn disable_dangerous_features(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false)?;
    // `"x"` is a column, never a text: a misspelt column must not become a value.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    Ok(())
}

fn set_limits(sqlite: &Connection) -> rusqlite::Result<()> {
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, DB_VALUE_BYTES_MAX),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, DB_STATEMENT_BYTES_MAX),
        (Limit::SQLITE_LIMIT_COLUMN, DB_COLUMNS_MAX),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, DB_EXPRESSION_DEPTH_MAX),
        (Limit::SQLITE_LIMIT_PARSER_DEPTH, 10 * DB_EXPRESSION_DEPTH_MAX),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, DB_COMPOUNDS_MAX),
        (Limit::SQLITE_LIMIT_VDBE_OP, DB_PROGRAM_STEPS_MAX),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, DB_FUNCTION_ARGUMENTS_MAX),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, DB_PATTERN_BYTES_MAX),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, DB_PARAMETERS_MAX),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, DB_TRIGGER_DEPTH_MAX),
        (Limit::SQLITE_LIMIT_TRIGGER_STEPS, DB_TRIGGER_STEPS_MAX),
        (Limit::SQLITE_LIMIT_SCHEMA, DB_OBJECTS_MAX),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        sqlite.set_limit(limit, most)?;
    }
    Ok(())
}

/// Makes commits durable, and bounds the database on disk and in memory.
fn set_storage(sqlite: &Connection, on_disk: bool) -> rusqlite::Result<()> {
    let bytes_max = if on_disk { DB_FILE_BYTES_MAX } else { DB_MEMORY_BYTES_MAX };
    if on_disk {
        sqlite.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        sqlite.pragma_update(None, "synchronous", "full")?;
        sqlite.pragma_update_and_check(None, "journal_size_limit", DATABASE_LOG_BYTES_MAX, |_| Ok(()))?;
    }
    sqlite.busy_timeout(Duration::ZERO)?;
    sqlite.pragma_update(None, "cell_size_check", true)?;
    sqlite.pragma_update(None, "cache_size", -(DB_CACHE_BYTES / 1024))?;
    sqlite.pragma_update_and_check(None, "max_page_count", (bytes_max / DB_PAGE_BYTES) as i64, |_| Ok(()))?;
    // Temporary tables of a statement stay out of the file system, and count as its memory.
    sqlite.pragma_update(None, "temp_store", "memory")
}
