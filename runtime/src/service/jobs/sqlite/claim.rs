//! The claim on a plugin's jobs: a locked file, or a flag if the jobs are in memory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::scope::make_private_directory;
use crate::service::jobs::store::JobClaim;

/// The file that the process which runs the jobs holds locked.
pub(super) const FILE: &str = "scheduler.lock";

/// A file that is locked until it is closed, at the latest when its process ends.
pub(super) struct FileClaim {
    _locked: File,
}

impl FileClaim {
    /// Locks the file in this directory. Returns `None` if it is locked already.
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
            Ok(()) => Ok(Some(FileClaim { _locked: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl JobClaim for FileClaim {
    fn is_held(&self) -> bool {
        true
    }
}

/// A flag that is set until this is dropped.
pub(super) struct FlagClaim(Arc<AtomicBool>);

impl FlagClaim {
    /// Sets the flag. Returns `None` if it is set already.
    pub(super) fn set(flag: &Arc<AtomicBool>) -> Option<Self> {
        let was_set = flag.swap(true, Ordering::AcqRel);
        (!was_set).then(|| FlagClaim(flag.clone()))
    }
}

impl JobClaim for FlagClaim {
    fn is_held(&self) -> bool {
        true
    }
}

impl Drop for FlagClaim {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
