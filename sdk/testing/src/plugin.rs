//! A loaded plugin with its calls and assertions. A failed assertion panics with the found value, the log and the
//! denied uses of the plugin.

use std::sync::Arc;

use plugbay::event::{Health, Reaction};
use plugbay::manifest::Manifest;
use plugbay::metrics::MetricsSnapshot;
use plugbay::{Event, Invocation, InvokeError, LoadError, Package, Plugin};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::host::Inner;
use crate::record::{DeniedUse, LogLine};

/// A plugin that is loaded into a [`TestHost`](crate::TestHost).
pub struct TestPlugin {
    pub(crate) host: Arc<Inner>,
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

    /// The manifest of the serving revision.
    pub fn manifest(&self) -> Manifest {
        self.plugin.manifest()
    }

    /// Calls an action and returns its result. Pass `()` for no payload.
    ///
    /// # Panics
    /// If the call fails.
    #[track_caller]
    pub fn call(&self, action: &str, payload: impl Serialize) -> Value {
        self.answered(action, self.try_call(action, payload))
    }

    /// Calls an action and returns its result as an `R`.
    ///
    /// # Panics
    /// If the call fails, or its result is not an `R`.
    #[track_caller]
    pub fn call_as<R: DeserializeOwned>(&self, action: &str, payload: impl Serialize) -> R {
        let answer = self.call(action, payload);
        match R::deserialize(&answer) {
            Ok(answer) => answer,
            Err(error) => panic!(
                "plugin `{}` returned a result of `{action}` that is not a `{}` ({error}): {answer}{}",
                self.name(),
                std::any::type_name::<R>(),
                self.scene()
            ),
        }
    }

    /// Calls an action that is expected to fail, and returns the error.
    ///
    /// # Panics
    /// If the call succeeds.
    #[track_caller]
    pub fn call_error(&self, action: &str, payload: impl Serialize) -> InvokeError {
        match self.try_call(action, payload) {
            Err(error) => error,
            Ok(answer) => {
                panic!(
                    "expected an error of `{action}`, but plugin `{}` returned {answer}{}",
                    self.name(),
                    self.scene()
                )
            }
        }
    }

    /// Calls an action.
    ///
    /// # Errors
    /// [`InvokeError`] if the call fails.
    pub fn try_call(&self, action: &str, payload: impl Serialize) -> Result<Value, InvokeError> {
        self.invoke(Invocation::new(action).payload(&payload))
    }

    /// Makes a call with all settings, such as the caller, the request id and the deadline.
    ///
    /// # Errors
    /// [`InvokeError`] if the call fails.
    pub fn invoke(&self, invocation: Invocation<'_>) -> Result<Value, InvokeError> {
        let outcome = self.host.run(self.plugin.invoke(invocation))?;
        outcome.parse(&self.name(), "the action")
    }

    /// Delivers an event of the host to the subscriptions of this plugin alone, declared and made at run time, with the
    /// time of the test's clock. [`TestHost::emit`](crate::TestHost::emit) emits an event to all plugins.
    ///
    /// # Panics
    /// If a handler fails.
    #[track_caller]
    pub fn event(&self, topic: &str, data: impl Into<Value>) -> Reaction {
        let event = self.make_event(topic, data);
        self.answered(topic, self.deliver(&event))
    }

    /// Creates an event of the host, which can be changed before [`TestPlugin::deliver`]. Its delivery sets its id, and
    /// its time by the test's clock.
    pub fn make_event(&self, topic: &str, data: impl Into<Value>) -> Event {
        Event::new(topic, data)
    }

    /// Delivers any event to the subscriptions of this plugin alone.
    ///
    /// # Errors
    /// [`InvokeError`] of the first handler that failed.
    pub fn deliver(&self, event: &Event) -> Result<Reaction, InvokeError> {
        self.host.run(self.plugin.deliver(event))
    }

    /// Runs the plugin's health check.
    ///
    /// # Panics
    /// If the check cannot run.
    #[track_caller]
    pub fn health(&self) -> Health {
        self.answered("health", self.try_health())
    }

    /// Runs the plugin's health check.
    ///
    /// # Errors
    /// [`InvokeError`] if the check cannot run.
    pub fn try_health(&self) -> Result<Health, InvokeError> {
        self.host.run(self.plugin.health())
    }

    /// Loads the same package as a new revision, to which the running one passes its state.
    ///
    /// # Panics
    /// If the new revision cannot take over.
    #[track_caller]
    pub fn reload(&self) {
        if let Err(error) = self.try_reload() {
            panic!("{error}{}", self.scene());
        }
    }

    /// Like [`TestPlugin::reload`], without the panic.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed. The old revision then continues to serve.
    pub fn try_reload(&self) -> Result<(), LoadError> {
        self.host.run(self.host.runtime.reload(self.package.clone())).map(|_| ())
    }

    /// Unloads the plugin and loads the same package, as a restart of the host does: what it stored is there, its state
    /// is not.
    ///
    /// # Panics
    /// Where it cannot be loaded.
    #[track_caller]
    pub fn restart(&mut self) {
        if let Err(error) = self.try_restart() {
            panic!("{error}{}", self.scene());
        }
    }

    /// Unloads the plugin and loads the same package.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed. The plugin is not loaded then.
    pub fn try_restart(&mut self) -> Result<(), LoadError> {
        self.unload();
        self.plugin = self.host.run(self.host.runtime.load(self.package.clone()))?;
        Ok(())
    }

    /// Unloads the plugin. Its `on_unload` has run when this returns.
    pub fn unload(&self) {
        self.host.run(self.host.runtime.unload(&self.name()));
    }

    /// The plugin's log lines so far, including its standard output and error.
    pub fn log_lines(&self) -> Vec<LogLine> {
        let name = self.name();
        self.host.record.entries().lines.iter().filter(|line| line.plugin == name).cloned().collect()
    }

    /// The plugin's denied uses so far.
    pub fn denials(&self) -> Vec<DeniedUse> {
        let name = self.name();
        self.host.record.entries().denials.iter().filter(|denied| denied.plugin == name).cloned().collect()
    }

    /// The plugin's metrics since it was loaded.
    pub fn metrics(&self) -> MetricsSnapshot {
        self.plugin.metrics()
    }

    /// The plugin itself, for an asynchronous test or for functions that this harness does not cover.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Asserts that the plugin attempted to use a resource, such as `db.users`, for an action, such as `read`, and that
    /// this was denied.
    ///
    /// # Panics
    /// If the use was granted, or the plugin did not attempt it.
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
            .entries()
            .uses
            .iter()
            .any(|granted| granted.plugin == name && granted.resource == resource && granted.action == action);
        let what = if granted { "it was granted" } else { "the plugin did not try" };
        panic!("`{action}` of `{resource}` should have been denied to plugin `{name}`, but {what}{}", self.scene());
    }

    /// Asserts that no use was denied to the plugin.
    ///
    /// # Panics
    /// If any was.
    #[track_caller]
    pub fn assert_nothing_denied(&self) {
        if !self.denials().is_empty() {
            panic!("plugin `{}` should have no denied uses{}", self.name(), self.scene());
        }
    }

    /// Asserts that a log line of the plugin contains a text, in the form `INFO [target] message name=value`.
    ///
    /// # Panics
    /// If no line does.
    #[track_caller]
    pub fn assert_logged(&self, text: &str) {
        if !self.log_lines().iter().any(|line| line.to_string().contains(text)) {
            panic!("no line of the log of plugin `{}` contains `{text}`{}", self.name(), self.scene());
        }
    }

    /// Asserts that no log line of the plugin contains a text, such as a secret.
    ///
    /// # Panics
    /// If a line does.
    #[track_caller]
    pub fn assert_not_logged(&self, text: &str) {
        if self.log_lines().iter().any(|line| line.to_string().contains(text)) {
            panic!("the log of plugin `{}` contains `{text}`{}", self.name(), self.scene());
        }
    }

    #[track_caller]
    fn answered<T>(&self, what: &str, answer: Result<T, InvokeError>) -> T {
        match answer {
            Ok(answer) => answer,
            Err(error) => {
                let hint = hint(error.hint());
                panic!("plugin `{}` failed in `{what}`: [{}] {error}{hint}{}", self.name(), error.code(), self.scene())
            }
        }
    }

    pub(crate) fn scene(&self) -> String {
        self.host.record.scene(&self.name())
    }
}

/// What to do about an error, on a line of its own below its text.
pub(crate) fn hint(hint: Option<String>) -> String {
    hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default()
}

impl std::fmt::Debug for TestPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plugin.fmt(f)
    }
}
