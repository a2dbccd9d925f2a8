//! What all processes of a supervisor share: the clock, the observer, the log, the guardian and the table of processes.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plugbay_manifest::ProcessLogger;

use crate::adopted::Detached;
use crate::clock::Clock;
use crate::event::{ProcessEvent, ProcessObserver};
use crate::guardian::Guardian;
use crate::log_file::LogFiles;
use crate::log_journal::LogJournal;
use crate::log_line::{LatestLines, LogLine, LogSeverity, unix_ms};
use crate::proc_table::ProcTable;
use crate::status::iso_time;

/// Variables for the environment of each process, by its name.
pub(crate) type Variables = Arc<dyn Fn(&str) -> Vec<(String, String)> + Send + Sync>;

pub(crate) struct Host {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn ProcessObserver>,
    pub(crate) variables: Variables,
    /// The directory to which paths of the configuration are relative.
    pub(crate) directory: PathBuf,
    pub(crate) terminate_timeout: Duration,
    pub(crate) terminate_grace_period: Duration,
    /// Distinguishes the runs of this supervisor from those of others.
    pub(crate) mark: String,
    pub(crate) guardian: Guardian,
    pub(crate) table: ProcTable,
    pub(crate) latest: LatestLines,
    pub(crate) journal: Option<LogJournal>,
    pub(crate) files: LogFiles,
    pub(crate) detached: Option<Detached>,
}

impl Host {
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    pub(crate) fn observe(&self, event: &ProcessEvent) {
        self.observer.observe(event);
    }

    /// Logs a step of a process.
    pub(crate) fn log(&self, severity: LogSeverity, category: &'static str, id: &str, text: String) {
        let time_stamp = unix_ms(self.now());
        let line = LogLine { severity, category: category.into(), text, process_id: id.to_owned(), time_stamp };
        if let Some(journal) = &self.journal {
            journal.append(&line);
        }
        self.latest.push(line.clone());
        self.observe(&ProcessEvent::Log(line));
    }

    /// Logs a line of output, and appends it to the file of the process.
    pub(crate) fn log_output(&self, logger: &ProcessLogger, id: &str, is_error: bool, text: &str) {
        let (severity, category) = if is_error { (LogSeverity::Error, "stderr") } else { (LogSeverity::Log, "stdout") };
        let own = if is_error { logger.stderr.as_ref().or(logger.stdout.as_ref()) } else { logger.stdout.as_ref() };
        if let Some(path) = own {
            let path = self.directory.join(path);
            let written = match logger.decorate_files {
                Some(false) => self.files.get(&path).write(text),
                _ => self.files.get(&path).write(&format!("{} [{id}:{category}] {text}", iso_time(self.now()))),
            };
            if let Some(error) = written {
                tracing::warn!(process = id, path = %path.display(), %error, "output cannot be written to its file, and is only in the log until it can be");
            }
        }
        self.log(severity, category, id, text.to_owned());
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("directory", &self.directory).field("mark", &self.mark).finish_non_exhaustive()
    }
}
