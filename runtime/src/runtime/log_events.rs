//! Log lines of plugins as events of the bus, besides the log sink: topic `log.<plugin>`.
//!
//! A plugin that receives such events may log in its handler. These lines are not events, nor are those of the plugins
//! that the handler calls: otherwise two such plugins would never rest.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::clock::{time_of, unix_ms};
use crate::event::EventBus;
use crate::service::log::{LogLevel, LogRecord, LogSink};

/// A sink that passes lines on to another one, and publishes them.
pub(super) struct LogEvents<S> {
    pub(super) sink: S,
    pub(super) bus: Arc<EventBus>,
}

impl<S: LogSink> LogSink for LogEvents<S> {
    fn log(&self, record: &LogRecord<'_>) {
        self.sink.log(record);
        if record.request_id.is_some_and(|id| self.bus.is_log_event(id)) {
            return;
        }
        let LogRecord { plugin, level, target, message, fields, request_id } = record;
        self.bus.host_event(&format!("log.{plugin}"), || {
            let value = |json: &str| serde_json::from_str(json).unwrap_or_else(|_| Value::from(json));
            let fields: Map<String, Value> = fields.iter().map(|(name, json)| (name.clone(), value(json))).collect();
            let time_ms = unix_ms(time_of(&*self.bus.clock));
            json!({
                "plugin": plugin, "level": level, "target": target, "message": message, "fields": fields,
                "request_id": request_id, "time_ms": time_ms,
            })
        });
    }

    fn threshold(&self) -> LogLevel {
        self.sink.threshold()
    }
}
