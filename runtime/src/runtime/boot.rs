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
use super::dependents::Ending;
use crate::error::LoadError;
use crate::handle::Plugin;
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
            let mut name = None;
            let checked = source.open().and_then(|package| {
                name = Some(package.declared_name());
                self.check_package(package)
            });
            match checked {
                Ok(checked) if self.plugin(&checked.manifest.name).is_some() => skipped.push(checked.manifest.name),
                Ok(checked) => order.add(node(&checked.manifest), checked),
                Err(error) => order.add_failed(name.unwrap_or_else(|| error.subject().to_owned()), error),
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
        self.end_in_order(self.requirements(), Ending::Unload).await;
    }

    /// Returns the names of the plugins that each loaded plugin requires.
    pub(super) fn requirements(&self) -> BTreeMap<String, BTreeSet<String>> {
        let requires = |plugin: Plugin| {
            let required = plugin.manifest().requires.into_iter().map(|required| required.name);
            (plugin.name(), required.collect())
        };
        self.plugins().into_iter().map(requires).collect()
    }

    /// Unloads or disables plugins, each after those that require it. Returns their names in this order.
    pub(super) async fn end_in_order(
        &self,
        mut left: BTreeMap<String, BTreeSet<String>>,
        ending: Ending,
    ) -> Vec<String> {
        let mut ended = Vec::new();
        while !left.is_empty() {
            let required: BTreeSet<&String> = left.values().flatten().collect();
            let mut free: Vec<String> = left.keys().filter(|name| !required.contains(name)).cloned().collect();
            if free.is_empty() {
                // A reload can make two plugins require each other.
                free = left.keys().cloned().collect();
            }
            let mut running = JoinSet::new();
            for name in free {
                left.remove(&name);
                let runtime = self.clone();
                running.spawn(async move {
                    let was_loaded = match ending {
                        Ending::Unload => runtime.unload(&name).await,
                        Ending::Disable => runtime.disable(&name).await,
                    };
                    (was_loaded, name)
                });
            }
            while let Some(one) = running.join_next().await {
                ended.extend(one.ok().and_then(|(was_loaded, name)| was_loaded.then_some(name)));
            }
        }
        ended
    }
}

fn node(manifest: &Manifest) -> Node {
    Node { name: manifest.name.clone(), version: manifest.version.clone(), requires: manifest.requires.clone() }
}
