//! Events of processes, and their observer.

use std::time::SystemTime;

use serde_json::{Value, json};

use crate::log_line::LogLine;
use crate::state::ProcessState;
use crate::status::{ProcessStatus, Telemetry, iso_time};

/// An event of a process. Those of one process come in their order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProcessEvent {
    /// A line of output, or of the supervisor about a process.
    Log(LogLine),
    /// The state changed. The first event of a process has no old state.
    StatusChanged {
        /// The state before.
        old: Option<ProcessState>,
        /// The status, with the new state.
        status: Box<ProcessStatus>,
    },
    /// A start by `cron` is due next at this moment.
    Scheduled {
        /// The moment; `None` if there is none.
        next: Option<SystemTime>,
        /// The status.
        status: Box<ProcessStatus>,
    },
    /// A stop by `terminate` is due next at this moment.
    ScheduledTerminate {
        /// The moment; `None` if there is none.
        next: Option<SystemTime>,
        /// The status.
        status: Box<ProcessStatus>,
    },
    /// Watched files changed.
    Watch {
        /// The moment at which the change was seen.
        at: SystemTime,
        /// The status.
        status: Box<ProcessStatus>,
    },
    /// A process reported about itself.
    Telemetry(Box<Telemetry>),
}

impl ProcessEvent {
    /// The name of the event in Pup, which is its topic.
    pub fn topic(&self) -> &'static str {
        match self {
            ProcessEvent::Log(_) => "log",
            ProcessEvent::StatusChanged { .. } => "process_status_changed",
            ProcessEvent::Scheduled { .. } => "process_scheduled",
            ProcessEvent::ScheduledTerminate { .. } => "process_scheduled_terminate",
            ProcessEvent::Watch { .. } => "process_watch",
            ProcessEvent::Telemetry(_) => "process_telemetry",
        }
    }

    /// The payload of the event in Pup. A change of state also has `processId` and `newState`, which the samples of
    /// Pup's documentation read.
    pub fn payload(&self) -> Value {
        match self {
            ProcessEvent::Log(line) => json!(line),
            ProcessEvent::StatusChanged { old, status } => json!({
                "old": old, "new": status.status, "status": status,
                "processId": status.id, "newState": status.status.word(),
            }),
            ProcessEvent::Scheduled { next, status } | ProcessEvent::ScheduledTerminate { next, status } => {
                json!({ "next": next.map(iso_time), "status": status })
            }
            ProcessEvent::Watch { at, status } => json!({ "at": iso_time(*at), "status": status }),
            ProcessEvent::Telemetry(telemetry) => json!(telemetry),
        }
    }
}

/// An observer of processes, which is called in their tasks and may not block.
pub trait ProcessObserver: Send + Sync + 'static {
    /// Receives an event.
    fn observe(&self, event: &ProcessEvent);
}

impl<F: Fn(&ProcessEvent) + Send + Sync + 'static> ProcessObserver for F {
    fn observe(&self, event: &ProcessEvent) {
        self(event);
    }
}
