//! Events that the application publishes and receives.

use std::collections::BTreeMap;

use super::Runtime;
use crate::error::EventError;
use crate::event::{DeadLetter, EmitOutcome, Event, EventStream};

impl Runtime {
    /// Publishes an event and waits until the handlers of all plugins that subscribed to its topic have run, one after
    /// another, those of higher priority first. A handler that fails is logged and counted, and the others still run.
    ///
    /// Handlers have the deadlines of their plugins. Dropping the future stops the handler that runs.
    ///
    /// # Errors
    /// [`EventError::Topic`] if the topic is not valid. No handler has run then.
    pub async fn emit(&self, event: Event) -> Result<EmitOutcome, EventError> {
        self.0.events.emit(event.try_into()?, None, None).await
    }

    /// Publishes an event, and returns its id as soon as it is queued for all plugins that subscribed to its topic.
    /// Each plugin receives the events of its queue in order.
    ///
    /// # Errors
    /// [`EventError::Topic`] if the topic is not valid; [`EventError::Busy`] if the queue of a plugin is full. No
    /// plugin receives the event then.
    pub async fn publish(&self, event: Event) -> Result<String, EventError> {
        self.0.events.publish(event.try_into()?).await
    }

    /// Returns whether a plugin or a stream receives events of a topic now, for publishers of events that cost
    /// something to make. The topic may have any spelling.
    pub fn has_subscribers(&self, topic: &str) -> bool {
        self.0.events.has_subscribers(&plugbay_manifest::canonical_topic(topic))
    }

    /// Returns the topics and patterns that the plugins have subscribed to, by the plugins' names: what their manifests
    /// declare, and what their code has subscribed to since. A plugin without a subscription is left out.
    pub fn subscriptions(&self) -> BTreeMap<String, Vec<String>> {
        self.0.events.patterns()
    }

    /// Returns whether no published event is on its way to a handler. A durable event whose handler failed does not
    /// count until its next attempt. Tests use it to detect that all handlers have run.
    pub fn events_are_idle(&self) -> bool {
        self.0.events.is_idle()
    }

    /// Returns dead letters: durable events that a plugin's handler failed to handle six times, or trapped on three
    /// times. They are in the order of their numbers, from the first one above `after`, at most `limit` of them.
    ///
    /// # Errors
    /// [`EventError::Unavailable`].
    pub async fn dead_letters(&self, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventError> {
        self.0.events.dead_letters(None, after, limit).await
    }

    /// Returns the dead letters of one plugin, as [`dead_letters`](Self::dead_letters) does of all.
    ///
    /// # Errors
    /// [`EventError::Unavailable`].
    pub async fn dead_letters_of(&self, plugin: &str, after: u64, limit: usize) -> Result<Vec<DeadLetter>, EventError> {
        self.0.events.dead_letters(Some(plugin), after, limit).await
    }

    /// Delivers a dead letter again, behind the durable events that the plugin has yet to receive. If the plugin is not
    /// loaded, it receives the event when it is. Returns whether there was a dead letter with this number.
    ///
    /// # Errors
    /// [`EventError::Unavailable`]; [`EventError::Busy`] if the plugin has too many pending events.
    pub async fn retry_dead_letter(&self, number: u64) -> Result<bool, EventError> {
        self.0.events.retry_dead_letter(number).await
    }

    /// Delivers again the dead letters that a plugin or, with `None`, all plugins have now, as
    /// [`retry_dead_letter`](Self::retry_dead_letter) does. Returns their number.
    ///
    /// # Errors
    /// As [`retry_dead_letter`](Self::retry_dead_letter). The dead letters up to the error are delivered again.
    pub async fn retry_dead_letters(&self, plugin: Option<&str>) -> Result<usize, EventError> {
        let mut retried = 0;
        for number in self.0.events.dead_letter_numbers(plugin).await? {
            retried += usize::from(self.retry_dead_letter(number).await?);
        }
        Ok(retried)
    }

    /// Removes the dead letters of a plugin or, with `None`, of all plugins. Returns their number.
    ///
    /// # Errors
    /// [`EventError::Unavailable`]. The dead letters up to the error are removed.
    pub async fn remove_dead_letters(&self, plugin: Option<&str>) -> Result<usize, EventError> {
        let mut removed = 0;
        for number in self.0.events.dead_letter_numbers(plugin).await? {
            removed += usize::from(self.remove_dead_letter(number).await?);
        }
        Ok(removed)
    }

    /// Removes a dead letter. Returns whether there was one with this number.
    ///
    /// # Errors
    /// [`EventError::Unavailable`].
    pub async fn remove_dead_letter(&self, number: u64) -> Result<bool, EventError> {
        self.0.events.remove_dead_letter(number).await
    }

    /// Returns a stream of the events that match a topic or a pattern, such as `order.placed`, `order.*` or `**`, from
    /// now on. It includes events of all plugins and of the host.
    ///
    /// ```
    /// # use plugbay::{Event, Runtime, event::Received};
    /// # use serde_json::json;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let runtime = Runtime::new()?;
    /// let mut orders = runtime.subscribe("order.*")?;
    /// let placed = runtime.emit(Event::new("order.placed", json!({ "total": 12 }))).await?;
    /// println!("{} handlers ran; objection: {:?}", placed.handlers, placed.cancelled);
    /// if let Some(Received::Event(event)) = orders.next().await {
    ///     println!("{} from {}: {}", event.name, event.source, event.data);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EventError::Topic`] if the pattern is not valid.
    pub fn subscribe(&self, pattern: &str) -> Result<EventStream, EventError> {
        self.0.events.stream(pattern)
    }
}
