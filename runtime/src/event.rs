//! Events, handlers' reactions and health reports, as exchanged between the host and a plugin.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use plugbay_manifest::Subscription;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capability::Pattern;
use crate::error::{InvokeError, InvokeErrorKind};

/// An event on the bus.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The id, unique among all events of this host.
    pub id: String,
    /// The topic, such as `order.placed`.
    pub name: String,
    /// The event's payload.
    pub data: Value,
    /// The emitter: a plugin's name, or `host`.
    pub source: String,
    /// The time of the event, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The id shared by related events.
    pub correlation_id: Option<String>,
}

impl Event {
    /// Creates an event of the host, with a new id and the current time.
    ///
    /// The name may be any spelling of a topic: `container:started` and `onContainerStart` are `container.start`; see
    /// [`canonical_topic`](plugbay_manifest::canonical_topic).
    pub fn new(name: impl Into<String>, data: impl Into<Value>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Event {
            id: format!("{:x}-{:x}-{:x}", now.as_micros(), std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
            name: plugbay_manifest::canonical_topic(&name.into()),
            data: data.into(),
            source: "host".into(),
            timestamp_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
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

/// The subscriptions of a plugin, highest priority first.
pub(crate) struct Subscriptions(Vec<(Subscription, AtomicBool)>);

impl Subscriptions {
    pub(crate) fn new(declared: &[Subscription]) -> Self {
        let mut subscriptions: Vec<_> =
            declared.iter().map(|subscription| (subscription.clone(), AtomicBool::new(false))).collect();
        // The sort is stable: among equal priorities, the subscription declared first receives the event first.
        subscriptions.sort_by_key(|(subscription, _)| std::cmp::Reverse(subscription.priority));
        Subscriptions(subscriptions)
    }

    /// Returns whether a subscription has exactly this pattern.
    pub(crate) fn has(&self, pattern: &str) -> bool {
        self.0.iter().any(|(subscription, _)| subscription.topic == pattern)
    }

    /// Returns the patterns of the subscriptions that match this topic. A `once` subscription matches only one event.
    pub(crate) fn hearing<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |(subscription, heard)| {
            if !topic_matches(&subscription.topic, topic) {
                return None;
            }
            let spent = subscription.once && heard.swap(true, Ordering::Relaxed);
            (!spent).then_some(subscription.topic.as_str())
        })
    }
}

/// Returns whether a pattern covers a topic: `*` matches any text within a word, `**` any number of words.
fn topic_matches(pattern: &str, topic: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    let topic: Vec<&str> = topic.split('.').collect();
    words_match(&pattern, &topic)
}

fn words_match(pattern: &[&str], topic: &[&str]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < topic.len() {
        match pattern.get(p) {
            Some(&"**") => {
                retry = Some((p, t));
                p += 1;
            }
            Some(word) if Pattern::new(*word).matches(topic[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((retry_p, retry_t)) = retry else { return false };
                retry = Some((retry_p, retry_t + 1));
                (p, t) = (retry_p + 1, retry_t + 1);
            }
        }
    }
    pattern[p..].iter().all(|word| *word == "**")
}

/// A handler's reaction to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Reaction {
    /// Whether handlers of lower priority should not receive the event.
    pub stop: bool,
    /// Whether the handler objects to the event, which is reported to the emitter.
    pub cancel: bool,
    /// The number of subscriptions that received the event. The host counts it; it is not serialised.
    #[serde(skip)]
    pub heard: usize,
}

/// A plugin's health report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether the plugin can do its work.
    pub healthy: bool,
    /// A message for people.
    #[serde(default)]
    pub message: String,
    /// The health of the plugin's parts.
    #[serde(default)]
    pub components: serde_json::Map<String, Value>,
    /// The plugin's own metrics.
    #[serde(default)]
    pub metrics: serde_json::Map<String, Value>,
}

impl Health {
    pub(crate) fn healthy() -> Self {
        Health {
            healthy: true,
            message: String::new(),
            components: serde_json::Map::new(),
            metrics: serde_json::Map::new(),
        }
    }

    pub(crate) fn unhealthy(message: String) -> Self {
        Health { healthy: false, message, ..Health::healthy() }
    }

    pub(crate) fn parse(plugin: &str, json: &str) -> Result<Self, InvokeError> {
        serde_json::from_str(json)
            .map_err(|error| InvokeError::new(plugin, "health", InvokeErrorKind::Answer { message: error.to_string() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, topic: &str, expected: bool) {
        assert_eq!(topic_matches(pattern, topic), expected, "`{pattern}` on `{topic}`");
    }

    #[test]
    fn star_stays_within_a_word_and_two_stars_do_not() {
        check("order.placed", "order.placed", true);
        check("order.*", "order.placed", true);
        check("order.*", "order.placed.twice", false);
        check("order.*", "order", false);
        check("order.pl*", "order.placed", true);
        check("**", "anything.at.all", true);
        check("order.**", "order.placed.twice", true);
        check("**.twice", "order.placed.twice", true);
        check("a.**.z", "a.z", true);
        check("a.**.z", "a.b.c", false);
    }

    #[test]
    fn subscriptions_hear_in_order_of_priority_and_once_hears_once() {
        let subscription =
            |topic: &str, priority, once| Subscription { topic: topic.into(), priority, once, durable: false };
        let subscriptions = Subscriptions::new(&[
            subscription("order.*", 50, false),
            subscription("**", 100, true),
            subscription("user.*", 200, false),
        ]);
        assert_eq!(subscriptions.hearing("order.placed").collect::<Vec<_>>(), ["**", "order.*"]);
        assert_eq!(subscriptions.hearing("order.placed").collect::<Vec<_>>(), ["order.*"]);
    }
}
