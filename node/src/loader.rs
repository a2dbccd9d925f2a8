//! Installed plugins of a host that runs: loaded and unloaded by the catalog's plugin store, enabled and disabled.

use plugbay::LoadError;
use plugbay_catalog::plugin_store::PluginLoader;
use plugbay_catalog::store::{PluginKey, StoredPackage};
use plugbay_catalog::{Catalog, CatalogError, Installed};

use crate::running::RunningVersion;
use crate::{BootError, Node};

/// A plugin was neither enabled nor disabled as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetEnabledError {
    /// The catalog failed. Nothing was changed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The plugin is enabled in the catalog, but does not start.
    #[error(transparent)]
    Start(#[from] LoadError),
    /// The plugin is enabled in the catalog, but its stored package cannot be used.
    #[error(transparent)]
    Package(BootError),
}

impl Node {
    /// Enables or disables an installed plugin, in the catalog for later boots and in this host at once. An enabled
    /// plugin that is not loaded is loaded.
    ///
    /// # Errors
    /// [`SetEnabledError`] if the catalog fails, or if an enabled plugin does not start. It stays enabled in the
    /// catalog then.
    pub async fn set_enabled(
        &self,
        catalog: &Catalog,
        key: impl Into<PluginKey>,
        enabled: bool,
    ) -> Result<Installed, SetEnabledError> {
        let installed = catalog.set_enabled(key, enabled).await?;
        if !enabled {
            self.runtime.disable(&installed.name).await;
        } else if self.runtime.plugin(&installed.name).is_some() {
            self.runtime.enable(&installed.name).await?;
        } else {
            let stored = catalog.package(installed.id).await?;
            let package = self.installed(stored).map_err(|error| {
                SetEnabledError::Package(BootError::Stored { plugin: installed.name.clone(), error })
            })?;
            self.runtime.load(package).await?;
            self.running.insert(&installed.name, &installed.current);
        }
        Ok(installed)
    }
}

/// Plugins of the catalog's plugin store run in this node. One that is loaded and disabled counts as not loaded, and
/// loading it enables it.
impl PluginLoader for Node {
    fn is_loaded(&self, name: &str) -> bool {
        self.runtime.plugin(name).is_some_and(|plugin| plugin.state().serves())
    }

    async fn load(&self, package: StoredPackage) -> Result<(), String> {
        let text = |error: LoadError| error.to_string();
        if self.runtime.plugin(&package.name).is_some() {
            return self.runtime.enable(&package.name).await.map(drop).map_err(text);
        }
        let (name, version) = (package.name.clone(), RunningVersion::from(&package));
        let package = self.installed(package).map_err(|error| error.to_string().replace('\n', "; "))?;
        self.runtime.load(package).await.map_err(text)?;
        self.running.insert(&name, version);
        Ok(())
    }

    async fn unload(&self, name: &str) {
        self.running.remove(name);
        self.runtime.unload(name).await;
    }
}
