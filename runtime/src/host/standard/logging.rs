//! `wasi:logging/logging@0.1.0-draft` over the plugin's log.

use super::bindings::wasi::logging::logging as wit;
use crate::host::HostState;
use crate::service::log::LogLevel;

impl wit::Host for HostState {
    async fn log(&mut self, level: wit::Level, context: String, message: String) {
        self.log_line(level.into(), &context, &message, &[]).await;
    }
}

impl From<wit::Level> for LogLevel {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Trace => LogLevel::Trace,
            wit::Level::Debug => LogLevel::Debug,
            wit::Level::Info => LogLevel::Info,
            wit::Level::Warn => LogLevel::Warn,
            wit::Level::Error | wit::Level::Critical => LogLevel::Error,
        }
    }
}
