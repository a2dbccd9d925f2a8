//! The events of a host: emitting them as the application does, and the record of all events that were published.

use std::pin::pin;

use plugbay::error::EventError;
use plugbay::event::{EmitOutcome, EventStream, Received};
use plugbay::{Event, Runtime};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::executor::settle_events;
use crate::file::contains;
use crate::host::{Inner, TestHost};
use crate::plugin::TestPlugin;
use crate::record::Record;

/// The stream of all events of a host.
pub(crate) struct EventRecorder {
    stream: Mutex<EventStream>,
    record: Record,
}

impl EventRecorder {
    pub(crate) fn new(runtime: &Runtime, record: Record) -> Self {
        let stream = runtime.subscribe("**").unwrap_or_else(|error| panic!("all events: {error}"));
        EventRecorder { stream: Mutex::new(stream), record }
    }

    /// Waits for a future and records the events that are published meanwhile. A call that waits at the same time, on
    /// another thread of the test, leaves the recording to the first.
    pub(crate) async fn during<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let Ok(mut stream) = self.stream.try_lock() else { return future.await };
        let output = loop {
            tokio::select! {
                biased;
                Some(received) = stream.next() => self.add(received),
                output = &mut future => break output,
            }
        };
        while let Some(received) = stream.try_next() {
            self.add(received);
        }
        output
    }

    fn add(&self, received: Received) {
        match received {
            Received::Event(event) => self.record.add_event(&event),
            Received::Missed(count) => self.record.entries().events_missed += count,
        }
    }
}

impl Inner {
    /// Runs a future and then the handlers of the events that were published meanwhile, and records all of them.
    pub(crate) fn run<F>(&self, future: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        self.executor.wait(self.recorder.during(async {
            let output = future.await;
            settle_events(&self.runtime).await;
            output
        }))
    }

    /// The events that were published so far.
    ///
    /// # Errors
    /// If some are missing, because more than the stream holds were published without a pause.
    pub(crate) fn events(&self) -> Result<Vec<Event>, String> {
        let entries = self.record.entries();
        match entries.events_missed {
            0 => Ok(entries.events.clone()),
            missed => Err(format!("{missed} events, or log lines, were published too quickly to be recorded")),
        }
    }
}

impl TestHost {
    /// Emits an event of the host and waits for the handlers of all plugins that subscribed to its topic, in the order
    /// of their priorities. The errors of handlers are counted in the outcome and are in the log.
    ///
    /// # Panics
    /// If the event is refused, such as for its topic.
    #[track_caller]
    pub fn emit(&self, topic: &str, data: impl Into<Value>) -> EmitOutcome {
        let outcome = self.try_emit(Event::new(topic, data));
        outcome.unwrap_or_else(|error| panic!("the event `{topic}` cannot be emitted: {error}"))
    }

    /// Emits any event, such as one with another source.
    ///
    /// # Errors
    /// [`EventError`] if the event is refused.
    pub fn try_emit(&self, event: Event) -> Result<EmitOutcome, EventError> {
        self.inner().run(self.runtime().emit(event))
    }

    /// Publishes an event of the host, which is queued, and returns its id. All handlers have run when this returns.
    ///
    /// # Panics
    /// If the event is refused, such as for its topic.
    #[track_caller]
    pub fn publish(&self, topic: &str, data: impl Into<Value>) -> String {
        let published = self.inner().run(self.runtime().publish(Event::new(topic, data)));
        published.unwrap_or_else(|error| panic!("the event `{topic}` cannot be published: {error}"))
    }

    /// All events that were published so far, in order: those of plugins and of the host, such as changes of plugins'
    /// states. Log lines are not among them; see [`TestHost::log_lines`].
    ///
    /// # Panics
    /// If more events were published at once than the harness can record.
    #[track_caller]
    pub fn events(&self) -> Vec<Event> {
        self.inner().events().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl TestPlugin {
    /// The events that the plugin has published so far, in order.
    ///
    /// # Panics
    /// If more events were published at once than the harness can record.
    #[track_caller]
    pub fn published(&self) -> Vec<Event> {
        let name = self.name();
        let mut events = self.host.events().unwrap_or_else(|error| panic!("{error}"));
        events.retain(|event| event.source == name);
        events
    }

    /// Asserts that the plugin published an event on a topic with data that contains this: the same value, some members
    /// of an object, or some items of a list. Returns the first such event.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_published(&self, topic: &str, data: impl Into<Value>) -> Event {
        let data = data.into();
        let published = self.published();
        match published.iter().find(|event| event.name == topic && contains(&event.data, &data)) {
            Some(event) => event.clone(),
            None => {
                let events: String =
                    published.iter().map(|event| format!("\n    {} {}", event.name, event.data)).collect();
                let events = if events.is_empty() { " none".to_owned() } else { events };
                panic!(
                    "plugin `{}` should have published `{topic}` with {data}\n  published:{events}{}",
                    self.name(),
                    self.scene()
                )
            }
        }
    }

    /// Asserts that the plugin published no event on a topic.
    ///
    /// # Panics
    /// If it did.
    #[track_caller]
    pub fn assert_not_published(&self, topic: &str) {
        if let Some(event) = self.published().iter().find(|event| event.name == topic) {
            panic!(
                "plugin `{}` should not have published `{topic}`, but did with {}{}",
                self.name(),
                event.data,
                self.scene()
            );
        }
    }
}
