//! A plugin that receives events, and the queue of events that it has yet to receive.
//!
//! A queued event visits the plugins that subscribed to it one after another: it waits in the queue of the first, and
//! moves to the queue of the next when the handler of the first has run. One task for each plugin with queued events
//! takes them in order, so that a plugin receives the events of its queue one at a time, and a slow plugin delays only
//! events that it receives itself.
//!
//! An event occupies a place in the queues of all plugins on its way from the moment it is published. If one of them is
//! full, it is refused before any handler runs, and moving on never has to wait.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::delivery::{Handler, Published};
use super::subscription::Subscription;
use crate::limits::{EVENT_QUEUE_BYTES_MAX, EVENT_QUEUE_MAX};

/// A plugin that receives events.
pub(crate) struct Listener {
    pub(crate) plugin: Arc<str>,
    /// Unset until the plugin serves: its code may subscribe while it starts.
    pub(super) handler: OnceLock<Box<dyn Handler>>,
    /// The places taken in its queue, and the bytes of the events in them.
    places: AtomicUsize,
    bytes: AtomicUsize,
    /// The durable events that were given up.
    given_up: AtomicU64,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<QueuedEvent>,
    /// Whether a task takes events from the queue.
    has_task: bool,
}

/// An event on its way from handler to handler.
pub(super) struct QueuedEvent {
    pub(super) event: Arc<Published>,
    /// The subscriptions that have yet to receive it, in order.
    pub(super) places: VecDeque<Place>,
}

/// A place in the queue of a subscription's plugin, until dropped.
pub(super) struct Place {
    pub(super) subscription: Arc<Subscription>,
    bytes: usize,
}

impl Listener {
    /// Returns whether the operator lets the plugin receive events of this topic. While the plugin starts, its events
    /// are accepted, and a start that fails ends its subscriptions.
    pub(super) fn may_receive(&self, topic: &str) -> bool {
        self.handler.get().is_none_or(|handler| handler.may_receive(topic))
    }

    pub(super) fn new(plugin: Arc<str>) -> Self {
        Listener {
            plugin,
            handler: OnceLock::new(),
            places: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            given_up: AtomicU64::new(0),
            queue: Mutex::default(),
        }
    }

    /// Returns whether no event is queued or on its way here.
    pub(super) fn is_idle(&self) -> bool {
        (self.places.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed)) == (0, 0)
    }

    /// Returns the number of events that are queued or on their way here.
    pub(super) fn queued(&self) -> usize {
        self.places.load(Ordering::Relaxed)
    }

    /// Counts a durable event that becomes a dead letter.
    pub(super) fn gives_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of durable events that became dead letters.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Queues an event. Returns the task's right to take events from the queue if there is no task yet.
    #[must_use]
    pub(super) fn push(self: &Arc<Self>, event: QueuedEvent) -> Option<QueueTask> {
        let mut queue = self.queue.lock();
        queue.events.push_back(event);
        let has_task = std::mem::replace(&mut queue.has_task, true);
        (!has_task).then(|| QueueTask { listener: self.clone(), has_ended: false })
    }
}

impl Place {
    /// Takes a place in the queue of the subscription's plugin. Returns `None` if the queue is full.
    pub(super) fn take(subscription: Arc<Subscription>, event: &Published) -> Option<Self> {
        let bytes = event.data.len();
        let listener = &subscription.listener;
        let places_before = listener.places.fetch_add(1, Ordering::Relaxed);
        let bytes_before = listener.bytes.fetch_add(bytes, Ordering::Relaxed);
        let place = Place { subscription, bytes };
        // A single event of any size fits an empty queue.
        let fits =
            places_before < EVENT_QUEUE_MAX && (bytes_before == 0 || bytes_before + bytes <= EVENT_QUEUE_BYTES_MAX);
        fits.then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let listener = &self.subscription.listener;
        listener.places.fetch_sub(1, Ordering::Relaxed);
        listener.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The right to take events from a plugin's queue, which one task has at a time. If the task is dropped early, because
/// its executor ended, the next event starts another one.
pub(super) struct QueueTask {
    listener: Arc<Listener>,
    /// Set when the queue was empty: the right has been given back, and another task may have it.
    has_ended: bool,
}

impl QueueTask {
    pub(super) fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }

    /// Takes the next event. Returns `None` if the queue is empty; the task has then ended.
    pub(super) fn next(&mut self) -> Option<QueuedEvent> {
        let mut queue = self.listener.queue.lock();
        let next = queue.events.pop_front();
        if next.is_none() {
            queue.has_task = false;
            self.has_ended = true;
        }
        next
    }
}

impl Drop for QueueTask {
    fn drop(&mut self) {
        if !self.has_ended {
            self.listener.queue.lock().has_task = false;
        }
    }
}
