//! Publishing and subscribing with `plugbay:plugin/events`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::events;
use crate::error::Result;

pub(crate) fn events_publish(topic: &str, data: &str, options: Option<&str>) -> Result<String> {
    events::publish(topic, data, options).map_err(failure)
}

pub(crate) fn events_emit(topic: &str, data: &str, options: Option<&str>) -> Result<String> {
    events::emit(topic, data, options).map_err(failure)
}

pub(crate) fn events_subscribe(pattern: &str, options: Option<&str>) -> Result<String> {
    events::subscribe(pattern, options).map_err(failure)
}

pub(crate) fn events_unsubscribe(id: &str) -> bool {
    events::unsubscribe(id)
}

pub(crate) fn events_subscriptions() -> String {
    events::subscriptions()
}
