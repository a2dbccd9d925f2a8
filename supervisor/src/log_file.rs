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
/// The number of renamed files: `NAME.1` is the newest.
const OLD_FILES_MAX: u32 = 5;

/// The files of all processes. Processes with the same file share it.
#[derive(Debug, Default)]
pub(crate) struct LogFiles(Mutex<BTreeMap<PathBuf, Arc<LogFile>>>);

#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    bytes_max: u64,
    open: Mutex<Option<(File, u64)>>,
    /// Whether the last line could not be written.
    is_failing: AtomicBool,
}

impl LogFiles {
    pub(crate) fn get(&self, path: &Path) -> Arc<LogFile> {
        let mut files = self.0.lock();
        let file = files.entry(path.to_owned()).or_insert_with(|| Arc::new(LogFile::new(path, FILE_BYTES_MAX)));
        Arc::clone(file)
    }
}

impl LogFile {
    fn new(path: &Path, bytes_max: u64) -> Self {
        LogFile { path: path.to_owned(), bytes_max, open: Mutex::new(None), is_failing: AtomicBool::new(false) }
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
        let old = |number: u32| {
            let mut path = self.path.clone().into_os_string();
            path.push(format!(".{number}"));
            PathBuf::from(path)
        };
        for number in (1..OLD_FILES_MAX).rev() {
            match std::fs::rename(old(number), old(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, old(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_file_is_renamed_and_the_oldest_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("logs/web.log");
        let file = LogFile::new(&path, 10);
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
        let file = LogFile::new(&path, 10);
        assert!(file.write("one").is_some() && file.write("two").is_none());
        std::fs::remove_file(directory.path().join("logs")).expect("removed");
        assert!(file.write("three").is_none());
        std::fs::remove_dir_all(directory.path().join("logs")).expect("removed");
        std::fs::write(directory.path().join("logs"), "in the way").expect("written");
        assert!(file.write("four").is_some(), "the file is full, and cannot be made again");
        assert_eq!(file.write("five").map(|error| error.kind()), None);
    }
}
