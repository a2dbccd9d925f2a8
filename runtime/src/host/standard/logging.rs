//! `wasi:logging/logging@0.1.0-draft` over the plugin's log.

use super::bindings::wasi::logging::logging as wit;
use crate::host::HostState;
use crate::service::log::Level;

impl wit::Host for HostState {
    async fn log(&mut self, level: wit::Level, context: String, message: String) {
        self.log_line(level.into(), &context, &message, &[]).await;
    }
}

impl From<wit::Level> for Level {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Trace => Level::Trace,
            wit::Level::Debug => Level::Debug,
            wit::Level::Info => Level::Info,
            wit::Level::Warn => Level::Warn,
            wit::Level::Error | wit::Level::Critical => Level::Error,
        }
    }
}
