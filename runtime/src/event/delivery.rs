//! A published event, its delivery to a handler, and the interface of handlers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Event, Reaction, Subscription};
use crate::admission::Chain;
use crate::error::InvokeError;

/// An event that was published, as it is stored and delivered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Published {
    /// The id, unique among all events.
    pub id: String,
    /// The topic, in its canonical spelling.
    pub topic: String,
    /// The data as JSON text.
    pub data: String,
    /// The publisher: a plugin's name, `host`, or `client:` and the name of a client of the host's API.
    pub source: String,
    /// The only plugin that receives the event; `None` is all that subscribed.
    pub target: Option<String>,
    /// The time at which it was published, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The id shared by related events.
    pub correlation_id: Option<String>,
    /// The number of events that led to this one, each published by a handler of the one before it; itself included.
    pub depth: u32,
}

impl Published {
    /// Returns the event as applications see it.
    pub(super) fn to_event(&self) -> Event {
        Event {
            id: self.id.clone(),
            name: self.topic.clone(),
            data: serde_json::from_str(&self.data).unwrap_or_default(),
            source: self.source.clone(),
            timestamp_ms: self.timestamp_ms,
            correlation_id: self.correlation_id.clone(),
        }
    }
}

/// The delivery of an event to one subscription.
#[derive(Clone, Copy)]
pub(crate) struct Delivery<'a> {
    pub(crate) event: &'a Arc<Published>,
    pub(crate) subscription: &'a Arc<Subscription>,
    /// The number of this delivery, from 1 on.
    pub(crate) attempt: u32,
    /// The plugins that wait for the handlers of the event.
    pub(crate) chain: Option<&'a Arc<Chain>>,
    /// The time that the emitter waits; `None` is unlimited.
    pub(crate) timeout: Option<Duration>,
}

/// A running handler.
pub(crate) type Handling<'a> = Pin<Box<dyn Future<Output = Result<Reaction, InvokeError>> + Send + 'a>>;

/// Finds the handler of a plugin by its name; `None` if the plugin does not serve yet.
pub(crate) type FindHandler = Box<dyn Fn(&str) -> Option<Box<dyn Handler>> + Send + Sync>;

/// The handler of a plugin's events.
pub(crate) trait Handler: Send + Sync {
    /// Returns whether the operator lets the plugin receive events of this topic. A denial is counted and audited. A
    /// plugin that is gone is denied nothing.
    fn may_receive(&self, topic: &str) -> bool;

    /// Handles an event.
    fn handle<'a>(&'a self, delivery: Delivery<'a>) -> Handling<'a>;

    /// Logs the failure of a delivery.
    fn log_failure(&self, delivery: Delivery<'_>, error: &InvokeError);
}
