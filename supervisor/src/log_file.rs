//! Files to which output is appended. A full one is renamed, and the oldest is removed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// The size at which a file is renamed, in bytes.
const FILE_BYTES_MAX: u64 = 10 << 20;
/// The number of renamed files of output: `NAME.1` is the newest.
const OLD_FILES_MAX: u32 = 5;

/// The files of all processes. Processes with the same file share it.
#[derive(Debug, Default)]
pub(crate) struct LogFiles(Mutex<BTreeMap<PathBuf, Arc<LogFile>>>);

#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    /// The number of renamed files.
    old_max: u32,
    open: Mutex<Option<(File, u64)>>,
    /// Whether the last line could not be written.
    is_failing: AtomicBool,
}

impl LogFiles {
    pub(crate) fn get(&self, path: &Path) -> Arc<LogFile> {
        let mut files = self.0.lock();
        let new = || Arc::new(LogFile::new(path, FILE_BYTES_MAX, OLD_FILES_MAX));
        Arc::clone(files.entry(path.to_owned()).or_insert_with(new))
    }
}

impl LogFile {
    /// A file that is renamed at this size, and the number of renamed ones that are not removed.
    pub(crate) fn new(path: &Path, bytes_max: u64, old_max: u32) -> Self {
        LogFile {
            path: path.to_owned(),
            bytes_max,
            old_max,
            open: Mutex::new(None),
            is_failing: AtomicBool::new(false),
        }
    }

    /// Appends a line. Returns the error of the first line that cannot be written, and none for those after it until
    /// one is written again. The next line opens the file again.
    pub(crate) fn write(&self, line: &str) -> Option<io::Error> {
        let mut open = self.open.lock();
        let written = self.append(&mut open, line);
        if written.is_err() {
            *open = None;
        }
        let was_failing = self.is_failing.swap(written.is_err(), Ordering::Relaxed);
        written.err().filter(|_| !was_failing)
    }

    fn append(&self, open: &mut Option<(File, u64)>, line: &str) -> io::Result<()> {
        let added = line.len() as u64 + 1;
        if open.as_ref().is_some_and(|(_, bytes)| *bytes > 0 && bytes + added > self.bytes_max) {
            *open = None;
            self.rotate()?;
        }
        let (file, bytes) = match open {
            Some(open) => open,
            None => {
                if let Some(parent) = self.path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let bytes = file.metadata()?.len();
                open.insert((file, bytes))
            }
        };
        file.write_all(format!("{line}\n").as_bytes())?;
        *bytes += added;
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..self.old_max).rev() {
            match std::fs::rename(old_path(&self.path, number), old_path(&self.path, number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, old_path(&self.path, 1))
    }
}

/// The path of a renamed file.
pub(crate) fn old_path(path: &Path, number: u32) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(format!(".{number}"));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_file_is_renamed_and_the_oldest_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("logs/web.log");
        let file = LogFile::new(&path, 10, OLD_FILES_MAX);
        for number in 0..20 {
            assert!(file.write(&format!("line {number:02}")).is_none(), "written");
        }
        let read = |name: &str| std::fs::read_to_string(directory.path().join("logs").join(name)).expect("there");
        assert_eq!(read("web.log"), "line 19\n");
        assert_eq!((read("web.log.1"), read("web.log.5")), ("line 18\n".to_owned(), "line 14\n".to_owned()));
        assert_eq!(path.parent().expect("a parent").read_dir().expect("a directory").count(), 6);
    }

    #[test]
    fn failure_is_reported_once_until_a_line_is_written() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("logs/web.log");
        std::fs::write(directory.path().join("logs"), "in the way").expect("written");
        let file = LogFile::new(&path, 10, OLD_FILES_MAX);
        assert!(file.write("one").is_some() && file.write("two").is_none());
        std::fs::remove_file(directory.path().join("logs")).expect("removed");
        assert!(file.write("three").is_none());
        std::fs::remove_dir_all(directory.path().join("logs")).expect("removed");
        std::fs::write(directory.path().join("logs"), "in the way").expect("written");
        assert!(file.write("four").is_some(), "the file is full, and cannot be made again");
        assert_eq!(file.write("five").map(|error| error.kind()), None);
    }
}
