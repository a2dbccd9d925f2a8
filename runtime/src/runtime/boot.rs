//! Loading and unloading of many plugins. [`Runtime::load_all`] loads each plugin after those that it `requires`, and
//! independent plugins concurrently; [`Runtime::shutdown`] unloads all of them in the opposite order.
//!
//! A plugin that cannot be loaded fails only the plugins that require it, directly or indirectly. Their errors contain
//! the chain that leads to it.

mod order;

use std::collections::{BTreeMap, BTreeSet};

use plugbay_manifest::Manifest;
use serde_json::json;
use tokio::task::JoinSet;

use self::order::{LoadOrder, Node};
use super::Runtime;
use crate::error::{LoadError, UnloadError};
use crate::handle::Plugin;
use crate::lifecycle::{Dependents, PluginState};
use crate::limits::COMPILATIONS_MAX;
use crate::plugin::check::CheckedPackage;
use crate::plugin::package::PackageSource;

/// Plugins that [`Runtime::load_all`] loads concurrently. With at most as many waiting for the compiler as it compiles,
/// none waits longer than one compilation may take, after which loading gives up with `busy`.
const LOADS_AT_ONCE: usize = 2 * COMPILATIONS_MAX;

/// The outcome of [`Runtime::load_all`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct LoadedPlugins {
    /// The plugins that were loaded, in the order in which they began to serve.
    pub successes: Vec<Plugin>,
    /// One error for each plugin that was not loaded, in the order of the sources.
    pub errors: Vec<LoadError>,
    /// The names of plugins that were left alone because they were loaded before, in the order of the sources.
    pub skipped: Vec<String>,
}

impl LoadedPlugins {
    /// Returns the data of the event `plugins.booted`.
    fn to_json(&self) -> serde_json::Value {
        let failed = |error: &LoadError| json!({ "plugin": error.subject(), "code": error.code() });
        json!({
            "loaded": self.successes.iter().map(Plugin::name).collect::<Vec<_>>(),
            "failed": self.errors.iter().map(failed).collect::<Vec<_>>(),
            "skipped": self.skipped,
        })
    }
}

impl Runtime {
    /// Loads plugins, each after those that it `requires`, and up to four concurrently. A required plugin may be among
    /// the sources or loaded already. A source whose plugin is loaded already is skipped.
    ///
    /// If a plugin cannot be loaded, [`LoadedPlugins::errors`] has an entry for it and for each plugin that requires
    /// it; the others are loaded. If the future is dropped, the plugins that serve by then stay loaded.
    pub async fn load_all<S: Into<PackageSource>>(&self, sources: impl IntoIterator<Item = S>) -> LoadedPlugins {
        let sources: Vec<PackageSource> = sources.into_iter().map(Into::into).collect();
        let (mut order, mut skipped) = (LoadOrder::default(), Vec::new());
        for source in sources {
            match source.open().and_then(|package| self.check_package(package)) {
                Ok(checked) if self.plugin(&checked.manifest.name).is_some() => skipped.push(checked.manifest.name),
                Ok(checked) => order.add(node(&checked.manifest), checked),
                Err(error) => order.add_failed(error),
            }
            // Checking a package takes as long as reading its file, so other tasks run in between.
            tokio::task::yield_now().await;
        }
        order.connect(|required| self.0.plugins.contains(required));
        let loaded = LoadedPlugins { skipped, ..self.load_in_order(order).await };
        self.0.events.host_event("plugins.booted", || loaded.to_json());
        loaded
    }

    async fn load_in_order(&self, mut order: LoadOrder<CheckedPackage>) -> LoadedPlugins {
        let mut successes = Vec::new();
        let mut loading = JoinSet::new();
        loop {
            while loading.len() < LOADS_AT_ONCE
                && let Some((index, checked)) = order.next_ready()
            {
                let runtime = self.clone();
                loading.spawn(async move { (index, runtime.load_checked(checked).await) });
            }
            match loading.join_next().await {
                None => break,
                Some(Ok((index, Ok(plugin)))) => {
                    order.loaded(index);
                    successes.push(plugin);
                }
                Some(Ok((index, Err(error)))) => order.failed(index, error),
                Some(Err(error)) => {
                    if let Ok(panic) = error.try_into_panic() {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
        LoadedPlugins { successes, errors: order.into_errors(), skipped: Vec::new() }
    }

    /// Unloads all loaded plugins as [`unload`](Self::unload) does, each after the plugins that require it, and
    /// independent plugins concurrently. This takes at most the sum of the deadlines along one chain of requirements.
    pub async fn shutdown(&self) {
        self.unload_in_order(self.requirements()).await;
    }

    /// Unloads a plugin as [`unload`](Self::unload) does, and treats the plugins that require it as `dependents` says.
    /// Returns the names of the plugins that were unloaded, in this order.
    ///
    /// # Errors
    /// [`UnloadError`] if the plugin is not loaded, or if it is required and `dependents` is [`Dependents::Refuse`].
    pub async fn unload_with(&self, name: &str, dependents: Dependents) -> Result<Vec<String>, UnloadError> {
        let mut all = self.requirements();
        if !all.contains_key(name) {
            return Err(UnloadError::NotLoaded { plugin: name.to_owned() });
        }
        let mut unloaded = BTreeSet::from([name.to_owned()]);
        if dependents != Dependents::Keep {
            let serving = |name: &str| self.plugin(name).is_some_and(|plugin| plugin.state() != PluginState::Disabled);
            while let Some((dependent, _)) = all.iter().find(|(dependent, requires)| {
                !unloaded.contains(*dependent) && !requires.is_disjoint(&unloaded) && serving(dependent)
            }) {
                unloaded.insert(dependent.clone());
            }
        }
        if dependents == Dependents::Refuse && unloaded.len() > 1 {
            unloaded.remove(name);
            return Err(UnloadError::Required { plugin: name.to_owned(), by: unloaded.into_iter().collect() });
        }
        all.retain(|name, _| unloaded.contains(name));
        Ok(self.unload_in_order(all).await)
    }

    /// Returns the names of the plugins that each loaded plugin requires.
    fn requirements(&self) -> BTreeMap<String, BTreeSet<String>> {
        let requires = |plugin: Plugin| {
            let required = plugin.manifest().requires.into_iter().map(|required| required.name);
            (plugin.name(), required.collect())
        };
        self.plugins().into_iter().map(requires).collect()
    }

    /// Unloads plugins, each after those that require it. Returns their names in this order.
    async fn unload_in_order(&self, mut left: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
        let mut unloaded = Vec::new();
        while !left.is_empty() {
            let required: BTreeSet<&String> = left.values().flatten().collect();
            let mut free: Vec<String> = left.keys().filter(|name| !required.contains(name)).cloned().collect();
            if free.is_empty() {
                // A reload can make two plugins require each other.
                free = left.keys().cloned().collect();
            }
            let mut unloading = JoinSet::new();
            for name in free {
                left.remove(&name);
                let runtime = self.clone();
                unloading.spawn(async move { (runtime.unload(&name).await, name) });
            }
            while let Some(ended) = unloading.join_next().await {
                unloaded.extend(ended.ok().and_then(|(was_loaded, name)| was_loaded.then_some(name)));
            }
        }
        unloaded
    }
}

fn node(manifest: &Manifest) -> Node {
    Node { name: manifest.name.clone(), version: manifest.version.clone(), requires: manifest.requires.clone() }
}
