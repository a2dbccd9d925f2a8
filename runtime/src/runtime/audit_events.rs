//! Audit records as events of the bus, besides the audit sink.

use std::sync::Arc;

use serde_json::json;

use crate::audit::{AuditRecord, AuditSink};
use crate::clock::unix_ms;
use crate::event::EventBus;

/// A sink that passes records on to another one, and publishes them: denials as `permission.deny`, and allowed accesses
/// as `permission.allow` if something subscribed to that by name.
pub(super) struct AuditEvents<S> {
    pub(super) sink: S,
    pub(super) bus: Arc<EventBus>,
}

impl<S: AuditSink> AuditSink for AuditEvents<S> {
    fn record(&self, record: &AuditRecord<'_>) {
        if record.denial.is_some() || self.sink.wants_allowed() {
            self.sink.record(record);
        }
        // The accesses of a handler would be events that it handles, and so on.
        if record.denial.is_none() && (!self.bus.names_permissions() || record.is_of_handler()) {
            return;
        }
        self.bus.host_event(record.event(), || {
            json!({
                "plugin": record.plugin,
                "resource": record.resource,
                "action": record.action,
                "refused": record.denial.map(|denial| denial.refused.name()),
                "caller": record.caller.map(ToString::to_string),
                "request_id": record.request_id,
                "time_ms": unix_ms(record.time),
                "left_out": record.left_out,
            })
        });
    }

    fn wants_allowed(&self) -> bool {
        self.bus.names_permissions() || self.sink.wants_allowed()
    }
}
