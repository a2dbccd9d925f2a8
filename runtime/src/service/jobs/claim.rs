//! The claim on a plugin's jobs: of all processes that share a data directory, one runs them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::scope::make_private_directory;

/// The file that the process which runs the jobs holds locked.
const FILE: &str = "scheduler.lock";

/// The claim on the jobs of one plugin. It is held until it is dropped, or its process ends.
pub(crate) struct Claim {
    /// `None` if the jobs are in memory, which no other process sees.
    _locked: Option<File>,
}

impl Claim {
    /// The claim on jobs in memory.
    pub(super) fn in_memory() -> Self {
        Claim { _locked: None }
    }

    /// Locks the file in this directory. Returns `None` if another process holds it.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn lock(directory: &Path) -> io::Result<Option<Self>> {
        make_private_directory(directory)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(directory.join(FILE))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { _locked: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
