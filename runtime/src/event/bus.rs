//! The bus: publishing, routing to subscriptions, and delivery.
//!
//! An emitted event is delivered in the emitter's task. A published event is queued ([`listener`](super::listener)).
//! Both find their subscriptions when they are published; a subscription that ends before its turn is passed over.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use plugbay_manifest::parse_topic;
use serde_json::Value;
use tokio::sync::broadcast;

use super::delivery::{Delivery, Handler, Published};
use super::index::PatternIndex;
use super::listener::{Listener, Place, QueueTask, QueuedEvent};
use super::stream::{Broadcast, EventStream, StreamSender};
use super::subscription::Subscription;
use super::topic::topic_to_publish;
use super::{EmitOutcome, Event, Reaction};
use crate::admission::Chain;
use crate::clock::{Clock, unix_ms};
use crate::error::{EventError, InvokeError, InvokeErrorKind};
use crate::limits::{EVENT_DEPTH_MAX, EVENT_STREAM_EVENTS_MAX};

/// The source of events that the host publishes.
const HOST: &str = "host";

/// The event bus of a runtime.
pub(crate) struct EventBus {
    clock: Arc<dyn Clock>,
    routes: RwLock<Routes>,
    /// The plugins that have begun to serve, by name, with their subscriptions.
    pub(super) plugins: Mutex<HashMap<Arc<str>, Subscriber>>,
    /// Distinguishes the ids of this bus from those of all others.
    nonce: u32,
    /// The number of the next event, stream or subscription.
    next: AtomicU64,
    /// Events of the host that were lost because a queue was full.
    lost: AtomicU64,
}

/// The subscriptions and streams by pattern.
#[derive(Default)]
struct Routes {
    subscriptions: PatternIndex<Arc<Subscription>>,
    streams: PatternIndex<StreamSender>,
}

/// A plugin on the bus.
pub(super) struct Subscriber {
    pub(super) listener: Arc<Listener>,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
}

/// An event to be published.
pub(crate) struct NewEvent {
    /// In any spelling.
    pub(crate) topic: String,
    /// JSON.
    pub(crate) data: String,
    pub(crate) source: String,
    pub(crate) target: Option<String>,
    pub(crate) correlation_id: Option<String>,
    /// The depth of the event whose handler publishes this one; 0 if none does.
    pub(crate) depth_before: u32,
}

impl From<Event> for NewEvent {
    fn from(event: Event) -> Self {
        let Event { name, data, source, correlation_id, .. } = event;
        NewEvent { topic: name, data: data.to_string(), source, target: None, correlation_id, depth_before: 0 }
    }
}

impl EventBus {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        // The hasher's keys are random.
        let nonce = RandomState::new().hash_one(std::process::id()) as u32;
        Arc::new(EventBus {
            clock,
            routes: RwLock::default(),
            plugins: Mutex::default(),
            nonce,
            next: AtomicU64::new(1),
            lost: AtomicU64::new(0),
        })
    }

    /// Publishes an event and waits for its handlers. `chain` is the plugins that wait for them, for at most `timeout`.
    ///
    /// # Errors
    /// [`EventError`] if the event is refused. No handler has run then.
    pub(crate) async fn emit(
        &self,
        event: NewEvent,
        chain: Option<Arc<Chain>>,
        timeout: Option<Duration>,
    ) -> Result<EmitOutcome, EventError> {
        let event = self.accept(event)?;
        let handlers = self.route(&event);
        if handlers.is_empty() {
            return Ok(EmitOutcome { id: event.id, ..EmitOutcome::default() });
        }
        let (event, begun) = (Arc::new(event), std::time::Instant::now());
        let mut outcome = EmitOutcome { id: event.id.clone(), ..EmitOutcome::default() };
        for subscription in &handlers {
            let timeout = timeout.map(|timeout| timeout.saturating_sub(begun.elapsed()));
            let delivery = Delivery { event: &event, subscription, attempt: 1, chain: chain.as_ref(), timeout };
            let Some(answer) = self.deliver(delivery).await else { continue };
            outcome.handlers += 1;
            match answer {
                Ok(reaction) => outcome.add(reaction),
                Err(_) => outcome.failed += 1,
            }
            if outcome.stopped {
                break;
            }
        }
        Ok(outcome)
    }

    /// Publishes an event and returns its id when it is queued.
    ///
    /// # Errors
    /// [`EventError`] if the event is refused. No handler will run then.
    pub(crate) async fn publish(self: &Arc<Self>, event: NewEvent) -> Result<String, EventError> {
        let event = self.accept(event)?;
        let id = event.id.clone();
        self.queue(event)?;
        Ok(id)
    }

    /// Publishes an event of the host unless nothing subscribed to its topic. `data` is called only if something did.
    /// If a plugin's queue is full, the event is lost, and counted.
    pub(crate) fn host_event(self: &Arc<Self>, topic: &str, data: impl FnOnce() -> Value) {
        if !self.has_receivers(topic) {
            return;
        }
        let event = NewEvent {
            topic: topic.to_owned(),
            data: data().to_string(),
            source: HOST.to_owned(),
            target: None,
            correlation_id: None,
            depth_before: 0,
        };
        if let Err(error) = self.accept(event).and_then(|event| self.queue(event)) {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::warn!(topic, lost, "an event of the host is lost: {error}");
        }
    }

    /// Returns whether a subscription or a stream matches this topic.
    fn has_receivers(&self, topic: &str) -> bool {
        let routes = self.routes.read();
        let mut found = false;
        routes.streams.matching(topic, |_| found = true);
        if !found {
            routes.subscriptions.matching(topic, |_| found = true);
        }
        found
    }

    /// Creates a stream of the events that match a pattern.
    ///
    /// # Errors
    /// [`EventError::Topic`].
    pub(crate) fn stream(self: &Arc<Self>, pattern: &str) -> Result<EventStream, EventError> {
        let pattern = parse_topic(pattern).map_err(|message| EventError::Topic { message })?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = broadcast::channel(EVENT_STREAM_EVENTS_MAX);
        self.routes.write().streams.insert(&pattern, StreamSender { number, events: sender });
        Ok(EventStream { bus: Arc::downgrade(self), pattern, number, events })
    }

    pub(super) fn remove_stream(&self, pattern: &str, number: u64) {
        self.routes.write().streams.remove(pattern, |stream| stream.number == number);
    }

    /// Returns the subscriptions of a plugin that match a topic, in the order of their priorities.
    pub(crate) fn subscriptions_of(&self, plugin: &str, topic: &str) -> Vec<Arc<Subscription>> {
        let mut found = Vec::new();
        self.routes.read().subscriptions.matching(topic, |subscription| {
            if *subscription.listener.plugin == *plugin {
                found.push(subscription.clone());
            }
        });
        sort(&mut found);
        found
    }

    /// Delivers an event to one subscription. Returns `None` if the subscription has ended, or its plugin is gone.
    pub(crate) async fn deliver(&self, delivery: Delivery<'_>) -> Option<Result<Reaction, InvokeError>> {
        let subscription = delivery.subscription;
        let claim = subscription.claim()?;
        let handler = &subscription.listener.handler;
        match handler.handle(delivery).await {
            Ok(reaction) => {
                if claim.succeeded() {
                    self.remove(subscription);
                }
                Some(Ok(reaction))
            }
            Err(error) if matches!(error.kind(), InvokeErrorKind::NotLoaded | InvokeErrorKind::PluginDisabled) => None,
            Err(error) => {
                handler.log_failure(delivery, &error);
                Some(Err(error))
            }
        }
    }

    /// Assigns the id and the time of an event.
    pub(crate) fn accept(&self, event: NewEvent) -> Result<Published, EventError> {
        let NewEvent { topic, data, source, target, correlation_id, depth_before } = event;
        let topic = topic_to_publish(topic).map_err(|message| EventError::Topic { message })?;
        if depth_before >= EVENT_DEPTH_MAX {
            return Err(EventError::Cycle { topic, allowed: EVENT_DEPTH_MAX });
        }
        let timestamp_ms = unix_ms(self.clock.now());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{timestamp_ms:x}-{:x}-{number:x}", self.nonce);
        Ok(Published { id, topic, data, source, target, timestamp_ms, correlation_id, depth: depth_before + 1 })
    }

    /// Passes the event to the streams, and returns the subscriptions that receive it, in order.
    fn route(&self, event: &Published) -> Vec<Arc<Subscription>> {
        let mut found: Vec<Arc<Subscription>> = Vec::new();
        let routes = self.routes.read();
        let mut broadcast = Broadcast::new(event);
        routes.streams.matching(&event.topic, |stream| broadcast.send(stream));
        routes.subscriptions.matching(&event.topic, |subscription| {
            if event.target.as_deref().is_none_or(|target| target == &*subscription.listener.plugin) {
                found.push(subscription.clone());
            }
        });
        drop(routes);
        sort(&mut found);
        found
    }

    /// Queues an event for all of its subscriptions, or for none if a queue is full.
    fn queue(self: &Arc<Self>, event: Published) -> Result<(), EventError> {
        let handlers = self.route(&event);
        if handlers.is_empty() {
            return Ok(());
        }
        let mut places = VecDeque::with_capacity(handlers.len());
        for subscription in handlers {
            let plugin = subscription.listener.plugin.clone();
            let place = Place::take(subscription, &event);
            places.push_back(place.ok_or_else(|| EventError::Busy { plugin: plugin.to_string() })?);
        }
        self.move_on(QueuedEvent { event: Arc::new(event), places });
        Ok(())
    }

    /// Moves an event to the queue of the plugin that receives it next.
    fn move_on(self: &Arc<Self>, event: QueuedEvent) {
        let Some(listener) = event.places.front().map(|place| place.subscription.listener.clone()) else { return };
        if let Some(task) = listener.push(event)
            && let Ok(executor) = tokio::runtime::Handle::try_current()
        {
            executor.spawn(self.clone().take_from_queue(task));
        }
    }

    /// Delivers the events in a plugin's queue until it is empty.
    async fn take_from_queue(self: Arc<Self>, mut task: QueueTask) {
        while let Some(mut queued) = task.next() {
            while let Some(place) = queued.places.pop_front() {
                let (event, subscription) = (&queued.event, &place.subscription);
                let delivery = Delivery { event, subscription, attempt: 1, chain: None, timeout: None };
                let answer = self.deliver(delivery).await;
                if matches!(answer, Some(Ok(Reaction { stop: true, .. }))) {
                    queued.places.clear();
                }
                let next = queued.places.front().map(|place| &place.subscription.listener);
                if next.is_some_and(|next| !Arc::ptr_eq(next, task.listener())) {
                    break;
                }
            }
            self.move_on(queued);
        }
    }

    /// Adds a plugin that begins to serve, or one that was reloaded, with the subscriptions that its manifest declares.
    /// After a reload, subscriptions of the plugin's code remain, and a declared one of the same pattern goes on with
    /// the state of the old one.
    pub(crate) fn attach(
        &self,
        plugin: &Arc<str>,
        declared: &[plugbay_manifest::Subscription],
        handler: impl FnOnce() -> Box<dyn Handler>,
    ) {
        let mut plugins = self.plugins.lock();
        let subscriber = plugins.entry(plugin.clone()).or_insert_with(|| Subscriber {
            listener: Arc::new(Listener::new(plugin.clone(), handler())),
            subscriptions: Vec::new(),
        });
        let mut old = std::mem::take(&mut subscriber.subscriptions);
        let mut new = Vec::with_capacity(declared.len());
        for subscription in declared {
            let before = old.iter().position(|known| known.id == subscription.id);
            let before = before.map(|at| old.swap_remove(at));
            let same_kind = before.as_ref().filter(|before| before.once == subscription.once);
            new.push(Arc::new(Subscription {
                id: subscription.id.clone(),
                pattern: subscription.topic.clone(),
                priority: subscription.priority,
                once: subscription.once,
                order: self.next.fetch_add(1, Ordering::Relaxed),
                listener: subscriber.listener.clone(),
                state: same_kind.map(|before| before.state.clone()).unwrap_or_default(),
            }));
            let mut routes = self.routes.write();
            if let Some(before) = before {
                routes.subscriptions.remove(&before.pattern, |known| Arc::ptr_eq(known, &before));
            }
            if let Some(subscription) = new.last().filter(|subscription| subscription.is_active()) {
                routes.subscriptions.insert(&subscription.pattern, subscription.clone());
            }
        }
        let (dynamic, dropped): (Vec<_>, Vec<_>) = old.into_iter().partition(|known| known.is_dynamic());
        for subscription in dropped {
            self.end(&subscription);
        }
        new.extend(dynamic);
        subscriber.subscriptions = new;
    }

    /// Removes a plugin that no longer serves. Events that are queued for it are passed over.
    pub(crate) fn detach(&self, plugin: &str) {
        let Some(subscriber) = self.plugins.lock().remove(plugin) else { return };
        for subscription in &subscriber.subscriptions {
            self.end(subscription);
        }
    }

    fn end(&self, subscription: &Subscription) {
        subscription.end();
        self.remove(subscription);
    }

    /// Removes a subscription from the routes. It stays among those of its plugin, so that a reload does not renew it.
    fn remove(&self, subscription: &Subscription) {
        let mut routes = self.routes.write();
        routes.subscriptions.remove(&subscription.pattern, |known| std::ptr::eq(&**known, subscription));
    }
}

/// Sorts subscriptions in the order in which they receive an event.
fn sort(subscriptions: &mut [Arc<Subscription>]) {
    subscriptions.sort_unstable_by_key(|subscription| (std::cmp::Reverse(subscription.priority), subscription.order));
}

#[cfg(test)]
mod tests;
