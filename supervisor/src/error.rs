//! The errors of the supervisor.

/// The processes of a host's file cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{}", problems.join("\n"))]
#[non_exhaustive]
pub struct SupervisorError {
    /// The problems, at least one, each with the process.
    pub problems: Vec<String>,
}

/// An order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OrderError {
    /// There is no process of this name.
    #[error("there is no process `{id}`")]
    Unknown {
        /// The name.
        id: String,
    },
    /// The process is blocked.
    #[error("process `{id}` is blocked: unblock it first")]
    Blocked {
        /// The process.
        id: String,
    },
    /// The process runs, and may not be started a second time.
    #[error("process `{id}` runs already")]
    Running {
        /// The process.
        id: String,
    },
    /// The process does not run.
    #[error("process `{id}` does not run")]
    NotRunning {
        /// The process.
        id: String,
    },
    /// The process has used up its restarts.
    #[error("process `{id}` has used up its restarts: start it")]
    Exhausted {
        /// The process.
        id: String,
    },
    /// The process cannot be started.
    #[error("process `{id}` cannot be started: {reason}")]
    Start {
        /// The process.
        id: String,
        /// The problem.
        reason: String,
    },
    /// The supervisor shuts down.
    #[error("the host shuts down")]
    ShuttingDown,
}

impl OrderError {
    /// A stable code for programs.
    pub fn code(&self) -> &'static str {
        match self {
            OrderError::Unknown { .. } => "not_found",
            OrderError::Blocked { .. } => "process_blocked",
            OrderError::Running { .. } => "process_running",
            OrderError::NotRunning { .. } => "process_not_running",
            OrderError::Exhausted { .. } => "process_exhausted",
            OrderError::Start { .. } => "process_not_startable",
            OrderError::ShuttingDown => "unavailable",
        }
    }
}
