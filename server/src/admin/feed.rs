//! The events of a host for clients that follow them, with the latest ones for clients that come back.
//!
//! One stream of the runtime feeds all clients. It is opened when the first client asks for events, so a host without
//! one pays nothing. A client that was disconnected names the last event that it received and gets those since then, as
//! far as they are still held.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use plugbay::Runtime;
use plugbay::event::{Event, Received};
use tokio::sync::watch;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

use super::error::AdminError;

/// The number of log lines, and of other events, that are held for clients that are behind or come back.
const HELD_MAX: usize = 1_000;
/// Bytes of data of the log lines that are held, and of the others.
const HELD_BYTES_MAX: usize = 8 << 20;
/// The topic of log lines. They have a place of their own, so that a flood of them pushes nothing else out.
const LOG: &str = "log";

/// An event with its number, which grows by one with each event of this process.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) event: Arc<Event>,
    bytes: usize,
}

/// What a client receives.
#[derive(Debug)]
pub(super) enum Followed {
    /// The number of events that were skipped because they are no longer held. `None` if it cannot be known, because
    /// the server was started again.
    Missed(Option<u64>),
    Event(Numbered),
}

/// The events of one client, in order and without an end.
pub(super) struct Follower {
    shared: Arc<Mutex<Shared>>,
    added: WatchStream<()>,
    /// The number of the last event that the client received.
    last: u64,
    is_of_another_boot: bool,
}

pub(crate) struct EventFeed {
    runtime: Runtime,
    /// Distinguishes the numbers of this process from those of earlier ones.
    boot: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    lines: Held,
    others: Held,
    next_number: u64,
    /// Changes with each event.
    added: watch::Sender<()>,
    is_open: bool,
}

/// The latest events of a kind, oldest first.
#[derive(Default)]
struct Held {
    events: VecDeque<Numbered>,
    bytes: usize,
}

impl EventFeed {
    pub(super) fn new(runtime: &Runtime) -> Self {
        let (lines, others) = Default::default();
        let shared = Shared { lines, others, next_number: 1, added: watch::Sender::new(()), is_open: false };
        let boot = format!("{:08x}", fastrand::u32(..));
        EventFeed { runtime: runtime.clone(), boot, shared: Arc::new(Mutex::new(shared)) }
    }

    /// The id of an event in the stream of a client.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.boot)
    }

    /// The number in an id. Numbers of an earlier process say nothing about this one.
    pub(super) fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&self.boot)?.strip_prefix('-')?.parse().ok()
    }

    /// Follows the events from now on, or since the one with this id.
    pub(super) fn follow(&self, last_id: Option<&str>) -> Result<Follower, AdminError> {
        let mut shared = self.shared.lock();
        if !shared.is_open {
            self.open()?;
            shared.is_open = true;
        }
        let newest = shared.next_number - 1;
        let last = last_id.and_then(|id| self.number(id)).filter(|last| *last <= newest);
        let added = WatchStream::from_changes(shared.added.subscribe());
        Ok(Follower {
            shared: self.shared.clone(),
            added,
            last: last.unwrap_or(newest),
            is_of_another_boot: last_id.is_some() && last.is_none(),
        })
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
        let held = if event.name == LOG { &mut self.lines } else { &mut self.others };
        held.add(Numbered { number: self.next_number, event, bytes });
        self.next_number += 1;
        self.added.send_replace(());
    }

    /// The oldest event that is held and later than this one.
    fn after(&self, number: u64) -> Option<&Numbered> {
        let next = [&self.lines, &self.others].map(|held| held.after(number));
        next.into_iter().flatten().min_by_key(|event| event.number)
    }
}

impl Held {
    fn add(&mut self, event: Numbered) {
        self.bytes += event.bytes;
        self.events.push_back(event);
        while self.events.len() > HELD_MAX || self.bytes > HELD_BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.bytes;
        }
    }

    fn after(&self, number: u64) -> Option<&Numbered> {
        self.events.get(self.events.partition_point(|event| event.number <= number))
    }
}

impl Follower {
    /// The number of the last event before those that follow.
    pub(super) fn position(&self) -> u64 {
        self.last
    }

    fn pull(&mut self) -> Option<Followed> {
        if std::mem::take(&mut self.is_of_another_boot) {
            return Some(Followed::Missed(None));
        }
        let shared = self.shared.lock();
        let next = shared.after(self.last);
        let before_next = next.map_or(shared.next_number, |event| event.number) - 1;
        if before_next > self.last {
            let missed = before_next - self.last;
            self.last = before_next;
            return Some(Followed::Missed(Some(missed)));
        }
        self.last = next?.number;
        next.cloned().map(Followed::Event)
    }
}

impl Stream for Follower {
    type Item = Followed;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Followed>> {
        loop {
            if let Some(followed) = self.pull() {
                return Poll::Ready(Some(followed));
            }
            // An event that was added after the look above is a change already.
            match Pin::new(&mut self.added).poll_next(context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
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
    use tokio_stream::StreamExt;

    use super::*;

    fn feed() -> EventFeed {
        EventFeed::new(&Runtime::builder().live_instances(1).build().expect("a runtime"))
    }

    fn add(feed: &EventFeed, topic: &str, count: usize) {
        for number in 0..count {
            feed.shared.lock().add(Arc::new(Event::new(topic, number as u64)));
        }
    }

    /// What a client receives that has this last id and then nothing more.
    async fn received(feed: &EventFeed, last_id: Option<&str>) -> Vec<String> {
        let mut follower = feed.follow(last_id).expect("followed");
        std::iter::from_fn(|| follower.pull())
            .map(|followed| match followed {
                Followed::Missed(count) => format!("{count:?}"),
                Followed::Event(Numbered { number, event, .. }) => format!("{number} {}", event.name),
            })
            .collect()
    }

    #[tokio::test]
    async fn client_receives_events_as_they_are_published() {
        let runtime = Runtime::builder().live_instances(1).build().expect("a runtime");
        let feed = EventFeed::new(&runtime);
        let mut follower = feed.follow(None).expect("followed");
        for topic in ["a.one", "log", "a.two"] {
            runtime.emit(Event::new(topic, 1)).await.expect("published");
            let Some(Followed::Event(next)) = follower.next().await else { panic!("no event") };
            assert_eq!(next.event.name, topic);
        }
    }

    #[tokio::test]
    async fn client_that_comes_back_gets_the_events_since_then() {
        let feed = feed();
        for topic in ["a.one", "a.two", "log", "a.three"] {
            add(&feed, topic, 1);
        }
        assert_eq!(received(&feed, Some(&feed.id(1))).await, ["2 a.two", "3 log", "4 a.three"]);
        assert_eq!(received(&feed, Some("00000000-1")).await, ["None"], "numbers of an earlier process");
        assert_eq!(received(&feed, None).await, [""; 0]);
    }

    #[tokio::test]
    async fn held_events_are_bounded_and_the_lost_ones_counted() {
        let feed = feed();
        add(&feed, "a.b", HELD_MAX + 6);
        let received = received(&feed, Some(&feed.id(1))).await;
        assert_eq!((received.len(), &*received[0], &*received[1]), (HELD_MAX + 1, "Some(5)", "7 a.b"));
    }

    #[tokio::test]
    async fn flood_of_log_lines_pushes_nothing_else_out() {
        let feed = feed();
        add(&feed, "process_status_changed", 2);
        add(&feed, "log", 2 * HELD_MAX);
        add(&feed, "process_status_changed", 1);
        let received = received(&feed, Some(&feed.id(0))).await;
        let (first, last) = (&received[..3], received.last().map(String::as_str));
        assert_eq!(first, ["1 process_status_changed", "2 process_status_changed", "Some(1000)"]);
        assert_eq!(last, Some("2003 process_status_changed"));
    }
}
