//! Opening the catalog's file. An existing file is checked before anything is written to it, and a new one gets its
//! name once it is complete: a file of that name is a whole catalog or a damaged one, never one that was half made.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::unavailable;
use crate::fail_point::fail_point;
use crate::limits::DATABASE_WAIT_MAX;
use crate::store::StoreError;

/// The file's name. It has a dot, so that it is not the directory of a plugin.
pub(super) const FILE_NAME: &str = "catalog.db";
/// The name of a catalog that is being made.
const NEW_FILE_NAME: &str = "catalog.db.new";
/// The file that is locked while a catalog is made.
const LOCK_FILE_NAME: &str = "catalog.lock";
/// `PLUG`: marks the file as a catalog.
const APPLICATION_ID: i64 = 0x504c_5547;
/// Bytes of memory for cached pages.
const CACHE_BYTES: i64 = 2 << 20;
/// Bytes of the write-ahead log that stay after a large change.
const LOG_BYTES: i64 = 4 << 20;

/// The steps that make the tables. Each runs once in the life of a file; new ones are appended.
const STEPS: &[&str] = &[
    "
    CREATE TABLE catalog (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        revision INTEGER NOT NULL
    ) STRICT;
    INSERT INTO catalog VALUES (1, 0);
    CREATE TABLE plugin (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        enabled INTEGER NOT NULL,
        state TEXT NOT NULL,
        last_error TEXT,
        installed_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE component (
        digest TEXT NOT NULL PRIMARY KEY,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE version (
        plugin INTEGER NOT NULL REFERENCES plugin (id),
        place TEXT NOT NULL,
        version TEXT NOT NULL,
        manifest TEXT NOT NULL,
        document TEXT,
        format TEXT,
        document_digest TEXT,
        component TEXT NOT NULL REFERENCES component (digest),
        component_bytes INTEGER NOT NULL,
        files TEXT NOT NULL,
        files_digest TEXT NOT NULL,
        origin TEXT NOT NULL,
        pinned TEXT NOT NULL,
        signed_by TEXT,
        stored_at INTEGER NOT NULL,
        PRIMARY KEY (plugin, place)
    ) STRICT;
    CREATE INDEX version_component ON version (component);
",
    "
    CREATE TABLE disabled (name TEXT NOT NULL PRIMARY KEY) STRICT;
",
];

pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let place = path.display().to_string();
    let no_access = |error: io::Error| StoreError::NoAccess { place: place.clone(), reason: error.to_string() };
    let damaged = |reason: &str| StoreError::Damaged { place: place.clone(), reason: reason.to_owned() };
    let sql = |error: rusqlite::Error| unavailable(&place, &error);
    // The connection refuses links, so the directory's are resolved here.
    let directory = path.parent().unwrap_or(Path::new(".")).canonicalize().map_err(no_access)?;
    let path = directory.join(FILE_NAME);
    if !path.try_exists().map_err(no_access)? {
        if path.is_symlink() {
            return Err(damaged("it is a link to a file that does not exist"));
        }
        create(&directory, &path, &place)?;
    }
    let mut connection = connect(&path).map_err(sql)?;
    // Read before anything is written: the file may be of another program.
    let id: i64 = connection.query_row("PRAGMA application_id", (), |row| row.get(0)).map_err(sql)?;
    if id != APPLICATION_ID {
        return Err(damaged("it is not a catalog"));
    }
    configure(&connection).map_err(sql)?;
    shape(&mut connection, &place)?;
    for table in ["catalog", "plugin", "version", "disabled"] {
        let check = format!("PRAGMA quick_check({table})");
        let result: String = connection.query_row(&check, (), |row| row.get(0)).map_err(sql)?;
        if result != "ok" {
            return Err(damaged(&result.replace('\n', " ")));
        }
    }
    let counts: i64 = connection.query_row("SELECT count(*) FROM catalog", (), |row| row.get(0)).map_err(sql)?;
    if counts != 1 {
        return Err(damaged("its counter is missing"));
    }
    Ok(connection)
}

pub(super) fn open_in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    run_steps(&mut connection)?;
    Ok(connection)
}

/// Makes a catalog beside its place and then gives it its name. Of several processes that do this at once, one makes
/// it.
///
/// The lock is on a file of its own. Closing any handle of a database releases the locks that this process has on it,
/// so no handle but SQLite's is open once the file has its name.
fn create(directory: &Path, path: &Path, place: &str) -> Result<(), StoreError> {
    let no_access = |error: io::Error| StoreError::NoAccess { place: place.to_owned(), reason: error.to_string() };
    let sql = |error: rusqlite::Error| unavailable(place, &error);
    fail_point("create", "begun");
    let lock = private_file(&directory.join(LOCK_FILE_NAME)).map_err(no_access)?;
    lock.lock().map_err(no_access)?;
    if path.try_exists().map_err(no_access)? {
        return Ok(());
    }
    for log in ["-wal", "-journal"] {
        if directory.join(format!("{FILE_NAME}{log}")).exists() {
            let reason = "it is missing, and only its log is there".to_owned();
            return Err(StoreError::Damaged { place: place.to_owned(), reason });
        }
    }
    let new = directory.join(NEW_FILE_NAME);
    // What a process left that ended here. Its journal, if it has one, belongs to that content.
    for left in [new.clone(), directory.join(format!("{NEW_FILE_NAME}-journal"))] {
        match std::fs::remove_file(left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(no_access(error)),
            _ => {}
        }
    }
    let file = private_file(&new).map_err(no_access)?;
    let mut connection = connect(&new).map_err(sql)?;
    connection.pragma_update(None, "auto_vacuum", "full").map_err(sql)?;
    run_steps(&mut connection).map_err(sql)?;
    connection.close().map_err(|(_, error)| sql(error))?;
    file.sync_all().map_err(no_access)?;
    drop(file);
    fail_point("create", "shaped");
    std::fs::rename(&new, path).map_err(no_access)?;
    fail_point("create", "named");
    sync_directory(directory).map_err(no_access)
}

/// Creates a file for this user alone, or opens it.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(DATABASE_WAIT_MAX)?;
    // A file that another program prepared must not run anything but these statements.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    // A negative size is in KiB.
    connection.pragma_update(None, "cache_size", -(CACHE_BYTES / 1024))
}

/// Brings the tables of an older version up to date.
fn shape(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    let sql = |error: rusqlite::Error| unavailable(place, &error);
    let seen = version(connection).map_err(sql)?;
    if seen > STEPS.len() {
        return Err(StoreError::Newer { place: place.to_owned() });
    }
    if seen == STEPS.len() {
        return Ok(());
    }
    run_steps(connection).map_err(sql)
}

fn run_steps(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have run them in the meantime.
    for step in STEPS.iter().skip(version(&transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", STEPS.len() as i64)?;
    transaction.commit()
}

/// The number of steps that have run on this file.
fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Syncs a directory, so that the names of its files are on disk. Other systems persist names by themselves.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
