//! One call into a guest, as the host sees it: what it is for, who makes it and how long it may take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admission::Chain;
use crate::caller::Caller;

/// One call into a guest: what it is called for, for whom and until when.
pub(crate) struct Call<'a> {
    /// The action or contract function, for errors.
    pub(crate) name: &'a str,
    pub(crate) caller: &'a Caller,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) time: TimeLimit,
    /// The plugins that wait for this call.
    pub(crate) chain: Option<&'a Arc<Chain>>,
}

impl<'a> Call<'a> {
    /// A call that the host makes of its own accord, such as `on-load`.
    pub(crate) fn by_host(name: &'a str, timeout: Option<Duration>) -> Self {
        Call { name, caller: &Caller::Host, request_id: None, time: TimeLimit::from_now(timeout), chain: None }
    }
}

/// When a call began and how long it may take. Most calls are over before the end is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    started: Instant,
    /// `None` is no limit.
    pub(crate) timeout: Option<Duration>,
}

impl TimeLimit {
    pub(crate) fn from_now(timeout: Option<Duration>) -> Self {
        TimeLimit { started: Instant::now(), timeout }
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// What is left of it; zero once it is over, and `None` where there is no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        Some(self.timeout?.saturating_sub(self.elapsed()))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// When it is over; `None` if that is never.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.started.checked_add(self.timeout?)
    }
}
