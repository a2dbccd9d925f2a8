//! The services that the host offers to plugins, in plain Rust: one file or folder for each, with its types, errors and
//! tests.
//!
//! A service knows neither WIT nor wasmtime, neither manifests nor grants: the adapters in `host/` parse, check the
//! grant, call the service and count the work.

pub(crate) mod api;
pub(crate) mod cache;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod db;
pub(crate) mod http;
pub(crate) mod jobs;
pub(crate) mod limit;
pub(crate) mod log;
pub(crate) mod metrics;
pub(crate) mod plugins;
pub(crate) mod processes;
