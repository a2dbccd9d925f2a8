//! A plugin before it is loaded: its configuration and what the operator allows it.

use std::sync::Arc;

use plugbay::manifest::{Effect, Layer, PermissionAction, Resources};
use plugbay::{LoadError, Package, Policy, PolicyError};
use serde_json::Value;

use crate::host::Inner;
use crate::plugin::TestPlugin;
use crate::record::Record;

/// A plugin to be loaded into a [`TestHost`](crate::TestHost).
///
/// The operator allows whatever its manifest asks for, unless something is said here. Rules are looked at in the order
/// in which they are said, and the first that fits decides.
#[must_use = "nothing happens before `load`"]
pub struct PluginSetup {
    host: Arc<Inner>,
    package: Package,
    policy: Policy,
}

/// The rules with nothing allowed below them but what every plugin may: write its log, read its configuration.
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

    /// Sets a value of its configuration, as the operator would.
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.package = self.package.configure(key, value);
        self
    }

    /// The operator allows this: `RESOURCE:ACTION,ACTION`, or `RESOURCE` alone for all actions, such as `db.*:read`.
    /// That is the default for whatever the manifest asks for; it is worth saying before a [`PluginSetup::deny`], and
    /// for what has to be named by the operator, such as a private address.
    ///
    /// # Panics
    /// Where that is no permission.
    #[track_caller]
    pub fn grant(self, permission: &str) -> Self {
        self.with(permission, Policy::allow)
    }

    /// The operator does not allow this, written as for [`PluginSetup::grant`].
    ///
    /// # Panics
    /// Where that is no permission.
    #[track_caller]
    pub fn deny(self, permission: &str) -> Self {
        self.with(permission, Policy::deny)
    }

    /// The operator allows these and nothing else, but for what every plugin may: write its log, read its
    /// configuration.
    ///
    /// # Panics
    /// Where one of them is no permission.
    #[track_caller]
    pub fn only<'p>(self, permissions: impl IntoIterator<Item = &'p str>) -> Self {
        let mut setup = permissions.into_iter().fold(self, PluginSetup::grant);
        setup.policy = nothing_else(setup.policy);
        setup
    }

    /// The operator's rules for this plugin, in place of those that were said before.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The operator lets it run in trusted mode, which its manifest asks for.
    pub fn trusted(mut self) -> Self {
        self.package = self.package.trusted(true);
        self
    }

    /// Lays a manifest over the plugin's own: for limits, subscriptions or permissions that only this test wants.
    ///
    /// # Panics
    /// Where it is not an object. What else is wrong with it fails the load.
    #[track_caller]
    pub fn manifest(mut self, manifest: Value) -> Self {
        match Layer::from_value("the test's manifest", manifest) {
            Ok(layer) => self.package = self.package.manifest(layer),
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// The limits that the host sets, in place of those that the manifest asks for.
    pub fn resources(mut self, resources: Resources) -> Self {
        self.package = self.package.resources(resources);
        self
    }

    /// Loads it: when this returns, its `on_load` has run and it serves.
    ///
    /// # Panics
    /// Where it cannot be loaded, with its log.
    #[track_caller]
    pub fn load(self) -> TestPlugin {
        let record = self.host.record.clone();
        loaded(self.try_load(), &record)
    }

    /// Loads it.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed.
    pub fn try_load(self) -> Result<TestPlugin, LoadError> {
        let PluginSetup { host, package, policy } = self;
        let package = package.policy(policy);
        let plugin = host.executor.wait(host.runtime.load(package.clone()))?;
        Ok(TestPlugin::new(host, plugin, package))
    }

    /// Loads it in place of the revision that is loaded, which hands its state over.
    ///
    /// # Panics
    /// Where it cannot be loaded, with its log. The old revision keeps serving then.
    #[track_caller]
    pub fn reload(self) -> TestPlugin {
        let record = self.host.record.clone();
        loaded(self.try_reload(), &record)
    }

    /// Loads it in place of the revision that is loaded.
    ///
    /// # Errors
    /// [`LoadError`] with the stage that failed. The old revision keeps serving then.
    pub fn try_reload(self) -> Result<TestPlugin, LoadError> {
        let PluginSetup { host, package, policy } = self;
        let package = package.policy(policy);
        let plugin = host.executor.wait(host.runtime.reload(package.clone()))?;
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

#[track_caller]
fn loaded(plugin: Result<TestPlugin, LoadError>, record: &Record) -> TestPlugin {
    match plugin {
        Ok(plugin) => plugin,
        Err(error) => panic!("{error}{}", record.scene(&error.plugin)),
    }
}
