//! `plugbay:plugin/events`: the event that a handler receives.

use crate::bindings;

/// The facts of an event, which the host provides one by one.
pub(crate) struct EventFacts<'a>(&'a bindings::Event);

impl<'a> EventFacts<'a> {
    pub(crate) fn new(event: &'a bindings::Event) -> Self {
        EventFacts(event)
    }

    pub(crate) fn id(&self) -> String {
        self.0.id()
    }

    pub(crate) fn topic(&self) -> String {
        self.0.topic()
    }

    pub(crate) fn data(&self) -> String {
        self.0.data()
    }

    pub(crate) fn source(&self) -> String {
        self.0.source()
    }

    pub(crate) fn timestamp_ms(&self) -> u64 {
        self.0.timestamp_ms()
    }

    pub(crate) fn correlation_id(&self) -> Option<String> {
        self.0.correlation_id()
    }

    pub(crate) fn subscription(&self) -> String {
        self.0.subscription()
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.0.attempt()
    }

    pub(crate) fn stop(&self) {
        self.0.stop();
    }

    pub(crate) fn cancel(&self, reason: &str) {
        self.0.cancel(reason);
    }
}
