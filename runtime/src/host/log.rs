//! `plugbay:plugin/log` over the log service.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::log as wit;
use crate::service::log::LogLevel;

impl HostState {
    /// Logs a line if the plugin may, and ends the host call.
    pub(crate) async fn log_line(&mut self, level: LogLevel, target: &str, message: &str, fields: &[(String, String)]) {
        if self.check("log", PermissionAction::Write).is_ok() {
            self.plugin.log.write_in(|| Some(self.call.origin.request_id.get()), level, target, message, fields);
        }
        let fields = fields.iter().map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len());
        self.end_host_call(target.len() + message.len() + fields.sum::<usize>()).await;
    }
}

impl wit::Host for HostState {
    async fn write(&mut self, level: wit::Level, target: String, message: String, fields: Vec<(String, String)>) {
        self.log_line(level.into(), &target, &message, &fields).await;
    }

    fn threshold(&mut self) -> wit::Level {
        match self.plugin.log.threshold() {
            LogLevel::Trace => wit::Level::Trace,
            LogLevel::Debug => wit::Level::Debug,
            LogLevel::Info => wit::Level::Info,
            LogLevel::Warn => wit::Level::Warn,
            LogLevel::Error => wit::Level::Error,
        }
    }
}

impl From<wit::Level> for LogLevel {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Trace => LogLevel::Trace,
            wit::Level::Debug => LogLevel::Debug,
            wit::Level::Info => LogLevel::Info,
            wit::Level::Warn => LogLevel::Warn,
            wit::Level::Error => LogLevel::Error,
        }
    }
}
