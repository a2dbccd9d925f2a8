//! Opening the file of tokens, `tokens.db` in the data directory. It is for the user who runs the host alone.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::token_store::TokenStoreError;

/// The file's name. It has a dot, so that it is not the directory of a plugin.
pub(super) const FILE_NAME: &str = "tokens.db";
/// `PLTK`: marks the file as one of tokens.
const APPLICATION_ID: i64 = 0x504c_544b;
/// How long a change waits for another process that changes the file.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// The steps that make the tables. Each runs once in the life of a file; new ones are appended.
const STEPS: &[&str] = &[
    "
    CREATE TABLE token (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        digest_start INTEGER NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        consumer TEXT NOT NULL,
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        last_used_at INTEGER,
        revoked_at INTEGER
    ) STRICT;
    CREATE INDEX token_digest_start ON token (digest_start);
",
    // Sessions of browsers and codes that begin one are rows too. A session that was begun with a token has its number
    // as `parent`.
    "
    ALTER TABLE token ADD COLUMN kind TEXT NOT NULL DEFAULT 'token';
    ALTER TABLE token ADD COLUMN parent INTEGER;
    CREATE INDEX token_parent ON token (parent) WHERE parent IS NOT NULL;
",
];

/// Opens the file for two connections, one that reads and one that writes, and makes it if it does not exist.
pub(super) fn open(directory: &Path) -> Result<(Connection, Connection), TokenStoreError> {
    let shown = directory.join(FILE_NAME).display().to_string();
    let no_access = |error: io::Error| TokenStoreError::unusable(&shown, error);
    // The connection refuses links, so the directory's are resolved here.
    let path = directory.canonicalize().map_err(no_access)?.join(FILE_NAME);
    create(&path).map_err(no_access)?;
    let sql = |error: rusqlite::Error| TokenStoreError::sql(&shown, &error);
    let mut writer = connect(&path).map_err(sql)?;
    // Read before anything is written: the file may be of another program.
    let id: i64 = writer.query_row("PRAGMA application_id", (), |row| row.get(0)).map_err(sql)?;
    let tables: i64 = writer.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(sql)?;
    if id != APPLICATION_ID && (id != 0 || tables != 0) {
        return Err(TokenStoreError::Damaged { place: shown, reason: "it is not a file of tokens".to_owned() });
    }
    configure(&writer).map_err(sql)?;
    if version(&writer).map_err(sql)? > STEPS.len() {
        return Err(TokenStoreError::Newer { place: shown });
    }
    run_steps(&mut writer).map_err(sql)?;
    let reader = connect(&path).map_err(sql)?;
    reader.pragma_update(None, "query_only", true).map_err(sql)?;
    Ok((reader, writer))
}

/// Opens tables in memory.
pub(super) fn open_in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    run_steps(&mut connection)?;
    Ok(connection)
}

/// Creates an empty file that no other user can read. A file that exists stays as it is: no handle of it may be closed
/// here, because that would release the locks that SQLite holds on it in this process.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        opened => opened.map(drop),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(WAIT_MAX)?;
    // A file that another program prepared must not run anything but these statements.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")
}

fn run_steps(connection: &mut Connection) -> rusqlite::Result<()> {
    if version(connection)? == STEPS.len() {
        return Ok(());
    }
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
