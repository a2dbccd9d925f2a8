//! Events and health, as the host hands them to a plugin and gets them back.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use plugbay_manifest::Subscription;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capability::Pattern;
use crate::error::InvokeError;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Unique among all events of this host.
    pub id: String,
    /// The topic, such as `order.placed`.
    pub name: String,
    /// What the emitter said about it.
    pub data: Value,
    /// Who emitted it: a plugin's name, or `host`.
    pub source: String,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The id that events of one story share.
    pub correlation_id: Option<String>,
}

impl Event {
    /// An event of the host, with a fresh id and the current time.
    ///
    /// The name may be any spelling of a topic: `container:started` and `onContainerStart` are `container.start`, see
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

    /// The same event as part of a story.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }
}

/// What one plugin listens to, highest priority first.
pub(crate) struct Subscriptions(Vec<(Subscription, AtomicBool)>);

impl Subscriptions {
    pub(crate) fn new(declared: &[Subscription]) -> Self {
        let mut subscriptions: Vec<_> =
            declared.iter().map(|subscription| (subscription.clone(), AtomicBool::new(false))).collect();
        // Stable: of equal priority, the one that was declared first hears it first.
        subscriptions.sort_by_key(|(subscription, _)| std::cmp::Reverse(subscription.priority));
        Subscriptions(subscriptions)
    }

    /// Whether a subscription has this very pattern.
    pub(crate) fn has(&self, pattern: &str) -> bool {
        self.0.iter().any(|(subscription, _)| subscription.topic == pattern)
    }

    /// The patterns of the subscriptions that hear this topic. One that is `once` hears nothing after it.
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

/// Whether a pattern covers a topic: `*` is any text within a word, `**` any number of words.
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

/// What a handler wants to become of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Reaction {
    /// Handlers of lower priority should not hear it.
    pub stop: bool,
    /// The emitter should be told that somebody objected.
    pub cancel: bool,
}

/// How a plugin says it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// Whether it can do its work.
    pub healthy: bool,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// The parts of the plugin.
    #[serde(default)]
    pub components: serde_json::Map<String, Value>,
    /// Numbers that the plugin counts itself.
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
        serde_json::from_str(json).map_err(|error| InvokeError::Answer {
            plugin: plugin.to_owned(),
            action: "health".to_owned(),
            message: error.to_string(),
        })
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
