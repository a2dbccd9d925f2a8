//! Events: what plugins and the application publish on topics, and the bus that delivers it to subscriptions.
//!
//! The bus (`EventBus`) finds the subscriptions of a topic in an index of patterns, and calls their handlers one
//! after another, those of higher priority first. It knows plugins only as `Listener`s: `trigger/event.rs` implements
//! their handlers by dispatch. Nothing here knows WebAssembly or permissions.
//!
//! ```
//! use plugbay::event::Received;
//! use plugbay::{Event, Runtime};
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new()?;
//! let mut orders = runtime.subscribe("order.*")?;
//!
//! // Waits for the handlers of all plugins that subscribed to the topic.
//! let outcome = runtime.emit(Event::new("order.placed", json!({ "id": 7 }))).await?;
//! if let Some(reason) = outcome.cancelled {
//!     println!("the order is refused: {reason}");
//! }
//! // Returns as soon as the event is queued.
//! runtime.publish(Event::new("order.shipped", json!({ "id": 7 }))).await?;
//!
//! if let Some(Received::Event(event)) = orders.next().await {
//!     assert_eq!((&*event.name, &event.id), ("order.placed", &outcome.id));
//! }
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod bus;
pub(crate) mod delivery;
mod durable;
mod health;
mod index;
mod listener;
mod registration;
mod routes;
pub(crate) mod sqlite;
pub(crate) mod store;
mod stream;
mod subscription;
mod topic;

use serde::Serialize;
use serde_json::Value;

pub(crate) use self::bus::{Emission, EventBus, NewEvent};
pub(crate) use self::delivery::{Delivery, FindHandler, Handler, Handling, Published};
pub use self::health::Health;
pub(crate) use self::registration::SubscriptionOptions;
pub(crate) use self::sqlite::SqliteEvents;
pub(crate) use self::store::{DeadLetter, EventStore};
pub use self::stream::{EventStream, Received};
pub(crate) use self::subscription::Subscription;
pub use self::topic::TopicFilter;
pub(crate) use self::topic::{Topic, TopicPatterns, is_own_topic};

/// An event on the bus.
///
/// An application creates one with [`Event::new`] and passes it to [`Runtime::emit`] or [`Runtime::publish`], which set
/// its id and its time.
///
/// [`Runtime::emit`]: crate::Runtime::emit
/// [`Runtime::publish`]: crate::Runtime::publish
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The id, unique among all events. Empty until the event is published.
    pub id: String,
    /// The topic, such as `order.placed`.
    pub name: String,
    /// The event's payload.
    pub data: Value,
    /// The publisher: a plugin's name, `host`, or `client:` and the name of a client of a server's API. A plugin cannot
    /// choose it.
    pub source: String,
    /// The time at which the event was published, by the runtime's clock, in milliseconds since the Unix epoch. Zero
    /// until then.
    pub timestamp_ms: u64,
    /// The id shared by related events.
    pub correlation_id: Option<String>,
}

impl Event {
    /// Creates an event of the host. Publishing it sets its id and time.
    ///
    /// The name may be any spelling of a topic: `container:started` and `onContainerStart` are `container.start`; see
    /// [`canonical_topic`](plugbay_manifest::canonical_topic).
    pub fn new(name: impl Into<String>, data: impl Into<Value>) -> Self {
        Event {
            id: String::new(),
            name: plugbay_manifest::canonical_topic(&name.into()),
            data: data.into(),
            source: "host".into(),
            timestamp_ms: 0,
            correlation_id: None,
        }
    }

    /// Sets the correlation id.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }
}

/// A handler's reaction to an event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Reaction {
    /// Whether handlers of lower priority should not receive the event.
    pub stop: bool,
    /// Whether the handler objects to the event, which is reported to the emitter.
    pub cancel: bool,
    /// The reason of the first handler that objects and gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of subscriptions that received the event. The host counts it; it is not serialised.
    #[serde(skip)]
    pub heard: usize,
}

/// The outcome of an event whose emitter waited for its handlers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct EmitOutcome {
    /// The event's id.
    pub id: String,
    /// The number of handlers that ran, including those that failed.
    pub handlers: usize,
    /// The number of handlers that failed. Their errors are in the logs and counters of their plugins.
    pub failed: usize,
    /// The number of durable subscriptions for which the event is stored. They receive it later, and are not waited
    /// for.
    pub durable: usize,
    /// Whether a handler ended the propagation, so that those of lower priority did not run.
    pub stopped: bool,
    /// The reason of the first handler that objected to the event; `None` if none did.
    pub cancelled: Option<String>,
}

impl EmitOutcome {
    /// The JSON of the outcome of an event that no plugin received, whose other fields are always the same.
    pub(crate) fn json_unheard(id: &str) -> String {
        let rest = r#"","handlers":0,"failed":0,"durable":0,"stopped":false,"cancelled":null}"#;
        [r#"{"id":""#, id, rest].concat()
    }

    /// Adds the reaction of a handler.
    fn add(&mut self, reaction: Reaction) {
        self.stopped |= reaction.stop;
        if reaction.cancel && self.cancelled.is_none() {
            self.cancelled = Some(reaction.reason.unwrap_or_else(|| "the handler gave no reason".to_owned()));
        }
    }
}
