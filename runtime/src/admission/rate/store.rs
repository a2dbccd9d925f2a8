//! The interface between the rate limit and its backends: the traits, and the rules that a backend keeps.
//!
//! A backend knows plugins by their names and nothing else of them. `tests/conformance/rate.rs` checks every rule
//! below.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use plugbay_manifest::RateLimit;

use crate::store_future::StoreFuture;

/// The future of [`RateCounter::admit`].
pub type RateFuture<'a> = StoreFuture<'a, Result<(), RateError>>;

/// Makes the counters of plugins, by their names: a backend for rate limits.
pub trait RateCounters: Send + Sync + 'static {
    /// Makes the counter of a plugin, for one revision of it. It does not wait: a counter connects when it first admits
    /// a call.
    ///
    /// All counters for one name count in one window, as long as their periods are the same: a reload, even one with
    /// another number of calls, does not begin a new window. A window may be dropped with the last of its counters.
    fn counter(&self, plugin: &str, limit: RateLimit) -> Arc<dyn RateCounter>;
}

impl<P: RateCounters + ?Sized> RateCounters for Arc<P> {
    fn counter(&self, plugin: &str, limit: RateLimit) -> Arc<dyn RateCounter> {
        (**self).counter(plugin, limit)
    }
}

/// The counter of one plugin's calls.
///
/// No more than `calls` calls are admitted in any period, by all counters of the plugin together and from any number of
/// threads. Once a period has passed without a call, as many are admitted again.
///
/// The deadline of the call ends a future that waits. A panic fails the call as `host_error`.
pub trait RateCounter: Send + Sync {
    /// Admits and counts one call that begins at `now`. A refused call is not counted.
    ///
    /// `now` is the time since a moment that is the same for all calls of the process, by a monotonic clock. It is read
    /// by the thread that makes the call, so a later call may come with an earlier moment. A backend that is shared by
    /// several machines uses a clock of its own.
    ///
    /// # Errors
    /// [`RateError`]. The call is then refused.
    fn admit(&self, now: Duration) -> RateFuture<'_>;
}

/// The reason why a call was not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateError {
    /// The limit is reached. A call may be admitted again after this time.
    Limited {
        /// The time until then.
        retry_after: Duration,
    },
    /// The backend cannot count, so the call fails as `unavailable`. The text is for the operator.
    Unavailable(String),
}

impl fmt::Display for RateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RateError::Limited { retry_after } => {
                write!(f, "the rate limit is reached: try again in {retry_after:.1?}")
            }
            RateError::Unavailable(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for RateError {}
