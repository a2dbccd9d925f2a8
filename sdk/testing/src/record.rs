//! What the plugins of a host said and what they were refused, for the test to look at.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plugbay::{AuditRecord, AuditSink, Level, LogRecord, LogSink, Refused};

/// Lines, denials and granted uses that one host keeps of each: what a test of a plugin that never stops has seen by
/// then is enough.
const KEPT_MAX: usize = 100_000;

/// One line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The plugin.
    pub plugin: String,
    /// How much it matters.
    pub level: Level,
    /// The part of the plugin that speaks: what it says itself, `stdout`, `stderr`, or empty.
    pub target: String,
    /// The text.
    pub message: String,
    /// Names with their values as JSON.
    pub fields: Vec<(String, String)>,
    /// The id of the call in which it was written; `None` for standard output and error.
    pub request_id: Option<String>,
}

/// `INFO [target] message name=value …`, as [`plugbay_sdk::native`](https://docs.rs/plugbay-sdk) shows it.
impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.level)?;
        if !self.target.is_empty() {
            write!(f, " [{}]", self.target)?;
        }
        write!(f, " {}", self.message)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// Something that a plugin was about to use and was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeniedUse {
    /// The plugin.
    pub plugin: String,
    /// What it was about to use, such as `db.users`.
    pub resource: String,
    /// What for: `read`, `write`, `execute`, `publish` or `subscribe`.
    pub action: String,
    /// Who said no: its own manifest or the operator.
    pub refused: Refused,
}

impl fmt::Display for DeniedUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeniedUse { resource, action, refused, .. } = self;
        let by = match refused {
            Refused::ByManifest => "its manifest does not ask for it",
            Refused::ByOperator => "the operator does not allow it",
            Refused::ByMode => "it is for trusted plugins only",
            Refused::ByCallee => "the other plugin does not admit it",
        };
        write!(f, "{action} {resource}: {by}")
    }
}

/// A use of a service that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GrantedUse {
    pub(crate) plugin: String,
    pub(crate) resource: String,
    pub(crate) action: &'static str,
}

/// All that is kept of a host. Clones are the same record.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Kept>>);

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) denials: Vec<DeniedUse>,
    pub(crate) uses: Vec<GrantedUse>,
}

impl Record {
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a person who looks at a failed test wants to know of a plugin: its log and what it was refused.
    pub(crate) fn scene(&self, plugin: &str) -> String {
        let kept = self.kept();
        let lines = kept.lines.iter().filter(|line| line.plugin == plugin).map(ToString::to_string);
        let denials = kept.denials.iter().filter(|denied| denied.plugin == plugin).map(ToString::to_string);
        format!("\n  its log:{}\n  denied to it:{}", listed(lines), listed(denials))
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| format!("\n    {}", item.replace('\n', "\n      "))).collect();
    if items.is_empty() { " nothing".to_owned() } else { items }
}

fn keep<T>(kept: &mut Vec<T>, item: T) {
    if kept.len() < KEPT_MAX {
        kept.push(item);
    }
}

impl LogSink for Record {
    fn log(&self, record: &LogRecord<'_>) {
        let line = LogLine {
            plugin: record.plugin.to_owned(),
            level: record.level,
            target: record.target.to_owned(),
            message: record.message.to_owned(),
            fields: record.fields.to_vec(),
            request_id: record.request_id.map(str::to_owned),
        };
        keep(&mut self.kept().lines, line);
    }
}

impl AuditSink for Record {
    fn record(&self, record: &AuditRecord<'_>) {
        let (plugin, resource, action) = (record.plugin.to_owned(), record.resource.to_owned(), record.action);
        match record.refused {
            Some(refused) => {
                let denied = DeniedUse { plugin, resource, action: action.to_owned(), refused };
                keep(&mut self.kept().denials, denied);
            }
            None => keep(&mut self.kept().uses, GrantedUse { plugin, resource, action }),
        }
    }

    fn wants_allowed(&self) -> bool {
        true
    }
}
