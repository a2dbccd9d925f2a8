//! Facts about the running call.

use std::marker::PhantomData;
use std::time::Duration;

use crate::host;

/// The running call. An action that needs it takes it as a parameter: `fn list(&mut self, call: &Invocation)`.
///
/// Each method calls the host.
#[derive(Debug)]
pub struct Invocation {
    /// Prevents storing it in a static: another call would get other values.
    _running: PhantomData<*const ()>,
}

/// The call that is running now.
pub fn running() -> Invocation {
    Invocation { _running: PhantomData }
}

impl Invocation {
    /// The caller: `host`, `cli`, `http`, `event`, `schedule`, `mcp` or `plugin:<name>`.
    pub fn caller(&self) -> String {
        host::caller()
    }

    /// The id under which the host logs this call.
    pub fn request_id(&self) -> String {
        host::request_id()
    }

    /// The id that this call shares with the calls and events that it led to.
    pub fn correlation_id(&self) -> String {
        host::correlation_id()
    }

    /// The authenticated identity behind the call: the consumer of a token, or the user of the local socket. `None` if
    /// there is none, and in calls by other plugins.
    pub fn identity(&self) -> Option<String> {
        host::identity()
    }

    /// The scopes of that identity for this plugin.
    pub fn scopes(&self) -> Vec<String> {
        host::scopes()
    }

    /// The time until the host stops this call, or `None` if the operator set no deadline.
    pub fn time_left(&self) -> Option<Duration> {
        host::time_left_ms().map(Duration::from_millis)
    }
}

/// The reload in which an instance takes over from an older revision. A method with `#[on_reload]` that needs it takes
/// it as a parameter: `fn resume(&mut self, state: State, reload: &Reload)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// The version of the older revision.
    pub(crate) from: String,
    pub(crate) format: Option<u32>,
}

impl Reload {
    /// The version of the older revision, such as `1.2.0`.
    pub fn from(&self) -> &str {
        &self.from
    }

    /// The format that the older revision gave its state, with `#[save_state(format = …)]`; `None` if it left none.
    pub fn format(&self) -> Option<u32> {
        self.format
    }
}
