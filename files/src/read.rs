//! Reads open files, and files that the user names.

use std::fs::{File, OpenOptions};
use std::io::Read;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cap_std::fs::Metadata;

use crate::error::{FileError, FileProblem, regular};

/// Reads a regular file. Links are followed; a pipe, a device or a directory is refused without being opened for
/// reading.
///
/// # Errors
/// [`FileError`] if it is not a regular file, cannot be read, or has more than `bytes_max` bytes.
pub fn read_file(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let read = || {
        let metadata = std::fs::metadata(path).map_err(|error| dangling(path, error))?;
        regular(Metadata::from_just_metadata(metadata).file_type())?;
        let mut options = OpenOptions::new();
        // It may have become a pipe meanwhile: without this, opening it would wait for a writer.
        #[cfg(unix)]
        options.custom_flags(nonblocking());
        read_regular(options.read(true).open(path)?, bytes_max)
    };
    read().map_err(|problem| FileError::new(path, problem))
}

/// Reads a file that the user named to its end. It may be a pipe, such as `/dev/stdin` or a shell's `<(command)`.
///
/// # Errors
/// [`FileError`] if it cannot be read, or has more than `bytes_max` bytes.
pub fn read_stream(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let read = || bounded(File::open(path)?, 0, bytes_max);
    read().map_err(|problem| FileError::new(path, problem))
}

/// Converts the bytes of a file to text.
///
/// # Errors
/// [`FileError`] if they are not UTF-8.
pub fn text(path: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| {
        let problem = match error.as_bytes() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => FileProblem::Utf16,
            _ => FileProblem::NotText(error.utf8_error()),
        };
        FileError::new(path, problem)
    })
}

/// Reads an open file if it is regular.
pub(crate) fn read_regular(file: File, bytes_max: u64) -> Result<Vec<u8>, FileProblem> {
    let metadata = Metadata::from_file(&file)?;
    regular(metadata.file_type())?;
    bounded(file, metadata.len(), bytes_max)
}

/// Reads at most `bytes_max` bytes of a file that may grow meanwhile.
fn bounded(file: File, bytes_expected: u64, bytes_max: u64) -> Result<Vec<u8>, FileProblem> {
    if bytes_expected > bytes_max {
        return Err(FileProblem::TooLarge(bytes_max));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(bytes_expected).unwrap_or_default());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { Err(FileProblem::TooLarge(bytes_max)) } else { Ok(bytes) }
}

fn dangling(path: &Path, error: std::io::Error) -> FileProblem {
    match FileProblem::from(error) {
        FileProblem::NotFound if path.is_symlink() => FileProblem::Dangling,
        problem => problem,
    }
}

#[cfg(unix)]
pub(crate) fn nonblocking() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}
