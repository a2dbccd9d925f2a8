//! The record of a host: log lines, denied uses, granted uses and events.

use std::fmt;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use plugbay::Event;
use plugbay::audit::{AuditRecord, AuditSink};
use plugbay::log::{LogLevel, LogRecord, LogSink};
use plugbay::policy::Refused;

/// The maximum number of log lines, of denied uses, of granted uses and of events that a host records, for plugins that
/// never stop.
const ENTRIES_MAX: usize = 100_000;

/// One line of a plugin's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The plugin.
    pub plugin: String,
    /// The severity.
    pub level: LogLevel,
    /// The part of the plugin that logs: a target that it names, `stdout`, `stderr`, or empty.
    pub target: String,
    /// The message.
    pub message: String,
    /// Names with their values as JSON.
    pub fields: Vec<(String, String)>,
    /// The id of the call that wrote it; `None` for standard output and error.
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

/// A denied use of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeniedUse {
    /// The plugin.
    pub plugin: String,
    /// The resource, such as `db.users`.
    pub resource: String,
    /// The action: `read`, `write`, `execute`, `publish` or `subscribe`.
    pub action: String,
    /// The origin of the denial, such as the plugin's manifest or the operator.
    pub refused: Refused,
}

impl fmt::Display for DeniedUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeniedUse { resource, action, refused, .. } = self;
        let by = match refused {
            Refused::ByManifest => "its manifest does not request it",
            Refused::ByOperator => "the operator did not grant it",
            Refused::ByMode => "only trusted plugins may use it",
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

/// The record of a host. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Entries>>);

#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) lines: Vec<LogLine>,
    pub(crate) denials: Vec<DeniedUse>,
    pub(crate) uses: Vec<GrantedUse>,
    /// The events of plugins and of the host.
    pub(crate) events: Vec<Event>,
    /// The number of events that were published too quickly to be recorded.
    pub(crate) events_missed: u64,
}

impl Record {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock()
    }

    /// Records an event, unless it is a log line of a plugin, which is recorded as such.
    pub(crate) fn add_event(&self, event: &Event) {
        if event.source == "host" && event.name.starts_with("log.") {
            return;
        }
        push(&mut self.entries().events, event.clone());
    }

    /// The context of a failed assertion: the log and the denied uses of a plugin.
    pub(crate) fn scene(&self, plugin: &str) -> String {
        let entries = self.entries();
        let lines = entries.lines.iter().filter(|line| line.plugin == plugin).map(ToString::to_string);
        let denials = entries.denials.iter().filter(|denied| denied.plugin == plugin).map(ToString::to_string);
        format!("\n  log:{}\n  denied uses:{}", listed(lines), listed(denials))
    }
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: String = items.map(|item| format!("\n    {}", item.replace('\n', "\n      "))).collect();
    if items.is_empty() { " none".to_owned() } else { items }
}

fn push<T>(entries: &mut Vec<T>, item: T) {
    if entries.len() < ENTRIES_MAX {
        entries.push(item);
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
        push(&mut self.entries().lines, line);
    }
}

impl AuditSink for Record {
    fn record(&self, record: &AuditRecord<'_>) {
        let (plugin, resource, action) = (record.plugin.to_owned(), record.resource.to_owned(), record.action);
        match record.denial {
            Some(denial) => {
                let denied = DeniedUse { plugin, resource, action: action.to_owned(), refused: denial.refused };
                push(&mut self.entries().denials, denied);
            }
            None => push(&mut self.entries().uses, GrantedUse { plugin, resource, action }),
        }
    }

    fn wants_allowed(&self) -> bool {
        true
    }
}
