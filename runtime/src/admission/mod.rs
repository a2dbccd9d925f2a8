//! Decides, before any guest code runs, whether a call may run now.
//!
//! Admission knows names, counters and clocks. It knows neither plugins nor instances.

mod chain;
pub(crate) mod rate;
mod waits;

pub(crate) use chain::{Chain, EventCause};
pub(crate) use waits::{Waiting, Waits};
