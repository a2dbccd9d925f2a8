//! Sinks that may panic.
//!
//! A sink belongs to the embedding application and is called in the middle of a guest's call and while a plugin
//! unloads. Its panic there would cost the call or, if the thread is unwinding already, the process. Only the record is
//! lost: the panic hook has reported what happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{AuditRecord, AuditSink};

/// A sink that does not panic, around one that may.
pub(crate) struct CatchPanic<S: ?Sized>(pub(crate) Arc<S>);

/// What `call` returns, unless it panics.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    // Threads share a sink, so the application has to keep it consistent between calls anyway.
    catch_unwind(AssertUnwindSafe(call)).ok()
}

impl AuditSink for CatchPanic<dyn AuditSink> {
    fn record(&self, record: &AuditRecord<'_>) {
        caught(|| self.0.record(record));
    }

    fn wants_allowed(&self) -> bool {
        caught(|| self.0.wants_allowed()).unwrap_or_default()
    }
}
