//! The output of processes in the log of the host.

use std::sync::Arc;

use plugbay::log::LogLevel;
use plugbay_node::supervisor::{LogLine, LogSeverity};
use plugbay_node::{Node, ProcessLogSink};
use plugbay_server::telemetry::LogBuffer;

/// Writes lines of processes to the log.
pub(crate) fn process_log(logs: LogBuffer) -> ProcessLogSink {
    Arc::new(move |line, is_shown| write(&logs, line, is_shown))
}

/// Puts the lines that processes wrote under earlier hosts in the log, before those of this host, and has it return no
/// lines that are older than the host's file allows.
pub(crate) fn restore_process_lines(node: &Node, logs: &LogBuffer) {
    logs.set_process_age_max(node.file().supervision().logger.log_age_max());
    node.stored_process_lines().iter().for_each(|line| write(logs, line, false));
}

fn write(logs: &LogBuffer, line: &LogLine, is_shown: bool) {
    let LogLine { process_id, category, text, time_stamp, .. } = line;
    logs.write_process(process_id, level(line.severity), category, text, *time_stamp, is_shown);
}

fn level(severity: LogSeverity) -> LogLevel {
    match severity {
        LogSeverity::Log | LogSeverity::Info => LogLevel::Info,
        LogSeverity::Warn => LogLevel::Warn,
        LogSeverity::Error => LogLevel::Error,
    }
}
