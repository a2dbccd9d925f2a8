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
    /// Enables or disables a plugin, in the catalog for later boots and in this host at once. An installed plugin that
    /// is enabled and not loaded is loaded. Returns its record; `None` for a loaded plugin that is not installed, which
    /// is named by its name.
    ///
    /// # Errors
    /// [`SetEnabledError`] if the catalog fails, or if an enabled plugin does not start. It stays enabled in the
    /// catalog then.
    pub async fn set_enabled(
        &self,
        catalog: &Catalog,
        key: impl Into<PluginKey>,
        enabled: bool,
    ) -> Result<Option<Installed>, SetEnabledError> {
        let key = key.into();
        if let PluginKey::Name(name) = &key
            && self.runtime.plugin(name).is_some()
            && !catalog.list().await?.iter().any(|installed| installed.name == *name)
        {
            self.set_name_enabled(catalog, name, enabled).await?;
            return Ok(None);
        }
        let _turn = self.turn.lock().await;
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
            self.runtime.load(package.lazy(false)).await?;
            self.running.insert(&installed.name, &installed.current);
        }
        Ok(Some(installed))
    }

    /// Enables or disables a loaded plugin that is not installed.
    async fn set_name_enabled(&self, catalog: &Catalog, name: &str, enabled: bool) -> Result<(), SetEnabledError> {
        catalog.set_name_enabled(name, enabled).await?;
        self.running.set_disabled_names(catalog.disabled_names().await?);
        if enabled {
            self.runtime.enable(name).await?;
        } else {
            self.runtime.disable(name).await;
        }
        Ok(())
    }
}

/// Plugins of the catalog's plugin store run in this node. One that is disabled or lazy counts as not loaded, and
/// loading it enables or starts it.
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
        self.runtime.load(package.lazy(false)).await.map_err(text)?;
        self.running.insert(&name, version);
        Ok(())
    }

    async fn unload(&self, name: &str) {
        self.running.remove(name);
        self.runtime.unload(name).await;
    }
}
