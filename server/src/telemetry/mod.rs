//! What an operator observes of a host: log lines, health and metrics.
//!
//! Nothing here runs per call: lines are stored when plugins write them, and health and metrics are read from the
//! runtime's counters when a client asks.

mod health;
mod log_buffer;
mod log_query;
mod metrics;
mod prometheus;
mod routes;

pub use health::{HostHealth, PluginHealth};
pub use log_buffer::{LogBuffer, LogEntry, LogFollower};
pub(crate) use log_query::parse_severity;
pub use log_query::{InvalidLogQuery, LogQuery};
pub use metrics::{HostMetrics, PluginMetrics};
pub use prometheus::prometheus_text;
pub use routes::{health_routes, metrics_routes};
