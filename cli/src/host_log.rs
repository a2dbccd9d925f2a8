//! The runtime's own log on standard error: the `tracing` events of this project's crates at or above `--log-level`, as
//! `warning: message (plugin=hello, error=…)`.
//!
//! Log lines and denials of plugins have sinks instead ([`crate::log`]). A subscriber that ignores spans is 60 lines,
//! while `tracing-subscriber` would slow down the start of every run. A server that exports traces uses it.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use clap::ValueEnum;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::args::LogThreshold;
use crate::output::{CYAN, DIM, RED, YELLOW, indented, plain};
use crate::stderr;

/// Writes events to standard error.
struct HostLog;

/// Whether nothing is shown at any level.
static IS_QUIET: AtomicBool = AtomicBool::new(true);
/// The lowest level that is shown, as a [`LogThreshold`] in a number.
static THRESHOLD: AtomicU8 = AtomicU8::new(LogThreshold::Off as u8);

/// Installs the subscriber. `Off` and quiet show no events.
pub(crate) fn show(level: LogThreshold, quiet: bool) {
    if !quiet {
        IS_QUIET.store(false, Ordering::Relaxed);
        THRESHOLD.store(level as u8, Ordering::Relaxed);
        // This fails only if the process already has a subscriber.
        let _ = tracing::subscriber::set_global_default(HostLog);
    }
}

/// Installs the subscriber together with a layer that exports spans and events.
pub(crate) fn show_with<L>(level: LogThreshold, quiet: bool, layer: L)
where
    L: Layer<Registry> + Send + Sync,
{
    IS_QUIET.store(quiet, Ordering::Relaxed);
    THRESHOLD.store(level as u8, Ordering::Relaxed);
    let subscriber = Registry::default().with(layer).with(HostLog.with_filter(filter_fn(is_shown)));
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Sets another level. Without effect in a command that shows no events.
pub(crate) fn set(level: LogThreshold) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
    // The places of events remember whether they are shown.
    tracing::callsite::rebuild_interest_cache();
}

fn threshold() -> LevelFilter {
    if IS_QUIET.load(Ordering::Relaxed) {
        return LevelFilter::OFF;
    }
    let number = THRESHOLD.load(Ordering::Relaxed);
    match LogThreshold::value_variants().iter().find(|level| **level as u8 == number) {
        Some(LogThreshold::Trace) => LevelFilter::TRACE,
        Some(LogThreshold::Debug) => LevelFilter::DEBUG,
        Some(LogThreshold::Info) => LevelFilter::INFO,
        Some(LogThreshold::Warn) => LevelFilter::WARN,
        Some(LogThreshold::Error) => LevelFilter::ERROR,
        Some(LogThreshold::Off) | None => LevelFilter::OFF,
    }
}

/// Whether an event is one of this project at or above the level. Spans are not shown.
fn is_shown(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = target.split("::").next().is_some_and(|name| name == "plugbay" || name.starts_with("plugbay_"));
    metadata.is_event() && is_ours && *metadata.level() <= threshold()
}

impl<S: Subscriber> Layer<S> for HostLog {
    fn on_event(&self, event: &Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        write(event);
    }
}

fn write(event: &Event<'_>) {
    let mut text = EventText::default();
    event.record(&mut text);
    stderr::log(text.line(*event.metadata().level()));
}

impl Subscriber for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_shown(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(threshold())
    }

    fn event(&self, event: &Event<'_>) {
        write(event);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An event's message, and its fields as `name=value`.
#[derive(Default)]
struct EventText {
    message: String,
    fields: Vec<String>,
}

impl EventText {
    /// The line. Its texts may come from a plugin, so control characters are escaped and continued lines indented.
    fn line(&self, level: Level) -> String {
        let (style, word) = match level {
            Level::ERROR => (RED, "host error"),
            Level::WARN => (YELLOW, "warning"),
            Level::INFO => (CYAN, "info"),
            Level::DEBUG => (DIM, "debug"),
            Level::TRACE => (DIM, "trace"),
        };
        let mut line = format!("{style}{word}:{style:#} {}", indented(&plain(&self.message), "    "));
        if !self.fields.is_empty() {
            let _ = write!(line, " {DIM}({}){DIM:#}", indented(&plain(&self.fields.join(", ")), "    "));
        }
        line
    }
}

impl Visit for EventText {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields.push(format!("{}={value:?}", field.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_of_a_plugin_cannot_forge_a_line() {
        let text = EventText {
            message: "not read\nerror: forged\u{1b}[2J".to_owned(),
            fields: vec!["plugin=demo".to_owned(), "error=a\nb".to_owned()],
        };
        let shown = anstream::adapter::strip_str(&text.line(Level::WARN)).to_string();
        assert_eq!(shown, "warning: not read\n    error: forged\\u{1b}[2J (plugin=demo, error=a\n    b)");
    }
}
