//! Packages of the catalog, as the runtime loads them.

use plugbay::Package;
use plugbay::manifest::ManifestError;
use plugbay_catalog::Installed;
use plugbay_catalog::store::StoredPackage;
use serde_json::Value;

use crate::Node;

impl Node {
    /// The package of an installed plugin: its component, manifest and configuration files, with the settings of its
    /// entry in the host's file. An entry names it by `name`, or by the reference that it was installed from.
    ///
    /// # Errors
    /// [`ManifestError`] if a stored document is invalid. It was valid when it was installed.
    pub fn installed(&self, installed: &Installed, stored: StoredPackage) -> Result<Package, ManifestError> {
        let layer = stored.layer()?;
        let files = stored.config_values(self.environment.as_deref())?;
        let mut package = Package::from_bytes(&stored.name, stored.component);
        if let Some(layer) = layer {
            package = package.manifest_file(layer);
        }
        for (name, values) in files {
            // Installing refuses configuration files that are not objects; an empty one is null.
            let Value::Object(values) = values else { continue };
            package = package.config_file(format!("{name} of `{}`", stored.name), values);
        }
        Ok(self.with_settings(self.file.of_installed(&installed.name, &installed.current.origin), package))
    }
}
