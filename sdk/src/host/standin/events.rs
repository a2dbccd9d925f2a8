//! Published events of a native build, which a test reads. No handler receives them.

use std::cell::RefCell;

use serde_json::{Value, json};

use crate::error::Result;

thread_local! {
    static PUBLISHED: RefCell<Vec<(String, Value)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn events_publish(topic: &str, data: &str) -> Result<String> {
    let data = serde_json::from_str(data)?;
    Ok(PUBLISHED.with_borrow_mut(|published| {
        published.push((topic.to_owned(), data));
        format!("native-{}", published.len())
    }))
}

pub(crate) fn events_emit(topic: &str, data: &str) -> Result<String> {
    let id = events_publish(topic, data)?;
    let outcome = json!({
        "id": id, "handlers": 0, "failed": 0, "durable": 0, "stopped": false, "cancelled": null,
    });
    Ok(outcome.to_string())
}

/// Takes the topics and data of the events that were published on this thread.
pub(crate) fn take_published() -> Vec<(String, Value)> {
    PUBLISHED.take()
}
