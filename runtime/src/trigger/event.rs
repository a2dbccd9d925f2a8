//! Events of the bus, delivered to plugins by dispatch with the caller `event`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use crate::dispatch;
use crate::error::{InvokeError, InvokeErrorKind};
use crate::event::{Delivery, FindHandler, Handler, Handling, Subscription, is_own_topic};
use crate::host::PluginContext;
use crate::plugin::current::CurrentRevision;
use crate::plugin::loaded::LoadedPlugin;
use crate::plugin::registry::Registry;
use crate::service::log::LogLevel;

/// The log target of lines about events.
const TARGET: &str = "event";

/// Subscribes a plugin that begins to serve, or that was reloaded, to the topics that its manifest declares.
pub(crate) fn begin(plugin: &Arc<CurrentRevision>) {
    let revision = plugin.get();
    let declared = &revision.manifest.events.subscribes;
    revision.context.events.attach(&revision.context.name, declared, || PluginHandler::of(plugin));
    note_withheld(&revision);
}

/// Logs the declared subscriptions that receive nothing, which would go unnoticed otherwise: an event that is withheld
/// is not an error.
fn note_withheld(revision: &LoadedPlugin) {
    let context = &revision.context;
    for subscription in &revision.manifest.events.subscribes {
        let pattern = &subscription.topic;
        if is_own_topic(&context.name, pattern) {
            continue;
        }
        if let Some(denial) = context.permissions.withheld_subscription(pattern) {
            let text = format!("it subscribes to `{pattern}` and receives no such event: {denial}; {}", denial.hint());
            context.log.write(LogLevel::Warn, TARGET, &text, &[]);
        }
    }
}

/// Finds the handlers of the plugins that are registered here.
pub(crate) fn handlers(plugins: Weak<Registry>) -> FindHandler {
    Box::new(move |name| Some(PluginHandler::of(&plugins.upgrade()?.get(name)?)))
}

/// Ends the subscriptions of a plugin that no longer serves.
pub(crate) fn end(plugin: &CurrentRevision) {
    let revision = plugin.borrow();
    revision.context.events.detach(revision.name());
}

/// A plugin that starts. If it does not succeed, the subscriptions that its code has made meanwhile end, and those of
/// an older revision go on.
pub(crate) struct Starting(Option<(Arc<PluginContext>, Vec<Arc<Subscription>>)>);

impl Starting {
    pub(crate) fn new(revision: &LoadedPlugin) -> Self {
        let context = revision.context.clone();
        let before = context.events.dynamic_subscriptions(&context.name);
        Starting(Some((context, before)))
    }

    pub(crate) fn succeeded(mut self) {
        self.0 = None;
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some((context, before)) = &self.0 {
            context.events.take_back(&context.name, before);
        }
    }
}

/// The event handlers of a plugin. It follows the plugin through reloads, and does not keep it alive.
struct PluginHandler {
    name: Arc<str>,
    plugin: Weak<CurrentRevision>,
    /// Whether a denial was audited. The others are only counted: each record is an event, which may be withheld in
    /// turn.
    noted_withheld: AtomicBool,
}

impl PluginHandler {
    fn of(plugin: &Arc<CurrentRevision>) -> Box<dyn Handler> {
        Box::new(PluginHandler {
            name: plugin.borrow().context.name.clone(),
            plugin: Arc::downgrade(plugin),
            noted_withheld: AtomicBool::new(false),
        })
    }
}

impl Handler for PluginHandler {
    fn may_receive(&self, topic: &str) -> bool {
        // A plugin that is gone with its runtime was not denied the event. The delivery finds that it does not serve,
        // and a durable event stays stored.
        let Some(plugin) = self.plugin.upgrade() else { return true };
        let permissions = &plugin.borrow().context.permissions;
        if is_own_topic(&self.name, topic) {
            return true;
        }
        let Err(denial) = permissions.check_event(topic) else { return true };
        if self.noted_withheld.swap(true, Ordering::Relaxed) {
            permissions.audit().deny_unrecorded();
        } else {
            permissions.audit().deny(&denial, None);
        }
        false
    }

    fn handle<'a>(&'a self, delivery: Delivery<'a>) -> Handling<'a> {
        Box::pin(async move {
            let Some(plugin) = self.plugin.upgrade() else {
                return Err(InvokeError::new(&*self.name, "on_event", InvokeErrorKind::NotLoaded));
            };
            dispatch::handle_event(&plugin, delivery).await
        })
    }

    fn log_failure(&self, delivery: Delivery<'_>, error: &InvokeError) {
        let Some(plugin) = self.plugin.upgrade() else { return };
        let event = delivery.event;
        let fields = [
            ("topic".to_owned(), serde_json::json!(event.topic).to_string()),
            ("source".to_owned(), serde_json::json!(event.source).to_string()),
            ("attempt".to_owned(), delivery.attempt.to_string()),
        ];
        let message = format!("an event was not handled: {error}");
        plugin.borrow().context.log.write_in(|| Some(&event.id), LogLevel::Warn, TARGET, &message, &fields);
    }
}
