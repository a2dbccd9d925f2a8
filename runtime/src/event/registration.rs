//! Plugins and their subscriptions on the bus: those that a manifest declares, and those that a plugin's code makes.
//!
//! A subscription of the code is identified by its pattern, so that several instances of a plugin, each of which
//! subscribes in its `on-load`, share one. It lasts until it is ended or the plugin is unloaded, and outlives reloads.
//! So does the fact that a `once` subscription is spent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use plugbay_manifest::parse_topic;

use super::bus::EventBus;
use super::delivery::Handler;
use super::durable::DurableTask;
use super::listener::Listener;
use super::subscription::Subscription;
use crate::error::EventError;
use crate::limits::SUBSCRIPTIONS_MAX;

/// A plugin on the bus.
pub(super) struct Subscriber {
    pub(super) listener: Arc<Listener>,
    pub(super) subscriptions: Vec<Arc<Subscription>>,
    /// Set from the first durable subscription on, once the plugin serves.
    pub(super) durable: Option<DurableTask>,
}

/// The settings of a subscription that a plugin's code makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriptionOptions {
    /// Handlers of higher priority receive an event first.
    pub(crate) priority: i32,
    /// Whether the first delivery that succeeds ends the subscription.
    pub(crate) once: bool,
    /// Whether events are stored until they are handled.
    pub(crate) durable: bool,
}

impl Subscriber {
    fn new(plugin: &Arc<str>) -> Self {
        Subscriber { listener: Arc::new(Listener::new(plugin.clone())), subscriptions: Vec::new(), durable: None }
    }

    /// Starts the task that delivers durable events, if the plugin serves and needs it, or wakes it.
    fn deliver_stored(&mut self, bus: &Arc<EventBus>) {
        match &self.durable {
            Some(task) => task.wake(),
            None if self.listener.handler.get().is_some() && self.subscriptions.iter().any(|known| known.durable) => {
                self.durable = DurableTask::start(bus, self.listener.clone());
            }
            None => {}
        }
    }
}

impl EventBus {
    /// Returns whether a subscription or a stream receives events of a topic.
    pub(crate) fn has_subscribers(&self, topic: &str) -> bool {
        let routes = self.routes.read();
        let mut found = false;
        routes.subscriptions.matching(topic, |_| found = true);
        routes.streams.matching(topic, |_| found = true);
        found
    }

    /// Returns the number of events in a plugin's queue, including those on their way to it, and the number of its
    /// durable events that became dead letters.
    pub(crate) fn queued_and_given_up(&self, plugin: &str) -> (usize, u64) {
        let plugins = self.plugins.lock();
        plugins.get(plugin).map_or((0, 0), |subscriber| (subscriber.listener.queued(), subscriber.listener.given_up()))
    }

    /// Adds a plugin that begins to serve, or one that was reloaded, with the subscriptions that its manifest declares.
    /// After a reload, subscriptions of the plugin's code remain, and a declared one of the same pattern goes on with
    /// the state of the old one.
    pub(crate) fn attach(
        self: &Arc<Self>,
        plugin: &Arc<str>,
        declared: &[plugbay_manifest::Subscription],
        handler: impl FnOnce() -> Box<dyn Handler>,
    ) {
        let mut plugins = self.plugins.lock();
        // Most plugins never subscribe, and cost nothing here.
        if declared.is_empty() && !plugins.contains_key(plugin) {
            return;
        }
        let subscriber = plugins.entry(plugin.clone()).or_insert_with(|| Subscriber::new(plugin));
        subscriber.listener.handler.get_or_init(handler);
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
                durable: subscription.durable,
                order: self.next.fetch_add(1, Ordering::Relaxed),
                listener: subscriber.listener.clone(),
                state: same_kind.map(|before| before.state.clone()).unwrap_or_default(),
            }));
            self.change_routes(|routes| {
                if let Some(before) = before {
                    routes.subscriptions.remove(&before.pattern, |known| Arc::ptr_eq(known, &before));
                }
                if let Some(subscription) = new.last().filter(|subscription| subscription.is_active()) {
                    routes.subscriptions.insert(&subscription.pattern, subscription.clone());
                }
            });
        }
        let (dynamic, dropped): (Vec<_>, Vec<_>) = old.into_iter().partition(|known| known.is_dynamic());
        for subscription in dropped {
            self.end(&subscription);
        }
        new.extend(dynamic);
        subscriber.subscriptions = new;
        subscriber.deliver_stored(self);
    }

    /// Subscribes a plugin to the topics that match a pattern, and returns the subscription's id. A subscription to the
    /// same pattern, if there is one, gets these settings. A `once` subscription that has received its event is
    /// renewed, unless `is_starting`: an instance that starts subscribes as those before it did, and `once` is counted
    /// for the plugin.
    ///
    /// # Errors
    /// [`EventError::Topic`] if the pattern is not valid; [`EventError::TooMany`].
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        plugin: &Arc<str>,
        pattern: &str,
        options: SubscriptionOptions,
        is_starting: bool,
    ) -> Result<String, EventError> {
        let pattern = parse_topic(pattern).map_err(|message| EventError::Topic { message })?;
        let SubscriptionOptions { priority, once, durable } = options;
        let id = format!("#{pattern}");
        let mut plugins = self.plugins.lock();
        let subscriber = plugins.entry(plugin.clone()).or_insert_with(|| Subscriber::new(plugin));
        if subscriber.listener.handler.get().is_none()
            && let Some(handler) = (self.find_handler)(plugin)
        {
            // Set meanwhile only if the plugin has begun to serve, with the same handler.
            let _ = subscriber.listener.handler.set(handler);
        }
        let before = subscriber.subscriptions.iter().position(|known| known.id == id);
        if let Some(known) = before.map(|at| &subscriber.subscriptions[at]) {
            let is_same = (known.priority, known.once, known.durable) == (priority, once, durable);
            if is_same && known.is_active() || is_starting && once && known.is_spent() {
                return Ok(id);
            }
        }
        match before {
            Some(at) => self.end(&subscriber.subscriptions.swap_remove(at)),
            None if subscriber.subscriptions.len() >= SUBSCRIPTIONS_MAX => {
                return Err(EventError::TooMany { plugin: plugin.to_string(), allowed: SUBSCRIPTIONS_MAX });
            }
            None => {}
        }
        let subscription = Arc::new(Subscription {
            id: id.clone(),
            pattern,
            priority,
            once,
            durable,
            order: self.next.fetch_add(1, Ordering::Relaxed),
            listener: subscriber.listener.clone(),
            state: Arc::default(),
        });
        self.change_routes(|routes| routes.subscriptions.insert(&subscription.pattern, subscription.clone()));
        subscriber.subscriptions.push(subscription);
        subscriber.deliver_stored(self);
        Ok(id)
    }

    /// Ends a subscription of a plugin, declared or not. Returns whether there was one with this id.
    pub(crate) fn unsubscribe(&self, plugin: &str, id: &str) -> bool {
        let Some(subscription) = self.subscription(plugin, id).filter(|known| known.is_active()) else { return false };
        self.end(&subscription);
        true
    }

    /// Returns the subscriptions of a plugin that have not ended.
    pub(crate) fn subscriptions(&self, plugin: &str) -> Vec<Arc<Subscription>> {
        let plugins = self.plugins.lock();
        let Some(subscriber) = plugins.get(plugin) else { return Vec::new() };
        subscriber.subscriptions.iter().filter(|known| known.is_active()).cloned().collect()
    }

    /// Returns the patterns that each plugin with subscriptions has subscribed to, without those that have ended.
    pub(crate) fn patterns(&self) -> BTreeMap<String, Vec<String>> {
        let plugins = self.plugins.lock();
        let of_plugin = |(name, known): (&Arc<str>, &Subscriber)| {
            let active = known.subscriptions.iter().filter(|subscription| subscription.is_active());
            let patterns: Vec<String> = active.map(|subscription| subscription.pattern.clone()).collect();
            (!patterns.is_empty()).then(|| (name.to_string(), patterns))
        };
        plugins.iter().filter_map(of_plugin).collect()
    }

    /// Returns whether no event is queued, is on its way to a handler, or is stored for a delivery that is due.
    pub(crate) fn is_idle(&self) -> bool {
        let plugins = self.plugins.lock();
        plugins
            .values()
            .all(|known| known.listener.is_idle() && known.durable.as_ref().is_none_or(DurableTask::is_idle))
    }

    /// Returns a subscription of a plugin by its id.
    pub(super) fn subscription(&self, plugin: &str, id: &str) -> Option<Arc<Subscription>> {
        let plugins = self.plugins.lock();
        plugins.get(plugin)?.subscriptions.iter().find(|subscription| subscription.id == id).cloned()
    }

    /// Returns the subscriptions that a plugin's code made, except those that were ended.
    pub(crate) fn dynamic_subscriptions(&self, plugin: &str) -> Vec<Arc<Subscription>> {
        let plugins = self.plugins.lock();
        let Some(subscriber) = plugins.get(plugin) else { return Vec::new() };
        let remains = |known: &&Arc<Subscription>| known.is_dynamic() && (known.is_active() || known.is_spent());
        subscriber.subscriptions.iter().filter(remains).cloned().collect()
    }

    /// Takes back what a plugin subscribed to while it started, because it does not serve after all. `before` are the
    /// subscriptions of its code before that, with which an older revision goes on.
    pub(crate) fn take_back(self: &Arc<Self>, plugin: &str, before: &[Arc<Subscription>]) {
        let mut plugins = self.plugins.lock();
        let Some(subscriber) = plugins.get_mut(plugin) else { return };
        if subscriber.listener.handler.get().is_none() {
            drop(plugins);
            return self.detach(plugin);
        }
        subscriber.subscriptions.retain(|known| {
            // One that has received its only event is spent, also if the older revision received it.
            let stays = !known.is_dynamic()
                || before.iter().any(|old| Arc::ptr_eq(old, known)) && (known.once || known.is_active());
            if !stays {
                self.end(known);
            }
            stays
        });
        for old in before {
            if subscriber.subscriptions.iter().any(|known| known.id == old.id) {
                continue;
            }
            let restored = Arc::new(Subscription {
                id: old.id.clone(),
                pattern: old.pattern.clone(),
                listener: old.listener.clone(),
                state: if old.is_spent() { old.state.clone() } else { Arc::default() },
                ..**old
            });
            if restored.is_active() {
                self.change_routes(|routes| routes.subscriptions.insert(&restored.pattern, restored.clone()));
            }
            subscriber.subscriptions.push(restored);
        }
        subscriber.deliver_stored(self);
    }

    /// Removes a plugin that no longer serves. Events that are queued for it are passed over.
    pub(crate) fn detach(&self, plugin: &str) {
        let Some(mut subscriber) = self.plugins.lock().remove(plugin) else { return };
        // Its durable events stay stored. The task has to know that the subscriptions end for this reason.
        drop(subscriber.durable.take());
        for subscription in &subscriber.subscriptions {
            self.end(subscription);
        }
    }

    fn end(&self, subscription: &Subscription) {
        subscription.end();
        self.remove(subscription);
    }

    /// Removes a subscription from the routes. It stays among those of its plugin, so that a reload does not renew it.
    pub(super) fn remove(&self, subscription: &Subscription) {
        self.change_routes(|routes| {
            routes.subscriptions.remove(&subscription.pattern, |known| std::ptr::eq(&**known, subscription));
        });
    }
}
