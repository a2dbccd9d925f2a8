//! The plugins that serve, by name, and whose turn it is to change one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use super::current::CurrentRevision;

/// All plugins of one runtime.
#[derive(Default)]
pub(crate) struct Registry {
    plugins: Mutex<BTreeMap<String, Arc<CurrentRevision>>>,
    /// Who loads, reloads, unloads or removes a plugin, by its name.
    turns: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// The right to change one plugin, until it is dropped.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Registry {
    /// Waits for whoever loads, reloads or unloads the plugin of this name, in the order in which they came. Two at once
    /// would leave a revision that serves and that nobody can unload.
    pub(crate) async fn turn(&self, name: &str) -> Turn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let turn = turns.get(name).and_then(Weak::upgrade).unwrap_or_default();
            turns.insert(name.to_owned(), Arc::downgrade(&turn));
            turn
        };
        turn.lock_owned().await
    }

    /// Adds a plugin. Whoever adds one has the turn, and knows that there is none of its name.
    pub(crate) fn add(&self, plugin: &Arc<CurrentRevision>) {
        self.lock().insert(plugin.borrow().name().to_owned(), plugin.clone());
    }

    /// Takes a plugin out: nobody finds it any more.
    pub(crate) fn remove(&self, name: &str) -> Option<Arc<CurrentRevision>> {
        self.lock().remove(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<CurrentRevision>> {
        self.lock().get(name).cloned()
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Arc<CurrentRevision>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<CurrentRevision>>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
