//! The plugin's own counters and gauges, and the host's figures about it.
//!
//! ```
//! use plugbay_sdk::metrics;
//! use plugbay_sdk::prelude::*;
//!
//! fn place(queue: &[u64]) -> Result<()> {
//!     metrics::add("orders_placed", 1)?;
//!     metrics::set("queue_length", queue.len() as f64)
//! }
//! # place(&[1, 2]).unwrap();
//! # place(&[1]).unwrap();
//! # assert_eq!(metrics::snapshot()["own"], json!({ "orders_placed": 2, "queue_length": 1.0 }));
//! ```
//!
//! They need no permission, appear in the host's metrics, outlive a reload, and end when the plugin is unloaded. A
//! plugin has at most 100, with names in lower snake case.
//!
//! # Errors
//!
//! All functions return `invalid_argument` if the name is not valid or is that of a metric of the other kind, and
//! `limit_exceeded` if there are too many.

use serde_json::Value;

use crate::error::Result;
use crate::host;

/// Adds to a counter, which starts at 0.
///
/// # Errors
/// Those of the [module](self).
pub fn add(name: &str, by: u64) -> Result<()> {
    host::metrics_add(name, by).map_err(|failure| failure.context(format_args!("metric `{name}`")))
}

/// Sets a gauge, which must be a finite number.
///
/// # Errors
/// Those of the [module](self).
pub fn set(name: &str, value: f64) -> Result<()> {
    host::metrics_set(name, value).map_err(|failure| failure.context(format_args!("metric `{name}`")))
}

/// The figures about this plugin: an object with `uptime_ms`, `calls`, `errors`, `fuel` and others, and `own` with its
/// own metrics. Before the plugin serves, it has `uptime_ms` and `own` alone.
pub fn snapshot() -> Value {
    serde_json::from_str(&host::metrics_snapshot()).unwrap_or_default()
}
