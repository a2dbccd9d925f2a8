//! Lines of the log of processes, and the latest of them in memory.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The most lines in memory, and the most bytes of their texts.
const LINES_MAX: usize = 20_000;
const BYTES_MAX: usize = 8 << 20;

/// A line of output, or of the supervisor about a process, in the shape of Pup's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogLine {
    /// How serious it is.
    pub severity: LogSeverity,
    /// Its kind: `stdout` and `stderr` for output, others for the supervisor.
    pub category: Cow<'static, str>,
    /// The text, without its line break.
    pub text: String,
    /// The process that it is about.
    pub process_id: String,
    /// The moment, in milliseconds since the Unix epoch.
    pub time_stamp: u64,
}

/// How serious a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogSeverity {
    /// Standard output, and steps of a process.
    Log,
    /// A remark.
    Info,
    /// A problem that the supervisor dealt with.
    Warn,
    /// Standard error, and failures.
    Error,
}

/// The latest lines.
#[derive(Debug)]
pub(crate) struct LatestLines {
    age_max: Duration,
    lines: Mutex<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<LogLine>,
    bytes: usize,
}

impl LatestLines {
    /// Lines are dropped when they are older than this.
    pub(crate) fn new(age_max: Duration) -> Self {
        LatestLines { age_max, lines: Mutex::default() }
    }

    pub(crate) fn push(&self, line: LogLine) {
        let oldest_ms = line.time_stamp.saturating_sub(u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX));
        let mut all = self.lines.lock();
        all.bytes += line.text.len();
        all.lines.push_back(line);
        while let Some(first) = all.lines.front() {
            if all.lines.len() <= LINES_MAX && all.bytes <= BYTES_MAX && first.time_stamp >= oldest_ms {
                break;
            }
            all.bytes -= first.text.len();
            all.lines.pop_front();
        }
    }

    /// The latest lines of some processes, oldest first.
    pub(crate) fn latest(&self, is_of: impl Fn(&str) -> bool, count_max: usize) -> Vec<LogLine> {
        let all = self.lines.lock();
        let mut found: Vec<LogLine> =
            all.lines.iter().rev().filter(|line| is_of(&line.process_id)).take(count_max).cloned().collect();
        found.reverse();
        found
    }
}

/// Milliseconds since the Unix epoch; 0 for earlier moments.
pub(crate) fn unix_ms(moment: SystemTime) -> u64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, time_stamp: u64) -> LogLine {
        let (severity, category, process_id) = (LogSeverity::Log, "stdout".into(), "web".to_owned());
        LogLine { severity, category, text: text.to_owned(), process_id, time_stamp }
    }

    #[test]
    fn latest_lines_are_bounded_by_count_bytes_and_age() {
        let latest = LatestLines::new(Duration::from_millis(100));
        (0..LINES_MAX + 10).for_each(|_| latest.push(line("a", 50)));
        assert_eq!(latest.latest(|_| true, usize::MAX).len(), LINES_MAX);
        latest.push(line(&"b".repeat(BYTES_MAX), 60));
        assert_eq!(latest.latest(|_| true, usize::MAX).len(), 1, "the text fills the memory");
        latest.push(line("c", 161));
        let texts: Vec<String> = latest.latest(|_| true, usize::MAX).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["c"]);
    }

    #[test]
    fn latest_lines_of_a_process_are_oldest_first() {
        let latest = LatestLines::new(Duration::MAX);
        ["a", "b", "c"].iter().zip(1..).for_each(|(text, ms)| latest.push(line(text, ms)));
        let texts: Vec<String> = latest.latest(|id| id == "web", 2).into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["b", "c"]);
        assert!(latest.latest(|id| id == "other", 2).is_empty());
    }
}
