//! Subscriptions of plugins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::listener::Listener;

/// A subscription of a plugin.
pub(crate) struct Subscription {
    /// The id, unique within the plugin: the one in the manifest, or `#` and the pattern if the plugin's code
    /// subscribed.
    pub(crate) id: String,
    pub(crate) pattern: String,
    /// Handlers of higher priority receive an event first.
    pub(crate) priority: i32,
    /// Whether the first delivery that succeeds ends the subscription.
    pub(crate) once: bool,
    /// Whether events are stored until they are handled.
    pub(crate) durable: bool,
    /// The rank among subscriptions of the same priority: the earliest receives an event first.
    pub(super) order: u64,
    pub(crate) listener: Arc<Listener>,
    /// Shared with the subscription that replaces this one at a reload.
    pub(super) state: Arc<State>,
}

/// Whether a subscription receives events.
#[derive(Default)]
pub(super) struct State(AtomicU8);

const LISTENS: u8 = 0;
/// A delivery to a `once` subscription runs.
const DELIVERS: u8 = 1;
/// It was ended.
const ENDED: u8 = 2;
/// It has received its only event.
const SPENT: u8 = 3;

impl Subscription {
    /// Returns whether the plugin's code made the subscription, not its manifest.
    pub(super) fn is_dynamic(&self) -> bool {
        // No id in a manifest begins with this character.
        self.id.starts_with('#')
    }

    /// Returns whether the subscription has not ended.
    pub(crate) fn is_active(&self) -> bool {
        self.state.0.load(Ordering::Acquire) < ENDED
    }

    /// Returns whether the subscription has received its only event.
    pub(super) fn is_spent(&self) -> bool {
        self.state.0.load(Ordering::Acquire) == SPENT
    }

    /// Ends the subscription. Events that are queued for it are not delivered.
    pub(super) fn end(&self) {
        self.state.0.fetch_max(ENDED, Ordering::AcqRel);
    }

    /// Claims the subscription for a delivery. Returns `None` if it has ended, or receives its only event now.
    pub(super) fn claim(&self) -> Option<Claim<'_>> {
        if !self.once {
            return self.is_active().then_some(Claim(None));
        }
        let claimed = self.state.0.compare_exchange(LISTENS, DELIVERS, Ordering::AcqRel, Ordering::Acquire);
        claimed.ok().map(|_| Claim(Some(&self.state)))
    }
}

/// The right to deliver an event. Dropping it leaves the subscription as it was.
pub(super) struct Claim<'a>(Option<&'a State>);

impl Claim<'_> {
    /// The delivery succeeded. Returns whether this ended the subscription.
    pub(super) fn succeeded(mut self) -> bool {
        let Some(state) = self.0.take() else { return false };
        state.0.store(SPENT, Ordering::Release);
        true
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if let Some(state) = self.0 {
            // Unless the subscription was ended meanwhile.
            let _ = state.0.compare_exchange(DELIVERS, LISTENS, Ordering::AcqRel, Ordering::Acquire);
        }
    }
}
