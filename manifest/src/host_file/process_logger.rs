//! The part `logger` of the host's file and of a process: the destination of the output of processes.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::field::{Table, field};
use crate::limits::PATH_CHARS_MAX;
use crate::problem::Report;
use crate::read::{Node, Object};
use crate::shape;

/// The longest time for which log lines are stored, in hours, as in Pup.
const LOG_HOURS_MAX: u64 = 366;
/// The time for which they are stored by default, as in Pup.
const LOG_HOURS_DEFAULT: u64 = 48;

/// The destination of the output of a process. `None` is what the host's file says for all, and then the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessLogger {
    /// Whether the output appears in the log of the host. Default: true.
    pub console: Option<bool>,
    /// The file to which standard output is appended, relative to the host's file unless it is absolute.
    pub stdout: Option<PathBuf>,
    /// The file to which standard error is appended. Default: that of standard output.
    pub stderr: Option<PathBuf>,
    /// Whether lines in files have the time and the name of the process in front. Default: true.
    pub decorate_files: Option<bool>,
    /// Has no effect, as lines in the log of the host always have the name of the process in front.
    pub decorate: Option<bool>,
}

/// The same for all processes, with the settings of the log itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostLogger {
    /// The destination of the output of processes that do not have one of their own.
    pub processes: ProcessLogger,
    /// Has no effect, as the log has colours on a terminal.
    pub colors: Option<bool>,
    /// The hours for which lines are stored. Default: 48.
    pub internal_log_hours: Option<u64>,
}

impl HostLogger {
    /// The time for which lines are stored.
    pub fn log_age_max(&self) -> Duration {
        Duration::from_secs(self.internal_log_hours.unwrap_or(LOG_HOURS_DEFAULT) * 3_600)
    }
}

macro_rules! logger_fields {
    ($($more:expr),*) => {
        &[
            field("console", "Whether the output appears in the log of the host. Default: true.", shape::boolean),
            field("stdout", "The file to which standard output is appended.", || shape::line(PATH_CHARS_MAX)),
            field("stderr", "The file to which standard error is appended. Default: that of standard output.", || {
                shape::line(PATH_CHARS_MAX)
            }),
            field("decorateFiles", "Whether lines in files have time and process in front. Default: true.", shape::boolean),
            field("decorate", "Has no effect: lines in the log have the process in front.", shape::boolean),
            $($more),*
        ]
    };
}

const LOGGER: Table = logger_fields!();
const HOST_LOGGER: Table = logger_fields!(
    field("colors", "Has no effect: the log has colours on a terminal.", shape::boolean),
    field("internalLogHours", "The hours for which lines are stored. Default: 48.", || {
        shape::count(0, LOG_HOURS_MAX)
    })
);

pub(super) fn logger_shape() -> Value {
    shape::object(LOGGER, &[])
}

pub(super) fn host_logger_shape() -> Value {
    shape::object(HOST_LOGGER, &[])
}

pub(super) fn read(node: &Node<'_>, report: &mut Report) -> Option<ProcessLogger> {
    Some(read_fields(&node.object(LOGGER, report)?, report))
}

pub(super) fn read_host_logger(node: &Node<'_>, report: &mut Report) -> Option<HostLogger> {
    let object = node.object(HOST_LOGGER, report)?;
    Some(HostLogger {
        processes: read_fields(&object, report),
        colors: object.get("colors").and_then(|node| node.boolean(report)),
        internal_log_hours: object.get("internalLogHours").and_then(|node| node.count(0..=LOG_HOURS_MAX, report)),
    })
}

fn read_fields(object: &Object<'_>, report: &mut Report) -> ProcessLogger {
    let path = |name: &str, report: &mut Report| {
        object.get(name).and_then(|node| node.line(PATH_CHARS_MAX, report)).map(PathBuf::from)
    };
    let boolean = |name: &str, report: &mut Report| object.get(name).and_then(|node| node.boolean(report));
    ProcessLogger {
        console: boolean("console", report),
        stdout: path("stdout", report),
        stderr: path("stderr", report),
        decorate_files: boolean("decorateFiles", report),
        decorate: boolean("decorate", report),
    }
}

impl ProcessLogger {
    /// The same with the settings of another one where this one has none.
    pub fn or(&self, other: &ProcessLogger) -> ProcessLogger {
        ProcessLogger {
            console: self.console.or(other.console),
            stdout: self.stdout.clone().or_else(|| other.stdout.clone()),
            stderr: self.stderr.clone().or_else(|| other.stderr.clone()),
            decorate_files: self.decorate_files.or(other.decorate_files),
            decorate: self.decorate.or(other.decorate),
        }
    }
}
