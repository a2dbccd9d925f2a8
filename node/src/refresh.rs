//! Refresh: a host that runs follows the changes of its catalog.
//!
//! Commands and other processes change the catalog while a host runs. A host that finds a new
//! [`Catalog::revision`](plugbay_catalog::Catalog::revision) calls [`Node::refresh`], as [`Node::follow`] does: no call
//! of a plugin that did not change is affected, and a changed one is replaced as by any reload.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use plugbay::lifecycle::PluginState;
use plugbay_catalog::store::InstalledState;
use plugbay_catalog::{Catalog, CatalogError, Installed};

use crate::running::RunningVersion;
use crate::{BootError, Node};

/// The outcome of [`Node::refresh`]: names of plugins, in the order of their numbers.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RefreshReport {
    /// The plugins that were loaded, or enabled.
    pub loaded: Vec<String>,
    /// The plugins that were replaced by another version.
    pub reloaded: Vec<String>,
    /// The plugins that were disabled.
    pub disabled: Vec<String>,
    /// The plugins that were removed from the catalog, and unloaded.
    pub unloaded: Vec<String>,
    /// One error for each plugin that could not be loaded or replaced. One that could not be replaced serves on in its
    /// earlier version.
    pub errors: Vec<BootError>,
}

impl RefreshReport {
    /// Whether nothing had changed.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.loaded, &self.reloaded, &self.disabled, &self.unloaded];
        lists.iter().all(|list| list.is_empty()) && self.errors.is_empty()
    }
}

/// How often a host looks whether its catalog has changed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Node {
    /// Follows the catalog: looks every second whether it has changed, and [refreshes](Self::refresh) this host then.
    /// `report` receives each outcome that is not empty, and the first of several errors in a row.
    ///
    /// Runs until it is dropped.
    pub async fn follow(
        &self,
        catalog: &Catalog,
        mut report: impl FnMut(Result<RefreshReport, CatalogError>),
    ) -> Infallible {
        let (mut seen, mut has_failed) = (None, false);
        loop {
            let refreshed = async {
                let revision = catalog.revision().await?;
                let is_new = seen.replace(revision) != Some(revision);
                if is_new { self.refresh(catalog).await } else { Ok(RefreshReport::default()) }
            };
            match refreshed.await {
                Ok(refreshed) => {
                    has_failed = false;
                    if !refreshed.is_empty() {
                        report(Ok(refreshed));
                    }
                }
                Err(error) => {
                    // It is refreshed again, whatever was changed by then.
                    seen = None;
                    if !std::mem::replace(&mut has_failed, true) {
                        report(Err(error));
                    }
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Makes this host run what the catalog has now: plugins that were removed are unloaded, those with another version
    /// are reloaded, those that were enabled or installed are loaded in the order of their requirements, and those that
    /// were disabled are disabled. Plugins that did not come from the catalog are left alone, but for those that it has
    /// disabled or enabled by name since.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read or written. Everything that concerns one plugin is in the report.
    pub async fn refresh(&self, catalog: &Catalog) -> Result<RefreshReport, CatalogError> {
        let _turn = self.turn.lock().await;
        let installed = catalog.list().await?;
        let mut report = RefreshReport::default();
        let running = self.running.all();
        for name in running.keys().filter(|name| !installed.iter().any(|plugin| plugin.name == **name)) {
            self.running.remove(name);
            if self.runtime.unload(name).await {
                report.unloaded.push(name.clone());
            }
        }
        let mut new = Vec::new();
        for plugin in installed {
            let loaded = self.runtime.plugin(&plugin.name);
            match (running.get(&plugin.name), loaded) {
                (Some(version), Some(loaded)) => {
                    let is_changed = *version != RunningVersion::from(&plugin.current);
                    if is_changed {
                        self.replace(catalog, &plugin, &mut report).await?;
                    }
                    let is_disabled = loaded.state() == PluginState::Disabled;
                    if is_disabled == plugin.enabled {
                        self.switch(catalog, &plugin, &mut report).await?;
                    }
                }
                // It has the name of a plugin that did not come from the catalog.
                (None, Some(_)) => {}
                (_, None) => new.push(plugin),
            }
        }
        self.load_new(catalog, new, &mut report).await?;
        self.switch_names(catalog.disabled_names().await?, &mut report).await;
        Ok(report)
    }

    /// Replaces a plugin by the installed version. If that fails, the earlier version serves on, and is tried to be
    /// replaced again by the next refresh.
    async fn replace(
        &self,
        catalog: &Catalog,
        plugin: &Installed,
        report: &mut RefreshReport,
    ) -> Result<(), CatalogError> {
        let reloaded = match self.stored(catalog, plugin).await {
            Ok(package) => self.runtime.reload(package).await.map_err(BootError::from),
            Err(error) => Err(error),
        };
        match reloaded {
            Ok(_) => {
                self.running.insert(&plugin.name, &plugin.current);
                report.reloaded.push(plugin.name.clone());
                record(catalog, plugin, None).await
            }
            Err(error) => {
                let text = error.to_string();
                report.errors.push(error);
                record(catalog, plugin, Some(&text)).await
            }
        }
    }

    /// Enables or disables a plugin, as the catalog has it.
    async fn switch(
        &self,
        catalog: &Catalog,
        plugin: &Installed,
        report: &mut RefreshReport,
    ) -> Result<(), CatalogError> {
        if !plugin.enabled {
            self.runtime.disable(&plugin.name).await;
            report.disabled.push(plugin.name.clone());
            return Ok(());
        }
        match self.runtime.enable(&plugin.name).await {
            Ok(_) => {
                report.loaded.push(plugin.name.clone());
                record(catalog, plugin, None).await
            }
            Err(error) => {
                let text = error.to_string();
                report.errors.push(error.into());
                record(catalog, plugin, Some(&text)).await
            }
        }
    }

    /// Disables and enables plugins that did not come from the catalog, as it has changed since.
    async fn switch_names(&self, disabled: BTreeSet<String>, report: &mut RefreshReport) {
        let before = self.running.set_disabled_names(disabled.clone());
        let running = self.running.all();
        let is_elsewhere = |name: &&String| !running.contains_key(*name);
        for name in disabled.difference(&before).filter(is_elsewhere) {
            if self.runtime.disable(name).await {
                report.disabled.push(name.clone());
            }
        }
        for name in before.difference(&disabled).filter(is_elsewhere) {
            match self.runtime.enable(name).await {
                Ok(_) => report.loaded.push(name.clone()),
                Err(error) if self.runtime.plugin(name).is_some() => report.errors.push(error.into()),
                // It is not here.
                Err(_) => {}
            }
        }
    }

    async fn load_new(
        &self,
        catalog: &Catalog,
        new: Vec<Installed>,
        report: &mut RefreshReport,
    ) -> Result<(), CatalogError> {
        let mut packages = Vec::new();
        for plugin in &new {
            match self.stored(catalog, plugin).await {
                Ok(package) if plugin.enabled => packages.push(package),
                Ok(package) => match self.runtime.load_disabled(package).await {
                    Ok(_) => self.running.insert(&plugin.name, &plugin.current),
                    Err(error) => report.errors.push(error.into()),
                },
                Err(error) => {
                    record(catalog, plugin, Some(&error.to_string())).await?;
                    report.errors.push(error);
                }
            }
        }
        let loaded = self.runtime.load_all(packages).await;
        for plugin in new.iter().filter(|plugin| plugin.enabled) {
            if loaded.successes.iter().any(|loaded| loaded.name() == plugin.name) {
                self.running.insert(&plugin.name, &plugin.current);
                report.loaded.push(plugin.name.clone());
                record(catalog, plugin, None).await?;
            } else if let Some(error) = loaded.errors.iter().find(|error| error.subject() == plugin.name) {
                record(catalog, plugin, Some(&error.to_string())).await?;
            }
        }
        report.errors.extend(loaded.errors.into_iter().map(BootError::from));
        Ok(())
    }

    /// The package of an installed plugin.
    async fn stored(&self, catalog: &Catalog, plugin: &Installed) -> Result<plugbay::Package, BootError> {
        let stored = catalog.package(plugin.id).await?;
        self.installed(stored).map_err(|error| BootError::Stored { plugin: plugin.name.clone(), error })
    }
}

/// Records that a plugin was loaded, or the error for which it was not.
async fn record(catalog: &Catalog, plugin: &Installed, error: Option<&str>) -> Result<(), CatalogError> {
    let state = if error.is_none() { InstalledState::Loaded } else { InstalledState::Failed };
    catalog.record(plugin.id, state, error).await
}
