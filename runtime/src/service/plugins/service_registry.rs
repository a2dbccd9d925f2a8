//! The named services and the plugins that offer them: the first plugin to register a name holds it.
//!
//! A name is held by revisions. A revision that fails to load or is dropped releases its names automatically. A
//! revision that replaces another also holds the names of that one, so that services stay available during a reload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use crate::limits::SERVICES_MAX;

/// The services of all plugins of one runtime.
#[derive(Default)]
pub(crate) struct ServiceRegistry {
    services: Mutex<BTreeMap<String, Offer>>,
    next_revision: AtomicU64,
}

struct Offer {
    plugin: Arc<str>,
    /// The revisions that hold the name; never empty.
    held_by: BTreeSet<u64>,
}

/// Why a name cannot be registered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotRegistered {
    /// Another plugin holds it.
    HeldBy(Arc<str>),
    /// The plugin already holds this many names, the maximum.
    TooMany(usize),
}

impl ServiceRegistry {
    /// Returns the plugin that holds a name.
    pub(super) fn find(&self, service: &str) -> Option<Arc<str>> {
        self.lock().get(service).map(|offer| offer.plugin.clone())
    }

    /// Returns all names, each with the plugin that holds it.
    pub(super) fn all(&self) -> Vec<(String, Arc<str>)> {
        self.lock().iter().map(|(service, offer)| (service.clone(), offer.plugin.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Offer>> {
        self.services.lock()
    }
}

/// The names that a revision of a plugin holds. Dropping it releases them.
pub(super) struct Held {
    registry: Arc<ServiceRegistry>,
    plugin: Arc<str>,
    revision: u64,
}

impl Held {
    pub(super) fn new(registry: Arc<ServiceRegistry>, plugin: Arc<str>) -> Self {
        let revision = registry.next_revision.fetch_add(1, Ordering::Relaxed);
        Held { registry, plugin, revision }
    }

    pub(super) fn registry(&self) -> &ServiceRegistry {
        &self.registry
    }

    pub(super) fn register(&self, service: &str) -> Result<(), NotRegistered> {
        let mut services = self.registry.lock();
        if let Some(offer) = services.get_mut(service) {
            if *offer.plugin != *self.plugin {
                return Err(NotRegistered::HeldBy(offer.plugin.clone()));
            }
            offer.held_by.insert(self.revision);
            return Ok(());
        }
        let held = services.values().filter(|offer| *offer.plugin == *self.plugin).count();
        if held >= SERVICES_MAX {
            return Err(NotRegistered::TooMany(held));
        }
        let offer = Offer { plugin: self.plugin.clone(), held_by: BTreeSet::from([self.revision]) };
        services.insert(service.to_owned(), offer);
        Ok(())
    }

    /// Releases a name that any revision of the plugin holds. Returns whether one did.
    pub(super) fn unregister(&self, service: &str) -> bool {
        let mut services = self.registry.lock();
        let held = services.get(service).is_some_and(|offer| *offer.plugin == *self.plugin);
        if held {
            services.remove(service);
        }
        held
    }

    /// Also holds the names that another revision of the plugin holds.
    pub(super) fn take_over(&self, from: &Held) {
        for offer in self.registry.lock().values_mut().filter(|offer| offer.held_by.contains(&from.revision)) {
            offer.held_by.insert(self.revision);
        }
    }

    /// Releases all names.
    pub(super) fn release(&self) {
        self.registry.lock().retain(|_, offer| {
            offer.held_by.remove(&self.revision);
            !offer.held_by.is_empty()
        });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(registry: &Arc<ServiceRegistry>, plugin: &str) -> Held {
        Held::new(registry.clone(), plugin.into())
    }

    #[test]
    fn name_belongs_to_who_came_first() {
        let registry = Arc::<ServiceRegistry>::default();
        let (one, two) = (held(&registry, "one"), held(&registry, "two"));
        assert_eq!(one.register("mailer"), Ok(()));
        assert_eq!(one.register("mailer"), Ok(()), "registering again succeeds");
        assert_eq!(two.register("mailer"), Err(NotRegistered::HeldBy("one".into())));
        assert!(!two.unregister("mailer") && one.unregister("mailer") && !one.unregister("mailer"));
        assert_eq!(two.register("mailer"), Ok(()));
        assert_eq!(registry.find("mailer").as_deref(), Some("two"));
    }

    #[test]
    fn revision_that_goes_lets_go_of_its_names_alone() {
        let registry = Arc::<ServiceRegistry>::default();
        let (one, failed) = (held(&registry, "one"), held(&registry, "one"));
        assert_eq!((one.register("kept"), failed.register("kept"), failed.register("new")), (Ok(()), Ok(()), Ok(())));
        drop(failed);
        assert_eq!(registry.all(), [("kept".to_owned(), "one".into())]);
        drop(one);
        assert_eq!(registry.all(), []);
    }

    #[test]
    fn revision_that_takes_over_keeps_the_names_of_the_one_before() {
        let registry = Arc::<ServiceRegistry>::default();
        let (old, new) = (held(&registry, "one"), held(&registry, "one"));
        assert_eq!(old.register("mailer"), Ok(()));
        new.take_over(&old);
        drop(old);
        assert_eq!(registry.find("mailer").as_deref(), Some("one"));
        new.release();
        assert_eq!(registry.find("mailer"), None);
    }

    #[test]
    fn names_of_one_plugin_are_bounded() {
        let registry = Arc::<ServiceRegistry>::default();
        let (greedy, other) = (held(&registry, "greedy"), held(&registry, "other"));
        for number in 0..SERVICES_MAX {
            assert_eq!(greedy.register(&format!("service-{number}")), Ok(()));
        }
        assert_eq!(greedy.register("one-more"), Err(NotRegistered::TooMany(SERVICES_MAX)));
        assert_eq!(greedy.register("service-0"), Ok(()), "it has that one");
        assert_eq!(other.register("one-more"), Ok(()));
    }
}
