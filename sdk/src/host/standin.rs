//! The stand-in host of a native build. Each thread has its own, so that concurrent tests do not share one.

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

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::error::{Result, error};
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

/// As the host's `DATA_KEY_BYTES_MAX` and `CACHE_KEY_BYTES_MAX`.
const KEY_BYTES_MAX: usize = 512;

thread_local! {
    static CONFIG: RefCell<BTreeMap<String, Value>> = const { RefCell::new(BTreeMap::new()) };
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn log_threshold() -> Level {
    Level::Trace
}

pub(crate) fn log_write(level: Level, target: &str, message: &str, fields: &[(String, String)]) {
    let mut line = level.to_string();
    if !target.is_empty() {
        let _ = write!(line, " [{target}]");
    }
    let _ = write!(line, " {message}");
    for (name, value) in fields {
        let _ = write!(line, " {name}={value}");
    }
    eprintln!("{line}");
    LINES.with_borrow_mut(|lines| lines.push(line));
}

pub(crate) fn config_get(key: &str) -> Result<Option<String>> {
    Ok(CONFIG.with_borrow(|values| values.get(key).map(Value::to_string)))
}

pub(crate) fn config_set(key: &str, json: &str) -> Result<()> {
    let value =
        serde_json::from_str(json).map_err(|reason| error(reason.to_string()).with_code("invalid_configuration"))?;
    set(key, value);
    Ok(())
}

pub(crate) fn config_all() -> Result<String> {
    CONFIG.with_borrow(|values| Ok(serde_json::to_string(values)?))
}

pub(crate) fn request_id() -> String {
    "native".to_owned()
}

pub(crate) fn correlation_id() -> String {
    request_id()
}

pub(crate) fn identity() -> Option<String> {
    None
}

pub(crate) fn scopes() -> Vec<String> {
    Vec::new()
}

pub(crate) fn caller() -> String {
    "host".to_owned()
}

pub(crate) fn time_left_ms() -> Option<u64> {
    None
}

/// Sets a value of this thread's configuration.
pub(crate) fn set(key: &str, value: Value) {
    CONFIG.with_borrow_mut(|values| values.insert(key.to_owned(), value));
}

/// The lines logged on this thread since the last call.
pub(crate) fn take_lines() -> Vec<String> {
    LINES.take()
}

/// Checks a key of `data` or `cache` by the host's rules.
fn check_key(key: &str) -> Result<()> {
    if key.len() > KEY_BYTES_MAX {
        return Err(error(format!("the key has {} bytes; the maximum is {KEY_BYTES_MAX}", key.len()))
            .with_code("limit_exceeded"));
    }
    if key.is_empty() || key.contains(char::is_control) {
        return Err(error("a key must not be empty or contain control characters").with_code("invalid_argument"));
    }
    Ok(())
}
