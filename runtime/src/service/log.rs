//! The log of a plugin: its lines, stamped, masked, bounded and handed to the application's sink.
//!
//! Lines of a guest's standard output and error end here as well. Logging never fails and never waits: a sink that
//! blocks holds up its plugin, so sinks hand over and return.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::audit::catch_panic::{CatchPanic, caught};
use crate::audit::line_quota::{LineQuota, Quota};
use crate::audit::mask::{Cut, Mask};
use crate::limits::{LOG_FIELDS_MAX, LOG_LINE_BYTES_MAX, LOG_LINES_MAX, LOG_PERIOD};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For following a program step by step.
    Trace,
    /// For finding a fault.
    Debug,
    /// For knowing what happens.
    Info,
    /// For what may become a fault.
    Warn,
    /// For faults.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        })
    }
}

/// One line of a plugin, as a sink gets it.
#[derive(Debug, Clone)]
pub struct LogRecord<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// How much it matters.
    pub level: Level,
    /// The part of the plugin that speaks: what the guest says, `stdout`, `stderr`, or empty.
    pub target: &'a str,
    /// The text. It may have several lines.
    pub message: &'a str,
    /// Names with their values as JSON.
    pub fields: &'a [(String, String)],
    /// The id of the call in which it was written, which the plugins that this call leads to share. `None` where there
    /// is no call, and for standard output and error.
    pub request_id: Option<&'a str>,
}

/// `[hello] INFO auth: signed in user="Ada"`, as it was written: a sink that prints it on a terminal escapes control
/// characters first.
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

/// Where the lines of all plugins go.
pub trait LogSink: Send + Sync {
    /// Takes one line. Called from the thread that runs the guest: hand over and return. A panic costs this line, and
    /// the plugin goes on.
    fn log(&self, record: &LogRecord<'_>);

    /// The least level that this sink is interested in: guests do not even make lines below it.
    fn threshold(&self) -> Level {
        Level::Trace
    }
}

/// A sink that the embedder keeps a hold of.
impl<S: LogSink + ?Sized> LogSink for Arc<S> {
    fn log(&self, record: &LogRecord<'_>) {
        (**self).log(record);
    }

    fn threshold(&self) -> Level {
        (**self).threshold()
    }
}

/// A function that takes lines of every level.
impl<F: Fn(&LogRecord<'_>) + Send + Sync> LogSink for F {
    fn log(&self, record: &LogRecord<'_>) {
        self(record);
    }
}

impl LogSink for CatchPanic<dyn LogSink> {
    fn log(&self, record: &LogRecord<'_>) {
        caught(|| self.0.log(record));
    }

    fn threshold(&self) -> Level {
        caught(|| self.0.threshold()).unwrap_or(Level::Trace)
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
            Level::Trace => event!(TRACE),
            Level::Debug => event!(DEBUG),
            Level::Info => event!(INFO),
            Level::Warn => event!(WARN),
            Level::Error => event!(ERROR),
        }
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

/// The log of one plugin: its quota of lines, its secrets and the sink.
pub(crate) struct PluginLog {
    plugin: Arc<str>,
    sink: Arc<dyn LogSink>,
    pub(crate) mask: Arc<Mask>,
    quota: Mutex<LineQuota>,
    dropped: AtomicU64,
}

impl PluginLog {
    pub(crate) fn new(plugin: Arc<str>, sink: Arc<dyn LogSink>) -> Self {
        PluginLog {
            plugin,
            sink,
            mask: Arc::default(),
            quota: Mutex::new(LineQuota::new()),
            dropped: AtomicU64::new(0),
        }
    }

    /// Writes a line that belongs to no call, unless the plugin wrote too many in this period.
    pub(crate) fn write(&self, level: Level, target: &str, message: &str, fields: &[(String, String)]) {
        self.write_in(|| None, level, target, message, fields);
    }

    /// Writes a line that belongs to a call, whose id is asked for only if the line is written.
    pub(crate) fn write_in<'a>(
        &self,
        request_id: impl FnOnce() -> Option<&'a str>,
        level: Level,
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

    /// A text without secrets, as long as a line may be, and how many bytes were left out.
    fn shown<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        let (text, left_out) = cut(text, LOG_LINE_BYTES_MAX);
        // Standard output has cut its lines already, and may have lost a character in the middle.
        let is_cut = text.len() + char::MAX.len_utf8() > LOG_LINE_BYTES_MAX;
        (if is_cut { self.mask.apply_cut(text, Cut::End) } else { self.mask.apply(text) }, left_out)
    }

    /// The least level that the sink takes.
    pub(crate) fn threshold(&self) -> Level {
        self.sink.threshold()
    }

    /// Lines that were dropped since the plugin was loaded.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Counts the line. The first one after a period with dropped lines says how many there were.
    fn admit(&self, now: Instant) -> bool {
        let quota =
            self.quota.lock().unwrap_or_else(std::sync::PoisonError::into_inner).admit(now, LOG_LINES_MAX, LOG_PERIOD);
        match quota {
            Quota::Left { dropped_before: 0 } => true,
            Quota::Left { dropped_before } => {
                self.report(dropped_before);
                true
            }
            Quota::Spent => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    fn report(&self, dropped: u64) {
        self.sink.log(&LogRecord {
            plugin: &self.plugin,
            level: Level::Warn,
            target: "plugbay",
            message: &format!("{dropped} log lines dropped: more than {LOG_LINES_MAX} in {LOG_PERIOD:?}"),
            fields: &[],
            request_id: None,
        });
    }
}

impl Drop for PluginLog {
    fn drop(&mut self) {
        let dropped = self.quota.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).unreported();
        if dropped > 0 {
            self.report(dropped);
        }
    }
}

/// The text up to a character boundary within `bytes_max`, and how many bytes were left out.
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
            self.0.lock().expect("not poisoned").push(format!("{} {} {fields}", record.level, record.message));
        }
    }

    fn log() -> (Arc<Kept>, PluginLog) {
        let kept = Arc::new(Kept::default());
        (kept.clone(), PluginLog::new("p".into(), kept))
    }

    #[test]
    fn long_line_is_cut_at_a_character_boundary() {
        let (kept, log) = log();
        log.write(Level::Info, "", &"ä".repeat(LOG_LINE_BYTES_MAX), &[]);
        let lines = kept.0.lock().expect("not poisoned");
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
            log.write(Level::Info, "", "x", &[]);
        }
        assert_eq!(log.dropped(), 7);
        drop(log);
        let lines = kept.0.lock().expect("not poisoned");
        assert_eq!(lines.len() as u32, LOG_LINES_MAX + 1);
        assert!(lines.last().is_some_and(|line| line.contains("7 log lines dropped")));
    }

    #[test]
    fn secret_in_message_or_field_is_masked() {
        let (kept, log) = log();
        log.mask.add(&["hunter2".into()]);
        log.write(Level::Info, "", "key hunter2", &[("hunter2 is".into(), "\"hunter2\"".into())]);
        assert_eq!(kept.0.lock().expect("not poisoned")[0], "INFO key ***hidden*** ***hidden*** is=\"***hidden***\"");
    }

    #[test]
    fn secret_at_the_end_of_a_long_line_is_not_cut_open() {
        let (kept, log) = log();
        log.mask.add(&["hunter2-the-key".into()]);
        for missing in 0..20 {
            let line = format!("{}hunter2-the-key and more", "x".repeat(LOG_LINE_BYTES_MAX - missing));
            log.write(Level::Info, "", &line, &[]);
        }
        let lines = kept.0.lock().expect("not poisoned");
        assert!(lines.iter().all(|line| !line.contains("hunt")), "a part of the secret is there");
    }
}
