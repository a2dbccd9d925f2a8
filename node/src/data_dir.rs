//! The check of the data directory before any plugin is loaded. Otherwise a plugin would fail to store a value, and its
//! error would name neither the directory nor the reason.

use std::io;
use std::path::{Path, PathBuf};

/// A data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the data directory {} {problem}", path.display())]
#[non_exhaustive]
pub struct DataDirError {
    /// The directory.
    pub path: PathBuf,
    /// The problem.
    pub problem: DataDirProblem,
}

/// The problem of a data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirProblem {
    /// The path names something else.
    #[error("is not a directory")]
    NotADirectory,
    /// It does not exist and cannot be created.
    #[error("cannot be created: {_0}")]
    Create(io::Error),
    /// Its entries cannot be listed.
    #[error("cannot be read: {_0}")]
    Read(io::Error),
}

/// Creates the data directory if it does not exist, for this user alone, and checks that it can be read.
///
/// # Errors
/// [`DataDirError`] if it is not a directory, or cannot be created or read.
pub fn prepare_data_dir(path: &Path) -> Result<(), DataDirError> {
    prepare(path, false).map(drop)
}

/// Creates the directory if it does not exist, and checks that it can be read. With `only_checks`, created directories
/// are removed again. Returns a note if it cannot be written.
pub(crate) fn prepare(path: &Path, only_checks: bool) -> Result<Option<String>, DataDirError> {
    let with = |problem| DataDirError { path: path.to_owned(), problem };
    let missing = missing_directories(path);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(with(DataDirProblem::NotADirectory)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            create(path).map_err(|error| with(DataDirProblem::Create(error)))?;
        }
        Err(error) => return Err(with(DataDirProblem::Read(error))),
    }
    let listed = path.read_dir().map_err(|error| with(DataDirProblem::Read(error)));
    let note = check_writable(path).err().map(|error| {
        let path = path.display();
        format!("the data directory {path} cannot be written ({error}): plugins can only read what is stored in it")
    });
    if only_checks {
        for directory in missing {
            // Fails if another process has created an entry in it meanwhile.
            let _ = std::fs::remove_dir(directory);
        }
    }
    listed.map(|_| note)
}

/// The directories of the path that do not exist, the innermost first.
fn missing_directories(path: &Path) -> Vec<&Path> {
    path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect()
}

/// Creates the directory for this user alone, like the directories of plugins in it.
fn create(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn check_writable(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};

    Ok(access(path, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// On other systems, permissions of a directory are only known once a file is created.
#[cfg(not(unix))]
fn check_writable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_is_created_unless_it_is_only_checked() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = parent.path().join("a/b");
        prepare(&path, true).expect("it can be created");
        assert!(!parent.path().join("a").exists());
        prepare(&path, false).expect("it can be created");
        assert!(path.is_dir());
        prepare(&path, true).expect("it can be used");
        assert!(path.is_dir(), "it was there before");
    }

    #[test]
    fn file_in_its_place_is_named_with_the_reason() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = prepare(file.path(), false).expect_err("it is a file");
        assert!(matches!(error.problem, DataDirProblem::NotADirectory), "{error}");
        let error = prepare(&file.path().join("data"), false).expect_err("it is below a file");
        assert!(error.to_string().contains("data directory"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn directory_that_cannot_be_created_is_an_error() {
        let error = prepare(Path::new("/proc/plugbay-data"), true).expect_err("nothing can be created there");
        assert!(matches!(error.problem, DataDirProblem::Create(_)), "{error}");
    }
}
