//! Log lines of plugins as OTLP log records, with the trace of the call that wrote them.

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger, Severity};
use opentelemetry_sdk::logs::SdkLogger;
use plugbay::log::{LogLevel, LogRecord, LogSink};

/// A sink that sends lines to the collector and passes them on.
pub(super) struct OtlpLog {
    pub(super) logger: SdkLogger,
    pub(super) next: Box<dyn LogSink>,
}

/// The lowest level of lines that are sent. Below it are a developer's.
const THRESHOLD: LogLevel = LogLevel::Info;

impl LogSink for OtlpLog {
    fn log(&self, record: &LogRecord<'_>) {
        if record.level >= THRESHOLD {
            self.send(record);
        }
        if record.level >= self.next.threshold() {
            self.next.log(record);
        }
    }

    fn threshold(&self) -> LogLevel {
        self.next.threshold().min(THRESHOLD)
    }
}

impl OtlpLog {
    /// The line's trace is that of the span that is entered on this thread: the call of the plugin.
    fn send(&self, line: &LogRecord<'_>) {
        let (severity, text) = match line.level {
            LogLevel::Trace => (Severity::Trace, "TRACE"),
            LogLevel::Debug => (Severity::Debug, "DEBUG"),
            LogLevel::Info => (Severity::Info, "INFO"),
            LogLevel::Warn => (Severity::Warn, "WARN"),
            LogLevel::Error => (Severity::Error, "ERROR"),
        };
        let mut record = self.logger.create_log_record();
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_timestamp(std::time::SystemTime::now());
        record.set_body(AnyValue::String(line.message.to_owned().into()));
        record.add_attribute("plugin", line.plugin.to_owned());
        if !line.target.is_empty() {
            record.add_attribute("target", line.target.to_owned());
        }
        if let Some(id) = line.request_id {
            record.add_attribute("request_id", id.to_owned());
        }
        for (name, value) in line.fields {
            // Fields are JSON; a text is sent without its quotes.
            let text = serde_json::from_str::<String>(value).unwrap_or_else(|_| value.clone());
            record.add_attribute(name.clone(), text);
        }
        self.logger.emit(record);
    }
}
