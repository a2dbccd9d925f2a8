//! Events that the application publishes and receives.

use super::Runtime;
use crate::error::EventError;
use crate::event::{EmitOutcome, Event, EventStream};

impl Runtime {
    /// Publishes an event and waits until the handlers of all plugins that subscribed to its topic have run, one after
    /// another, those of higher priority first. A handler that fails is logged and counted, and the others still run.
    ///
    /// Handlers have the deadlines of their plugins. Dropping the future stops the handler that runs.
    ///
    /// # Errors
    /// [`EventError::Topic`] if the topic is not valid. No handler has run then.
    pub async fn emit(&self, event: Event) -> Result<EmitOutcome, EventError> {
        self.0.events.emit(event.into(), None, None).await
    }

    /// Publishes an event, and returns its id as soon as it is queued for all plugins that subscribed to its topic.
    /// Each plugin receives the events of its queue in order.
    ///
    /// # Errors
    /// [`EventError::Topic`] if the topic is not valid; [`EventError::Busy`] if the queue of a plugin is full. No
    /// plugin receives the event then.
    pub async fn publish(&self, event: Event) -> Result<String, EventError> {
        self.0.events.publish(event.into()).await
    }

    /// Returns a stream of the events that match a topic or a pattern, such as `order.placed`, `order.*` or `**`, from
    /// now on. It includes events of all plugins and of the host.
    ///
    /// # Errors
    /// [`EventError::Topic`] if the pattern is not valid.
    pub fn subscribe(&self, pattern: &str) -> Result<EventStream, EventError> {
        self.0.events.stream(pattern)
    }
}
