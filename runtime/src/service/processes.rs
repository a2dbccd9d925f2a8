//! Processes of the host: programs of the operating system that it runs beside its plugins.
//!
//! The runtime runs none. The application provides them as a [`ProcessControl`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use crate::limits::{PROCESS_ID_BYTES_MAX, PROCESS_LOG_LINES_MAX};

/// The name that stands for all processes.
pub(crate) const ALL: &str = "all";

/// The outcome of an order, once it is accepted or refused.
pub type ProcessFuture<'a> = Pin<Box<dyn Future<Output = Result<(), ProcessError>> + Send + 'a>>;

/// The processes of a host, for plugins that may see and control them. Permissions are checked before it is called.
pub trait ProcessControl: Send + Sync + 'static {
    /// The status of each process, a cluster being one: an object with `id`, in the order of the configuration.
    fn statuses(&self) -> Vec<Value>;

    /// The status of a process, of a cluster or of an instance of one.
    fn status(&self, id: &str) -> Option<Value>;

    /// Gives an order to a process, a cluster, an instance or `all`. `plugin` gives it, for the log.
    fn order<'a>(&'a self, id: &'a str, order: ProcessOrder, plugin: &'a str) -> ProcessFuture<'a>;

    /// The latest log lines of a process, at most `count`, oldest first.
    fn logs(&self, id: &str, count: usize) -> Vec<Value>;
}

/// An order to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessOrder {
    /// Start it.
    Start,
    /// Ask it to end.
    Stop,
    /// Stop it if it runs, and start it.
    Restart,
    /// Refuse starts from now on.
    Block,
    /// Allow starts again.
    Unblock,
}

/// An order was not carried out, or there is no such process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The name is not valid.
    #[error("{_0}")]
    Invalid(String),
    /// There is no process of this name.
    #[error("there is no process `{_0}`")]
    Unknown(String),
    /// The process does not accept the order.
    #[error("{message}")]
    Refused {
        /// A stable code, such as `process_blocked`.
        code: String,
        /// The reason.
        message: String,
    },
    /// The host runs no processes, or shuts down.
    #[error("{_0}")]
    Unavailable(String),
}

/// The processes as the host functions use them.
#[derive(Clone, Default)]
pub(crate) struct Processes(Option<Arc<dyn ProcessControl>>);

impl Processes {
    pub(crate) fn new(control: Option<Arc<dyn ProcessControl>>) -> Self {
        Processes(control)
    }

    fn control(&self) -> Result<&Arc<dyn ProcessControl>, ProcessError> {
        self.0.as_ref().ok_or_else(|| ProcessError::Unavailable("this host runs no processes".to_owned()))
    }

    /// The statuses of the processes that `is_visible`.
    pub(crate) fn statuses(&self, is_visible: impl Fn(&str) -> bool) -> Result<Vec<Value>, ProcessError> {
        let mut statuses = self.control()?.statuses();
        statuses.retain(|status| status["id"].as_str().is_some_and(&is_visible));
        Ok(statuses)
    }

    /// The names of all processes.
    pub(crate) fn ids(&self) -> Result<Vec<String>, ProcessError> {
        let statuses = self.control()?.statuses();
        Ok(statuses.iter().filter_map(|status| status["id"].as_str().map(str::to_owned)).collect())
    }

    pub(crate) fn status(&self, id: &str) -> Result<Value, ProcessError> {
        self.control()?.status(id).ok_or_else(|| ProcessError::Unknown(id.to_owned()))
    }

    pub(crate) async fn order(&self, id: &str, order: ProcessOrder, plugin: &str) -> Result<(), ProcessError> {
        self.control()?.order(id, order, plugin).await
    }

    pub(crate) fn logs(&self, id: &str, count: u32) -> Result<Vec<Value>, ProcessError> {
        self.status(id)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(PROCESS_LOG_LINES_MAX);
        Ok(self.control()?.logs(id, count))
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Processes").field(&self.0.is_some()).finish()
    }
}

/// Checks that a text can be the name of a process, before a permission for it is looked up.
///
/// # Errors
/// [`ProcessError::Invalid`].
pub(crate) fn check_id(id: &str) -> Result<(), ProcessError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-');
    if (1..=PROCESS_ID_BYTES_MAX).contains(&id.len()) && id.chars().all(fits) {
        return Ok(());
    }
    let rule = format!("1 to {PROCESS_ID_BYTES_MAX} ASCII letters, digits, `@`, `.`, `_` and `-`");
    Err(ProcessError::Invalid(format!("the name of a process has {rule}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_process_is_checked() {
        for id in ["web", "Web", "web-1", "@a.b_c", &"x".repeat(PROCESS_ID_BYTES_MAX)] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
        for id in ["", "Wéb", "a b", "a*", &"x".repeat(PROCESS_ID_BYTES_MAX + 1)] {
            assert!(matches!(check_id(id), Err(ProcessError::Invalid(_))), "{id}");
        }
    }

    #[test]
    fn host_without_processes_says_so() {
        let error = Processes::default().status("web").expect_err("there are none");
        assert_eq!(error, ProcessError::Unavailable("this host runs no processes".to_owned()));
    }
}
