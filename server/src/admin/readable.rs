//! What a caller may read of what all plugins write to one place: log lines, events and figures.

use plugbay::Event;

use crate::Identity;
use crate::access::ScopeKind;
use crate::telemetry::LogEntry;

/// The part of the host's log, events and figures that a caller may read: all of it, or that of some plugins.
#[derive(Debug, Clone)]
pub(crate) struct Readable(Identity);

impl Readable {
    pub(super) fn of(identity: &Identity) -> Self {
        Readable(identity.clone())
    }

    /// Whether it is everything, also what the host itself writes.
    pub(crate) fn is_all(&self) -> bool {
        self.0.may(ScopeKind::Read, None)
    }

    /// Whether what concerns this plugin is part of it.
    pub(crate) fn plugin(&self, name: &str) -> bool {
        self.0.may(ScopeKind::Read, Some(name))
    }

    /// Whether a log line is part of it: a caller for one plugin reads the lines that the plugin wrote.
    pub(super) fn line(&self, line: &LogEntry) -> bool {
        self.is_all() || line.plugin.as_deref().is_some_and(|plugin| self.plugin(plugin))
    }

    /// Whether an event is part of it: a caller for one plugin reads the events that the plugin published, and those in
    /// which the host reports a change of its state.
    pub(super) fn event(&self, event: &Event) -> bool {
        let plugin = if event.source == HOST { reported(event) } else { Some(&*event.source) };
        self.is_all() || plugin.is_some_and(|plugin| self.plugin(plugin))
    }
}

/// The plugin whose state an event of the host reports.
fn reported(event: &Event) -> Option<&str> {
    let plugin = event.data["plugin"].as_str()?;
    let is_report = match event.name.split_once('.')? {
        ("plugin", _) => true,
        (first, what) => first == plugin && matches!(what, "initialized" | "shutdown"),
    };
    is_report.then_some(plugin)
}

/// The source of events of the host, which is not the name of a plugin.
const HOST: &str = "host";
