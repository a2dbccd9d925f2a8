//! Which log lines a client asks for: the parameters of `/logs`, in their two spellings.

use std::time::UNIX_EPOCH;

use plugbay::log::LogLevel;

use super::LogEntry;

/// Lines that are returned unless the client asks for another number.
const ROWS: usize = 100;
/// The most lines that are returned.
const ROWS_MAX: usize = 10_000;

/// The lines that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogQuery {
    /// Only those of this plugin or process.
    pub plugin: Option<String>,
    /// The instances of the cluster of that name, whose lines are its lines. Default: none.
    pub instances: Vec<String>,
    /// Only those of this severity.
    pub level: Option<LogLevel>,
    /// Only those that were written at this time or later, in milliseconds since 1970.
    pub from_ms: Option<u64>,
    /// Only those that were written at this time or earlier, in milliseconds since 1970.
    pub to_ms: Option<u64>,
    /// At most this many, the newest. Default: 100.
    pub rows: usize,
}

/// A parameter of a query is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the parameter `{name}` is invalid: {problem}")]
pub struct InvalidLogQuery {
    /// The parameter.
    pub name: String,
    /// The problem.
    pub problem: String,
}

impl Default for LogQuery {
    fn default() -> Self {
        LogQuery { plugin: None, instances: Vec::new(), level: None, from_ms: None, to_ms: None, rows: ROWS }
    }
}

impl LogQuery {
    /// Reads the parameters of a URL: `plugin`, `severity`, `from`, `to` and `rows`, or Pup's `processId`,
    /// `startTimeStamp`, `endTimeStamp` and `nRows`. Times are milliseconds since 1970 or RFC 3339. Others are ignored.
    ///
    /// # Errors
    /// [`InvalidLogQuery`] for the first parameter that is not valid.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, InvalidLogQuery> {
        let mut query = LogQuery::default();
        for (name, value) in parameters {
            let invalid = |problem: &str| InvalidLogQuery { name: name.to_owned(), problem: problem.to_owned() };
            match name {
                "plugin" | "processId" => query.plugin = Some(value.to_owned()),
                "severity" | "level" => {
                    let known = "write error, warn, info (or log), debug or trace";
                    query.level = Some(parse_severity(value).ok_or_else(|| invalid(known))?);
                }
                "from" | "startTimeStamp" => query.from_ms = Some(time(value).ok_or_else(|| invalid(TIMES))?),
                "to" | "endTimeStamp" => query.to_ms = Some(time(value).ok_or_else(|| invalid(TIMES))?),
                "rows" | "nRows" => {
                    let rows = value.parse::<usize>().ok().filter(|rows| *rows > 0);
                    query.rows = rows.ok_or_else(|| invalid("write a whole number above 0"))?.min(ROWS_MAX);
                }
                _ => {}
            }
        }
        Ok(query)
    }

    /// Whether a line is one of those.
    pub fn matches(&self, entry: &LogEntry) -> bool {
        // Pup's lines of the host itself have the process `core`.
        let writer = entry.writer().unwrap_or("core");
        let is_instance = || self.instances.iter().any(|instance| instance == writer);
        self.plugin.as_deref().is_none_or(|wanted| wanted == writer || is_instance())
            && self.level.is_none_or(|wanted| wanted == entry.level)
            && self.from_ms.is_none_or(|from| entry.time_ms >= from)
            && self.to_ms.is_none_or(|to| entry.time_ms <= to)
    }
}

const TIMES: &str = "write milliseconds since 1970, or a time such as 2026-11-30T12:00:00Z";

/// A severity in any case. Pup's `log` is `info`.
pub(crate) fn parse_severity(text: &str) -> Option<LogLevel> {
    match text.to_ascii_lowercase().as_str() {
        "error" => Some(LogLevel::Error),
        "warn" | "warning" => Some(LogLevel::Warn),
        "info" | "log" => Some(LogLevel::Info),
        "debug" => Some(LogLevel::Debug),
        "trace" => Some(LogLevel::Trace),
        _ => None,
    }
}

fn time(text: &str) -> Option<u64> {
    if let Ok(ms) = text.parse::<u64>() {
        return Some(ms);
    }
    let since = humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read() {
        let own = [("plugin", "a"), ("severity", "WARN"), ("from", "5"), ("to", "1970-01-01T00:00:01Z"), ("rows", "7")];
        let pup = [
            ("processId", "a"),
            ("severity", "warn"),
            ("startTimeStamp", "5"),
            ("endTimeStamp", "1000"),
            ("nRows", "7"),
        ];
        let read = LogQuery::from_parameters(own).expect("valid");
        assert_eq!(read, LogQuery::from_parameters(pup).expect("valid"));
        assert_eq!((read.level, read.to_ms, read.rows), (Some(LogLevel::Warn), Some(1000), 7));
    }

    #[test]
    fn invalid_parameter_is_named() {
        for (name, value) in [("nRows", "x"), ("rows", "-1"), ("rows", "0"), ("severity", "loud"), ("from", "soon")] {
            let error = LogQuery::from_parameters([(name, value)]).expect_err(value);
            assert!(error.name == name && !error.problem.is_empty(), "{error}");
        }
        assert_eq!(LogQuery::from_parameters([("rows", "999999999")]).expect("valid").rows, ROWS_MAX);
    }
}
