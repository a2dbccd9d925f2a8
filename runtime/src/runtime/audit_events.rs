//! Denials as events of the bus, besides the audit sink.

use std::sync::Arc;

use serde_json::json;

use crate::audit::{AuditRecord, AuditSink};
use crate::clock::unix_ms;
use crate::event::EventBus;

/// A sink that passes records on to another one, and publishes denials as `permission.deny`.
pub(super) struct AuditEvents<S> {
    pub(super) sink: S,
    pub(super) bus: Arc<EventBus>,
}

impl<S: AuditSink> AuditSink for AuditEvents<S> {
    fn record(&self, record: &AuditRecord<'_>) {
        self.sink.record(record);
        let Some(denial) = record.denial else { return };
        self.bus.host_event(record.event(), || {
            json!({
                "plugin": record.plugin,
                "resource": record.resource,
                "action": record.action,
                "refused": denial.refused.name(),
                "caller": record.caller.map(ToString::to_string),
                "request_id": record.request_id,
                "time_ms": unix_ms(record.time),
                "left_out": record.left_out,
            })
        });
    }

    fn wants_allowed(&self) -> bool {
        self.sink.wants_allowed()
    }
}
