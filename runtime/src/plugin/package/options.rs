//! What the application sets for one plugin in addition to the plugin's files. A loaded plugin keeps these options: a
//! reload applies each one that the new package does not set itself.

use std::collections::BTreeMap;

use plugbay_manifest::{Layer, Resources};
use serde_json::Value;

use crate::capability::Policy;

/// The options of a package. `None` is an option that was not set.
#[derive(Clone, Default)]
pub(crate) struct PackageOptions {
    /// Manifest layers above those of the component and of its files.
    pub(crate) layers: Vec<Layer>,
    pub(crate) configuration: Option<BTreeMap<String, Value>>,
    pub(crate) resources: Option<Resources>,
    pub(crate) policy: Option<Policy>,
    pub(crate) trusted: Option<bool>,
}

impl PackageOptions {
    /// These options, and those of `kept` that are not set here.
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
