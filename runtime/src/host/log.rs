//! `plugbay:plugin/log` over the log service.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::log as wit;
use crate::service::log::Level;

impl HostState {
    /// Logs a line if the plugin may, and ends the host call.
    pub(crate) async fn log_line(&mut self, level: Level, target: &str, message: &str, fields: &[(String, String)]) {
        if self.check("log", PermissionAction::Write).is_ok() {
            self.plugin.log.write_in(|| Some(self.call.origin.request_id()), level, target, message, fields);
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
            Level::Trace => wit::Level::Trace,
            Level::Debug => wit::Level::Debug,
            Level::Info => wit::Level::Info,
            Level::Warn => wit::Level::Warn,
            Level::Error => wit::Level::Error,
        }
    }
}

impl From<wit::Level> for Level {
    fn from(level: wit::Level) -> Self {
        match level {
            wit::Level::Trace => Level::Trace,
            wit::Level::Debug => Level::Debug,
            wit::Level::Info => Level::Info,
            wit::Level::Warn => Level::Warn,
            wit::Level::Error => Level::Error,
        }
    }
}
