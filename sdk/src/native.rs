//! Native instances of a plugin, for its own `cargo test`.
//!
//! A native build of a plugin is an ordinary library. A test can create its struct and call its methods, or call
//! `native_instance()`, which [`export_plugin!`](crate::export_plugin) and `#[plugin]` generate, for an [`Instance`]
//! that is driven like by the host, with action names and JSON. A stand-in replaces the host. Each thread, and so each
//! test, has its own: its configuration is set with [`set_config`], stored values are in memory, and the log goes to
//! stderr and to [`take_log`].
//!
//! The stand-in does not check schemas, limits and permissions.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::builder::SavedState;
use crate::dispatch::{Slot, Table};
use crate::error::Result;
use crate::event::Event;
use crate::events::Emitted;
use crate::host::{self, HttpAnswer};

/// Sets a value of the configuration that the plugin reads on this thread.
///
/// # Panics
/// If the value cannot be written as JSON.
pub fn set_config(key: &str, value: impl Serialize) {
    let value = serde_json::to_value(value);
    host::set(key, value.unwrap_or_else(|reason| panic!("the value of `{key}` is not JSON: {reason}")));
}

/// Sets the response to requests for a URL on this thread, for any method. Other URLs are `unavailable`.
pub fn set_http(url: impl Into<String>, status: u16, body: impl Into<Vec<u8>>) {
    host::set_http(url.into(), HttpAnswer { status, headers: Vec::new(), body: body.into() });
}

/// Sets the URL of the host's server for [`api`](crate::api) on this thread. Tokens are the text `native`, and the
/// answers to requests are those of [`set_http`].
pub fn set_api(url: impl Into<String>) {
    host::set_api(url.into());
}

/// Sets a function that takes the place of another plugin on this thread: it gets the action and the payload.
///
/// ```
/// use plugbay_sdk::prelude::*;
/// use plugbay_sdk::plugins;
/// use plugbay_sdk::native;
///
/// native::set_plugin("erp-core", |action, payload| match action {
///     "get_customer" => Ok(json!({ "id": payload["id"], "name": "Ada" })),
///     other => Err(error(format!("no action `{other}`")).with_code("not_found")),
/// });
/// let customer: Value = plugins::call("erp-core", "get_customer", &json!({ "id": 7 })).expect("an answer");
/// assert_eq!(customer["name"], "Ada");
/// ```
pub fn set_plugin(name: &str, answer: impl FnMut(&str, Value) -> Result<Value> + 'static) {
    host::set_plugin(name, Box::new(answer));
}

/// Registers a service of another plugin on this thread.
pub fn set_service(name: &str, plugin: &str) {
    host::set_service(name, plugin);
}

/// Returns the topics and data of the events published on this thread since the last call. No handler receives them.
///
/// ```
/// use plugbay_sdk::{events, json, native};
///
/// events::publish("order.placed", &json!({ "id": 7 })).expect("published");
/// assert_eq!(native::take_events(), [("order.placed".to_owned(), json!({ "id": 7 }))]);
/// ```
pub fn take_events() -> Vec<(String, Value)> {
    host::take_published()
}

/// Cancels the events that the plugin emits on a topic on this thread, with a reason, as a handler of another plugin
/// would.
///
/// ```
/// use plugbay_sdk::{emit, native};
///
/// native::cancel_events("order.check", "sold out");
/// let outcome = emit!("order.check", { "id": 7 }).expect("emitted");
/// assert_eq!(outcome.cancelled.as_deref(), Some("sold out"));
/// ```
pub fn cancel_events(topic: &str, reason: &str) {
    host::cancel_events(topic, reason);
}

/// Returns the lines logged on this thread since the last call, as `LEVEL [target] message name=value …`.
pub fn take_log() -> Vec<String> {
    host::take_lines()
}

/// One instance of a plugin with its state.
pub struct Instance {
    running: Box<dyn Running>,
    manifest: &'static [u8],
    /// The ids of declared subscriptions that have received their only event.
    spent: BTreeSet<String>,
}

impl Instance {
    #[doc(hidden)]
    pub fn new<S: 'static>(table: &'static Table<S>, manifest: &'static [u8]) -> Instance {
        Instance { running: Box::new((table, Slot::new(None))), manifest, spent: BTreeSet::new() }
    }

    /// Runs an action and returns its result.
    ///
    /// # Errors
    /// Those of the action, `unknown_action` and `validation_error`.
    ///
    /// # Panics
    /// If the payload cannot be written as JSON.
    pub fn call(&mut self, action: &str, payload: impl Serialize) -> Result<Value> {
        let payload =
            serde_json::to_string(&payload).unwrap_or_else(|reason| panic!("the payload is not JSON: {reason}"));
        let result = self.running.handle(action, &payload)?;
        Ok(serde_json::from_str(&result)?)
    }

    /// Runs a job that the plugin has [scheduled](crate::scheduler), due or not: calls its action with a
    /// [`Run`](crate::scheduler::Run) and stores the outcome. A one-time job is removed afterwards.
    ///
    /// # Errors
    /// `not_found` if there is no such job, and those of the action.
    pub fn run_job(&mut self, id: &str) -> Result<Value> {
        let (action, run) = host::begin_run(id)?;
        let answer = self.call(&action, &run);
        host::end_run(&run, &answer);
        answer
    }

    /// Runs `on_load`, as the host does before the first call. A call without it creates the state, but runs no hook.
    ///
    /// # Errors
    /// Those of the hook.
    pub fn load(&mut self) -> Result<()> {
        self.running.load()
    }

    /// Runs `save_state`, as the host does on an older revision.
    ///
    /// # Errors
    /// Those of the hook.
    pub fn save_state(&mut self) -> Result<Option<SavedState>> {
        self.running.save_state()
    }

    /// Runs `on_reload`, as the host does instead of [`Instance::load`] if this instance takes over from an older
    /// revision, which here has the version 0.0.0.
    ///
    /// # Errors
    /// Those of the hook.
    pub fn reload(&mut self, state: Option<SavedState>) -> Result<()> {
        self.running.reload(state)
    }

    /// Runs `on_unload` and drops the state. A later call creates a new one.
    pub fn unload(&mut self) {
        self.running.unload();
    }

    /// Delivers an event to the handler of its [subscription](Event::for_subscription). Afterwards,
    /// [`Event::is_stopped`] and [`Event::cancelled`] return what the handler did with it.
    ///
    /// # Errors
    /// Those of the handler, and `unknown_subscription`.
    pub fn event(&mut self, event: &Event<'_>) -> Result<()> {
        self.running.event(event)
    }

    /// Emits an event of the host: delivers it to all handlers of the plugin that subscribed to its topic, declared and
    /// at run time, in the order of their priorities. The outcome counts the handlers, as for an [emitter that
    /// waits](crate::events::emit); the error of a handler is logged.
    ///
    /// The topic has the canonical spelling, with dots.
    ///
    /// # Panics
    /// If the data cannot be written as JSON.
    pub fn emit(&mut self, topic: &str, data: impl Serialize) -> Emitted {
        let mut event = Event::new(topic, data);
        let mut outcome = Emitted { id: event.id(), ..Emitted::default() };
        for subscription in self.receivers(topic) {
            event = event.for_subscription(&subscription.id);
            let handled = self.running.event(&event);
            match (subscription.durable, &handled) {
                (true, _) => outcome.durable += 1,
                (false, Ok(())) => outcome.handlers += 1,
                (false, Err(_)) => {
                    outcome.handlers += 1;
                    outcome.failed += 1;
                }
            }
            match handled {
                Ok(()) if subscription.once && !host::events_unsubscribe(&subscription.id) => {
                    self.spent.insert(subscription.id);
                }
                Ok(()) => {}
                Err(error) => crate::log::error!("a handler of `{topic}` failed: {error}"),
            }
            // A durable handler runs later on the host, where it can no longer stop the event.
            if !subscription.durable {
                outcome.cancelled = event.cancelled();
                outcome.stopped = event.is_stopped();
            }
            if outcome.stopped {
                break;
            }
        }
        outcome
    }

    /// The subscriptions to a topic, in the order in which they receive an event.
    fn receivers(&self, topic: &str) -> Vec<Receiver> {
        let declared = self.running.subscriptions().into_iter().filter(|known| !self.spent.contains(&known.id));
        let dynamic = host::subscribed().into_iter().map(|known| Receiver {
            priority: known.options.priority(),
            once: known.options.once,
            durable: known.options.durable,
            id: known.id,
            pattern: known.pattern,
        });
        let mut receivers: Vec<_> =
            declared.chain(dynamic).filter(|known| host::matches(&known.pattern, topic)).collect();
        receivers.sort_by_key(|known| (known.durable, Reverse(known.priority)));
        receivers
    }

    /// Runs the health check and returns its result as JSON.
    ///
    /// # Errors
    /// Those of the check.
    pub fn health(&mut self) -> Result<Value> {
        Ok(serde_json::from_str(&self.running.health()?)?)
    }

    /// The layers of the manifest that is embedded in the component, lowest first.
    ///
    /// # Panics
    /// Never, because the embedded bytes are JSON.
    pub fn manifest(&self) -> Vec<Value> {
        let documents = serde_json::Deserializer::from_slice(self.manifest).into_iter();
        documents
            .map(|document| document.unwrap_or_else(|reason| panic!("the manifest is not JSON: {reason}")))
            .collect()
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").finish_non_exhaustive()
    }
}

/// A subscription that receives an event.
struct Receiver {
    id: String,
    pattern: String,
    priority: i32,
    once: bool,
    durable: bool,
}

/// An instance, independent of the type of its state.
trait Running {
    fn handle(&self, action: &str, payload: &str) -> Result<String>;
    fn load(&self) -> Result<()>;
    fn save_state(&self) -> Result<Option<SavedState>>;
    fn reload(&self, state: Option<SavedState>) -> Result<()>;
    fn unload(&self);
    fn event(&self, event: &Event<'_>) -> Result<()>;
    /// The subscriptions that the code declares.
    fn subscriptions(&self) -> Vec<Receiver>;
    fn health(&self) -> Result<String>;
}

impl<S> Running for (&'static Table<S>, RefCell<Option<S>>) {
    fn handle(&self, action: &str, payload: &str) -> Result<String> {
        self.0.handle(&self.1, action, payload)
    }

    fn load(&self) -> Result<()> {
        self.0.on_load(&self.1)
    }

    fn save_state(&self) -> Result<Option<SavedState>> {
        self.0.save_state(&self.1)
    }

    fn reload(&self, state: Option<SavedState>) -> Result<()> {
        self.0.on_reload(&self.1, "0.0.0".to_owned(), state)
    }

    fn unload(&self) {
        self.0.on_unload(&self.1);
    }

    fn event(&self, event: &Event<'_>) -> Result<()> {
        self.0.on_event(&self.1, event)
    }

    fn subscriptions(&self) -> Vec<Receiver> {
        let declared = self.0.subscriptions.iter().filter(|known| !known.dynamic);
        let receivers = declared.map(|known| Receiver {
            id: known.id.to_owned(),
            pattern: known.pattern.to_owned(),
            priority: known.priority,
            once: known.once,
            durable: known.durable,
        });
        receivers.collect()
    }

    fn health(&self) -> Result<String> {
        self.0.health(&self.1)
    }
}
