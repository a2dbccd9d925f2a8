//! One host for each data directory.
//!
//! A host holds a lock on `host.lock` in its data directory as long as it runs. The operating system releases it when
//! the process ends, however it ends, so a lock is never stale. The file's text names the process, for the message that
//! a second host prints. Commands that only change the catalog do not take this lock: their changes are transactions.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name. It has a dot, so that it is not the directory of a plugin.
const FILE_NAME: &str = "host.lock";
/// Bytes of the file that are read. It was written by a Plugbay host, but another program may have replaced it.
const TEXT_BYTES_MAX: u64 = 1 << 10;
/// The number of further attempts to take a lock that is held, and the time between them.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// The right to run a host on a data directory, held until it is dropped.
#[derive(Debug)]
pub struct HostLock {
    _file: File,
}

/// The data directory cannot be locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostLockError {
    /// Another host runs on it.
    #[error(
        "the data directory {} is in use by {holder}: stop that host first, or give this one another data directory",
        directory.display()
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// The process that holds it, such as ``process 4711 (`plugbay serve`)``.
        holder: String,
    },
    /// The lock file cannot be written.
    #[error("the data directory {} cannot be locked: {error}", directory.display())]
    Io {
        /// The data directory.
        directory: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl HostLock {
    /// Locks an existing data directory for this process. `command` is the operator's name of it, for messages.
    ///
    /// # Errors
    /// [`HostLockError::InUse`] with the process that holds the directory, [`HostLockError::Io`] if the lock file
    /// cannot be created or locked.
    pub fn acquire(directory: &Path, command: &str) -> Result<HostLock, HostLockError> {
        let failed = |error| HostLockError::Io { directory: directory.to_owned(), error };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(directory.join(FILE_NAME)).map_err(failed)?;
        // A command that looks for the holder has the lock for a moment.
        let mut tries_left = TRIES;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries_left > 0 => {
                    tries_left -= 1;
                    std::thread::sleep(BETWEEN_TRIES);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(HostLockError::InUse { directory: directory.to_owned(), holder: holder(file) });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let command: String = command.chars().filter(|character| !character.is_control()).take(200).collect();
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{} {command}", std::process::id())
        };
        write(&mut file).map_err(failed)?;
        Ok(HostLock { _file: file })
    }
}

impl HostLock {
    /// The process that runs a host on a data directory, such as ``process 4711 (`plugbay serve`)``; `None` if there is
    /// none.
    ///
    /// # Errors
    /// [`HostLockError::Io`] if the lock file cannot be read.
    pub fn holder(directory: &Path) -> Result<Option<String>, HostLockError> {
        let failed = |error| HostLockError::Io { directory: directory.to_owned(), error };
        let file = match File::open(directory.join(FILE_NAME)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(holder(file))),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// The process that the file names. The holder may not have written it yet.
fn holder(mut file: File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| (&mut file).take(TEXT_BYTES_MAX).read_to_string(&mut text));
    let named = text.split_once(' ').filter(|(id, _)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
    match (read, named) {
        (Ok(_), Some((id, command))) if !command.is_empty() => format!("process {id} (`{}`)", command.escape_debug()),
        (Ok(_), Some((id, _))) => format!("process {id}"),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_host_is_refused_with_the_process_that_holds_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let held = HostLock::acquire(directory.path(), "plugbay serve").expect("it is free");
        let error = HostLock::acquire(directory.path(), "plugbay run").expect_err("it is held").to_string();
        let expected = format!("in use by process {} (`plugbay serve`)", std::process::id());
        assert!(error.contains(&expected), "{error}");
        let holder = HostLock::holder(directory.path()).expect("readable");
        assert!(holder.is_some_and(|holder| expected.ends_with(&holder)));
        drop(held);
        assert_eq!(HostLock::holder(directory.path()).expect("readable"), None);
        HostLock::acquire(directory.path(), "plugbay run").expect("it is free again");
    }

    #[test]
    fn directory_that_does_not_exist_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing");
        let error = HostLock::acquire(&missing, "x").expect_err("missing");
        assert!(matches!(&error, HostLockError::Io { .. }) && error.to_string().contains("missing"), "{error}");
    }

    #[test]
    fn text_of_another_program_names_no_process() {
        let directory = tempfile::tempdir().expect("a directory");
        let held = HostLock::acquire(directory.path(), "").expect("it is free");
        std::fs::write(directory.path().join(FILE_NAME), "\u{1b}[31m forged").expect("written");
        let error = HostLock::acquire(directory.path(), "").expect_err("it is held").to_string();
        assert!(error.contains("in use by another process:"), "{error}");
        drop(held);
    }
}
