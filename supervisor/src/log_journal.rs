//! The lines of the log in files of the directory for data, from which the next supervisor reads them.
//!
//! Each line is a JSON document. The size of the files is bounded, and a full one is renamed. Writes are not
//! synchronised, so the last lines are lost if the machine fails, but not if the host is killed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::log_file::{LogFile, old_path};
use crate::log_line::{LogLine, unix_ms};

/// The name of the newer file. The other one has `.1` behind it.
const FILE_NAME: &str = "processes.log";
/// The size at which a file is renamed, in bytes. Both files together have at least the lines that are in memory.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The files to which lines are appended.
#[derive(Debug)]
pub(crate) struct LogJournal {
    file: LogFile,
    path: PathBuf,
}

impl LogJournal {
    /// The files of a directory. Those whose last line was written before `oldest_ms` are removed.
    pub(crate) fn open(directory: &Path, oldest_ms: u64) -> Self {
        let path = directory.join(FILE_NAME);
        for path in [&old_path(&path, 1), &path] {
            let written = path.metadata().and_then(|metadata| metadata.modified());
            if written.is_ok_and(|written| unix_ms(written) < oldest_ms) {
                let _ = std::fs::remove_file(path);
            }
        }
        LogJournal { file: LogFile::new(&path, FILE_BYTES_MAX, 1), path }
    }

    /// Appends a line.
    pub(crate) fn append(&self, line: &LogLine) {
        let unwritten = match serde_json::to_string(line) {
            Ok(text) => self.file.write(&text),
            Err(error) => Some(error.into()),
        };
        if let Some(error) = unwritten {
            tracing::warn!(path = %self.path.display(), %error, "lines of processes cannot be stored");
        }
    }
}

/// The lines in the files of a directory that are not older than `oldest_ms`, oldest first. Those that cannot be read
/// are left out, such as one that was cut when the machine failed.
pub(crate) fn stored_lines(directory: &Path, oldest_ms: u64) -> Vec<LogLine> {
    let path = directory.join(FILE_NAME);
    let mut lines = Vec::new();
    for path in [old_path(&path, 1), path] {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(2 * FILE_BYTES_MAX).read_to_end(&mut bytes));
        if read.is_ok() {
            let all = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
            lines.extend(all.filter(|line: &LogLine| line.time_stamp >= oldest_ms));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::log_line::LogSeverity;

    fn line(text: &str, time_stamp: u64) -> LogLine {
        let (severity, category, process_id) = (LogSeverity::Error, "stderr".into(), "web".to_owned());
        LogLine { severity, category, text: text.to_owned(), process_id, time_stamp }
    }

    #[test]
    fn lines_are_read_again_unless_they_are_old_or_damaged() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(stored_lines(directory.path(), 0).is_empty());
        let journal = LogJournal::open(directory.path(), 0);
        [line("old", 6), line("a\n\u{1b}[31mb", 7), line("c", 8)].iter().for_each(|line| journal.append(line));
        assert!(journal.file.write("{\"severity\":").is_none(), "written");
        journal.append(&line("d", 9));
        assert_eq!(stored_lines(directory.path(), 7), [line("a\n\u{1b}[31mb", 7), line("c", 8), line("d", 9)]);
    }

    #[test]
    fn lines_of_the_renamed_file_come_first() {
        let directory = tempfile::tempdir().expect("a directory");
        LogJournal::open(directory.path(), 0).append(&line("first", 1));
        let path = directory.path().join(FILE_NAME);
        std::fs::rename(&path, old_path(&path, 1)).expect("renamed");
        LogJournal::open(directory.path(), 0).append(&line("second", 2));
        assert_eq!(stored_lines(directory.path(), 0), [line("first", 1), line("second", 2)]);
    }

    #[test]
    fn file_without_a_young_line_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        LogJournal::open(directory.path(), 0).append(&line("a", 1));
        LogJournal::open(directory.path(), unix_ms(SystemTime::now()) + 60_000);
        assert_eq!(directory.path().read_dir().expect("readable").count(), 0);
    }
}
