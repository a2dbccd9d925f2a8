//! Events in a native build: what a test has made, and what the handler did with it.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

/// The facts of an event that a test has made.
#[derive(Debug, Default)]
pub(crate) struct EventFacts<'a> {
    topic: String,
    data: String,
    pub(crate) subscription: String,
    pub(crate) source: String,
    pub(crate) correlation_id: Option<String>,
    attempt: u32,
    stopped: Cell<bool>,
    cancelled: RefCell<Option<String>>,
    /// In the sandbox, the facts are borrowed from the host.
    _borrowed: PhantomData<&'a ()>,
}

impl EventFacts<'_> {
    /// An event of the host for the subscription with exactly this topic.
    pub(crate) fn made(topic: String, data: String) -> Self {
        let subscription = topic.clone();
        EventFacts { topic, data, subscription, source: "host".to_owned(), attempt: 1, ..EventFacts::default() }
    }

    pub(crate) fn id(&self) -> String {
        "native".to_owned()
    }

    pub(crate) fn topic(&self) -> String {
        self.topic.clone()
    }

    pub(crate) fn data(&self) -> String {
        self.data.clone()
    }

    pub(crate) fn source(&self) -> String {
        self.source.clone()
    }

    pub(crate) fn timestamp_ms(&self) -> u64 {
        0
    }

    pub(crate) fn correlation_id(&self) -> Option<String> {
        self.correlation_id.clone()
    }

    pub(crate) fn subscription(&self) -> String {
        self.subscription.clone()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    pub(crate) fn stop(&self) {
        self.stopped.set(true);
    }

    pub(crate) fn cancel(&self, reason: &str) {
        self.cancelled.borrow_mut().get_or_insert_with(|| reason.to_owned());
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    pub(crate) fn cancelled(&self) -> Option<String> {
        self.cancelled.borrow().clone()
    }
}
