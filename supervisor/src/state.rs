//! The states of a process, with the numbers that Pup's clients know.

use std::fmt;

use serde::{Serialize, Serializer};

/// The state of a process. It is serialized as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProcessState {
    /// 0: it was never started.
    Created,
    /// 100: it is being started.
    Starting,
    /// 200: it runs.
    Running,
    /// 250: it was asked to end.
    Stopping,
    /// 300: it ended without an error, or was stopped.
    Finished,
    /// 400: it ended with an error, or could not be started.
    Errored,
    /// 450: it used up its restarts.
    Exhausted,
    /// 500: the instances of a cluster have different states.
    Mixed,
}

impl ProcessState {
    /// The number of the state.
    pub fn code(self) -> u16 {
        match self {
            ProcessState::Created => 0,
            ProcessState::Starting => 100,
            ProcessState::Running => 200,
            ProcessState::Stopping => 250,
            ProcessState::Finished => 300,
            ProcessState::Errored => 400,
            ProcessState::Exhausted => 450,
            ProcessState::Mixed => 500,
        }
    }

    /// The name of the state in Pup.
    pub fn name(self) -> &'static str {
        match self {
            ProcessState::Created => "CREATED",
            ProcessState::Starting => "STARTING",
            ProcessState::Running => "RUNNING",
            ProcessState::Stopping => "STOPPING",
            ProcessState::Finished => "FINISHED",
            ProcessState::Errored => "ERRORED",
            ProcessState::Exhausted => "EXHAUSTED",
            ProcessState::Mixed => "MIXED",
        }
    }

    /// The state as a word of events: a process that is given up has failed, too.
    pub fn word(self) -> &'static str {
        match self {
            ProcessState::Created => "created",
            ProcessState::Starting => "starting",
            ProcessState::Running => "running",
            ProcessState::Stopping => "stopping",
            ProcessState::Finished => "finished",
            ProcessState::Errored | ProcessState::Exhausted => "failed",
            ProcessState::Mixed => "mixed",
        }
    }

    /// Whether the process exists: it runs, or is on its way there or from there.
    pub fn is_alive(self) -> bool {
        matches!(self, ProcessState::Starting | ProcessState::Running | ProcessState::Stopping)
    }

    /// The state that all of these have in common, or [`ProcessState::Mixed`].
    pub(crate) fn in_common(states: impl IntoIterator<Item = ProcessState>) -> ProcessState {
        let mut states = states.into_iter();
        let first = states.next().unwrap_or(ProcessState::Created);
        if states.all(|state| state == first) { first } else { ProcessState::Mixed }
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ProcessState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.code())
    }
}
