//! Opens a file with safe settings and brings its schema up to date.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{About, Unavailable, Why};
use crate::limits::{DATABASE_CACHE_BYTES, DATABASE_LOG_BYTES_MAX, DATABASE_WAIT_MAX};
use crate::scope::make_private_directory;

pub(crate) struct Connections {
    pub(super) writer: Connection,
    pub(super) reader: Option<Connection>,
}

/// The delay before opening a file that is in use is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(10);

pub(crate) fn open(about: &About, steps: &[&str]) -> Result<Connections, Unavailable> {
    let Some(path) = &about.path else {
        let mut writer = Connection::open_in_memory().map_err(|error| about.unavailable(&error))?;
        shape(about, &mut writer, steps)?;
        return Ok(Connections { writer, reader: None });
    };
    let path = match make_file(path) {
        Err(error) if is_forbidden(&error) => return open_read_only(about, path, steps),
        made => made.map_err(|error| about.failed(Why::NoAccess, &error))?,
    };
    let mut writer = match patiently(|| connect(&path, DATABASE_WAIT_MAX)) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
            return open_read_only(about, &path, steps);
        }
        opened => opened.map_err(|error| about.unavailable(&error))?,
    };
    shape(about, &mut writer, steps)?;
    let reader = patiently(|| {
        let reader = connect(&path, Duration::ZERO)?;
        reader.pragma_update(None, "query_only", true)?;
        Ok(reader)
    })
    .map_err(|error| about.unavailable(&error))?;
    Ok(Connections { writer, reader: Some(reader) })
}

/// Opens a file that this process may read but not write. A missing file reads as an empty one.
fn open_read_only(about: &About, path: &Path, steps: &[&str]) -> Result<Connections, Unavailable> {
    let opened = match ReadOnly::of(path).map_err(|error| about.failed(Why::NoAccess, &error))? {
        ReadOnly::Missing => Connection::open_in_memory(),
        ReadOnly::File(uri) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(uri, flags)
        }
    };
    let mut connection = opened.map_err(|error| about.unavailable(&error))?;
    protect(&connection).map_err(|error| about.unavailable(&error))?;
    shape(about, &mut connection, steps)?;
    connection.pragma_update(None, "query_only", true).map_err(|error| about.unavailable(&error))?;
    Ok(Connections { writer: connection, reader: None })
}

/// A file that cannot be written or created.
pub(in super::super) enum ReadOnly {
    /// The file does not exist.
    Missing,
    /// The URI with which SQLite opens the file without a write-ahead log, which it could not create.
    File(String),
}

impl ReadOnly {
    /// Examines the file at this path.
    ///
    /// # Errors
    /// The file is not a regular file, or a process that ended without closing it left a write-ahead log, without which
    /// the file lacks acknowledged writes.
    pub(in super::super) fn of(path: &Path) -> io::Result<Self> {
        let is_file = |path: &Path| match path.symlink_metadata() {
            Ok(found) if found.is_file() => Ok(Some(found.len())),
            Ok(_) => Err(io::Error::other("it is not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let Some(_) = is_file(path)? else { return Ok(ReadOnly::Missing) };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        if is_file(Path::new(&log))?.is_some_and(|bytes| bytes > 0) {
            return Err(io::Error::other(
                "its write-ahead log has to be applied first, which needs a writable directory",
            ));
        }
        // The path without links in its directories; the file itself is not a link.
        let directory = path.parent().unwrap_or(Path::new(".")).canonicalize()?;
        let path = directory.join(path.file_name().unwrap_or_default());
        let mut uri = "file:".to_owned();
        for byte in path.as_os_str().as_encoded_bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => uri.push(char::from(*byte)),
                byte => uri.push_str(&format!("%{byte:02X}")),
            }
        }
        uri.push_str("?immutable=1");
        Ok(ReadOnly::File(uri))
    }
}

/// Returns whether an error means that a file or directory cannot be written.
pub(in super::super) fn is_forbidden(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Creates the file and its directory for this user alone; SQLite creates its companion files with the same mode. The
/// returned path contains no links, since the connection refuses them.
///
/// An existing file is not opened here: closing it would release the locks of other connections in this process.
pub(in super::super) fn make_file(path: &Path) -> io::Result<std::path::PathBuf> {
    let directory = path.parent().unwrap_or(Path::new("."));
    make_private_directory(directory)?;
    let path = directory.canonicalize()?.join(path.file_name().unwrap_or_default());
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path),
        Err(error) => Err(error),
    }
}

fn connect(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    protect(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update_and_check(None, "journal_size_limit", DATABASE_LOG_BYTES_MAX, |_| Ok(()))?;
    Ok(connection)
}

/// The settings of every connection. A file that another program prepared must not run anything but the host's
/// statements.
fn protect(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A negative size is in KiB.
    connection.pragma_update(None, "cache_size", -(DATABASE_CACHE_BYTES / 1024))
}

/// Runs the steps that this file has not had yet, in one transaction.
fn shape(about: &About, connection: &mut Connection, steps: &[&str]) -> Result<(), Unavailable> {
    let seen = version(connection).map_err(|error| about.unavailable(&error))?;
    if seen > steps.len() {
        return Err(about.failed(Why::Newer, &format!("its version is {seen}, and {} is known", steps.len())));
    }
    if seen == steps.len() {
        return Ok(());
    }
    run_steps(connection, steps).map_err(|error| about.unavailable(&error))
}

fn run_steps(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have run them in the meantime.
    for step in steps.iter().skip(version(&transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    transaction.commit()
}

/// The number of steps that have run on this file.
fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Retries an opening that fails as busy: if two processes open a new file at once, SQLite may fail without waiting.
pub(in super::super) fn patiently<T>(mut open: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let start = Instant::now();
    loop {
        match open() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < DATABASE_WAIT_MAX =>
            {
                std::thread::sleep(TRY_AGAIN);
            }
            opened => return opened,
        }
    }
}
