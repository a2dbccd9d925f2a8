//! What a call knows of itself.

use std::marker::PhantomData;
use std::time::Duration;

use crate::host;

/// The call that is running. An action gets it by asking: `fn list(&mut self, call: &Invocation)`.
///
/// Each question goes to the host; none is asked on behalf of an action that does not ask.
#[derive(Debug)]
pub struct Invocation {
    /// Not to be kept: another call's answers would be other ones.
    _running: PhantomData<*const ()>,
}

/// The call that is running now.
pub fn running() -> Invocation {
    Invocation { _running: PhantomData }
}

impl Invocation {
    /// Who made the call: `host`, `cli`, `http`, `event`, `schedule`, `mcp` or `plugin:<name>`.
    pub fn caller(&self) -> String {
        host::caller()
    }

    /// The id under which the host logs this call.
    pub fn request_id(&self) -> String {
        host::request_id()
    }

    /// How long until the host stops this call, or `None` where the operator set no deadline.
    pub fn time_left(&self) -> Option<Duration> {
        host::time_left_ms().map(Duration::from_millis)
    }
}
