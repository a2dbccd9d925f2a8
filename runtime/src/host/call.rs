//! A call into a guest: its purpose, its caller and its time limit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::call_clock::Moment;
use crate::admission::Chain;
use crate::caller::Caller;
use crate::invocation::CallContext;

/// A call into a guest, with its caller and its time limit.
pub(crate) struct Call<'a> {
    /// The action or contract function, for errors.
    pub(crate) name: &'a str,
    pub(crate) caller: &'a Caller,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) time: TimeLimit,
    /// The plugins that wait for this call.
    pub(crate) chain: Option<&'a Arc<Chain>>,
    pub(crate) context: Option<&'a Arc<CallContext>>,
}

impl<'a> Call<'a> {
    /// Creates a call that the host itself makes, such as `on-load`.
    pub(crate) fn by_host(name: &'a str, timeout: Option<Duration>) -> Self {
        let time = TimeLimit::from_now(timeout);
        Call { name, caller: &Caller::Host, request_id: None, time, chain: None, context: None }
    }
}

/// The time limit of a call. The deadline is computed on demand, since most calls end before they need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    started: Moment,
    /// `None` means unlimited.
    pub(crate) timeout: Option<Duration>,
}

impl TimeLimit {
    pub(crate) fn from_now(timeout: Option<Duration>) -> Self {
        TimeLimit { started: Moment::now(), timeout }
    }

    /// Returns the moment of the start, as the time since another moment that is the same for all calls.
    pub(crate) fn started(&self) -> Duration {
        self.started.since_first()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the remaining time: zero once it is over, `None` if the call has no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        Some(self.timeout?.saturating_sub(self.elapsed()))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Returns the deadline; `None` if the call has no limit.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.left()?)
    }
}
