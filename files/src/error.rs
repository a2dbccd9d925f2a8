//! The error of reading a file.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::FileType;
#[cfg(unix)]
use cap_std::fs::FileTypeExt;

/// A file could not be read. The text never quotes its contents.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
#[non_exhaustive]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// The problem.
    pub problem: FileProblem,
}

/// The problem of a file. Its text follows the file's name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Nothing has this name.
    #[error("does not exist")]
    NotFound,
    /// The entry is not a regular file.
    #[error("is {0}, not a regular file")]
    NotRegular(&'static str),
    /// The entry is not a directory.
    #[error("is {0}, not a directory")]
    NotADirectory(&'static str),
    /// The entry is a link whose target does not exist.
    #[error("is a link to a file that does not exist")]
    Dangling,
    /// A link leads out of the plugin's directory.
    #[error("is a link that leads out of the plugin's directory; put the file itself there")]
    LeadsOut,
    /// The file is larger than allowed.
    #[error("has more than the {0} bytes that are allowed")]
    TooLarge(u64),
    /// The file was expected to be text.
    #[error("is not UTF-8: {0}")]
    NotText(std::str::Utf8Error),
    /// The file is text in UTF-16, as some editors and shells of Windows write it.
    #[error("is UTF-16: save it as UTF-8")]
    Utf16,
    /// The operating system reports an error.
    #[error("cannot be read: {0}")]
    Io(io::Error),
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: impl Into<FileProblem>) -> Self {
        FileError { path: path.to_owned(), problem: problem.into() }
    }
}

impl From<io::Error> for FileProblem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => FileProblem::NotFound,
            // The sandbox's own errors have no error number of the operating system.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => FileProblem::LeadsOut,
            _ => FileProblem::Io(error),
        }
    }
}

/// Refuses everything but a regular file.
pub(crate) fn regular(kind: FileType) -> Result<(), FileProblem> {
    if kind.is_file() { Ok(()) } else { Err(FileProblem::NotRegular(name(kind))) }
}

/// Returns the kind of an entry, for messages.
pub(crate) fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        if kind.is_fifo() {
            return "a pipe";
        } else if kind.is_socket() {
            return "a socket";
        } else if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    match () {
        () if kind.is_file() => "a file",
        () if kind.is_dir() => "a directory",
        () if kind.is_symlink() => "a link",
        () => "something else",
    }
}
