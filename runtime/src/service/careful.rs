//! Sinks that may panic.
//!
//! A sink is the embedder's, and it is told things in the middle of a guest's call and while a plugin goes. There its panic
//! would cost the call, or, where something is unwinding already, the process. What is lost is the record: the panic hook
//! has told what happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::audit::{AuditRecord, AuditSink};
use super::log::{Level, LogRecord, LogSink};

/// A sink that does not panic, around one that may.
pub(crate) struct Careful<S: ?Sized>(pub(crate) Arc<S>);

fn caught<T>(told: impl FnOnce() -> T) -> Option<T> {
    // A sink that was left in the middle is the embedder's to keep in order: it is shared between threads anyway.
    catch_unwind(AssertUnwindSafe(told)).ok()
}

impl LogSink for Careful<dyn LogSink> {
    fn log(&self, record: &LogRecord<'_>) {
        caught(|| self.0.log(record));
    }

    fn threshold(&self) -> Level {
        caught(|| self.0.threshold()).unwrap_or(Level::Trace)
    }
}

impl AuditSink for Careful<dyn AuditSink> {
    fn record(&self, record: &AuditRecord<'_>) {
        caught(|| self.0.record(record));
    }

    fn wants_allowed(&self) -> bool {
        caught(|| self.0.wants_allowed()).unwrap_or_default()
    }
}
