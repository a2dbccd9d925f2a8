//! `plugbay:plugin/events.event`: the event that the running call handles. It requires no permission.
//!
//! The event is in the store, and the guest has a borrowed handle of it, which ends with the call. So a handler pays
//! only for the facts that it asks for.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::HostState;
use super::bindings::plugbay::plugin::events as wit;
use crate::admission::EventCause;
use crate::event::{Delivery, Published, Reaction, Subscription};
use crate::limits::EVENT_REASON_BYTES_MAX;

/// The guest's handle of the event that its call handles. The event itself is in the store ([`HandledEvent`]).
pub struct EventHandle;

impl EventHandle {
    /// A handle for a call. There is one event in a store, so all handles have the same number.
    pub(crate) fn borrow() -> Resource<EventHandle> {
        Resource::new_borrow(0)
    }
}

/// An event that a handler of this instance handles.
pub(crate) struct HandledEvent {
    event: Arc<Published>,
    subscription: Arc<Subscription>,
    attempt: u32,
    reaction: Reaction,
}

impl HandledEvent {
    pub(crate) fn new(delivery: Delivery<'_>) -> Self {
        let Delivery { event, subscription, attempt, .. } = delivery;
        let reaction = Reaction { heard: 1, ..Reaction::default() };
        HandledEvent { event: event.clone(), subscription: subscription.clone(), attempt, reaction }
    }

    /// Returns the correlation id of the event, if it has one.
    pub(crate) fn correlation_id(&self) -> Option<&str> {
        self.event.correlation_id.as_deref()
    }

    /// Returns the event as the cause of those that its handler publishes.
    pub(super) fn cause(&self) -> EventCause {
        let event = &self.event;
        let correlation_id = event.correlation_id.as_ref().unwrap_or(&event.id).clone();
        EventCause { depth: event.depth, correlation_id }
    }

    /// Returns the handler's reaction.
    pub(crate) fn into_reaction(self) -> Reaction {
        self.reaction
    }
}

impl HostState {
    /// The value of a fact about the event. A guest has a handle only while its call handles an event, so there is one.
    fn fact<T: Default>(&self, fact: impl FnOnce(&HandledEvent) -> T) -> T {
        self.event.as_deref().map(fact).unwrap_or_default()
    }
}

impl wit::HostEvent for HostState {
    fn id(&mut self, _: Resource<EventHandle>) -> String {
        self.fact(|handled| handled.event.id.clone())
    }

    fn topic(&mut self, _: Resource<EventHandle>) -> String {
        self.fact(|handled| handled.event.topic.clone())
    }

    async fn data(&mut self, _: Resource<EventHandle>) -> String {
        let data = self.fact(|handled| handled.event.data.clone());
        self.end_host_call(data.len()).await;
        data
    }

    fn source(&mut self, _: Resource<EventHandle>) -> String {
        self.fact(|handled| handled.event.source.clone())
    }

    fn timestamp_ms(&mut self, _: Resource<EventHandle>) -> u64 {
        self.fact(|handled| handled.event.timestamp_ms)
    }

    fn correlation_id(&mut self, _: Resource<EventHandle>) -> Option<String> {
        self.fact(|handled| handled.event.correlation_id.clone())
    }

    fn subscription(&mut self, _: Resource<EventHandle>) -> String {
        self.fact(|handled| handled.subscription.id.clone())
    }

    fn attempt(&mut self, _: Resource<EventHandle>) -> u32 {
        self.fact(|handled| handled.attempt)
    }

    fn stop(&mut self, _: Resource<EventHandle>) {
        if let Some(handled) = &mut self.event {
            handled.reaction.stop = true;
        }
    }

    /// The first reason counts. A long one is cut.
    fn cancel(&mut self, _: Resource<EventHandle>, mut reason: String) {
        if let Some(handled) = &mut self.event {
            reason.truncate(reason.floor_char_boundary(EVENT_REASON_BYTES_MAX));
            handled.reaction.cancel = true;
            handled.reaction.reason.get_or_insert(reason);
        }
    }

    /// A handle is borrowed, so a guest that drops it ends nothing.
    fn drop(&mut self, _: Resource<EventHandle>) -> wasmtime::Result<()> {
        Ok(())
    }
}
