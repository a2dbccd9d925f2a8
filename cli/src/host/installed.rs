//! PLUGIN as the name of an installed plugin, and installed plugins that others require.

use std::path::Path;

use plugbay::Package;
use plugbay::manifest::check_plugin_name;
use plugbay_catalog::store::StoredPackage;
use plugbay_catalog::{Catalog, CatalogError, Installed};
use plugbay_node::{HostFile, Node, OpenCatalogError, existing_catalog};

use super::block_on;
use crate::args::HostArgs;
use crate::error::Error;
use crate::output::Output;

/// An installed plugin with its stored package.
pub(super) struct InstalledPlugin {
    installed: Installed,
    stored: StoredPackage,
}

impl InstalledPlugin {
    /// Its package, with its settings of the host's file.
    pub(super) fn package(self, node: &Node) -> Result<Package, Error> {
        let name = &self.installed.name;
        let package = node.installed(self.stored);
        package.map_err(|error| Error::Usage(format!("the stored manifest of plugin `{name}` is invalid: {error}")))
    }
}

/// Finds the installed plugin that PLUGIN names. `None` if PLUGIN is a path, or if there is no catalog.
pub(super) fn find(
    plugin: &Path,
    catalog: impl FnOnce() -> Result<Option<Catalog>, Error>,
) -> Result<Option<InstalledPlugin>, Error> {
    let is_number = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let name = plugin.to_str().filter(|name| check_plugin_name(name).is_ok() || is_number(name));
    let Some(name) = name.filter(|_| !plugin.exists()) else { return Ok(None) };
    let Some(catalog) = catalog()? else { return Ok(None) };
    let found = block_on(read(&catalog, name))??;
    if !found.installed.enabled {
        return Err(Error::Disabled(found.installed.name));
    }
    Ok(Some(found))
}

/// The package of an installed plugin that another one requires. A disabled one is noted, and not loaded.
pub(super) fn required(node: &Node, name: &str, output: Output) -> Result<Option<Package>, Error> {
    let Some(catalog) = node.catalog()? else { return Ok(None) };
    match block_on(read(&catalog, name))? {
        Ok(found) if found.installed.enabled => found.package(node).map(Some),
        Ok(_) => {
            output.note(&format!("plugin `{name}` is required and installed, but disabled: `plugbay enable {name}`"));
            Ok(None)
        }
        Err(error) if error.is_not_installed() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The catalog of the data directory that the options or the host's file name.
pub(super) fn catalog(file: &HostFile, args: &HostArgs) -> Result<Option<Catalog>, OpenCatalogError> {
    let data_dir = args.data_dir.clone().or_else(|| file.data_dir());
    data_dir.map_or(Ok(None), |directory| existing_catalog(file, &directory))
}

async fn read(catalog: &Catalog, name: &str) -> Result<InstalledPlugin, CatalogError> {
    let installed = catalog.installed(name).await?;
    let stored = catalog.package(installed.id).await?;
    Ok(InstalledPlugin { installed, stored })
}
