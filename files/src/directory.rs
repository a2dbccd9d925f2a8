//! Plugin directories: names are resolved inside the directory, and only regular files are read.
//!
//! cap-std resolves each name relative to the open directory, so that replacing a file or a directory with a link
//! meanwhile does not lead outside.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

#[cfg(unix)]
use cap_std::fs::OpenOptionsExt;
use cap_std::fs::{Dir, OpenOptions};

use crate::error::{FileError, FileProblem, name, regular};
use crate::read::{read_regular, text};

/// An untrusted directory. Neither a name nor a link in it can lead outside.
///
/// Links are followed if they are relative and stay inside, as in a Kubernetes config map.
#[derive(Debug)]
pub struct PluginDirectory {
    path: PathBuf,
    dir: Dir,
}

impl PluginDirectory {
    /// Opens a directory that the user named. The empty path means the current directory.
    ///
    /// # Errors
    /// [`FileError`] if it is not a directory or cannot be opened.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let opened = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let dir = Dir::open_ambient_dir(opened, cap_std::ambient_authority());
        Ok(PluginDirectory { path: path.to_owned(), dir: dir.map_err(|error| FileError::new(path, error))? })
    }

    /// Returns the path with which it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether an entry of any kind has this name, including a pipe or a dangling link.
    ///
    /// # Errors
    /// [`FileError`] if that cannot be determined, such as for a name below a link that leads out of the directory.
    pub fn contains(&self, name: impl AsRef<Path>) -> Result<bool, FileError> {
        let name = name.as_ref();
        match self.dir.symlink_metadata(name).map_err(FileProblem::from) {
            Ok(_) => Ok(true),
            Err(FileProblem::NotFound) => Ok(false),
            Err(problem) => Err(self.error(name, problem)),
        }
    }

    /// Returns whether a regular file has this name.
    ///
    /// # Errors
    /// [`FileError`] if an entry of another kind has it.
    pub fn contains_file(&self, name: impl AsRef<Path>) -> Result<bool, FileError> {
        let name = name.as_ref();
        if !self.contains(name)? {
            return Ok(false);
        }
        self.kind(name).and_then(regular).map(|()| true).map_err(|problem| self.error(name, problem))
    }

    /// Returns whether a directory has this name.
    ///
    /// # Errors
    /// [`FileError`] if an entry of another kind has it.
    pub fn contains_directory(&self, name: impl AsRef<Path>) -> Result<bool, FileError> {
        let name = name.as_ref();
        if !self.contains(name)? {
            return Ok(false);
        }
        let kind = self.kind(name).map_err(|problem| self.error(name, problem))?;
        match kind.is_dir() {
            true => Ok(true),
            false => Err(self.error(name, FileProblem::NotADirectory(self::name(kind)))),
        }
    }

    /// Lists the names in this directory, or in a subdirectory, in no particular order.
    ///
    /// # Errors
    /// [`FileError`] if they cannot be listed.
    pub fn names(&self, inside: impl AsRef<Path>) -> Result<impl Iterator<Item = OsString>, FileError> {
        let inside = inside.as_ref();
        let entries = self.dir.read_dir(if inside.as_os_str().is_empty() { Path::new(".") } else { inside });
        let entries = entries.map_err(|error| self.error(inside, error))?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.file_name())))
    }

    /// Reads a regular file.
    ///
    /// # Errors
    /// [`FileError`] if no regular file inside the directory has this name, it cannot be read, or it has more than
    /// `bytes_max` bytes.
    pub fn read(&self, name: impl AsRef<Path>, bytes_max: u64) -> Result<Vec<u8>, FileError> {
        let name = name.as_ref();
        let read = || {
            // Checked before opening, because opening some devices has side effects.
            regular(self.kind(name)?)?;
            let mut options = OpenOptions::new();
            options.read(true);
            // It may have become a pipe meanwhile: without this, opening it would wait for a writer.
            #[cfg(unix)]
            options.custom_flags(crate::read::nonblocking());
            read_regular(self.dir.open_with(name, &options)?.into_std(), bytes_max)
        };
        read().map_err(|problem| self.error(name, problem))
    }

    /// Reads a regular file as text.
    ///
    /// # Errors
    /// As [`PluginDirectory::read`], and if it is not UTF-8.
    pub fn read_text(&self, name: impl AsRef<Path>, bytes_max: u64) -> Result<String, FileError> {
        let name = name.as_ref();
        text(&self.path.join(name), self.read(name, bytes_max)?)
    }

    /// Returns the file type of a name's target, without opening it.
    fn kind(&self, name: &Path) -> Result<cap_std::fs::FileType, FileProblem> {
        match self.dir.metadata(name).map_err(FileProblem::from) {
            Ok(metadata) => Ok(metadata.file_type()),
            Err(FileProblem::NotFound) if self.dir.symlink_metadata(name).is_ok() => Err(FileProblem::Dangling),
            Err(problem) => Err(problem),
        }
    }

    fn error(&self, name: &Path, problem: impl Into<FileProblem>) -> FileError {
        FileError::new(&self.path.join(name), problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, PluginDirectory) {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let opened = PluginDirectory::open(temporary.path()).expect("it is there");
        (temporary, opened)
    }

    #[track_caller]
    fn check_refused(directory: &PluginDirectory, name: &str, why: &str) {
        assert!(directory.contains(name).expect("it can be looked at"), "{name} counts as missing");
        let error = directory.read(name, 10).expect_err(name).to_string();
        assert!(error.contains(name) && error.contains(why), "{error}");
    }

    #[test]
    fn regular_file_is_read_up_to_the_bound() {
        let (temporary, directory) = directory();
        std::fs::write(temporary.path().join("a"), "0123456789").expect("written");
        assert_eq!(directory.read("a", 10).expect("it fits"), b"0123456789");
        assert!(matches!(directory.read("a", 9).expect_err("too large").problem, FileProblem::TooLarge(9)));
        assert!(matches!(directory.read("b", 9).expect_err("missing").problem, FileProblem::NotFound));
        assert!(!directory.contains("b").expect("it can be looked at"));
        std::fs::write(temporary.path().join("c"), b"\xff").expect("written");
        assert!(matches!(directory.read_text("c", 9).expect_err("no text").problem, FileProblem::NotText(_)));
    }

    #[test]
    fn directory_in_place_of_a_file_is_refused() {
        let (temporary, directory) = directory();
        std::fs::create_dir(temporary.path().join("d")).expect("made");
        check_refused(&directory, "d", "is a directory");
        assert!(directory.contains_directory("d").expect("a directory"));
        assert!(directory.contains_file("d").is_err());
        std::fs::write(temporary.path().join("f"), "").expect("written");
        let error = directory.contains_directory("f").expect_err("a file").to_string();
        assert!(error.contains("is a file, not a directory"), "{error}");
    }

    #[test]
    fn empty_path_is_the_current_directory() {
        let directory = PluginDirectory::open(Path::new("")).expect("it is there");
        assert!(directory.contains("Cargo.toml").expect("it can be looked at"));
        assert_eq!(directory.read("x", 1).expect_err("missing").path, Path::new("x"));
    }

    #[cfg(unix)]
    #[test]
    fn link_is_followed_inside_the_directory_only() {
        use std::os::unix::fs::symlink;

        let (temporary, directory) = directory();
        let outside = tempfile::NamedTempFile::new().expect("made");
        let link = |target: &Path, name: &str| symlink(target, temporary.path().join(name)).expect("linked");
        std::fs::write(temporary.path().join("file"), "x").expect("written");
        link(Path::new("file"), "inside");
        assert_eq!(directory.read("inside", 1).expect("it stays inside"), b"x");
        link(outside.path(), "absolute");
        link(Path::new("../../../../../../etc/passwd"), "relative");
        link(Path::new("/proc/self/environ"), "magic");
        for name in ["absolute", "relative", "magic"] {
            check_refused(&directory, name, "leads out of the plugin's directory");
        }
        link(Path::new("gone"), "dangling");
        check_refused(&directory, "dangling", "does not exist");
        link(Path::new("loop"), "loop");
        check_refused(&directory, "loop", "cannot be read");
        link(Path::new("/etc"), "etc");
        let error = directory.read("etc/passwd", 10_000).expect_err("below a link that leads out");
        assert!(matches!(error.problem, FileProblem::LeadsOut), "{error}");
        assert!(directory.contains("etc/passwd").is_err() && directory.names("etc").is_err());
        assert!(directory.contains_directory("etc").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn special_file_is_refused_at_once() {
        use std::os::unix::fs::symlink;

        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let (temporary, directory) = directory();
        let pipe = temporary.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        check_refused(&directory, "pipe", "is a pipe");
        let error = crate::read_file(&pipe, 1).expect_err("it is not a file").to_string();
        assert!(error.contains("is a pipe, not a regular file"), "{error}");
        let _socket = std::os::unix::net::UnixListener::bind(temporary.path().join("socket")).expect("made");
        check_refused(&directory, "socket", "is a socket");
        symlink("/dev/zero", temporary.path().join("zero")).expect("linked");
        check_refused(&directory, "zero", "leads out of the plugin's directory");
        let error = crate::read_file(Path::new("/dev/zero"), 1).expect_err("it is not a file").to_string();
        assert!(error.contains("is a device"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn endless_stream_is_read_up_to_the_bound() {
        let error = crate::read_stream(Path::new("/dev/zero"), 1000).expect_err("it has no end");
        assert!(matches!(error.problem, FileProblem::TooLarge(1000)), "{error}");
    }
}
