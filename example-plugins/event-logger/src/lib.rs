//! A log of all events, across the ends of the host: a durable subscription to every topic.
//!
//! The manifest subscribes to `**`, but the plugin receives only what the operator grants: `--grant
//! 'events.**:subscribe'`, or `events.order.*:subscribe` for orders alone. The host stores each event before its
//! publisher goes on, and delivers it until the handler has succeeded, so an event may arrive twice. It then has the
//! same id, and overwrites its own entry.

use plugbay_sdk::data;
use plugbay_sdk::prelude::*;

/// The maximum number of events that `recent` returns.
const RECENT_MAX: usize = 100;

/// A stored event.
#[derive(Serialize, Deserialize, Schema)]
struct Entry {
    topic: String,
    source: String,
    timestamp_ms: u64,
    data: Value,
}

#[derive(Default)]
struct EventLogger;

#[plugin(permissions("data.event/*:read,write"))]
impl EventLogger {
    #[on_event("**", durable)]
    fn log(&mut self, event: &Event, data: Value) -> Result<()> {
        let entry =
            Entry { topic: event.topic().to_owned(), source: event.source(), timestamp_ms: event.timestamp_ms(), data };
        data::set(&key(event), entry)
    }

    /// Returns the latest events, in order.
    #[action(idempotent)]
    fn recent(&self) -> Result<Vec<Entry>> {
        let mut entries = data::scan::<Entry>("event/").map(|entry| Ok(entry?.1)).collect::<Result<Vec<_>>>()?;
        entries.sort_by_key(|entry| entry.timestamp_ms);
        Ok(entries.split_off(entries.len().saturating_sub(RECENT_MAX)))
    }

    /// Removes all stored events and returns their number.
    #[action]
    fn clear(&self) -> Result<usize> {
        let keys = data::keys("event/").collect::<Result<Vec<_>>>()?;
        keys.iter().try_for_each(|key| data::delete(key).map(drop))?;
        Ok(keys.len())
    }
}

fn key(event: &Event) -> String {
    format!("event/{}", event.id())
}
