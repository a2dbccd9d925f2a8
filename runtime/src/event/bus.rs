//! The bus: publishing, routing to subscriptions, and delivery.
//!
//! An emitted event is delivered in the emitter's task. A published event is queued ([`listener`](super::listener)).
//! Both find their subscriptions when they are published; a subscription that ends before its turn is passed over.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use plugbay_manifest::parse_topic;
use serde_json::Value;
use tokio::sync::broadcast;

use super::delivery::{Delivery, FindHandler, Published};
use super::listener::{Place, QueueTask, QueuedEvent};
use super::registration::Subscriber;
use super::routes::Routes;
use super::store::{DeadLetter, EventReceiver, EventStore, EventStoreError};
use super::stream::{Broadcast, EventStream, StreamSender};
use super::subscription::Subscription;
use super::topic::Topic;
use super::{EmitOutcome, Event, Reaction};
use crate::admission::Chain;
use crate::clock::{Clock, time_of, unix_ms};
use crate::error::{EventError, InvokeError, InvokeErrorKind};
use crate::limits::{DEAD_LETTERS_PAGE, EVENT_DEPTH_MAX, EVENT_STREAM_EVENTS_MAX};

/// The source of events that the host publishes.
const HOST: &str = "host";
/// The beginning of the topics of log lines.
const LOG_TOPICS: &str = "log.";
/// The mark of log lines in the ids of events. It is no hexadecimal digit.
const LOG_MARK: &str = "l";

/// The event bus of a runtime.
pub(crate) struct EventBus {
    pub(crate) clock: Arc<dyn Clock>,
    /// The events of durable subscriptions.
    pub(super) store: Arc<dyn EventStore>,
    pub(super) routes: RwLock<Routes>,
    /// The plugins that have or had subscriptions, by name.
    pub(super) plugins: Mutex<HashMap<Arc<str>, Subscriber>>,
    /// Finds the handler of a plugin that serves, for its first subscription.
    pub(super) find_handler: FindHandler,
    /// Distinguishes the ids of this bus from those of all others.
    nonce: u32,
    /// The number of the next event, stream or subscription.
    pub(super) next: AtomicU64,
    /// Events of the host that were lost because a queue was full.
    lost: AtomicU64,
    /// Whether something subscribed to permissions by name, and not to all topics alone.
    names_permissions: AtomicBool,
}

/// An event to be published.
pub(crate) struct NewEvent {
    pub(crate) topic: Topic,
    /// JSON.
    pub(crate) data: String,
    pub(crate) source: String,
    pub(crate) target: Option<String>,
    pub(crate) correlation_id: Option<String>,
    /// The depth of the event that this one follows from; 0 if there is none.
    pub(crate) depth_before: u32,
}

impl TryFrom<Event> for NewEvent {
    type Error = EventError;

    fn try_from(event: Event) -> Result<Self, EventError> {
        let Event { name, data, source, correlation_id, .. } = event;
        // An event that an application publishes in a function that plugins wait for follows from theirs.
        let chain = Chain::of_this_task();
        let cause = chain.as_ref().and_then(|chain| chain.event());
        let depth_before = cause.map_or(0, |cause| cause.depth);
        let correlation_id = correlation_id.or_else(|| Some(cause?.correlation_id.clone()));
        let topic = Topic::new(name).map_err(|message| EventError::Topic { message })?;
        Ok(NewEvent { topic, data: data.to_string(), source, target: None, correlation_id, depth_before })
    }
}

impl EventBus {
    pub(crate) fn new(clock: Arc<dyn Clock>, store: Arc<dyn EventStore>, find_handler: FindHandler) -> Arc<Self> {
        // The hasher's keys are random.
        let nonce = RandomState::new().hash_one(std::process::id()) as u32;
        Arc::new(EventBus {
            clock,
            store,
            routes: RwLock::default(),
            plugins: Mutex::default(),
            find_handler,
            nonce,
            next: AtomicU64::new(1),
            lost: AtomicU64::new(0),
            names_permissions: AtomicBool::new(false),
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
        match self.begin_emit(event)? {
            Emission::Unheard { id } => Ok(EmitOutcome { id, ..EmitOutcome::default() }),
            Emission::Heard(heard) => self.end_emit(heard, chain, timeout).await,
        }
    }

    /// Publishes an event that no plugin receives, which is done at once. Otherwise, the emission is to be
    /// [ended](Self::end_emit).
    ///
    /// # Errors
    /// [`EventError`] if the event is refused.
    pub(crate) fn begin_emit(&self, event: NewEvent) -> Result<Emission, EventError> {
        let event = self.accept(event)?;
        let receivers = self.route(&event);
        if receivers.handlers.is_empty() && receivers.durable.is_empty() {
            self.broadcast(&event);
            return Ok(Emission::Unheard { id: event.id });
        }
        Ok(Emission::Heard(Box::new(Heard { event, receivers })))
    }

    /// Stores an event for durable subscriptions and waits for its other handlers, as [`emit`](Self::emit) does.
    ///
    /// # Errors
    /// [`EventError`] if the event cannot be stored. No handler has run then.
    pub(crate) async fn end_emit(
        &self,
        heard: Box<Heard>,
        chain: Option<Arc<Chain>>,
        timeout: Option<Duration>,
    ) -> Result<EmitOutcome, EventError> {
        let Heard { event, receivers: Receivers { handlers, durable } } = *heard;
        let mut outcome = EmitOutcome { id: event.id.clone(), durable: durable.len(), ..EmitOutcome::default() };
        let event = Arc::new(event);
        self.store(&event, durable).await?;
        self.broadcast(&event);
        let begun = std::time::Instant::now();
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

    /// Publishes an event and returns its id when it is queued, and stored for durable subscriptions.
    ///
    /// # Errors
    /// [`EventError`] if the event is refused. No handler will run then.
    pub(crate) async fn publish(self: &Arc<Self>, event: NewEvent) -> Result<String, EventError> {
        let event = Arc::new(self.accept(event)?);
        let Receivers { handlers, durable } = self.route(&event);
        let places = take_places(handlers, &event)?;
        self.store(&event, durable).await?;
        self.broadcast(&event);
        let id = event.id.clone();
        self.move_on(QueuedEvent { event, places });
        Ok(id)
    }

    /// Publishes an event of the host unless nothing subscribed to its topic. `data` is called only if something did.
    /// If a plugin's queue is full, the event is lost, and counted.
    pub(crate) fn host_event(self: &Arc<Self>, topic: &str, data: impl FnOnce() -> Value) {
        if !self.routes.read().has_receivers(topic) {
            return;
        }
        let Ok(topic) = Topic::new(topic.to_owned()) else { return };
        let event = NewEvent {
            topic,
            data: data().to_string(),
            source: HOST.to_owned(),
            target: None,
            correlation_id: None,
            depth_before: 0,
        };
        // A future that need not wait for a store is ready at once. The other goes on in a task of its own.
        let bus = self.clone();
        let mut publishing = Box::pin(async move {
            let Err(error) = bus.publish(event).await else { return };
            let lost = bus.lost.fetch_add(1, Ordering::Relaxed) + 1;
            // There may be one for each log line of a plugin.
            if lost.is_power_of_two() {
                tracing::warn!(lost, "an event of the host is lost: {error}");
            }
        });
        let is_ready = publishing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if !is_ready && let Ok(executor) = tokio::runtime::Handle::try_current() {
            executor.spawn(publishing);
        }
    }

    /// Changes the subscriptions or streams.
    pub(super) fn change_routes(&self, change: impl FnOnce(&mut Routes)) {
        let mut routes = self.routes.write();
        change(&mut routes);
        self.names_permissions.store(routes.name_permissions(), Ordering::Relaxed);
    }

    /// Whether a subscription or a stream names permissions, such as by `permission.*`. Those of all topics do not
    /// count: every access of a plugin would be an event for them.
    pub(crate) fn names_permissions(&self) -> bool {
        self.names_permissions.load(Ordering::Relaxed)
    }

    /// Creates a stream of the events that match a pattern.
    ///
    /// # Errors
    /// [`EventError::Topic`].
    pub(crate) fn stream(self: &Arc<Self>, pattern: &str) -> Result<EventStream, EventError> {
        let pattern = parse_topic(pattern).map_err(|message| EventError::Topic { message })?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, events) = broadcast::channel(EVENT_STREAM_EVENTS_MAX);
        self.change_routes(|routes| routes.streams.insert(&pattern, StreamSender { number, events: sender }));
        Ok(EventStream { bus: Arc::downgrade(self), pattern, number, events })
    }

    pub(super) fn remove_stream(&self, pattern: &str, number: u64) {
        self.change_routes(|routes| routes.streams.remove(pattern, |stream| stream.number == number));
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
        // It is unset while the plugin starts.
        let handler = subscription.listener.handler.get()?;
        match handler.handle(delivery).await {
            Ok(reaction) => {
                if claim.succeeded() {
                    self.remove(subscription);
                }
                Some(Ok(reaction))
            }
            Err(error) if does_not_serve(&error) => None,
            Err(error) => {
                handler.log_failure(delivery, &error);
                Some(Err(error))
            }
        }
    }

    /// Assigns the id and the time of an event.
    pub(crate) fn accept(&self, event: NewEvent) -> Result<Published, EventError> {
        let NewEvent { topic, data, source, target, correlation_id, depth_before } = event;
        let topic = topic.into_string();
        if depth_before >= EVENT_DEPTH_MAX {
            return Err(EventError::Cycle { topic, allowed: EVENT_DEPTH_MAX });
        }
        let timestamp_ms = unix_ms(time_of(&*self.clock));
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mark = if source == HOST && topic.starts_with(LOG_TOPICS) { LOG_MARK } else { "" };
        let id = event_id(timestamp_ms, self.nonce, mark, number);
        Ok(Published { id, topic, data, source, target, timestamp_ms, correlation_id, depth: depth_before + 1 })
    }

    /// Returns whether this is the id of an event that is a log line.
    pub(crate) fn is_log_event(&self, id: &str) -> bool {
        let mut parts = id.split('-').skip(1);
        let nonce = parts.next().and_then(|nonce| u32::from_str_radix(nonce, 16).ok());
        nonce == Some(self.nonce) && parts.next().is_some_and(|number| number.starts_with(LOG_MARK))
    }

    /// Returns the subscriptions that receive an event.
    fn route(&self, event: &Published) -> Receivers {
        let mut matching = Vec::new();
        self.routes.read().subscriptions.matching(&event.topic, |subscription| {
            if event.target.as_deref().is_none_or(|target| target == &*subscription.listener.plugin) {
                matching.push(subscription.clone());
            }
        });
        // Without the lock: a denial is an event itself.
        matching.retain(|subscription| subscription.listener.may_receive(&event.topic));
        let durable = matching.extract_if(.., |subscription| subscription.durable).collect();
        sort(&mut matching);
        Receivers { handlers: matching, durable }
    }

    /// Passes an event to the streams.
    fn broadcast(&self, event: &Published) {
        let mut broadcast = Broadcast::new(event);
        self.routes.read().streams.matching(&event.topic, |stream| broadcast.send(stream));
    }

    /// Stores an event for durable subscriptions.
    async fn store(&self, event: &Arc<Published>, durable: Vec<Arc<Subscription>>) -> Result<(), EventError> {
        if durable.is_empty() {
            return Ok(());
        }
        let receiver = |subscription: &Arc<Subscription>| EventReceiver {
            plugin: subscription.listener.plugin.to_string(),
            subscription: subscription.id.clone(),
        };
        self.store.append(event.clone(), durable.iter().map(receiver).collect()).await?;
        for subscription in durable {
            self.wake(&subscription.listener.plugin);
        }
        Ok(())
    }

    /// Makes a plugin look for stored events.
    fn wake(&self, plugin: &str) {
        if let Some(task) = self.plugins.lock().get(plugin).and_then(|subscriber| subscriber.durable.as_ref()) {
            task.wake();
        }
    }

    /// Returns the dead letters of a plugin or of all with a number above `after`, at most `limit` of them.
    ///
    /// # Errors
    /// [`EventError::Unavailable`].
    pub(crate) async fn dead_letters(
        &self,
        plugin: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, EventError> {
        Ok(self.store.dead_letters(plugin, after, limit).await?)
    }

    /// Returns the numbers of the dead letters of a plugin or of all.
    ///
    /// # Errors
    /// [`EventError::Unavailable`].
    pub(crate) async fn dead_letter_numbers(&self, plugin: Option<&str>) -> Result<Vec<u64>, EventError> {
        let mut numbers = Vec::new();
        loop {
            // Each page has the data of its events, so it is short.
            let after = numbers.last().copied().unwrap_or_default();
            let page = self.dead_letters(plugin, after, DEAD_LETTERS_PAGE).await?;
            if page.is_empty() {
                return Ok(numbers);
            }
            numbers.extend(page.iter().map(|letter| letter.number));
        }
    }

    /// Makes a dead letter pending again. Returns whether it existed.
    ///
    /// # Errors
    /// [`EventError::Unavailable`], or [`EventError::Busy`] if its plugin has too many pending events.
    pub(crate) async fn retry_dead_letter(&self, number: u64) -> Result<bool, EventError> {
        let plugin = self.store.retry_dead_letter(number).await?;
        plugin.iter().for_each(|plugin| self.wake(plugin));
        Ok(plugin.is_some())
    }

    /// Removes a dead letter. Returns whether it existed.
    ///
    /// # Errors
    /// [`EventError::Unavailable`].
    pub(crate) async fn remove_dead_letter(&self, number: u64) -> Result<bool, EventError> {
        Ok(self.store.remove_dead_letter(number).await?)
    }

    /// Removes all stored events of a plugin. Returns whether there were any.
    ///
    /// # Errors
    /// [`EventStoreError`].
    pub(crate) async fn remove_stored(&self, plugin: &str) -> Result<bool, EventStoreError> {
        self.store.remove(plugin).await
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
                // The grant may have been revoked while the event was queued.
                let answer = match subscription.listener.may_receive(&event.topic) {
                    true => self.deliver(delivery).await,
                    false => None,
                };
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
}

/// An event whose emitter waits for its handlers.
pub(crate) enum Emission {
    /// No plugin receives it.
    Unheard {
        /// Its id.
        id: String,
    },
    Heard(Box<Heard>),
}

/// An event, and the subscriptions that are to receive it.
pub(crate) struct Heard {
    event: Published,
    receivers: Receivers,
}

/// The subscriptions that receive an event.
struct Receivers {
    /// In the order in which they receive it.
    handlers: Vec<Arc<Subscription>>,
    durable: Vec<Arc<Subscription>>,
}

/// Takes a place for an event in the queue of each subscription's plugin, or in none if a queue is full.
fn take_places(handlers: Vec<Arc<Subscription>>, event: &Published) -> Result<VecDeque<Place>, EventError> {
    let mut places = VecDeque::with_capacity(handlers.len());
    for subscription in handlers {
        let plugin = subscription.listener.plugin.clone();
        let place = Place::take(subscription, event);
        places.push_back(place.ok_or_else(|| EventError::Busy { plugin: plugin.to_string() })?);
    }
    Ok(places)
}

impl From<EventStoreError> for EventError {
    fn from(error: EventStoreError) -> Self {
        match error {
            EventStoreError::Full { plugin } => EventError::Busy { plugin },
            EventStoreError::Unavailable(message) => EventError::Unavailable { message },
        }
    }
}

/// Returns the id of an event: its time, the bus and its number behind the mark, in hexadecimal digits. It is written
/// digit by digit, without `format!`, because every event has one.
fn event_id(timestamp_ms: u64, nonce: u32, mark: &str, number: u64) -> String {
    let mut id = String::with_capacity(32);
    for (before, part) in [(["", ""], timestamp_ms), (["-", ""], nonce.into()), (["-", mark], number)] {
        id.extend(before);
        let digits = (u64::BITS - part.leading_zeros()).div_ceil(4).max(1);
        id.extend((0..digits).rev().filter_map(|digit| char::from_digit((part >> (4 * digit)) as u32 & 0xf, 16)));
    }
    id
}

/// Returns whether an event was not delivered because its plugin does not serve at present.
fn does_not_serve(error: &InvokeError) -> bool {
    use InvokeErrorKind::{NotLoaded, PluginDisabled, PluginFailed};
    matches!(error.kind(), NotLoaded | PluginDisabled | PluginFailed { .. })
}

/// Sorts subscriptions in the order in which they receive an event.
fn sort(subscriptions: &mut [Arc<Subscription>]) {
    subscriptions.sort_unstable_by_key(|subscription| (std::cmp::Reverse(subscription.priority), subscription.order));
}

#[cfg(test)]
mod tests;
