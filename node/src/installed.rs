//! Packages of the catalog, as the runtime loads them.

use plugbay::Package;
use plugbay::manifest::{Layer, ManifestError};
use plugbay_catalog::store::StoredPackage;
use serde_json::Value;

use crate::Node;

impl Node {
    /// The package of an installed plugin: its component, manifest and configuration files, with the settings of its
    /// entry in the host's file. An entry names it by `name`, or by the reference that it was installed from.
    ///
    /// # Errors
    /// [`ManifestError`] if a stored document is invalid. It was valid when it was installed.
    pub fn installed(&self, stored: StoredPackage) -> Result<Package, ManifestError> {
        let files = stored.config_values(self.environment.as_deref())?;
        let package = package(&stored.name, stored.component.to_vec(), stored.layer()?, files);
        Ok(self.with_settings(self.file.of_installed(&stored.name, &stored.origin), package))
    }

    /// The same for a package that is not installed yet, to check it.
    ///
    /// # Errors
    /// As [`Node::installed`].
    pub fn candidate(&self, candidate: &plugbay_catalog::Package) -> Result<Package, ManifestError> {
        let (name, origin) = (candidate.name(), &*candidate.origin);
        let layer = candidate.document.as_ref().map(|document| document.layer(origin)).transpose()?;
        let files = candidate.config_values(self.environment.as_deref())?;
        let package = package(name, candidate.component.to_vec(), layer, files);
        Ok(self.with_settings(self.file.of_installed(name, origin), package))
    }
}

fn package(name: &str, component: Vec<u8>, layer: Option<Layer>, files: Vec<(String, Value)>) -> Package {
    let mut package = Package::from_bytes(name, component);
    if let Some(layer) = layer {
        package = package.manifest_file(layer);
    }
    for (file, values) in files {
        // A checked file is an object, or null if it is empty.
        let Value::Object(values) = values else { continue };
        package = package.config_file(format!("{file} of `{name}`"), values);
    }
    package
}
