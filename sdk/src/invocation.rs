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

    /// The time until the host stops this call, or `None` if the operator set no deadline.
    pub fn time_left(&self) -> Option<Duration> {
        host::time_left_ms().map(Duration::from_millis)
    }
}
