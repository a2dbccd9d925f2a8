//! The host's functions, called through the component's imports.

mod api;
mod cache;
mod data;
mod db;
mod event;
mod events;
mod exchange;
mod http;
mod metrics;
mod plugins;
mod processes;
mod scheduler;

use crate::bindings::Failure;
use crate::bindings::imports::plugbay::plugin::{config, invocation, log};
use crate::error::{Error, Result};
use crate::log::Level;

pub(crate) use api::*;
pub(crate) use cache::*;
pub(crate) use data::*;
pub(crate) use db::{Transaction, db_begin, db_execute, db_execute_many, db_query};
pub(crate) use event::*;
pub(crate) use events::*;
pub(crate) use exchange::*;
pub(crate) use http::*;
pub(crate) use metrics::*;
pub(crate) use plugins::*;
pub(crate) use processes::*;
pub(crate) use scheduler::*;

pub(crate) fn log_threshold() -> Level {
    match log::threshold() {
        log::Level::Trace => Level::Trace,
        log::Level::Debug => Level::Debug,
        log::Level::Info => Level::Info,
        log::Level::Warn => Level::Warn,
        log::Level::Error => Level::Error,
    }
}

pub(crate) fn log_write(level: Level, target: &str, message: &str, fields: &[(String, String)]) {
    let level = match level {
        Level::Trace => log::Level::Trace,
        Level::Debug => log::Level::Debug,
        Level::Info => log::Level::Info,
        Level::Warn => log::Level::Warn,
        Level::Error => log::Level::Error,
    };
    log::write(level, target, message, fields);
}

pub(crate) fn config_get(key: &str) -> Result<Option<String>> {
    config::get(key).map_err(failure)
}

pub(crate) fn config_set(key: &str, json: &str) -> Result<()> {
    config::set(key, json).map_err(failure)
}

pub(crate) fn config_all() -> Result<String> {
    config::all().map_err(failure)
}

pub(crate) fn request_id() -> String {
    invocation::request_id()
}

pub(crate) fn correlation_id() -> String {
    invocation::correlation_id()
}

pub(crate) fn identity() -> Option<String> {
    invocation::identity()
}

pub(crate) fn scopes() -> Vec<String> {
    invocation::scopes()
}

pub(crate) fn caller() -> String {
    invocation::caller()
}

pub(crate) fn time_left_ms() -> Option<u64> {
    invocation::time_left_ms()
}

/// Converts a failure of the host.
fn failure(failure: Failure) -> Error {
    Error::from_parts(failure.code, failure.message, failure.details, failure.status_code)
}
