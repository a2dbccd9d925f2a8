//! Events that reach a plugin.

use std::cell::OnceCell;
use std::fmt;

use serde::Deserialize;
#[cfg(not(target_family = "wasm"))]
use serde::Serialize;

use crate::error::Result;
use crate::host::EventFacts;
use crate::payload;

/// The event that a handler receives. The host sets everything except the topic and the data.
///
/// Each method calls the host; the topic, the data and the subscription are then remembered.
pub struct Event<'a> {
    facts: EventFacts<'a>,
    topic: OnceCell<String>,
    data: OnceCell<String>,
    subscription: OnceCell<String>,
}

impl<'a> Event<'a> {
    pub(crate) fn from_facts(facts: EventFacts<'a>) -> Self {
        Event { facts, topic: OnceCell::new(), data: OnceCell::new(), subscription: OnceCell::new() }
    }

    /// The topic: words with dots between them, such as `order.placed`.
    pub fn topic(&self) -> &str {
        self.topic.get_or_init(|| self.facts.topic())
    }

    /// The publisher's data, as a Rust value.
    ///
    /// # Errors
    /// `validation_error` if it is not a `T`.
    pub fn data<'de, T: Deserialize<'de>>(&'de self) -> Result<T> {
        payload::parse(self.json())
    }

    /// The publisher's data, as JSON.
    pub fn json(&self) -> &str {
        self.data.get_or_init(|| self.facts.data())
    }

    /// The id, unique among all events of this host. An event that is delivered again has the same id.
    pub fn id(&self) -> String {
        self.facts.id()
    }

    /// The publisher: a plugin's name, `host`, or `client:` and the name of a client of the host's API.
    pub fn source(&self) -> String {
        self.facts.source()
    }

    /// When the event was published, in milliseconds since the Unix epoch.
    pub fn timestamp_ms(&self) -> u64 {
        self.facts.timestamp_ms()
    }

    /// The id that related events share, if the publisher set one.
    pub fn correlation_id(&self) -> Option<String> {
        self.facts.correlation_id()
    }

    /// The id of the subscription that this delivery is for: that of `#[on_event("…", id = "…")]`, or else its topic.
    pub fn subscription(&self) -> &str {
        self.subscription.get_or_init(|| self.facts.subscription())
    }

    /// The number of this delivery, from 1 on.
    pub fn attempt(&self) -> u32 {
        self.facts.attempt()
    }

    /// Ends the propagation: handlers of lower priority do not run.
    pub fn stop(&self) {
        self.facts.stop();
    }

    /// Objects to the event: a publisher that waits receives the reason. Handlers of lower priority still run unless
    /// [`Event::stop`] was called too. The first reason counts.
    pub fn cancel(&self, reason: impl AsRef<str>) {
        self.facts.cancel(reason.as_ref());
    }
}

/// Events for the plugin's own native tests; see [`Instance::event`](crate::native::Instance::event).
#[cfg(not(target_family = "wasm"))]
impl Event<'static> {
    /// Creates an event of the host, for the subscription to exactly this topic.
    ///
    /// # Panics
    /// If the data cannot be written as JSON.
    pub fn new(topic: impl Into<String>, data: impl Serialize) -> Self {
        let data = serde_json::to_string(&data).unwrap_or_else(|reason| panic!("the data is not JSON: {reason}"));
        Event::from_facts(EventFacts::made(topic.into(), data))
    }

    /// Sets the id of the subscription, which by default is the pattern of its topics.
    #[must_use]
    pub fn for_subscription(mut self, id: impl Into<String>) -> Self {
        self.facts.subscription = id.into();
        self.subscription = OnceCell::new();
        self
    }

    /// Sets the publisher. Default: `host`.
    #[must_use]
    pub fn from_source(mut self, source: impl Into<String>) -> Self {
        self.facts.source = source.into();
        self
    }

    /// Sets the correlation id. Default: none.
    #[must_use]
    pub fn with_correlation_id(mut self, id: impl Into<String>) -> Self {
        self.facts.correlation_id = Some(id.into());
        self
    }

    /// Whether a handler has called [`Event::stop`].
    pub fn is_stopped(&self) -> bool {
        self.facts.is_stopped()
    }

    /// The reason of the first [`Event::cancel`].
    pub fn cancelled(&self) -> Option<String> {
        self.facts.cancelled()
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("topic", &self.topic()).finish_non_exhaustive()
    }
}
