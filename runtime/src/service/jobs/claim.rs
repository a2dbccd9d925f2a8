//! Who runs the jobs of a plugin: one process of all that share a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::sync::Arc;

use super::jobs_db::{JobsDb, lock};
use crate::scope::make_private_directory;

/// The file that the process running the jobs holds locked.
const FILE: &str = "scheduler.lock";

/// The right to run the jobs of one plugin, until the last copy of it goes.
pub(crate) struct Claim {
    /// Absent where the jobs are in memory, which no other process sees.
    _locked: Option<File>,
}

impl JobsDb {
    /// The right to run these jobs, unless another process has it.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) async fn claim(self: &Arc<Self>) -> io::Result<Option<Arc<Claim>>> {
        let jobs = self.clone();
        tokio::task::spawn_blocking(move || jobs.claim_now()).await.map_err(io::Error::other)?
    }

    fn claim_now(&self) -> io::Result<Option<Arc<Claim>>> {
        let mut held = lock(&self.claim);
        if let Some(claim) = held.upgrade() {
            return Ok(Some(claim));
        }
        let locked = match &self.scope().directory {
            None => None,
            Some(directory) => {
                make_private_directory(directory)?;
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let file = options.open(directory.join(FILE))?;
                match file.try_lock() {
                    Ok(()) => Some(file),
                    Err(TryLockError::WouldBlock) => return Ok(None),
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        };
        let claim = Arc::new(Claim { _locked: locked });
        *held = Arc::downgrade(&claim);
        Ok(Some(claim))
    }
}
