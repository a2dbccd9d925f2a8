//! Events of a native build: published events, which a test reads, and the subscriptions that the plugin's code made.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::builder::Subscription;
use crate::error::Result;

thread_local! {
    static PUBLISHED: RefCell<Vec<(String, Value)>> = const { RefCell::new(Vec::new()) };
    /// The reasons with which events are cancelled, by topic.
    static CANCELLED: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    static SUBSCRIPTIONS: RefCell<Vec<Subscribed>> = const { RefCell::new(Vec::new()) };
}

/// A subscription that the plugin's code made.
#[derive(Clone)]
pub(crate) struct Subscribed {
    pub(crate) id: String,
    pub(crate) pattern: String,
    pub(crate) options: Options,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    priority: Option<i32>,
    pub(crate) once: bool,
    pub(crate) durable: bool,
}

impl Options {
    pub(crate) fn priority(&self) -> i32 {
        self.priority.unwrap_or(Subscription::<()>::PRIORITY)
    }
}

pub(crate) fn events_publish(topic: &str, data: &str, _options: Option<&str>) -> Result<String> {
    let data = serde_json::from_str(data)?;
    Ok(PUBLISHED.with_borrow_mut(|published| {
        published.push((topic.to_owned(), data));
        format!("native-{}", published.len())
    }))
}

pub(crate) fn events_emit(topic: &str, data: &str, options: Option<&str>) -> Result<String> {
    let id = events_publish(topic, data, options)?;
    let cancelled = CANCELLED.with_borrow(|reasons| reasons.get(topic).cloned());
    let outcome = json!({
        "id": id, "handlers": u32::from(cancelled.is_some()), "failed": 0, "durable": 0, "stopped": false,
        "cancelled": cancelled,
    });
    Ok(outcome.to_string())
}

pub(crate) fn events_subscribe(pattern: &str, options: Option<&str>) -> Result<String> {
    let options = options.map(serde_json::from_str).transpose()?.unwrap_or_default();
    let id = format!("#{pattern}");
    events_unsubscribe(&id);
    let subscribed = Subscribed { id: id.clone(), pattern: pattern.to_owned(), options };
    SUBSCRIPTIONS.with_borrow_mut(|known| known.push(subscribed));
    Ok(id)
}

pub(crate) fn events_unsubscribe(id: &str) -> bool {
    SUBSCRIPTIONS.with_borrow_mut(|known| {
        let before = known.len();
        known.retain(|known| known.id != id);
        known.len() < before
    })
}

pub(crate) fn events_subscriptions() -> String {
    let known = subscribed();
    let listed = known.iter().map(|known| {
        json!({
            "id": known.id, "pattern": known.pattern, "priority": known.options.priority(),
            "once": known.options.once, "durable": known.options.durable,
        })
    });
    Value::from_iter(listed).to_string()
}

/// The subscriptions that code made on this thread.
pub(crate) fn subscribed() -> Vec<Subscribed> {
    SUBSCRIPTIONS.with_borrow(Clone::clone)
}

/// Cancels the events that are emitted on a topic.
pub(crate) fn cancel_events(topic: &str, reason: &str) {
    CANCELLED.with_borrow_mut(|reasons| reasons.insert(topic.to_owned(), reason.to_owned()));
}

/// Takes the topics and data of the events that were published on this thread.
pub(crate) fn take_published() -> Vec<(String, Value)> {
    PUBLISHED.take()
}

/// Returns whether a topic matches a pattern, as on the host: `*` is any text within a word, `**` any number of words.
pub(crate) fn matches(pattern: &str, topic: &str) -> bool {
    let (pattern, topic): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), topic.split('.').collect());
    words_match(&pattern, &topic)
}

fn words_match(pattern: &[&str], topic: &[&str]) -> bool {
    match pattern.split_first() {
        None => topic.is_empty(),
        Some((&"**", rest)) => (0..=topic.len()).any(|skipped| words_match(rest, &topic[skipped..])),
        Some((word, rest)) => topic.split_first().is_some_and(|(first, others)| {
            word_matches(word.as_bytes(), first.as_bytes()) && words_match(rest, others)
        }),
    }
}

fn word_matches(pattern: &[u8], word: &[u8]) -> bool {
    match pattern.split_first() {
        None => word.is_empty(),
        Some((b'*', rest)) => (0..=word.len()).any(|skipped| word_matches(rest, &word[skipped..])),
        Some((byte, rest)) => {
            word.split_first().is_some_and(|(first, others)| byte == first && word_matches(rest, others))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn topic_matches_its_patterns() {
        for pattern in
            ["order.placed", "order.*", "*.placed", "**", "order.**", "**.placed", "ord*.pl*d", "order.**.placed"]
        {
            assert!(matches(pattern, "order.placed"), "{pattern}");
        }
        for pattern in ["order", "order.*.x", "*", "orders.*", "order.placed.**.x", "rder.*"] {
            assert!(!matches(pattern, "order.placed"), "{pattern}");
        }
    }
}
