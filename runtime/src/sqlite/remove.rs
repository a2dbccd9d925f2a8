//! Removes the files of a database.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Removes the database `file` in a plugin's directory, the files that SQLite creates beside it and the files `others`,
/// then the directory if it is empty. Returns whether there was any of these files: a removal that was interrupted may
/// have left some.
pub(crate) async fn remove_files(
    directory: PathBuf,
    file: &'static str,
    others: &'static [&'static str],
) -> Result<bool> {
    let removed = tokio::task::spawn_blocking(move || {
        let mut existed = remove_file(&directory.join(file))?;
        for suffix in ["-wal", "-shm"] {
            existed |= remove_file(&directory.join(format!("{file}{suffix}")))?;
        }
        for other in others {
            existed |= remove_file(&directory.join(other))?;
        }
        let _ = std::fs::remove_dir(directory);
        Ok(existed)
    });
    removed.await.map_err(Error::other).flatten()
}

/// Removes a file. Returns whether it existed.
fn remove_file(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
