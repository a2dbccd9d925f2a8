//! The services of the host: each one allowed, denied and over its limits.

mod backends;
mod cache;
mod cache_sdk;
mod config;
mod data;
mod data_sdk;
mod db;
mod db_sdk;
mod db_tables;
mod embedder;
mod events;
mod exchange;
mod extension;
mod http;
mod http_sdk;
mod invocation;
mod job_backends;
mod log;
mod metrics;
mod plugins;
mod policy;
mod processes;
mod remove_data;
mod scheduler;
mod sql_backends;
mod standards;
