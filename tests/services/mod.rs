//! What the host offers to plugins: each service allowed, denied and over its limits.

mod config;
mod invocation;
mod log;
