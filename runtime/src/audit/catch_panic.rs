//! Catches panics of the embedder's sinks.
//!
//! A sink belongs to the embedding application and is called in the middle of a guest's call and while a plugin
//! unloads. A panic there would fail the call or, if the thread is already unwinding, abort the process. If it is
//! caught, only the record is lost; the panic hook has already reported the panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{AuditRecord, AuditSink};

/// A sink that catches the panics of the sink it wraps.
pub(crate) struct CatchPanic<S: ?Sized>(pub(crate) Arc<S>);

/// Returns the result of `call`, unless it panics.
pub(crate) fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    // Threads share a sink, so the application must keep it consistent between calls anyway.
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
