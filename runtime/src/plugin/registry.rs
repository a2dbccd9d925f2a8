//! The plugins that serve, by name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::loaded::Plugin;

/// All plugins of one runtime.
#[derive(Default)]
pub(crate) struct Registry(Mutex<BTreeMap<String, Plugin>>);

impl Registry {
    /// Adds a plugin, unless there is one of its name. Answers whether there was none.
    pub(crate) fn add(&self, name: &str, plugin: &Plugin) -> bool {
        let mut plugins = self.lock();
        let free = !plugins.contains_key(name);
        if free {
            plugins.insert(name.to_owned(), plugin.clone());
        }
        free
    }

    /// Takes a plugin out: nobody finds it any more.
    pub(crate) fn remove(&self, name: &str) -> Option<Plugin> {
        self.lock().remove(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Plugin> {
        self.lock().get(name).cloned()
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Vec<Plugin> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Plugin>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
