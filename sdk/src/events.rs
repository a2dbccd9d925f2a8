//! Publishing events.
//!
//! ```no_run
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::events;
//!
//! fn place(order: u64) -> Result<()> {
//!     // Waits for the handlers of all plugins that subscribed, any of which may object.
//!     let checked = events::emit("order.check", &json!({ "id": order }))?;
//!     if let Some(reason) = checked.cancelled {
//!         bail!("the order is refused: {reason}");
//!     }
//!     // Returns as soon as the event is queued.
//!     events::publish("order.placed", &json!({ "id": order }))?;
//!     Ok(())
//! }
//! ```
//!
//! A plugin publishes on topics that its manifest lists in `events.publishes` and for which it was granted
//! `events.<topic>` with `publish`. Below its own name, such as `shop.opened` of the plugin `shop`, it publishes without
//! asking. Handlers are methods with [`#[on_event]`](macro@crate::plugin).
//!
//! # Errors
//!
//! - `permission_denied`: the topic is not in the manifest, or the permission is missing.
//! - `invalid_argument`: the topic is not valid, or is a pattern.
//! - `busy`: a plugin that would receive the event has too many in its queue.
//! - `cycle`: the event would be nested too deeply in handlers that publish.
//! - `rate_limit_exceeded`, `limit_exceeded`: too many events in a second, or too much data.
//! - `unavailable`: the event cannot be stored for a durable subscription.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::host;

/// The outcome of an event whose publisher waited for the handlers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Emitted {
    /// The event's id.
    pub id: String,
    /// The number of handlers that ran, including those that failed.
    pub handlers: u32,
    /// The number of handlers that failed.
    pub failed: u32,
    /// The number of durable subscriptions for which the event is stored. They are not waited for.
    pub durable: u32,
    /// Whether a handler ended the propagation.
    pub stopped: bool,
    /// The reason of the first handler that objected to the event.
    pub cancelled: Option<String>,
}

/// Publishes an event and returns its id as soon as it is queued, and stored for durable subscriptions.
///
/// # Errors
/// Those of the [module](self).
pub fn publish(topic: &str, data: &(impl Serialize + ?Sized)) -> Result<String> {
    host::events_publish(topic, &serde_json::to_string(data)?)
}

/// Publishes an event and waits until its handlers have run, within this call's deadline.
///
/// # Errors
/// Those of the [module](self).
pub fn emit(topic: &str, data: &(impl Serialize + ?Sized)) -> Result<Emitted> {
    let outcome = host::events_emit(topic, &serde_json::to_string(data)?)?;
    Ok(serde_json::from_str(&outcome)?)
}
