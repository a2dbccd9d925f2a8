//! The application's settings for one plugin, in addition to the plugin's files. They outlive the package: a reload
//! applies each one that the new package does not set itself.

use std::collections::BTreeMap;

use plugbay_manifest::{Layer, Resources};
use serde_json::Value;

use super::Package;
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
    pub(crate) lazy: Option<bool>,
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
            lazy: self.lazy.or(kept.lazy),
        }
    }
}

/// The settings of the application.
impl Package {
    /// Adds a manifest layer, which overrides the component's embedded manifest and the layers added before.
    #[must_use]
    pub fn manifest(mut self, layer: Layer) -> Self {
        self.options.layers.push(layer);
        self
    }

    /// Sets an option of the plugin's configuration. It overrides the plugin's files, and values that the plugin itself
    /// sets override it.
    #[must_use]
    pub fn configure(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.configuration.get_or_insert_default().insert(key.into(), value.into());
        self
    }

    /// Sets all options of the plugin's configuration, replacing options set before. If there are none, a reload
    /// removes the options of the loaded plugin.
    #[must_use]
    pub fn configure_all(mut self, options: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.options.configuration = Some(options.into_iter().collect());
        self
    }

    /// Sets resource limits that override the manifest's, up to the ceilings.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.options.resources = Some(resources);
        self
    }

    /// Sets the operator's rules for this plugin, which take precedence over the rules for all plugins.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.options.policy = Some(policy);
        self
    }

    /// Sets whether this plugin may run in trusted mode if its manifest asks for that (`execution_mode: trusted`).
    /// Default: `false`; a plugin that asks is then not loaded. A trusted plugin is not metered with fuel unless a
    /// limit is set, and can access the directories and addresses that it asks for and is granted.
    /// [`RuntimeBuilder::trust`](crate::RuntimeBuilder::trust) does the same by name.
    #[must_use]
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.options.trusted = Some(trusted);
        self
    }

    /// Sets whether the plugin is lazy: it is checked, compiled and linked when it is loaded, and started by its first
    /// use. Default: `false`. See [`PluginState::Lazy`](crate::lifecycle::PluginState::Lazy). A reload does not
    /// change whether a plugin is lazy.
    #[must_use]
    pub fn lazy(mut self, lazy: bool) -> Self {
        self.options.lazy = Some(lazy);
        self
    }

    /// Returns whether the plugin is lazy.
    pub fn is_lazy(&self) -> bool {
        self.options.lazy == Some(true)
    }
}
