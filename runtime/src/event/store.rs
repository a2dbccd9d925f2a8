//! The interface of a backend that stores durable events.

use std::sync::Arc;

use serde::Serialize;

use super::Published;
use crate::store_future::StoreFuture;

/// The future that the methods of an [`EventStore`] return.
pub type EventFuture<'a, T> = StoreFuture<'a, Result<T, EventStoreError>>;

/// A backend that stores the deliveries of durable events, for all plugins of a runtime.
///
/// A delivery is an event on its way to one subscription. It is pending from [`append`](Self::append) until it is
/// [settled](Self::settle), and has a number that is larger than those of all deliveries that were appended before.
/// One that failed too often becomes a dead letter, which is stored until it is retried or removed.
///
/// What a method has done is on disk, or wherever the backend stores it, when its future completes. Each call is
/// atomic. The host makes several calls at once, but claims and settles the deliveries of one plugin one after another.
pub trait EventStore: Send + Sync + 'static {
    /// Stores an event as a pending delivery for each of these receivers, in this order, or for none.
    ///
    /// # Errors
    /// [`EventStoreError::Full`] if a plugin would have more than 100,000 pending deliveries, or more than 256 MiB of
    /// data in them.
    fn append(&self, event: Arc<Published>, receivers: Vec<EventReceiver>) -> EventFuture<'_, ()>;

    /// Returns the oldest pending deliveries of a plugin, in the order of their numbers, and increases their number of
    /// attempts by one. If the oldest has been claimed before, it is returned alone. Otherwise, these are at most
    /// `limit` deliveries that have not been claimed before, and fewer if their data are large.
    fn claim<'a>(&'a self, plugin: &'a str, limit: usize) -> EventFuture<'a, Vec<PendingEvent>>;

    /// Stores the outcomes of deliveries. Unknown numbers are ignored.
    fn settle(&self, outcomes: Vec<(u64, DeliveryOutcome)>) -> EventFuture<'_, ()>;

    /// Returns the dead letters of a plugin, or of all plugins, with a number above `after`, in the order of their
    /// numbers, at most `limit` of them. For each plugin, the latest 1,000 are stored.
    fn dead_letters<'a>(
        &'a self,
        plugin: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> EventFuture<'a, Vec<DeadLetter>>;

    /// Makes a dead letter a pending delivery again, with a new number and without attempts. Returns its plugin, or
    /// `None` if there is no such dead letter.
    fn retry_dead_letter(&self, number: u64) -> EventFuture<'_, Option<String>>;

    /// Removes a dead letter. Returns whether it existed.
    fn remove_dead_letter(&self, number: u64) -> EventFuture<'_, bool>;

    /// Removes all deliveries and dead letters of a plugin. Returns whether there were any.
    fn remove<'a>(&'a self, plugin: &'a str) -> EventFuture<'a, bool>;
}

/// The receiver of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventReceiver {
    /// The plugin.
    pub plugin: String,
    /// The id of its subscription.
    pub subscription: String,
}

/// A pending delivery that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEvent {
    /// The number of the delivery.
    pub number: u64,
    /// The id of the subscription that receives it.
    pub subscription: String,
    /// How often it has been claimed, this time included.
    pub attempt: u32,
    /// The event.
    pub event: Published,
}

/// The outcome of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It succeeded, or is not wanted any more. The delivery is removed.
    Delivered,
    /// It was not attempted. The attempt that the claim counted is taken back.
    NotAttempted,
    /// It failed for the last time and becomes a dead letter.
    Dead {
        /// The error.
        error: String,
        /// The time in milliseconds since the Unix epoch.
        time_ms: u64,
    },
}

/// A delivery that failed too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The number by which it is retried or removed.
    pub number: u64,
    /// The plugin whose handler failed.
    pub plugin: String,
    /// The id of the subscription.
    pub subscription: String,
    /// The number of attempts.
    pub attempts: u32,
    /// The last error.
    pub error: String,
    /// The time of the last attempt, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// The event.
    pub event: Published,
}

impl DeadLetter {
    /// Creates a dead letter, for backends.
    pub fn new(pending: PendingEvent, plugin: impl Into<String>, error: impl Into<String>, time_ms: u64) -> Self {
        let PendingEvent { number, subscription, attempt, event } = pending;
        DeadLetter {
            number,
            plugin: plugin.into(),
            subscription,
            attempts: attempt,
            error: error.into(),
            time_ms,
            event,
        }
    }
}

/// Why a backend could not store or return events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventStoreError {
    /// A plugin has too many pending deliveries.
    #[error("plugin `{plugin}` has too many durable events that are not delivered yet")]
    Full {
        /// The plugin.
        plugin: String,
    },
    /// The backend does not respond or cannot store. The text is for operators and plugins: it names no path.
    #[error("{0}")]
    Unavailable(String),
}
