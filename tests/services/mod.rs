//! What the host offers to plugins: each service allowed, denied and over its limits.

mod config;
mod data;
mod invocation;
mod log;
mod standards;
