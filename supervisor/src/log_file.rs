//! Files to which output is appended. A full one is renamed, and the oldest is removed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        LogFile { path: path.to_owned(), bytes_max, open: Mutex::new(None) }
    }

    /// Appends a line.
    ///
    /// # Errors
    /// Those of the file system. The next line opens the file again.
    pub(crate) fn write(&self, line: &str) -> io::Result<()> {
        let mut open = self.open.lock();
        let written = self.append(&mut open, line);
        if written.is_err() {
            *open = None;
        }
        written
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
            file.write(&format!("line {number:02}")).expect("written");
        }
        let read = |name: &str| std::fs::read_to_string(directory.path().join("logs").join(name)).expect("there");
        assert_eq!(read("web.log"), "line 19\n");
        assert_eq!((read("web.log.1"), read("web.log.5")), ("line 18\n".to_owned(), "line 14\n".to_owned()));
        assert_eq!(path.parent().expect("a parent").read_dir().expect("a directory").count(), 6);
    }
}
