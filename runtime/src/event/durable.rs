//! Delivery of durable events: one task for each plugin with durable subscriptions takes the plugin's stored events in
//! order, and acknowledges each after its handler has run.
//!
//! A handler that fails is called again with a growing pause, and the events behind it wait. After the last attempt the
//! event becomes a dead letter, and the next one has its turn. If the host ends during a delivery, the event is
//! delivered again when the plugin is loaded the next time. Its attempt was stored before, so an event that ends the
//! host each time becomes a dead letter as well.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::bus::EventBus;
use super::delivery::Delivery;
use super::listener::Listener;
use super::store::{DeliveryOutcome, PendingEvent};
use crate::clock::{Clock, time_of, unix_ms};
use crate::error::{InvokeError, InvokeErrorKind};
use crate::limits::{EVENT_ATTEMPTS_MAX, EVENT_CLAIM_MAX, EVENT_RETRY_PAUSE, EVENT_TRAPS_MAX, EVENTS_UNREADABLE_PAUSE};

/// The task that delivers the durable events of a plugin. Dropping it stops the task after the delivery that runs.
pub(super) struct DurableTask(Arc<Signal>);

/// Wakes the task, or stops it.
#[derive(Default)]
struct Signal {
    woken: Notify,
    is_stopped: AtomicBool,
    /// How often the task was woken.
    wakes: AtomicU64,
    /// The wakes after which the task found nothing to do, or [`PAUSED`]. It is idle if there were no further ones.
    idle_after: AtomicU64,
}

/// The task waits for the time of the next attempt, and no wake makes it look for events before.
const PAUSED: u64 = u64::MAX;
/// The task works.
const WORKS: u64 = u64::MAX - 1;

/// What the task waits for after a batch.
enum Pause {
    /// Nothing: there may be further events.
    None,
    UntilWoken,
    For(Duration),
}

impl DurableTask {
    /// Starts the task. Returns `None` outside of an executor.
    pub(super) fn start(bus: &Arc<EventBus>, listener: Arc<Listener>) -> Option<Self> {
        let executor = tokio::runtime::Handle::try_current().ok()?;
        let signal = Arc::new(Signal { idle_after: AtomicU64::new(WORKS), ..Signal::default() });
        executor.spawn(run(Arc::downgrade(bus), bus.clock.clone(), listener, signal.clone()));
        Some(DurableTask(signal))
    }

    /// Makes the task look for events.
    pub(super) fn wake(&self) {
        self.0.wakes.fetch_add(1, Ordering::SeqCst);
        self.0.woken.notify_one();
    }

    /// Returns whether no event is being delivered or due.
    pub(super) fn is_idle(&self) -> bool {
        let idle_after = self.0.idle_after.load(Ordering::SeqCst);
        idle_after == PAUSED || idle_after == self.0.wakes.load(Ordering::SeqCst)
    }
}

impl Drop for DurableTask {
    fn drop(&mut self) {
        self.0.is_stopped.store(true, Ordering::SeqCst);
        self.0.woken.notify_one();
    }
}

impl Signal {
    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::SeqCst)
    }
}

/// The task holds the bus only while it works.
async fn run(bus: Weak<EventBus>, clock: Arc<dyn Clock>, listener: Arc<Listener>, signal: Arc<Signal>) {
    while !signal.is_stopped() {
        let Some(running) = bus.upgrade() else { return };
        let wakes = signal.wakes.load(Ordering::SeqCst);
        let pause = deliver_batch(&running, &listener, &signal).await;
        drop(running);
        match pause {
            Pause::None => {}
            Pause::UntilWoken => {
                signal.idle_after.store(wakes, Ordering::SeqCst);
                signal.woken.notified().await;
            }
            Pause::For(pause) => {
                signal.idle_after.store(PAUSED, Ordering::SeqCst);
                let mut passed = clock.sleep_until(clock.now() + pause);
                while !signal.is_stopped() {
                    tokio::select! {
                        () = &mut passed => break,
                        () = signal.woken.notified() => {}
                    }
                }
            }
        }
        signal.idle_after.store(WORKS, Ordering::SeqCst);
    }
}

async fn deliver_batch(bus: &EventBus, listener: &Listener, signal: &Signal) -> Pause {
    let plugin = &*listener.plugin;
    let batch = match bus.store.claim(plugin, EVENT_CLAIM_MAX).await {
        Ok(batch) if batch.is_empty() => return Pause::UntilWoken,
        Ok(batch) => batch,
        Err(error) => {
            tracing::error!(plugin, "its durable events cannot be read: {error}");
            return Pause::For(EVENTS_UNREADABLE_PAUSE);
        }
    };
    let mut outcomes = Vec::with_capacity(batch.len());
    let mut pause = None;
    for pending in batch {
        let number = pending.number;
        if pause.is_some() || signal.is_stopped() {
            outcomes.push((number, DeliveryOutcome::NotAttempted));
            continue;
        }
        match deliver(bus, listener, signal, pending).await {
            Ok(outcome) => {
                if matches!(outcome, DeliveryOutcome::NotAttempted) {
                    // A plugin that has failed may be restarted meanwhile.
                    pause = Some(Pause::For(EVENTS_UNREADABLE_PAUSE));
                }
                outcomes.push((number, outcome));
            }
            // The delivery stays pending, with its attempt counted.
            Err(retry) => pause = Some(Pause::For(retry)),
        }
    }
    if let Err(error) = bus.store.settle(outcomes).await {
        tracing::error!(plugin, "durable events that were handled are delivered again: {error}");
        return Pause::For(EVENTS_UNREADABLE_PAUSE);
    }
    pause.unwrap_or(Pause::None)
}

/// Returns how often an event that failed with this error is delivered. A trap costs the plugin its instance, and a
/// plugin that traps too often in a row no longer serves.
fn attempts_max(error: &InvokeError) -> u32 {
    if matches!(error.kind(), InvokeErrorKind::Trapped { .. }) { EVENT_TRAPS_MAX } else { EVENT_ATTEMPTS_MAX }
}

/// Delivers one event.
///
/// # Errors
/// The pause after which a delivery that failed is to be tried again.
async fn deliver(
    bus: &EventBus,
    listener: &Listener,
    signal: &Signal,
    pending: PendingEvent,
) -> Result<DeliveryOutcome, Duration> {
    let PendingEvent { subscription, attempt, event, .. } = pending;
    let event = Arc::new(event);
    let dead = |error: String| {
        tracing::error!(plugin = &*listener.plugin, event = event.id, topic = event.topic, attempt, "{error}");
        listener.gives_up();
        DeliveryOutcome::Dead { error, time_ms: unix_ms(time_of(&*bus.clock)) }
    };
    let Some(subscription) = bus.subscription(&listener.plugin, &subscription) else {
        if signal.is_stopped() {
            return Ok(DeliveryOutcome::NotAttempted);
        }
        return Ok(dead(format!("a durable event is not delivered: the plugin has no subscription `{subscription}`")));
    };
    if attempt > EVENT_ATTEMPTS_MAX {
        return Ok(dead(format!("a durable event is given up: the host ended during {} deliveries", attempt - 1)));
    }
    if !listener.may_receive(&event.topic) {
        // The grant was revoked while the event was stored. It can be delivered if it is granted again.
        return Ok(dead("a durable event is not delivered: the operator does not grant its topic any more".to_owned()));
    }
    let delivery = Delivery { event: &event, subscription: &subscription, attempt, chain: None, timeout: None };
    match bus.deliver(delivery).await {
        Some(Ok(_)) => Ok(DeliveryOutcome::Delivered),
        Some(Err(error)) if attempt >= attempts_max(&error) => {
            Ok(dead(format!("a durable event is given up after {attempt} attempts: {error}")))
        }
        Some(Err(_)) => Err(EVENT_RETRY_PAUSE.saturating_mul(1 << (attempt - 1).min(16))),
        // Its only event has been delivered.
        None if !subscription.is_active() && !signal.is_stopped() => Ok(DeliveryOutcome::Delivered),
        None => Ok(DeliveryOutcome::NotAttempted),
    }
}

#[cfg(test)]
mod tests;
