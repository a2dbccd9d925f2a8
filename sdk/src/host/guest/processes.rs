//! `plugbay:plugin/processes`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::processes;
use crate::error::Result;

pub(crate) fn process_statuses() -> Result<String> {
    processes::statuses().map_err(failure)
}

pub(crate) fn process_status(id: &str) -> Result<String> {
    processes::status(id).map_err(failure)
}

pub(crate) fn process_start(id: &str) -> Result<()> {
    processes::start(id).map_err(failure)
}

pub(crate) fn process_stop(id: &str) -> Result<()> {
    processes::stop(id).map_err(failure)
}

pub(crate) fn process_restart(id: &str) -> Result<()> {
    processes::restart(id).map_err(failure)
}

pub(crate) fn process_block(id: &str) -> Result<()> {
    processes::block(id).map_err(failure)
}

pub(crate) fn process_unblock(id: &str) -> Result<()> {
    processes::unblock(id).map_err(failure)
}

pub(crate) fn process_logs(id: &str, count: u32) -> Result<String> {
    processes::logs(id, count).map_err(failure)
}
