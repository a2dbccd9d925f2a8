//! The processes that the host runs beside its plugins: programs of the operating system.
//!
//! ```
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::processes::{self, ProcessState};
//!
//! /// Starts every process that has failed, and returns their names.
//! fn revive() -> Result<Vec<String>> {
//!     let failed = processes::statuses()?.into_iter().filter(|status| status.state == ProcessState::Errored);
//!     failed.map(|status| processes::start(&status.id).map(|()| status.id)).collect()
//! }
//! # assert_eq!(revive().unwrap_err().code(), "unavailable");
//! ```
//!
//! The manifest requests it: `permissions: [{ resource: "process.web", actions: [read, execute] }]`, and the operator
//! grants it. `read` is for statuses and log lines, `execute` for orders. A cluster is one process; its instances are
//! named `web-1`, `web-2` and so on.
//!
//! # Errors
//!
//! All functions return `permission_denied` if the use of the process was not granted, `invalid_argument` if the name
//! is not valid, `not_found` if there is no such process, and `unavailable` if the host runs none. Orders that do not
//! fit the state of the process return `process_blocked`, `process_running`, `process_not_running`,
//! `process_exhausted` or `process_not_startable`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result, error};
use crate::host;

/// The name that stands for all processes in orders. It needs the permission for each of them.
pub const ALL: &str = "all";

/// The status of a process or of a cluster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProcessStatus {
    /// The name of the process.
    pub id: String,
    /// Its state.
    #[serde(rename = "status")]
    pub state: ProcessState,
    /// Its number in the operating system, while it runs.
    pub pid: Option<u32>,
    /// The exit code of its last run; 124 if it was stopped by a signal.
    pub code: Option<i32>,
    /// The signal that ended its last run.
    pub signal: Option<String>,
    /// The moment at which its last run began, in ISO 8601.
    pub started: Option<String>,
    /// The moment at which its last run ended, in ISO 8601.
    pub exited: Option<String>,
    /// Whether it may not be started.
    #[serde(default)]
    pub blocked: bool,
    /// The restarts since it was started or stopped on purpose.
    #[serde(default)]
    pub restarts: u64,
}

/// The state of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "u16")]
#[non_exhaustive]
pub enum ProcessState {
    /// It was never started.
    Created,
    /// It is being started.
    Starting,
    /// It runs.
    Running,
    /// It was asked to end.
    Stopping,
    /// It ended without an error, or was stopped.
    Finished,
    /// It ended with an error, or could not be started.
    Errored,
    /// It used up its restarts.
    Exhausted,
    /// The instances of a cluster have different states.
    Mixed,
    /// A state that this version of the SDK does not know.
    Other(u16),
}

impl From<u16> for ProcessState {
    fn from(code: u16) -> Self {
        match code {
            0 => ProcessState::Created,
            100 => ProcessState::Starting,
            200 => ProcessState::Running,
            250 => ProcessState::Stopping,
            300 => ProcessState::Finished,
            400 => ProcessState::Errored,
            450 => ProcessState::Exhausted,
            500 => ProcessState::Mixed,
            other => ProcessState::Other(other),
        }
    }
}

/// A log line of a process.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProcessLine {
    /// `log`, `info`, `warn` or `error`.
    pub severity: String,
    /// `stdout` and `stderr` for output, others for the host.
    pub category: String,
    /// The text.
    pub text: String,
    /// The process, or the instance of a cluster.
    pub process_id: String,
    /// The moment, in milliseconds since 1970.
    pub time_stamp: u64,
}

/// The statuses of the processes that the plugin may read.
///
/// # Errors
/// Those of the [module](self).
pub fn statuses() -> Result<Vec<ProcessStatus>> {
    read(&host::process_statuses()?)
}

/// The status of one process.
///
/// # Errors
/// Those of the [module](self).
pub fn status(id: &str) -> Result<ProcessStatus> {
    read(&host::process_status(id).map_err(|failure| about(failure, id))?)
}

/// The status of one process as the host sends it, with fields that this version of the SDK does not know.
///
/// # Errors
/// Those of the [module](self).
pub fn status_json(id: &str) -> Result<Value> {
    read(&host::process_status(id).map_err(|failure| about(failure, id))?)
}

/// Starts a process. It runs when the function returns.
///
/// # Errors
/// Those of the [module](self).
pub fn start(id: &str) -> Result<()> {
    host::process_start(id).map_err(|failure| about(failure, id))
}

/// Asks a process to end. It stays ended until it is started, its schedule starts it or its watched files change.
///
/// # Errors
/// Those of the [module](self).
pub fn stop(id: &str) -> Result<()> {
    host::process_stop(id).map_err(|failure| about(failure, id))
}

/// Stops a process if it runs, and starts it.
///
/// # Errors
/// Those of the [module](self).
pub fn restart(id: &str) -> Result<()> {
    host::process_restart(id).map_err(|failure| about(failure, id))
}

/// Refuses starts of a process from now on. One that runs continues.
///
/// # Errors
/// Those of the [module](self).
pub fn block(id: &str) -> Result<()> {
    host::process_block(id).map_err(|failure| about(failure, id))
}

/// Allows starts of a process again.
///
/// # Errors
/// Those of the [module](self).
pub fn unblock(id: &str) -> Result<()> {
    host::process_unblock(id).map_err(|failure| about(failure, id))
}

/// The latest log lines of a process, at most `count` and 1,000, oldest first.
///
/// # Errors
/// Those of the [module](self).
pub fn logs(id: &str, count: u32) -> Result<Vec<ProcessLine>> {
    read(&host::process_logs(id, count).map_err(|failure| about(failure, id))?)
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|problem| error(format!("the host's answer cannot be read: {problem}")).with_code("invalid_data"))
}

fn about(failure: Error, id: &str) -> Error {
    failure.context(format_args!("process `{id}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_of_the_host_is_read() {
        let json =
            r#"{ "id": "web", "status": 450, "blocked": true, "restarts": 3, "updated": "", "type": "process" }"#;
        let status: ProcessStatus = read(json).expect("a status");
        assert_eq!((&*status.id, status.state, status.pid), ("web", ProcessState::Exhausted, None));
        assert!(status.blocked && status.restarts == 3);
        assert_eq!(ProcessState::from(700), ProcessState::Other(700));
    }
}
