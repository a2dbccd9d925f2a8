//! A loaded plugin, and what a test says of it. What is expected and does not come panics with what came, the plugin's
//! log and what it was denied.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use plugbay::manifest::Manifest;
use plugbay::{Event, Health, Invocation, InvokeError, LoadError, MetricsSnapshot, Package, Plugin, Reaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::Inner;
use crate::record::{DeniedUse, LogLine};

/// A plugin that is loaded into a [`TestHost`](crate::TestHost).
pub struct TestPlugin {
    host: Arc<Inner>,
    plugin: Plugin,
    package: Package,
}

impl TestPlugin {
    pub(crate) fn new(host: Arc<Inner>, plugin: Plugin, package: Package) -> Self {
        TestPlugin { host, plugin, package }
    }

    /// The plugin's name.
    pub fn name(&self) -> String {
        self.plugin.name()
    }

    /// The manifest of the revision that serves.
    pub fn manifest(&self) -> Manifest {
        self.plugin.manifest()
    }

    /// Calls an action and gets its answer. `()` is a call without a payload.
    ///
    /// # Panics
    /// Where it answers an error, or something stops it.
    #[track_caller]
    pub fn call(&self, action: &str, payload: impl Serialize) -> Value {
        self.answered(action, self.try_call(action, payload))
    }

    /// Calls an action and gets its answer as an `R`.
    ///
    /// # Panics
    /// As [`TestPlugin::call`], and where the answer is no `R`.
    #[track_caller]
    pub fn call_as<R: DeserializeOwned>(&self, action: &str, payload: impl Serialize) -> R {
        let answer = self.call(action, payload);
        match R::deserialize(&answer) {
            Ok(answer) => answer,
            Err(error) => panic!(
                "`{}` answered `{action}` with what is no `{}` ({error}): {answer}{}",
                self.name(),
                std::any::type_name::<R>(),
                self.scene()
            ),
        }
    }

    /// Calls an action that is expected to fail, and gets the error.
    ///
    /// # Panics
    /// Where it succeeds.
    #[track_caller]
    pub fn call_error(&self, action: &str, payload: impl Serialize) -> InvokeError {
        match self.try_call(action, payload) {
            Err(error) => error,
            Ok(answer) => {
                panic!("`{}` answered `{action}`, and an error was expected: {answer}{}", self.name(), self.scene())
            }
        }
    }

    /// Calls an action.
    ///
    /// # Errors
    /// [`InvokeError`]: what stopped the call, or what the plugin answered.
    pub fn try_call(&self, action: &str, payload: impl Serialize) -> Result<Value, InvokeError> {
        self.invoke(Invocation::new(action).payload(&payload)?)
    }

    /// Makes a call that says more of itself: who makes it, under which id, until when.
    ///
    /// # Errors
    /// [`InvokeError`]: what stopped the call, or what the plugin answered.
    pub fn invoke(&self, invocation: Invocation<'_>) -> Result<Value, InvokeError> {
        let outcome = self.host.executor.wait(self.plugin.invoke(invocation))?;
        outcome.parse(&self.name(), "the action")
    }

    /// Hands an event of the host to the plugin's subscriptions, at the time of the test's clock.
    ///
    /// # Panics
    /// Where a handler fails.
    #[track_caller]
    pub fn event(&self, topic: &str, data: impl Into<Value>) -> Reaction {
        let event = self.make_event(topic, data);
        self.answered(topic, self.deliver(&event))
    }

    /// An event of the host, at the time of the test's clock, to be changed before it is delivered.
    pub fn make_event(&self, topic: &str, data: impl Into<Value>) -> Event {
        let mut event = Event::new(topic, data);
        let since = self.host.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        event.timestamp_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        event
    }

    /// Hands any event to the plugin's subscriptions.
    ///
    /// # Errors
    /// [`InvokeError`] of the first handler that failed.
    pub fn deliver(&self, event: &Event) -> Result<Reaction, InvokeError> {
        self.host.executor.wait(self.plugin.deliver(event))
    }

    /// Asks the plugin how it is.
    ///
    /// # Panics
    /// Where the check cannot run.
    #[track_caller]
    pub fn health(&self) -> Health {
        self.answered("health", self.try_health())
    }

    /// Asks the plugin how it is.
    ///
    /// # Errors
    /// [`InvokeError`] where the check cannot run.
    pub fn try_health(&self) -> Result<Health, InvokeError> {
        self.host.executor.wait(self.plugin.health())
    }

    /// Loads the same package again beside the running revision, which hands its state over.
    ///
    /// # Panics
    /// Where the new revision cannot take over.
    #[track_caller]
    pub fn reload(&self) {
        if let Err(error) = self.try_reload() {
            panic!("{error}{}", self.scene());
        }
    }

    /// Loads the same package again.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed. The old revision keeps serving then.
    pub fn try_reload(&self) -> Result<(), LoadError> {
        self.host.executor.wait(self.host.runtime.reload(self.package.clone())).map(|_| ())
    }

    /// Unloads the plugin: its `on_unload` has run when this returns.
    pub fn unload(&self) {
        self.host.executor.wait(self.host.runtime.unload(&self.name()));
    }

    /// The lines of its log so far, its standard output and error among them.
    pub fn log_lines(&self) -> Vec<LogLine> {
        let name = self.name();
        self.host.record.kept().lines.iter().filter(|line| line.plugin == name).cloned().collect()
    }

    /// What it was about to use and was not granted so far.
    pub fn denials(&self) -> Vec<DeniedUse> {
        let name = self.name();
        self.host.record.kept().denials.iter().filter(|denied| denied.plugin == name).cloned().collect()
    }

    /// What it did since it was loaded, in numbers.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.plugin.metrics()
    }

    /// The plugin itself, for an asynchronous test or for what this harness has no word for.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Asserts that it was about to use a resource, such as `db.users`, for an action, such as `read`, and was not
    /// granted it.
    ///
    /// # Panics
    /// Where it was granted, or the plugin did not try.
    #[track_caller]
    pub fn assert_denied(&self, resource: &str, action: &str) {
        let denied = self.denials().iter().any(|denied| denied.resource == resource && denied.action == action);
        if denied {
            return;
        }
        let name = self.name();
        let granted = self
            .host
            .record
            .kept()
            .uses
            .iter()
            .any(|granted| granted.plugin == name && granted.resource == resource && granted.action == action);
        let what = if granted { "was granted it" } else { "did not try" };
        panic!("`{name}` should be denied to {action} `{resource}`, and {what}{}", self.scene());
    }

    /// Asserts that it was denied nothing at all.
    ///
    /// # Panics
    /// Where it was.
    #[track_caller]
    pub fn assert_nothing_denied(&self) {
        if !self.denials().is_empty() {
            panic!("`{}` should be denied nothing{}", self.name(), self.scene());
        }
    }

    /// Asserts that a line of its log contains a text, as it is shown: `INFO [target] message name=value`.
    ///
    /// # Panics
    /// Where none does.
    #[track_caller]
    pub fn assert_logged(&self, text: &str) {
        if !self.log_lines().iter().any(|line| line.to_string().contains(text)) {
            panic!("no line of the log of `{}` contains `{text}`{}", self.name(), self.scene());
        }
    }

    /// Asserts that no line of its log contains a text, such as a secret.
    ///
    /// # Panics
    /// Where one does.
    #[track_caller]
    pub fn assert_not_logged(&self, text: &str) {
        if self.log_lines().iter().any(|line| line.to_string().contains(text)) {
            panic!("the log of `{}` contains `{text}`{}", self.name(), self.scene());
        }
    }

    #[track_caller]
    fn answered<T>(&self, what: &str, answer: Result<T, InvokeError>) -> T {
        match answer {
            Ok(answer) => answer,
            Err(error) => {
                panic!("`{}` did not answer `{what}`: [{}] {error}{}", self.name(), error.code(), self.scene())
            }
        }
    }

    fn scene(&self) -> String {
        self.host.record.scene(&self.name())
    }
}

impl std::fmt::Debug for TestPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plugin.fmt(f)
    }
}
