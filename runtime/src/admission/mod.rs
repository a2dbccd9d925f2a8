//! What decides, before any guest work, whether a call may run now.
//!
//! Admission knows names, counts and clocks; it knows neither plugins nor instances.

mod rate_limit;

pub(crate) use rate_limit::RateLimiter;
