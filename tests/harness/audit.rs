//! An audit sink that keeps what it is told.

use std::sync::{Arc, Mutex};

use plugbay::{AuditRecord, AuditSink};

/// All records of a runtime, as `event plugin action resource caller`.
#[derive(Clone, Default)]
pub(crate) struct KeptAudit {
    lines: Arc<Mutex<Vec<String>>>,
    allowed_too: bool,
}

impl KeptAudit {
    /// One that keeps allowed uses too.
    pub(crate) fn of_everything() -> Self {
        KeptAudit { allowed_too: true, ..KeptAudit::default() }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no test panics while it records").clone()
    }
}

impl AuditSink for KeptAudit {
    fn record(&self, record: &AuditRecord<'_>) {
        let caller = record.caller.map_or("-".to_owned(), ToString::to_string);
        let line = format!("{} {} {} {} {caller}", record.event(), record.plugin, record.action, record.resource);
        self.lines.lock().expect("no test panics while it records").push(line);
    }

    fn wants_allowed(&self) -> bool {
        self.allowed_too
    }
}
