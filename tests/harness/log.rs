//! A log sink that records in memory.

use std::sync::{Mutex, MutexGuard};

use plugbay::log::{LogLevel, LogRecord, LogSink};

/// One recorded line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) plugin: String,
    pub(crate) level: LogLevel,
    pub(crate) target: String,
    pub(crate) message: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) request_id: Option<String>,
}

/// The lines of all plugins of a runtime.
#[derive(Default)]
pub(crate) struct RecordedLog(Mutex<Vec<Line>>);

impl RecordedLog {
    pub(crate) fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.0.lock().expect("no test panics while it logs")
    }

    /// The messages of one target, in order.
    pub(crate) fn messages(&self, target: &str) -> Vec<String> {
        self.lines().iter().filter(|line| line.target == target).map(|line| line.message.clone()).collect()
    }
}

impl LogSink for RecordedLog {
    fn log(&self, record: &LogRecord<'_>) {
        self.lines().push(Line {
            plugin: record.plugin.to_owned(),
            level: record.level,
            target: record.target.to_owned(),
            message: record.message.to_owned(),
            fields: record.fields.to_vec(),
            request_id: record.request_id.map(str::to_owned),
        });
    }
}
