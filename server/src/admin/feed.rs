//! The events of a host for clients that follow them, with the latest ones for clients that come back.
//!
//! One stream of the runtime feeds all clients. It is opened when the first client asks for events, so a host without
//! one pays nothing. A client that was disconnected names the last event that it received and gets those since then, as
//! far as they are still held.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use plugbay::Runtime;
use plugbay::event::{Event, Received};
use tokio::sync::broadcast;

use super::error::AdminError;

/// Events that are held for clients that come back.
const HELD_MAX: usize = 1_000;
/// Bytes of data of the events that are held.
const HELD_BYTES_MAX: usize = 8 << 20;
/// Events that a client may be behind before it misses some.
const BEHIND_MAX: usize = 256;

/// An event with its number, which grows by one with each event of this process.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) event: Arc<Event>,
    bytes: usize,
}

/// What a client gets first and afterwards.
pub(super) struct Followed {
    /// The events since the one that the client named.
    pub(super) held: Vec<Numbered>,
    /// The number of events that are no longer held, or 0; `None` if it cannot be known, because the server was started
    /// again.
    pub(super) missed: Option<u64>,
    pub(super) next: broadcast::Receiver<Numbered>,
}

pub(crate) struct EventFeed {
    runtime: Runtime,
    /// Distinguishes the numbers of this process from those of earlier ones.
    boot: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    held: VecDeque<Numbered>,
    bytes: usize,
    next_number: u64,
    clients: broadcast::Sender<Numbered>,
    is_open: bool,
}

impl EventFeed {
    pub(super) fn new(runtime: &Runtime) -> Self {
        let (clients, _) = broadcast::channel(BEHIND_MAX);
        let shared = Shared { held: VecDeque::new(), bytes: 0, next_number: 1, clients, is_open: false };
        let boot = format!("{:08x}", fastrand::u32(..));
        EventFeed { runtime: runtime.clone(), boot, shared: Arc::new(Mutex::new(shared)) }
    }

    /// The id of an event in the stream of a client.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.boot)
    }

    /// Follows the events from now on, or since the one with this id.
    pub(super) fn follow(&self, last_id: Option<&str>) -> Result<Followed, AdminError> {
        let mut shared = self.shared.lock();
        if !shared.is_open {
            self.open()?;
            shared.is_open = true;
        }
        let next = shared.clients.subscribe();
        let Some(last_id) = last_id else { return Ok(Followed { held: Vec::new(), missed: Some(0), next }) };
        let number = last_id.strip_prefix(&self.boot).and_then(|rest| rest.strip_prefix('-')?.parse::<u64>().ok());
        // Numbers of an earlier process say nothing about this one.
        let Some(last) = number.filter(|last| *last < shared.next_number) else {
            return Ok(Followed { held: Vec::new(), missed: None, next });
        };
        let held: Vec<Numbered> = shared.held.iter().filter(|event| event.number > last).cloned().collect();
        let first = held.first().map_or(shared.next_number, |event| event.number);
        Ok(Followed { held, missed: Some(first - last - 1), next })
    }

    /// Opens the stream of the runtime. The task ends with the runtime.
    fn open(&self) -> Result<(), AdminError> {
        let mut stream = self.runtime.subscribe("**")?;
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            while let Some(received) = stream.next().await {
                let Some(shared) = shared.upgrade() else { return };
                let mut shared = shared.lock();
                match received {
                    Received::Event(event) => shared.add(event),
                    // A gap in the numbers shows clients that they missed events.
                    Received::Missed(count) => shared.next_number += count,
                }
            }
        });
        Ok(())
    }
}

impl Shared {
    fn add(&mut self, event: Arc<Event>) {
        let bytes = event.name.len() + size(&event.data) + 128;
        let numbered = Numbered { number: self.next_number, event, bytes };
        self.next_number += 1;
        self.bytes += bytes;
        self.held.push_back(numbered.clone());
        while self.held.len() > HELD_MAX || self.bytes > HELD_BYTES_MAX {
            let Some(oldest) = self.held.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
        // Sent under the lock, so that no event is both held for a new client and sent to it. Without a client it is an
        // error.
        let _ = self.clients.send(numbered);
    }
}

/// About the bytes of a value in memory.
fn size(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    16 + match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(size).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + 32 + size(value)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn published(feed: &EventFeed, runtime: &Runtime, topic: &str) -> Numbered {
        let mut next = feed.follow(None).expect("followed").next;
        runtime.emit(Event::new(topic, 1)).await.expect("published");
        next.recv().await.expect("it is sent")
    }

    #[tokio::test]
    async fn client_that_comes_back_gets_the_events_since_then() {
        let runtime = Runtime::builder().live_instances(1).build().expect("a runtime");
        let feed = EventFeed::new(&runtime);
        let first = published(&feed, &runtime, "a.one").await;
        for topic in ["a.two", "a.three"] {
            published(&feed, &runtime, topic).await;
        }
        let followed = feed.follow(Some(&feed.id(first.number))).expect("followed");
        let topics: Vec<&str> = followed.held.iter().map(|event| event.event.name.as_str()).collect();
        assert_eq!((topics, followed.missed), (vec!["a.two", "a.three"], Some(0)));
        let of_an_earlier_process = feed.follow(Some("00000000-1")).expect("followed");
        assert!(of_an_earlier_process.held.is_empty() && of_an_earlier_process.missed.is_none());
    }

    #[tokio::test]
    async fn held_events_are_bounded_and_the_lost_ones_counted() {
        let runtime = Runtime::builder().live_instances(1).build().expect("a runtime");
        let feed = EventFeed::new(&runtime);
        let first = published(&feed, &runtime, "a.first").await;
        for number in 0..HELD_MAX + 5 {
            feed.shared.lock().add(Arc::new(Event::new("a.b", number as u64)));
        }
        let followed = feed.follow(Some(&feed.id(first.number))).expect("followed");
        assert_eq!((followed.held.len(), followed.missed), (HELD_MAX, Some(5)));
    }
}
