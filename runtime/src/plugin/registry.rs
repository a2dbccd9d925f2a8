//! The serving plugins by name, and the locks that serialise changes to one. Loaded plugins and those that the
//! application provides share one namespace.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OwnedMutexGuard;

use super::current::CurrentRevision;
use crate::error::ProvideError;
use crate::host_plugin::ProvidedPlugin;

/// All plugins of one runtime.
#[derive(Default)]
pub(crate) struct Registry {
    plugins: Mutex<BTreeMap<Arc<str>, Arc<CurrentRevision>>>,
    /// The plugins that the application provides.
    provided: Mutex<BTreeMap<String, Arc<ProvidedPlugin>>>,
    /// Locks for loading, reloading, unloading and removing a plugin, by its name.
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// The exclusive right to change one plugin, until dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Registry {
    /// Waits until no other caller loads, reloads or unloads the plugin of this name. Callers are served in order. Two
    /// at once could leave a revision that serves and cannot be unloaded.
    pub(crate) async fn turn(&self, name: &str) -> Turn {
        self.turn_lock(name).lock_owned().await
    }

    fn turn_lock(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock();
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = turns.get(name).and_then(Weak::upgrade).unwrap_or_default();
        turns.insert(name.to_owned(), Arc::downgrade(&turn));
        turn
    }

    /// Adds a plugin that the application provides.
    ///
    /// # Errors
    /// [`ProvideError::Loaded`] and [`ProvideError::Provided`] if its name is in use.
    pub(crate) fn provide(&self, plugin: ProvidedPlugin) -> Result<(), ProvideError> {
        let name = plugin.name().to_owned();
        // A load holds the turn from its check of the name until it has added its plugin.
        let Ok(_turn) = self.turn_lock(&name).try_lock_owned() else { return Err(ProvideError::Loaded { name }) };
        if self.get(&name).is_some() {
            return Err(ProvideError::Loaded { name });
        }
        match self.provided_lock().entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(Arc::new(plugin));
                Ok(())
            }
            Entry::Occupied(entry) => Err(ProvideError::Provided { name: entry.key().clone() }),
        }
    }

    /// Returns the provided plugin of this name.
    pub(crate) fn provided(&self, name: &str) -> Option<Arc<ProvidedPlugin>> {
        self.provided_lock().get(name).cloned()
    }

    /// Returns all plugins that the application provides, by name.
    pub(crate) fn all_provided(&self) -> Vec<Arc<ProvidedPlugin>> {
        self.provided_lock().values().cloned().collect()
    }

    /// Returns whether a plugin of this name is loaded, even if it is disabled, or provided.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.lock().contains_key(name) || self.provided_lock().contains_key(name)
    }

    /// Adds a plugin. The caller must hold the turn and have checked that no plugin of this name is registered.
    pub(crate) fn add(&self, plugin: &Arc<CurrentRevision>) {
        self.lock().insert(plugin.borrow().context.name.clone(), plugin.clone());
    }

    /// Removes a plugin, and returns it if it was registered.
    pub(crate) fn remove(&self, name: &str) -> Option<Arc<CurrentRevision>> {
        self.lock().remove(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<CurrentRevision>> {
        self.lock().get(name).cloned()
    }

    /// Returns all loaded plugins, by name, including those that are disabled or have failed.
    pub(crate) fn all(&self) -> Vec<Arc<CurrentRevision>> {
        self.lock().values().cloned().collect()
    }

    fn provided_lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<ProvidedPlugin>>> {
        self.provided.lock()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Arc<CurrentRevision>>> {
        self.plugins.lock()
    }
}
