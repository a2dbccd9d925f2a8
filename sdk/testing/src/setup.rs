//! The setup of a plugin before it is loaded: its configuration and the operator's grants.

use std::sync::Arc;

use plugbay::manifest::{Effect, Layer, PermissionAction, Resources};
use plugbay::policy::PolicyError;
use plugbay::{LoadError, Package, Policy};
use serde_json::Value;

use crate::host::{Inner, TestHost};
use crate::plugin::{TestPlugin, hint};
use crate::record::Record;

/// A plugin to be loaded into a [`TestHost`](crate::TestHost).
///
/// By default, the operator grants everything that the manifest requests. Rules are evaluated in the order in which
/// they are added, and the first that matches decides.
#[must_use = "the plugin is not loaded before `load`"]
pub struct PluginSetup {
    host: Arc<Inner>,
    package: Package,
    policy: Policy,
}

/// The rules of a policy that ends with the grants of every plugin, to write its log and read its configuration, and
/// denies everything else.
pub(crate) fn nothing_else(mut policy: Policy) -> Policy {
    policy.push("log", Some(vec![PermissionAction::Write]), Effect::Allow);
    policy.push("config.*", Some(vec![PermissionAction::Read]), Effect::Allow);
    policy.push("*", None, Effect::Deny);
    policy
}

impl PluginSetup {
    pub(crate) fn new(host: Arc<Inner>, package: Package) -> Self {
        PluginSetup { host, package, policy: Policy::default() }
    }

    /// Sets a value of the plugin's configuration, as the operator would.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.package = self.package.configure(key, value);
        self
    }

    /// Adds a rule that grants a permission: `RESOURCE:ACTION,ACTION`, or `RESOURCE` alone for all actions, such as
    /// `db.*:read`. Requested permissions are granted by default, so this is needed only before a
    /// [`PluginSetup::deny`], and for resources that the operator must name, such as a private address.
    ///
    /// # Panics
    /// If the text is not a permission.
    #[track_caller]
    pub fn grant(self, permission: &str) -> Self {
        self.with(permission, Policy::allow)
    }

    /// Adds a rule that denies a permission, written as for [`PluginSetup::grant`].
    ///
    /// # Panics
    /// If the text is not a permission.
    #[track_caller]
    pub fn deny(self, permission: &str) -> Self {
        self.with(permission, Policy::deny)
    }

    /// Grants these permissions and nothing else, except those of every plugin: to write its log and to read its
    /// configuration.
    ///
    /// # Panics
    /// If one of the texts is not a permission.
    #[track_caller]
    pub fn only<'p>(self, permissions: impl IntoIterator<Item = &'p str>) -> Self {
        let mut setup = permissions.into_iter().fold(self, PluginSetup::grant);
        setup.policy = nothing_else(setup.policy);
        setup
    }

    /// Replaces all rules that were added before by a policy.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Allows the plugin to run in trusted mode, which its manifest must request. Default: not allowed.
    pub fn trusted(mut self) -> Self {
        self.package = self.package.trusted(true);
        self
    }

    /// Overrides parts of the plugin's manifest, such as limits, subscriptions or permissions, for this test.
    ///
    /// # Panics
    /// If it is not an object. Any other mistake fails the load.
    #[track_caller]
    pub fn manifest(mut self, manifest: Value) -> Self {
        match Layer::from_value("the test's manifest", manifest) {
            Ok(layer) => self.package = self.package.manifest(layer),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Sets the limits of the host, which replace those that the manifest requests.
    pub fn resources(mut self, resources: Resources) -> Self {
        self.package = self.package.resources(resources);
        self
    }

    /// Loads the plugin. When this returns, its `on_load` has run and it is serving.
    ///
    /// # Panics
    /// If the plugin cannot be loaded; the message contains its log.
    #[track_caller]
    pub fn load(self) -> TestPlugin {
        let record = self.host.record.clone();
        loaded(self.try_load(), &record)
    }

    /// Like [`PluginSetup::load`], without the panic.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed.
    pub fn try_load(self) -> Result<TestPlugin, LoadError> {
        let PluginSetup { host, package, policy } = self;
        let package = package.policy(policy);
        let plugin = host.run(host.runtime.load(package.clone()))?;
        Ok(TestPlugin::new(host, plugin, package))
    }

    /// Loads the plugin as a new revision, to which the loaded one passes its state.
    ///
    /// # Panics
    /// If the plugin cannot be loaded; the message contains its log. The old revision then continues to serve.
    #[track_caller]
    pub fn reload(self) -> TestPlugin {
        let record = self.host.record.clone();
        loaded(self.try_reload(), &record)
    }

    /// Like [`PluginSetup::reload`], without the panic.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed. The old revision then continues to serve.
    pub fn try_reload(self) -> Result<TestPlugin, LoadError> {
        let PluginSetup { host, package, policy } = self;
        let package = package.policy(policy);
        let plugin = host.run(host.runtime.reload(package.clone()))?;
        Ok(TestPlugin::new(host, plugin, package))
    }

    #[track_caller]
    fn with(mut self, permission: &str, rule: fn(Policy, &str) -> Result<Policy, PolicyError>) -> Self {
        match rule(std::mem::take(&mut self.policy), permission) {
            Ok(policy) => self.policy = policy,
            Err(error) => panic!("{error}"),
        }
        self
    }
}

/// Loads several plugins, each after those that it requires, and returns them or their errors in the given order.
pub(crate) fn boot(host: &TestHost, setups: Vec<PluginSetup>) -> Vec<Result<TestPlugin, LoadError>> {
    let packages: Vec<Package> = setups.into_iter().map(|setup| setup.package.policy(setup.policy)).collect();
    let inner = host.inner();
    let mut loaded = inner.run(inner.runtime.load_all(packages.iter().cloned()));
    let plugins = packages.into_iter().map(|package| {
        let name = inner.runtime.inspect(package.clone())?.manifest.name;
        match loaded.errors.iter().position(|error| error.subject() == name) {
            Some(at) => Err(loaded.errors.swap_remove(at)),
            None => {
                let plugin = loaded.successes.iter().find(|plugin| plugin.name() == name).cloned();
                let plugin = plugin.or_else(|| inner.runtime.plugin(&name));
                let plugin = plugin.unwrap_or_else(|| unreachable!("`{name}` was loaded, or has an error"));
                Ok(TestPlugin::new(host.shared(), plugin, package))
            }
        }
    });
    plugins.collect()
}

#[track_caller]
fn loaded(plugin: Result<TestPlugin, LoadError>, record: &Record) -> TestPlugin {
    match plugin {
        Ok(plugin) => plugin,
        Err(error) => panic!("{error}{}{}", hint(error.hint()), record.scene(error.subject())),
    }
}
