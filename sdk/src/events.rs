//! Publishing events, and subscribing at run time.
//!
//! ```no_run
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::events;
//!
//! fn place(order: u64) -> Result<()> {
//!     // Waits for the handlers of all plugins that subscribed, any of which may object.
//!     let checked = emit!("order.check", { "id": order })?;
//!     if let Some(reason) = checked.cancelled {
//!         bail!("the order is refused: {reason}");
//!     }
//!     // Returns as soon as the event is queued. The data is any type that serialises.
//!     events::publish("order.placed", &order)?;
//!     // With options: only the plugin `stock` receives this one.
//!     events::event("order.packed", &order).target("stock").publish()?;
//!     Ok(())
//! }
//! ```
//!
//! A plugin publishes on topics that its manifest lists in `events.publishes` and for which it was granted
//! `events.<topic>` with `publish`: `#[plugin(publishes("order.*"), permissions("events.order.*:publish"))]`. Below its
//! own name, such as `shop.opened` of the plugin `shop`, it publishes without asking.
//!
//! # Receiving events
//!
//! Handlers are methods with [`#[on_event("order.*")]`](macro@crate::plugin). The host reads their subscriptions from
//! the manifest and makes them before the plugin serves. A plugin that decides at run time subscribes with
//! [`subscribe`], usually in `#[on_load]`. It needs the permission `events.<pattern>` with `subscribe`. The events go
//! to `#[on_event("<pattern>", dynamic)]` if there is such a method, and otherwise to `#[on_event]` without a topic,
//! which receives the events of every subscription without a handler of its own:
//!
//! ```
//! use plugbay_sdk::prelude::*;
//! # use plugbay_sdk::log;
//! use plugbay_sdk::events;
//!
//! #[derive(Default)]
//! struct Orders {
//!     placed: usize,
//! }
//!
//! #[plugin(permissions("events.order.*:subscribe", "events.audit.*:subscribe"))]
//! impl Orders {
//!     #[on_load]
//!     fn start(&mut self) -> Result<()> {
//!         events::subscribe("order.placed").priority(100).add()?;
//!         events::subscribe("audit.*").durable().add()?;
//!         Ok(())
//!     }
//!
//!     #[on_event("order.placed", dynamic)]
//!     fn placed(&mut self) {
//!         self.placed += 1;
//!     }
//!
//!     #[on_event]
//!     fn other(&mut self, event: &Event) {
//!         log::info!("received", topic = event.topic(), subscription = event.subscription());
//!     }
//! }
//! # fn main() {
//! # let mut orders = native_instance();
//! # orders.load().expect("subscribed");
//! # assert_eq!(orders.emit("order.placed", 7).handlers, 1);
//! # assert_eq!(orders.emit("audit.login", 7).durable, 1);
//! # }
//! ```
//!
//! The handler is chosen by the pattern, not by a value in memory, because a subscription outlives the instance that
//! made it: it lasts through reloads and traps until it is ended or the plugin is unloaded.
//!
//! # Errors
//!
//! - `permission_denied`: the topic is not in the manifest, or the permission is missing.
//! - `invalid_argument`: the topic or an option is not valid, or the topic of an event is a pattern.
//! - `busy`: a plugin that would receive the event has too many in its queue.
//! - `cycle`: the event would be nested too deeply in handlers that publish.
//! - `rate_limit_exceeded`, `limit_exceeded`: too many events in a second, too much data, or too many subscriptions.
//! - `unavailable`: the event cannot be stored for a durable subscription.

use std::fmt;

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
    event(topic, data).publish()
}

/// Publishes an event and waits until its handlers have run, within this call's deadline.
///
/// # Errors
/// Those of the [module](self).
pub fn emit(topic: &str, data: &(impl Serialize + ?Sized)) -> Result<Emitted> {
    event(topic, data).emit()
}

/// Publishes an event with data written as JSON and waits until its handlers have run: [`events::emit`](emit) with
/// [`json!`](crate::json).
///
/// ```
/// use plugbay_sdk::prelude::*;
///
/// fn place(order: u64) -> Result<bool> {
///     let placed = emit!("order.placed", { "id": order, "amount": 12.5 })?;
///     Ok(placed.cancelled.is_none())
/// }
/// # assert_eq!(place(7).expect("emitted"), true);
/// ```
#[macro_export]
macro_rules! emit {
    ($topic:expr, $($data:tt)+) => {
        $crate::events::emit($topic, &$crate::json!($($data)+))
    };
}

/// An event with options, which [`NewEvent::publish`] or [`NewEvent::emit`] publishes.
pub fn event<'a>(topic: &'a str, data: &(impl Serialize + ?Sized)) -> NewEvent<'a> {
    NewEvent { topic, data: serde_json::to_string(data), options: EventOptions::default() }
}

/// An event that is about to be published; made by [`event`].
#[derive(Debug)]
#[must_use = "an event is not published before `publish` or `emit`"]
pub struct NewEvent<'a> {
    topic: &'a str,
    data: serde_json::Result<String>,
    options: EventOptions<'a>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct EventOptions<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
}

impl<'a> NewEvent<'a> {
    /// Sets the only plugin that receives the event. Default: all that subscribed to the topic.
    pub fn target(mut self, plugin: &'a str) -> Self {
        self.options.target = Some(plugin);
        self
    }

    /// Sets the id that related events share. Default: that of the event whose handler publishes this one, or its id.
    pub fn correlation_id(mut self, id: &'a str) -> Self {
        self.options.correlation_id = Some(id);
        self
    }

    /// Publishes the event, like [`publish`].
    ///
    /// # Errors
    /// Those of the [module](self).
    pub fn publish(self) -> Result<String> {
        let options = options(&self.options)?;
        host::events_publish(self.topic, &self.data?, options.as_deref())
    }

    /// Publishes the event and waits for its handlers, like [`emit`].
    ///
    /// # Errors
    /// Those of the [module](self).
    pub fn emit(self) -> Result<Emitted> {
        let options = options(&self.options)?;
        let outcome = host::events_emit(self.topic, &self.data?, options.as_deref())?;
        Ok(serde_json::from_str(&outcome)?)
    }
}

/// Subscribes to the topics that match a pattern: `order.placed`, `order.*` (`*` is any text within a word), `**` (any
/// number of words). [`NewSubscription::add`] makes the subscription.
///
/// There is one subscription for each pattern. To subscribe again changes its options, and renews one that has ended.
/// A [`once`](NewSubscription::once) subscription that has received its event is not renewed in `#[on_load]` and
/// `#[on_reload]`, because they run for each new instance of the plugin, such as after a trap.
pub fn subscribe(pattern: &str) -> NewSubscription<'_> {
    NewSubscription { pattern, options: SubscriptionOptions::default() }
}

/// A subscription that is about to be made; made by [`subscribe`].
#[derive(Clone, Debug)]
#[must_use = "nothing is subscribed to before `add`"]
pub struct NewSubscription<'a> {
    pattern: &'a str,
    options: SubscriptionOptions,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct SubscriptionOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    once: bool,
    durable: bool,
}

impl NewSubscription<'_> {
    /// Sets the priority. Among the handlers of an event in all plugins, higher priorities run first. Default: 50.
    pub fn priority(mut self, priority: i32) -> Self {
        self.options.priority = Some(priority);
        self
    }

    /// Ends the subscription with the first event whose handler succeeds. Default: it lasts.
    pub fn once(mut self) -> Self {
        self.options.once = true;
        self
    }

    /// Stores each event until its handler has succeeded, so that it survives the end of the host. The event may then
    /// be delivered more than once, and its publisher does not wait for the handler. Default: not stored.
    pub fn durable(mut self) -> Self {
        self.options.durable = true;
        self
    }

    /// Makes the subscription and returns its id.
    ///
    /// # Errors
    /// Those of the [module](self).
    pub fn add(self) -> Result<SubscriptionId> {
        let options = options(&self.options)?;
        host::events_subscribe(self.pattern, options.as_deref()).map(SubscriptionId)
    }
}

/// The id of a subscription, as [`Event::subscription`](crate::Event::subscription) returns it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionId(String);

impl SubscriptionId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Ends the subscription, like [`unsubscribe`].
    pub fn unsubscribe(&self) -> bool {
        unsubscribe(&self.0)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for SubscriptionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<SubscriptionId> for str {
    fn eq(&self, other: &SubscriptionId) -> bool {
        self == other.0
    }
}

/// Ends a subscription of this plugin, whether its manifest or its code made it. Returns whether it existed.
pub fn unsubscribe(id: impl AsRef<str>) -> bool {
    host::events_unsubscribe(id.as_ref())
}

/// A subscription of this plugin that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ActiveSubscription {
    /// The id.
    pub id: SubscriptionId,
    /// The pattern of its topics.
    pub pattern: String,
    /// The priority.
    pub priority: i32,
    /// Whether it ends with the first event whose handler succeeds.
    pub once: bool,
    /// Whether its events are stored until they are handled.
    pub durable: bool,
}

/// The subscriptions of this plugin, those of its manifest included.
///
/// # Errors
/// If the host's reply is not readable.
pub fn subscriptions() -> Result<Vec<ActiveSubscription>> {
    Ok(serde_json::from_str(&host::events_subscriptions())?)
}

/// Options as JSON; `None` if all have their defaults.
fn options<T: Serialize + Default + PartialEq>(options: &T) -> Result<Option<String>> {
    if *options == T::default() {
        return Ok(None);
    }
    Ok(Some(serde_json::to_string(options)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_with_defaults_are_left_out() {
        assert_eq!(options(&EventOptions::default()).expect("none"), None);
        assert_eq!(options(&SubscriptionOptions::default()).expect("none"), None);
        let event = event("a.b", &7).target("stock").correlation_id("c");
        assert_eq!(
            options(&event.options).expect("JSON").as_deref(),
            Some(r#"{"target":"stock","correlation_id":"c"}"#)
        );
        let subscription = subscribe("a.*").priority(-1).once();
        assert_eq!(
            options(&subscription.options).expect("JSON").as_deref(),
            Some(r#"{"priority":-1,"once":true,"durable":false}"#)
        );
    }
}
