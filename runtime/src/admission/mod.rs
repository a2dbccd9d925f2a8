//! What decides, before any guest work, whether a call may run now.
//!
//! Admission knows names, counts and clocks; it knows neither plugins nor instances.

mod chain;
mod rate_limit;
mod waits;

pub(crate) use chain::Chain;
pub(crate) use rate_limit::RateLimiter;
pub(crate) use waits::Waits;
