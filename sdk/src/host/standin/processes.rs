//! Processes in a native build, which has none.

use crate::error::{Error, Result, error};

fn none() -> Error {
    error("this host runs no processes").with_code("unavailable")
}

pub(crate) fn process_statuses() -> Result<String> {
    Err(none())
}

pub(crate) fn process_status(_: &str) -> Result<String> {
    Err(none())
}

pub(crate) fn process_start(_: &str) -> Result<()> {
    Err(none())
}

pub(crate) fn process_stop(_: &str) -> Result<()> {
    Err(none())
}

pub(crate) fn process_restart(_: &str) -> Result<()> {
    Err(none())
}

pub(crate) fn process_block(_: &str) -> Result<()> {
    Err(none())
}

pub(crate) fn process_unblock(_: &str) -> Result<()> {
    Err(none())
}

pub(crate) fn process_logs(_: &str, _: u32) -> Result<String> {
    Err(none())
}
