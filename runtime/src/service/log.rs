//! The log of a plugin: its lines, with secrets masked, bounded and passed to the application's sink.
//!
//! It also receives the lines of a guest's standard output and error. Logging never fails and never waits: a sink that
//! blocks delays its plugin, so a sink should hand the line over and return.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use crate::audit::catch_panic::{CatchPanic, caught};
use crate::audit::line_quota::{LineQuota, Quota};
use crate::audit::mask::{Cut, Mask};
use crate::limits::{LOG_FIELDS_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LOG_PERIOD};

/// The severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Following a program step by step.
    Trace,
    /// Finding a fault.
    Debug,
    /// Normal operation.
    Info,
    /// A potential fault.
    Warn,
    /// A fault.
    Error,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LogLevel::Trace => "TRACE",
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        })
    }
}

/// A log line of a plugin, as passed to a sink.
#[derive(Debug, Clone)]
pub struct LogRecord<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The line's severity.
    pub level: LogLevel,
    /// The part of the plugin that logs: chosen by the guest, `stdout`, `stderr`, or empty.
    pub target: &'a str,
    /// The text. It may have several lines.
    pub message: &'a str,
    /// Fields: names, with values as JSON.
    pub fields: &'a [(String, String)],
    /// The id of the call in which it was written. Calls to other plugins share the id of the first call. `None`
    /// outside a call.
    pub request_id: Option<&'a str>,
}

/// Shows the line as `[hello] INFO auth: signed in user="Ada"`, without escaping: a sink that prints it on a terminal
/// must escape control characters.
impl fmt::Display for LogRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} ", self.plugin, self.level)?;
        if !self.target.is_empty() {
            write!(f, "{}: ", self.target)?;
        }
        f.write_str(self.message)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// A destination of the log lines of all plugins.
pub trait LogSink: Send + Sync {
    /// Receives a line. It is called on the thread that runs the guest, so it should hand the line over and return. A
    /// panic loses the line; the plugin continues.
    fn log(&self, record: &LogRecord<'_>);

    /// Returns the minimum level that the sink wants. Guests skip lines below it. Default: [`LogLevel::Trace`].
    fn threshold(&self) -> LogLevel {
        LogLevel::Trace
    }
}

/// Lets the embedder retain a handle to the sink.
impl<S: LogSink + ?Sized> LogSink for Arc<S> {
    fn log(&self, record: &LogRecord<'_>) {
        (**self).log(record);
    }

    fn threshold(&self) -> LogLevel {
        (**self).threshold()
    }
}

/// Uses a function as a sink for lines of every level.
impl<F: Fn(&LogRecord<'_>) + Send + Sync> LogSink for F {
    fn log(&self, record: &LogRecord<'_>) {
        self(record);
    }
}

impl LogSink for CatchPanic<dyn LogSink> {
    fn log(&self, record: &LogRecord<'_>) {
        caught(|| self.0.log(record));
    }

    fn threshold(&self) -> LogLevel {
        caught(|| self.0.threshold()).unwrap_or(LogLevel::Trace)
    }
}

/// The default sink: events of the `tracing` crate with target `plugbay::plugin`.
#[derive(Debug, Default)]
pub struct TracingSink;

impl LogSink for TracingSink {
    fn log(&self, record: &LogRecord<'_>) {
        let LogRecord { plugin, level, target, message, fields, request_id } = record;
        let fields = Fields(fields);
        macro_rules! event {
            ($level:ident) => {
                tracing::event!(
                    target: "plugbay::plugin", tracing::Level::$level, plugin, part = target, request_id, %fields, "{message}"
                )
            };
        }
        match level {
            LogLevel::Trace => event!(TRACE),
            LogLevel::Debug => event!(DEBUG),
            LogLevel::Info => event!(INFO),
            LogLevel::Warn => event!(WARN),
            LogLevel::Error => event!(ERROR),
        }
    }
}

/// Returns a sink that puts these names before the target of each line, or the sink itself if there are none.
pub(crate) fn below(parents: Vec<String>, sink: impl LogSink + 'static) -> Arc<dyn LogSink> {
    if parents.is_empty() { Arc::new(sink) } else { Arc::new(BelowParents { parents: parents.join(":"), sink }) }
}

struct BelowParents<S> {
    parents: String,
    sink: S,
}

impl<S: LogSink> LogSink for BelowParents<S> {
    fn log(&self, record: &LogRecord<'_>) {
        let target = match record.target {
            "" => self.parents.clone(),
            target => format!("{}:{target}", self.parents),
        };
        self.sink.log(&LogRecord { target: &target, ..record.clone() });
    }

    fn threshold(&self) -> LogLevel {
        self.sink.threshold()
    }
}

struct Fields<'a>(&'a [(String, String)]);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// The log of a plugin: its quota of lines, its secrets and the sink.
pub(crate) struct PluginLog {
    plugin: Arc<str>,
    sink: Arc<dyn LogSink>,
    pub(crate) mask: Arc<Mask>,
    counters: Arc<LogCounters>,
}

/// The quota of lines of a plugin and the lines that exceeded it, which all its revisions share.
pub(crate) struct LogCounters {
    quota: Mutex<LineQuota>,
    dropped: AtomicU64,
}

impl Default for LogCounters {
    fn default() -> Self {
        LogCounters { quota: Mutex::new(LineQuota::new()), dropped: AtomicU64::new(0) }
    }
}

impl PluginLog {
    pub(crate) fn new(plugin: Arc<str>, sink: Arc<dyn LogSink>, counters: Arc<LogCounters>) -> Self {
        PluginLog { plugin, sink, mask: Arc::default(), counters }
    }

    /// Writes a line outside a call, unless the plugin has exceeded its quota.
    pub(crate) fn write(&self, level: LogLevel, target: &str, message: &str, fields: &[(String, String)]) {
        self.write_in(|| None, level, target, message, fields);
    }

    /// Writes a line of a call, whose id is computed only if the line is written.
    pub(crate) fn write_in<'a>(
        &self,
        request_id: impl FnOnce() -> Option<&'a str>,
        level: LogLevel,
        target: &str,
        message: &str,
        fields: &[(String, String)],
    ) {
        if level < self.sink.threshold() || !self.admit(Instant::now()) {
            return;
        }
        let (mut message, cut) = self.shown(message);
        if cut > 0 {
            message.to_mut().push_str(&format!("… ({cut} more bytes)"));
        }
        let shown = |text| self.shown(text).0;
        let fields: Vec<(String, String)> = fields
            .iter()
            .take(LOG_FIELDS_MAX)
            .map(|(name, value)| (shown(name).into_owned(), shown(value).into_owned()))
            .collect();
        self.sink.log(&LogRecord {
            plugin: &self.plugin,
            level,
            target: &shown(target),
            message: &message,
            fields: &fields,
            request_id: request_id(),
        });
    }

    /// Masks the secrets in a text and cuts it to the maximum length of a line. Returns the number of bytes cut as
    /// well.
    fn shown<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        let (text, left_out) = cut(text, LOG_LINE_BYTES_MAX);
        // Standard output has been cut into lines before, possibly inside a character.
        let is_cut = text.len() + char::MAX.len_utf8() > LOG_LINE_BYTES_MAX;
        (if is_cut { self.mask.apply_cut(text, Cut::End) } else { self.mask.apply(text) }, left_out)
    }

    /// Returns the minimum level that the sink wants.
    pub(crate) fn threshold(&self) -> LogLevel {
        self.sink.threshold()
    }

    /// Returns the number of lines dropped since the plugin was loaded.
    pub(crate) fn dropped(&self) -> u64 {
        self.counters.dropped.load(Ordering::Relaxed)
    }

    /// Returns the counters, for the next revision.
    pub(crate) fn counters(&self) -> Arc<LogCounters> {
        self.counters.clone()
    }

    /// Counts the line. The first line after a period with dropped lines is preceded by their number.
    fn admit(&self, now: Instant) -> bool {
        let quota = self.counters.quota.lock().admit(now, LOG_LINES_MAX, LOG_PERIOD);
        match quota {
            Quota::Left { dropped_before: 0 } => true,
            Quota::Left { dropped_before } => {
                self.report(dropped_before);
                true
            }
            Quota::Spent => {
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    fn report(&self, dropped: u64) {
        self.sink.log(&LogRecord {
            plugin: &self.plugin,
            level: LogLevel::Warn,
            target: "plugbay",
            message: &format!("{dropped} log lines dropped: more than {LOG_LINES_MAX} in {LOG_PERIOD:?}"),
            fields: &[],
            request_id: None,
        });
    }
}

impl Drop for PluginLog {
    fn drop(&mut self) {
        let dropped = self.counters.quota.lock().unreported();
        if dropped > 0 {
            self.report(dropped);
        }
    }
}

/// Returns the text up to a character boundary within `bytes_max`, and the number of bytes cut.
fn cut(text: &str, bytes_max: usize) -> (&str, usize) {
    let end = text.floor_char_boundary(bytes_max);
    (&text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl LogSink for Kept {
        fn log(&self, record: &LogRecord<'_>) {
            let fields = Fields(record.fields).to_string();
            self.0.lock().push(format!("{} {} {fields}", record.level, record.message));
        }
    }

    fn log() -> (Arc<Kept>, PluginLog) {
        let kept = Arc::new(Kept::default());
        (kept.clone(), PluginLog::new("p".into(), kept, Arc::default()))
    }

    #[test]
    fn long_line_is_cut_at_a_character_boundary() {
        let (kept, log) = log();
        log.write(LogLevel::Info, "", &"ä".repeat(LOG_LINE_BYTES_MAX), &[]);
        let lines = kept.0.lock();
        assert!(
            lines[0].contains(&format!("({LOG_LINE_BYTES_MAX} more bytes)")),
            "{}",
            &lines[0][lines[0].len() - 40..]
        );
    }

    #[test]
    fn flood_is_dropped_counted_and_reported_once() {
        let (kept, log) = log();
        for _ in 0..LOG_LINES_MAX + 7 {
            log.write(LogLevel::Info, "", "x", &[]);
        }
        assert_eq!(log.dropped(), 7);
        drop(log);
        let lines = kept.0.lock();
        assert_eq!(lines.len() as u32, LOG_LINES_MAX + 1);
        assert!(lines.last().is_some_and(|line| line.contains("7 log lines dropped")));
    }

    #[test]
    fn secret_in_message_or_field_is_masked() {
        let (kept, log) = log();
        log.mask.add(&["hunter2".into()]);
        log.write(LogLevel::Info, "", "key hunter2", &[("hunter2 is".into(), "\"hunter2\"".into())]);
        assert_eq!(kept.0.lock()[0], "INFO key ***hidden*** ***hidden*** is=\"***hidden***\"");
    }

    #[test]
    fn secret_at_the_end_of_a_long_line_is_not_cut_open() {
        let (kept, log) = log();
        log.mask.add(&["hunter2-the-key".into()]);
        for missing in 0..20 {
            let line = format!("{}hunter2-the-key and more", "x".repeat(LOG_LINE_BYTES_MAX - missing));
            log.write(LogLevel::Info, "", &line, &[]);
        }
        let lines = kept.0.lock();
        assert!(lines.iter().all(|line| !line.contains("hunt")), "a part of the secret is there");
    }
}
