//! The latest log lines of a host, in memory, for `/logs` and for clients that follow the log.
//!
//! The buffer is a sink of the runtime: it stores a line and passes it on to another sink. Its size in bytes is
//! bounded, and the oldest lines are dropped for new ones. A plugin's own quota of lines applies before they reach it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use plugbay::log::{LogLevel, LogRecord, LogSink};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::LogQuery;

/// Bytes of lines that a buffer holds by default: about 20,000 lines.
const BYTES_MAX: usize = 8 << 20;
/// Bytes that a line costs beyond its texts.
const LINE_BYTES: usize = 160;
/// Lines that a follower may be behind before it misses some.
const FOLLOWER_LINES_MAX: usize = 1_024;

/// A stored log line.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct LogEntry {
    /// The line's number, which grows by one with each line of the host.
    pub number: u64,
    /// The time of the line, in milliseconds since 1970.
    pub time_ms: u64,
    /// The plugin that wrote it. Lines of the host have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// The process of the host that wrote it, or that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// Its severity.
    pub level: LogLevel,
    /// The part of the plugin that wrote it; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// The text. It may have several lines.
    pub message: String,
    /// Fields, with their values.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub fields: Value,
    /// The id of the call in which it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl LogEntry {
    fn new(level: LogLevel, target: &str, message: &str) -> Self {
        LogEntry {
            number: 0,
            time_ms: now_ms(),
            plugin: None,
            process: None,
            level,
            target: target.to_owned(),
            message: message.to_owned(),
            fields: Value::Null,
            request_id: None,
        }
    }

    /// The plugin or process that it is of. Lines of the host have none.
    pub(crate) fn writer(&self) -> Option<&str> {
        self.plugin.as_deref().or(self.process.as_deref())
    }

    fn bytes(&self) -> usize {
        let fields = self.fields.as_object().map_or(0, |fields| {
            fields.iter().map(|(name, value)| name.len() + value.as_str().map_or(16, str::len) + 32).sum()
        });
        let texts = [self.writer(), Some(&self.target), Some(&self.message), self.request_id.as_deref()];
        LINE_BYTES + fields + texts.into_iter().flatten().map(str::len).sum::<usize>()
    }
}

/// The latest log lines. Cheap to clone; clones share the lines.
#[derive(Clone)]
pub struct LogBuffer(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    bytes_max: usize,
    /// The time at which this buffer was made. Lines from before are of earlier hosts.
    created_ms: u64,
    followers: broadcast::Sender<Arc<LogEntry>>,
    /// The milliseconds for which lines of processes are returned.
    process_ms_max: AtomicU64,
    next: Option<Box<dyn LogSink>>,
}

#[derive(Default)]
struct Lines {
    entries: VecDeque<Arc<LogEntry>>,
    bytes: usize,
    next_number: u64,
}

impl Default for LogBuffer {
    fn default() -> Self {
        LogBuffer::new(None)
    }
}

impl LogBuffer {
    /// A buffer of 8 MiB, which passes lines on to `next`.
    pub fn new(next: Option<Box<dyn LogSink>>) -> Self {
        LogBuffer::with_bytes(next, BYTES_MAX)
    }

    fn with_bytes(next: Option<Box<dyn LogSink>>, bytes_max: usize) -> Self {
        let (followers, _) = broadcast::channel(FOLLOWER_LINES_MAX);
        let process_ms_max = AtomicU64::new(u64::MAX);
        let (lines, created_ms) = (Mutex::default(), now_ms());
        LogBuffer(Arc::new(Shared { lines, bytes_max, created_ms, followers, process_ms_max, next }))
    }

    /// Sets the time for which lines of processes are stored; zero stores none. Default: without a limit.
    pub fn set_process_age_max(&self, age_max: Duration) {
        let ms = u64::try_from(age_max.as_millis()).unwrap_or(u64::MAX);
        self.0.process_ms_max.store(ms, Ordering::Relaxed);
    }

    /// Stores a line that does not come from the runtime, as one of a plugin or of the host.
    pub fn write(&self, plugin: Option<&str>, level: LogLevel, target: &str, message: &str) {
        self.store(LogEntry { plugin: plugin.map(str::to_owned), ..LogEntry::new(level, target, message) });
        if let Some(next) = &self.0.next {
            let plugin = plugin.unwrap_or("host");
            next.log(&LogRecord { plugin, level, target, message, fields: &[], request_id: None });
        }
    }

    /// Stores a line that a process of the host wrote at `time_ms` milliseconds since 1970, and passes it on if it
    /// `is_shown`. Lines of earlier hosts are not shown.
    pub fn write_process(
        &self,
        process: &str,
        level: LogLevel,
        target: &str,
        message: &str,
        time_ms: u64,
        is_shown: bool,
    ) {
        if self.0.process_ms_max.load(Ordering::Relaxed) > 0 {
            let process = Some(process.to_owned());
            self.store(LogEntry { time_ms, process, ..LogEntry::new(level, target, message) });
        }
        if let Some(next) = self.0.next.as_ref().filter(|next| is_shown && level >= next.threshold()) {
            next.log(&LogRecord { plugin: process, level, target, message, fields: &[], request_id: None });
        }
    }

    /// The newest lines that match, at most [`LogQuery::rows`] of them, from the oldest to the newest. All lines are
    /// filtered before the newest are taken.
    pub fn read(&self, query: &LogQuery) -> Vec<Arc<LogEntry>> {
        self.read_where(query, |_| true)
    }

    /// The newest lines that match and fit, as [`read`](Self::read) returns them.
    pub(crate) fn read_where(&self, query: &LogQuery, fits: impl Fn(&LogEntry) -> bool) -> Vec<Arc<LogEntry>> {
        let oldest_ms = now_ms().saturating_sub(self.0.process_ms_max.load(Ordering::Relaxed));
        let is_recent = |entry: &LogEntry| entry.process.is_none() || entry.time_ms >= oldest_ms;
        let lines = self.0.lines.lock();
        let matching = lines.entries.iter().rev();
        let matching = matching.filter(|entry| is_recent(entry) && query.matches(entry) && fits(entry));
        let matching = matching.take(query.rows);
        let mut found: Vec<Arc<LogEntry>> = matching.cloned().collect();
        found.reverse();
        found
    }

    /// The lines from now on.
    pub fn follow(&self) -> LogFollower {
        LogFollower(self.0.followers.subscribe())
    }

    /// The lines from now on, and those since a moment that are held.
    pub(crate) fn follow_since(&self, since: Since) -> FollowedLog {
        // Under the lock no line is stored, so none is missing between the two.
        let lines = self.0.lines.lock();
        let (live, next) = (self.follow(), lines.next_number);
        let (first, oldest_ms) = match since {
            Since::Lines(received) if received <= next => (received, 0),
            Since::Now | Since::Lines(_) => (next, 0),
            Since::Start => (0, self.0.created_ms),
        };
        let first_held = lines.entries.front().map_or(next, |oldest| oldest.number);
        let is_missed = |entry: &&Arc<LogEntry>| entry.number >= first && entry.time_ms >= oldest_ms;
        let held = lines.entries.iter().filter(is_missed).cloned().collect();
        FollowedLog { lost: first_held.saturating_sub(first), held, live, next }
    }

    /// Stores a line with the next number.
    fn store(&self, entry: LogEntry) {
        let mut lines = self.0.lines.lock();
        let entry = Arc::new(LogEntry { number: lines.next_number, ..entry });
        lines.next_number += 1;
        lines.bytes += entry.bytes();
        lines.entries.push_back(entry.clone());
        while lines.bytes > self.0.bytes_max {
            let Some(oldest) = lines.entries.pop_front() else { break };
            lines.bytes -= oldest.bytes();
        }
        // Sent under the lock, so that followers receive lines in their order. Without a follower it is an error.
        let _ = self.0.followers.send(entry);
    }
}

impl LogSink for LogBuffer {
    fn log(&self, record: &LogRecord<'_>) {
        let value = |text: &String| match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => serde_json::from_str(text).unwrap_or_default(),
            Err(_) => Value::String(text.clone()),
        };
        let fields = match record.fields.is_empty() {
            true => Value::Null,
            false => record.fields.iter().map(|(name, text)| (name.clone(), value(text))).collect(),
        };
        let LogRecord { plugin, level, target, message, request_id, .. } = *record;
        self.store(LogEntry {
            plugin: Some(plugin.to_owned()),
            fields,
            request_id: request_id.map(str::to_owned),
            ..LogEntry::new(level, target, message)
        });
        if let Some(next) = self.0.next.as_ref().filter(|next| level >= next.threshold()) {
            next.log(record);
        }
    }

    /// Lines of every level above tracing are stored, whatever the next sink shows.
    fn threshold(&self) -> LogLevel {
        let next = self.0.next.as_ref().map_or(LogLevel::Debug, |next| next.threshold());
        next.min(LogLevel::Debug)
    }
}

impl std::fmt::Debug for LogBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogBuffer").field("lines", &self.0.lines.lock().entries.len()).finish_non_exhaustive()
    }
}

/// The moment after which a client follows the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// It follows the log from now on.
    Now,
    /// It has received this many lines of the host, or passed over them.
    Lines(u64),
    /// It has received lines of an earlier host alone, and none of this one.
    Start,
}

/// The lines for a client that follows the log.
#[derive(Debug)]
pub(crate) struct FollowedLog {
    /// The number of lines that the client missed and that are no longer held.
    pub(crate) lost: u64,
    /// Those that it missed and that are held, oldest first.
    pub(crate) held: Vec<Arc<LogEntry>>,
    pub(crate) live: LogFollower,
    /// The number of lines before those of `live`.
    pub(crate) next: u64,
}

/// Log lines as they are written.
#[derive(Debug)]
pub struct LogFollower(broadcast::Receiver<Arc<LogEntry>>);

impl LogFollower {
    /// The lines as a stream. A client that reads too slowly gets the number of lines that it missed.
    pub fn into_stream(self) -> BroadcastStream<Arc<LogEntry>> {
        BroadcastStream::new(self.0)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    fn messages(entries: &[Arc<LogEntry>]) -> Vec<&str> {
        entries.iter().map(|entry| entry.message.as_str()).collect()
    }

    #[test]
    fn oldest_lines_are_dropped_for_new_ones() {
        let buffer = LogBuffer::with_bytes(None, 10_000);
        for number in 0..1_000 {
            buffer.write(None, LogLevel::Info, "", &format!("line {number}"));
        }
        let query = LogQuery { rows: usize::MAX, ..LogQuery::default() };
        let found = buffer.read(&query);
        assert!(found.len() < 100 && found.len() > 30, "{} lines", found.len());
        assert_eq!(found.last().map(|entry| (entry.number, entry.message.as_str())), Some((999, "line 999")));
        assert!(buffer.0.lines.lock().bytes <= 10_000);
    }

    #[test]
    fn lines_are_filtered_before_the_newest_are_taken() {
        let buffer = LogBuffer::default();
        for number in 0..50 {
            let level = if number % 10 == 0 { LogLevel::Error } else { LogLevel::Info };
            buffer.write(Some("a"), level, "", &number.to_string());
        }
        let query = LogQuery { rows: 2, level: Some(LogLevel::Error), ..LogQuery::default() };
        assert_eq!(messages(&buffer.read(&query)), ["30", "40"]);
        let query = LogQuery { plugin: Some("b".to_owned()), ..LogQuery::default() };
        assert!(buffer.read(&query).is_empty());
    }

    #[tokio::test]
    async fn follower_receives_lines_in_order_and_learns_what_it_missed() {
        let buffer = LogBuffer::default();
        let mut lines = buffer.follow().into_stream();
        for number in 0..=FOLLOWER_LINES_MAX {
            buffer.write(None, LogLevel::Info, "", &number.to_string());
        }
        assert!(lines.next().await.expect("lines").is_err(), "one was missed");
        assert_eq!(lines.next().await.expect("lines").expect("a line").message, "1");
    }

    #[test]
    fn follower_that_comes_back_gets_the_lines_since_then() {
        let buffer = LogBuffer::with_bytes(None, 5 * (LINE_BYTES + 1));
        let follow = |since| {
            let followed = buffer.follow_since(since);
            (followed.lost, messages(&followed.held).join(" "), followed.next)
        };
        buffer.write_process("web", LogLevel::Info, "", "0", 1, false);
        buffer.write(None, LogLevel::Info, "", "1");
        assert_eq!(follow(Since::Start), (0, "1".to_owned(), 2), "line 0 is of an earlier host");
        for number in 2..8 {
            buffer.write(None, LogLevel::Info, "", &number.to_string());
        }
        assert_eq!(follow(Since::Lines(6)), (0, "6 7".to_owned(), 8));
        assert_eq!(follow(Since::Lines(1)), (2, "3 4 5 6 7".to_owned(), 8));
        for none in [Since::Now, Since::Lines(8), Since::Lines(9)] {
            assert_eq!(follow(none), (0, String::new(), 8), "{none:?}");
        }
    }

    #[test]
    fn fields_are_values() {
        let buffer = LogBuffer::default();
        let fields = [("user".to_owned(), "\"Ada\"".to_owned()), ("bad".to_owned(), "{".to_owned())];
        let record = LogRecord {
            plugin: "p",
            level: LogLevel::Warn,
            target: "t",
            message: "m",
            fields: &fields,
            request_id: Some("7"),
        };
        buffer.log(&record);
        let entry = &buffer.read(&LogQuery::default())[0];
        assert_eq!(entry.fields, serde_json::json!({ "user": "Ada", "bad": "{" }));
    }
}
