//! An audit sink that records in memory.

use std::sync::{Arc, Mutex};

use plugbay::{AuditRecord, AuditSink};

/// A runtime's audit records, each as `event plugin action resource caller`.
#[derive(Clone, Default)]
pub(crate) struct KeptAudit {
    lines: Arc<Mutex<Vec<String>>>,
    allowed_too: bool,
}

impl KeptAudit {
    /// A sink that records allowed uses too.
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
