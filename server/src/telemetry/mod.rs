//! What an operator observes of a host: log lines, health and metrics.
//!
//! Nothing here runs per call of a plugin: lines are stored when plugins write them, and health and metrics are read
//! from the runtime's counters when a client asks. The server counts its requests.

mod families;
mod health;
mod log_buffer;
mod log_query;
mod metrics;
mod otlp;
mod prometheus;
mod requests;
mod routes;
mod trace;

pub use health::{HostHealth, PluginHealth};
pub(crate) use log_buffer::{FollowedLog, Since};
pub use log_buffer::{LogBuffer, LogEntry, LogFollower};
pub(crate) use log_query::parse_severity;
pub use log_query::{InvalidLogQuery, LogQuery};
pub use metrics::{HostMetrics, PluginMetrics};
pub use otlp::{Otlp, OtlpError};
pub use prometheus::prometheus_text;
pub(crate) use requests::RequestCounters;
pub use requests::{KindMetrics, RequestMetrics, RouteKind};
pub use routes::{health_routes, metrics_routes};
pub use trace::current_trace_parent;
pub(crate) use trace::request_span;
