//! `plugbay:plugin/metrics`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::metrics;
use crate::error::Result;

pub(crate) use metrics::snapshot as metrics_snapshot;

pub(crate) fn metrics_add(name: &str, by: u64) -> Result<()> {
    metrics::add(name, by).map_err(failure)
}

pub(crate) fn metrics_set(name: &str, value: f64) -> Result<()> {
    metrics::set(name, value).map_err(failure)
}
