//! The events that an application receives.

use std::sync::{Arc, Weak};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::bus::EventBus;
use super::{Event, Published};

/// A stream of the events that match a pattern, from the moment of its creation.
///
/// It holds the latest 256 events. If the application reads more slowly than events are published, the oldest are lost,
/// and [`EventStream::next`] returns their number.
///
/// Events are received when they are published, whether or not a handler of a plugin stops or cancels them.
pub struct EventStream {
    pub(super) bus: Weak<EventBus>,
    pub(super) pattern: String,
    pub(super) number: u64,
    pub(super) events: broadcast::Receiver<Arc<Event>>,
}

/// What an [`EventStream`] returns next.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// An event.
    Event(Arc<Event>),
    /// The number of events that were lost here because they were not read in time.
    Missed(u64),
}

impl EventStream {
    /// Waits for the next event. Returns `None` when the runtime is gone.
    pub async fn next(&mut self) -> Option<Received> {
        match self.events.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(RecvError::Lagged(missed)) => Some(Received::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }

    /// Returns the next event if there is one already.
    pub fn try_next(&mut self) -> Option<Received> {
        match self.events.try_recv() {
            Ok(event) => Some(Received::Event(event)),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Received::Missed(missed)),
            Err(_) => None,
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        if let Some(bus) = self.bus.upgrade() {
            bus.remove_stream(&self.pattern, self.number);
        }
    }
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("pattern", &self.pattern).finish_non_exhaustive()
    }
}

/// The sending end of a stream.
pub(super) struct StreamSender {
    pub(super) number: u64,
    pub(super) events: broadcast::Sender<Arc<Event>>,
}

/// Passes an event to the streams that match its topic. It is converted at most once.
pub(super) struct Broadcast<'a> {
    event: &'a Published,
    converted: Option<Arc<Event>>,
}

impl<'a> Broadcast<'a> {
    pub(super) fn new(event: &'a Published) -> Self {
        Broadcast { event, converted: None }
    }

    pub(super) fn send(&mut self, stream: &StreamSender) {
        let event = self.converted.get_or_insert_with(|| Arc::new(self.event.to_event()));
        // An error means that the stream is being dropped.
        let _ = stream.events.send(event.clone());
    }
}
