//! The rate limit of a plugin: how many calls it may get in a period.
//!
//! `store.rs` has the interface of backends, `memory.rs` the backend that is built in.

mod memory;
mod store;

pub use self::memory::MemoryRates;
pub use self::store::{RateCounter, RateCounters, RateError, RateFuture};
