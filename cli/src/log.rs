//! The plugins' log on standard error: `[plugin] LEVEL target: message key=value`. It includes denied uses, and at
//! level `trace` allowed ones.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use plugbay::audit::{AuditRecord, AuditSink};
use plugbay::log::{LogLevel, LogRecord, LogSink};

use serde_json::Value;

use crate::advice::of_denial;
use crate::args::LogThreshold;
use crate::output::{DIM, RED, YELLOW, indented, plain};
use crate::stderr;

/// Writes lines at or above a level, which may change. Clones share it.
#[derive(Clone)]
pub(crate) struct StderrLog {
    /// A [`LogThreshold`] as a number.
    threshold: Arc<AtomicU8>,
    quiet: bool,
}

impl StderrLog {
    /// A sink for this level. Quiet shows nothing at any level.
    pub(crate) fn new(level: LogThreshold, quiet: bool) -> Self {
        StderrLog { threshold: Arc::new(AtomicU8::new(level as u8)), quiet }
    }

    /// Sets another level.
    pub(crate) fn set(&self, level: LogThreshold) {
        self.threshold.store(level as u8, Ordering::Relaxed);
    }

    /// The lowest level that is shown; `None` shows nothing.
    fn shown(&self) -> Option<LogLevel> {
        let number = self.threshold.load(Ordering::Relaxed);
        let level = LogThreshold::value_variants().iter().find(|level| **level as u8 == number)?;
        level.threshold().filter(|_| !self.quiet)
    }

    /// Writes a line, and advice below it.
    fn write(&self, record: &LogRecord<'_>, advice: Option<String>) {
        if self.shown().is_some_and(|threshold| record.level >= threshold) {
            let advice = advice.map(|advice| format!("\n    here: {}", plain(&advice))).unwrap_or_default();
            stderr::log(format!("{}{advice}", line(record)));
        }
    }
}

impl LogSink for StderrLog {
    fn log(&self, record: &LogRecord<'_>) {
        self.write(record, None);
    }

    fn threshold(&self) -> LogLevel {
        self.shown().unwrap_or(LogLevel::Error)
    }
}

impl AuditSink for StderrLog {
    fn record(&self, record: &AuditRecord<'_>) {
        // A denial while loading is the error of the command.
        if record.caller.is_none() {
            return;
        }
        let level = if record.denial.is_some() { LogLevel::Info } else { LogLevel::Trace };
        let text = |text: &str| Value::from(text).to_string();
        let mut fields =
            vec![("action".to_owned(), text(record.action)), ("resource".to_owned(), text(record.resource))];
        if record.left_out > 0 {
            fields.push(("left_out".to_owned(), record.left_out.to_string()));
        }
        let line = LogRecord {
            plugin: record.plugin,
            level,
            target: "audit",
            message: record.event(),
            fields: &fields,
            request_id: record.request_id,
        };
        // Not a field: those are quoted as JSON, and this is to be pasted.
        self.write(&line, record.denial.map(of_denial));
    }

    fn wants_allowed(&self) -> bool {
        self.shown() == Some(LogLevel::Trace)
    }
}

fn line(record: &LogRecord<'_>) -> String {
    let LogRecord { plugin, level, target, message, fields, request_id: _ } = record;
    let colour = match level {
        LogLevel::Trace => DIM,
        LogLevel::Debug => AnsiColor::Blue.on_default(),
        LogLevel::Info => AnsiColor::Green.on_default(),
        LogLevel::Warn => YELLOW,
        LogLevel::Error => RED,
    };
    let mut line = format!("{DIM}[{}]{DIM:#} {colour}{level:<5}{colour:#} ", plain(plugin));
    if !target.is_empty() {
        let _ = write!(line, "{DIM}{}:{DIM:#} ", plain(&target.replace(['\n', '\t'], " ")));
    }
    line.push_str(&indented(&plain(message), "    "));
    for (name, value) in *fields {
        let bold = Style::new().italic();
        let _ = write!(line, " {bold}{}{bold:#}={}", plain(&name.replace('\n', " ")), plain(&value.replace('\n', " ")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(record: &LogRecord<'_>) -> String {
        anstream::adapter::strip_str(&line(record)).to_string()
    }

    #[test]
    fn line_names_plugin_level_target_message_and_fields() {
        let fields = [("user".to_owned(), "\"Ada\"".to_owned()), ("tries".to_owned(), "3".to_owned())];
        let record = LogRecord {
            plugin: "hello",
            level: LogLevel::Info,
            target: "auth",
            message: "signed in",
            fields: &fields,
            request_id: None,
        };
        assert_eq!(shown(&record), "[hello] INFO  auth: signed in user=\"Ada\" tries=3");
        let record = LogRecord {
            plugin: "hello",
            level: LogLevel::Error,
            target: "",
            message: "gone",
            fields: &[],
            request_id: None,
        };
        assert_eq!(shown(&record), "[hello] ERROR gone");
    }

    #[test]
    fn message_cannot_forge_a_line_or_move_the_cursor() {
        let message = "a\n[other] ERROR forged\x1b[2J";
        let record =
            LogRecord { plugin: "hello", level: LogLevel::Warn, target: "", message, fields: &[], request_id: None };
        assert_eq!(shown(&record), "[hello] WARN  a\n    [other] ERROR forged\\u{1b}[2J");
    }

    #[test]
    fn quiet_and_off_show_nothing() {
        assert_eq!(StderrLog::new(LogThreshold::Trace, true).shown(), None);
        let log = StderrLog::new(LogThreshold::Off, false);
        assert_eq!(log.shown(), None);
        log.clone().set(LogThreshold::Debug);
        assert_eq!(log.threshold(), LogLevel::Debug);
    }
}
