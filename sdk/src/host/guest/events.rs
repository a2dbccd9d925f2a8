//! Publishing with `plugbay:plugin/events`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::events;
use crate::error::Result;

pub(crate) fn events_publish(topic: &str, data: &str) -> Result<String> {
    events::publish(topic, data, None).map_err(failure)
}

pub(crate) fn events_emit(topic: &str, data: &str) -> Result<String> {
    events::emit(topic, data, None).map_err(failure)
}
