//! An audit sink that records in memory.

use std::sync::{Arc, Mutex};

use plugbay::audit::{AuditRecord, AuditSink};

/// A runtime's audit records, each as `event plugin action resource caller`.
#[derive(Clone, Default)]
pub(crate) struct RecordedAudit {
    lines: Arc<Mutex<Vec<String>>>,
    allowed_too: bool,
}

impl RecordedAudit {
    /// A sink that records allowed uses too.
    pub(crate) fn of_everything() -> Self {
        RecordedAudit { allowed_too: true, ..RecordedAudit::default() }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no test panics while it records").clone()
    }
}

impl AuditSink for RecordedAudit {
    fn record(&self, record: &AuditRecord<'_>) {
        let caller = record.caller.map_or("-".to_owned(), ToString::to_string);
        let line = format!("{} {} {} {} {caller}", record.event(), record.plugin, record.action, record.resource);
        self.lines.lock().expect("no test panics while it records").push(line);
    }

    fn wants_allowed(&self) -> bool {
        self.allowed_too
    }
}
