//! The application's settings for one plugin, in addition to the plugin's files. They outlive the package: a reload
//! applies each one that the new package does not set itself.

use std::collections::BTreeMap;

use plugbay_manifest::{Layer, Resources};
use serde_json::Value;

use crate::capability::Policy;

/// The settings of a package. `None` is a setting that the application did not make.
#[derive(Clone, Default)]
pub(crate) struct PackageOptions {
    /// Manifest layers that override those of the component and the files.
    pub(crate) layers: Vec<Layer>,
    pub(crate) configuration: Option<BTreeMap<String, Value>>,
    pub(crate) resources: Option<Resources>,
    pub(crate) policy: Option<Policy>,
    pub(crate) trusted: Option<bool>,
}

impl PackageOptions {
    /// Returns these settings, with those of `kept` that are not made here.
    pub(crate) fn or(self, kept: &PackageOptions) -> Self {
        PackageOptions {
            layers: if self.layers.is_empty() { kept.layers.clone() } else { self.layers },
            configuration: self.configuration.or_else(|| kept.configuration.clone()),
            resources: self.resources.or_else(|| kept.resources.clone()),
            policy: self.policy.or_else(|| kept.policy.clone()),
            trusted: self.trusted.or(kept.trusted),
        }
    }
}
