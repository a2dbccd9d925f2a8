//! Lines of the `log` crate.

use super::{Level, enabled, write};

struct ToHost;

static TO_HOST: ToHost = ToHost;

/// Makes the host's log the one of the `log` crate, unless the plugin has installed another.
pub(super) fn install() {
    if log::set_logger(&TO_HOST).is_ok() {
        // The host's threshold may change, so it is asked line by line.
        log::set_max_level(log::LevelFilter::Trace);
    }
}

impl log::Log for ToHost {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        enabled(level(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            write(level(record.level()), record.target(), &record.args().to_string(), &[]);
        }
    }

    fn flush(&self) {}
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Trace => Level::Trace,
        log::Level::Debug => Level::Debug,
        log::Level::Info => Level::Info,
        log::Level::Warn => Level::Warn,
        log::Level::Error => Level::Error,
    }
}
