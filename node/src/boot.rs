//! Boot: loads the plugins of a host, those of its file, of its catalog and of its directory of plugins.
//!
//! One plugin that cannot be loaded fails only itself and those that require it; the report has an error for each. A
//! host's file may name packages at URLs and in registries, and manifests that name their component. Such a package is
//! installed in the catalog at the first boot and loaded from there afterwards, so that a later boot needs no network.
//! The operator confirmed it by naming it; what it may do is still decided by the policy. A later version that asks for
//! more than the installed one has to be confirmed with an update.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plugbay::manifest::ManifestError;
use plugbay::{LoadError, Package, Plugin};
use plugbay_catalog::network::TransferObserver;
use plugbay_catalog::store::InstalledState;
use plugbay_catalog::{Catalog, CatalogError, Consent, HostLock, HostLockError, Installed};

use crate::catalog::{catalog_in_memory, open_catalog};
use crate::{DiscoveryError, Node, OpenCatalogError, discover};

/// The outcome of [`Node::boot`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct BootReport {
    /// The plugins that were loaded, in the order in which they began to serve.
    pub loaded: Vec<Plugin>,
    /// One error for each plugin that was not loaded.
    pub errors: Vec<BootError>,
    /// The plugins that the catalog disables. They are loaded as such: calls of them fail with `plugin_disabled`, and
    /// [`Runtime::enable`](plugbay::Runtime::enable) starts them.
    pub disabled: Vec<Plugin>,
    /// The lock on the data directory, which has to be held as long as the host runs. `None` without a data directory.
    pub lock: Option<HostLock>,
}

/// A plugin was not loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// It cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It cannot be installed, or the catalog cannot read it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A document that the catalog stores is invalid.
    #[error("the stored manifest of plugin `{plugin}` is invalid: {}; install it again", error.to_string().replace('\n', "; "))]
    Stored {
        /// The plugin.
        plugin: String,
        /// The problems.
        error: ManifestError,
    },
}

/// A host cannot boot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootFailure {
    /// Another host runs on the data directory, or it cannot be locked.
    #[error(transparent)]
    Lock(#[from] HostLockError),
    /// The catalog cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenCatalogError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The directory of plugins cannot be listed.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
}

/// The packages to load, as they are collected.
#[derive(Default)]
struct Collected {
    packages: Vec<Package>,
    errors: Vec<BootError>,
    /// Each with its record, if it is installed.
    disabled: Vec<(Option<Installed>, Package)>,
    /// The paths of packages in files, so that a plugin that is named and discovered is loaded once.
    paths: BTreeSet<PathBuf>,
    /// The installed plugins among the packages.
    installed: Vec<Installed>,
}

impl Node {
    /// Locks the data directory for this process and loads all plugins: those of the host's file, those of the catalog,
    /// and those in the directory of plugins. Plugins that the catalog disables are loaded as disabled, also those that
    /// are not installed ([`Catalog::disabled_names`]). Each is
    /// loaded after those that it requires ([`Runtime::load_all`](plugbay::Runtime::load_all)). Of plugins with the
    /// same name, the first in this order is loaded. The catalog records what became of its plugins.
    ///
    /// `command` is the operator's name of this process, for the message that a second host prints. `observer` is
    /// called during downloads.
    ///
    /// # Errors
    /// [`BootFailure`] if another host runs on the data directory, the catalog is damaged, or the directory of plugins
    /// cannot be listed. Everything that concerns one plugin is in the report instead.
    pub async fn boot(&self, command: &str, observer: &dyn TransferObserver) -> Result<BootReport, BootFailure> {
        let lock = self.lock(command)?;
        let catalog = self.boot_catalog()?;
        if let Some(catalog) = &catalog {
            self.running.set_disabled_names(catalog.disabled_names().await?);
        }
        let mut all = Collected::default();
        for path in self.file.local_plugins() {
            self.collect_path(&path, &mut all);
        }
        if let Some(catalog) = &catalog {
            self.install_fetched(catalog, observer, &mut all).await?;
            self.collect_installed(catalog, &mut all).await?;
        }
        for path in self.file.plugins_dir().map(|directory| discover(&directory)).transpose()?.unwrap_or_default() {
            self.collect_path(&path, &mut all);
        }
        let loaded = self.runtime.load_all(all.packages).await;
        let mut report = BootReport { loaded: loaded.successes, errors: all.errors, disabled: Vec::new(), lock };
        for (installed, package) in all.disabled {
            match self.runtime.load_disabled(package).await {
                Ok(plugin) => {
                    if let Some(installed) = installed {
                        self.running.insert(&installed.name, &installed.current);
                    }
                    report.disabled.push(plugin);
                }
                Err(error) => report.errors.push(error.into()),
            }
        }
        if let Some(catalog) = &catalog {
            self.record(catalog, &all.installed, &report.loaded, &loaded.errors).await?;
        }
        report.errors.extend(loaded.errors.into_iter().map(BootError::Load));
        Ok(report)
    }

    /// The catalog, if this host has or needs one.
    fn boot_catalog(&self) -> Result<Option<Catalog>, OpenCatalogError> {
        match (&self.data_dir, self.file.fetched_plugins().next()) {
            (Some(directory), Some(_)) => open_catalog(&self.file, directory).map(Some),
            (None, Some(_)) => catalog_in_memory(&self.file).map(Some),
            (_, None) => self.catalog(),
        }
    }

    fn collect_path(&self, path: &Path, all: &mut Collected) {
        if !all.paths.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())) {
            return;
        }
        match Package::open(path) {
            Ok(package) => {
                let package = self.configured(path, package);
                match self.is_disabled(&package) {
                    true => all.disabled.push((None, package)),
                    false => all.packages.push(package),
                }
            }
            Err(error) => all.errors.push(error.into()),
        }
    }

    /// Returns whether the host's file, or its directory of plugins, has a plugin of this name. Packages that cannot be
    /// read are passed over.
    ///
    /// # Errors
    /// [`DiscoveryError`] if the directory of plugins cannot be listed.
    pub fn has_local(&self, name: &str) -> Result<bool, DiscoveryError> {
        let mut paths: Vec<PathBuf> = self.file.local_plugins().collect();
        paths.extend(self.file.plugins_dir().map(|directory| discover(&directory)).transpose()?.unwrap_or_default());
        let is_it =
            |package: Package| self.runtime.inspect(package).is_ok_and(|inspection| inspection.manifest.name == name);
        Ok(paths.iter().any(|path| Package::open(path).is_ok_and(is_it)))
    }

    /// Returns whether the catalog disables a plugin from a file. Its name is read only if any is disabled.
    fn is_disabled(&self, package: &Package) -> bool {
        self.running.has_disabled_names()
            && self
                .runtime
                .inspect(package.clone())
                .is_ok_and(|inspection| self.running.is_name_disabled(&inspection.manifest.name))
    }

    /// Installs the packages of the host's file that are not installed.
    async fn install_fetched(
        &self,
        catalog: &Catalog,
        observer: &dyn TransferObserver,
        all: &mut Collected,
    ) -> Result<(), CatalogError> {
        let installed = catalog.list().await?;
        for reference in self.file.fetched_plugins() {
            if installed.iter().any(|plugin| plugin.current.origin == reference) {
                continue;
            }
            let install = async {
                let candidate = catalog.candidate(&reference, observer).await?;
                // A new plugin was confirmed by the file. A new version of an installed one was not.
                let consent = if candidate.replaces.is_none() { Consent::widening() } else { Consent::none() };
                catalog.install(&candidate, consent).await
            };
            if let Err(error) = install.await {
                all.errors.push(error.into());
            }
        }
        Ok(())
    }

    async fn collect_installed(&self, catalog: &Catalog, all: &mut Collected) -> Result<(), CatalogError> {
        for installed in catalog.list().await? {
            match catalog.package(installed.id).await {
                Ok(stored) => match self.installed(stored) {
                    Ok(package) if !installed.enabled => all.disabled.push((Some(installed), package)),
                    Ok(package) => {
                        all.packages.push(package);
                        all.installed.push(installed);
                    }
                    Err(error) => all.errors.push(BootError::Stored { plugin: installed.name, error }),
                },
                Err(error) => {
                    let text = error.to_string();
                    catalog.record(installed.id, InstalledState::Failed, Some(&text)).await?;
                    all.errors.push(error.into());
                }
            }
        }
        Ok(())
    }

    /// Records the state of each installed plugin that was to be loaded.
    async fn record(
        &self,
        catalog: &Catalog,
        installed: &[Installed],
        loaded: &[Plugin],
        errors: &[LoadError],
    ) -> Result<(), CatalogError> {
        for plugin in installed {
            let error = errors.iter().find(|error| error.subject() == plugin.name).map(ToString::to_string);
            // A plugin of this name that came from a file was loaded before.
            let is_loaded = error.is_none() && loaded.iter().any(|loaded| loaded.name() == plugin.name);
            if is_loaded {
                self.running.insert(&plugin.name, &plugin.current);
            }
            let state = if is_loaded { InstalledState::Loaded } else { InstalledState::Failed };
            catalog.record(plugin.id, state, error.as_deref()).await?;
        }
        Ok(())
    }
}
