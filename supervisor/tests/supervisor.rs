//! The supervisor with real processes: shells, a forking server, one that ignores SIGTERM, daemons and floods.

#![cfg(target_os = "linux")]

#[path = "supervised/harness.rs"]
mod harness;

#[path = "supervised/cluster.rs"]
mod cluster;
#[path = "supervised/fields.rs"]
mod fields;
#[path = "supervised/groups.rs"]
mod groups;
#[path = "supervised/host_end.rs"]
mod host_end;
#[path = "supervised/orders.rs"]
mod orders;
#[path = "supervised/output.rs"]
mod output;
#[path = "supervised/problems.rs"]
mod problems;
#[path = "supervised/restarts.rs"]
mod restarts;
#[path = "supervised/triggers.rs"]
mod triggers;
