//! Changes of a plugin that others require: whether these are left alone, prevent the change, or end with the plugin.

use std::collections::{BTreeMap, BTreeSet};

use plugbay_manifest::Manifest;
use semver::Version;

use super::Runtime;
use crate::error::{LoadError, LoadErrorKind, UnloadError};
use crate::handle::Plugin;
use crate::lifecycle::{Dependents, PluginState};
use crate::plugin::package::PackageSource;

/// How plugins cease to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Unload,
    Disable,
}

impl Runtime {
    /// Unloads a plugin as [`unload`](Self::unload) does, and treats the plugins that require it as `dependents` says.
    /// Returns the names of the plugins that were unloaded, in this order.
    ///
    /// # Errors
    /// [`UnloadError`] if the plugin is not loaded, or if it is required and `dependents` is [`Dependents::Refuse`].
    pub async fn unload_with(&self, name: &str, dependents: Dependents) -> Result<Vec<String>, UnloadError> {
        self.end_with(name, dependents, Ending::Unload).await
    }

    /// Disables a plugin as [`disable`](Self::disable) does, and treats the plugins that require it as `dependents`
    /// says: [`Dependents::Unload`] disables them before it. Returns the names of the plugins that were disabled, in
    /// this order.
    ///
    /// # Errors
    /// [`UnloadError`] if the plugin is not loaded, or if it is required and `dependents` is [`Dependents::Refuse`].
    pub async fn disable_with(&self, name: &str, dependents: Dependents) -> Result<Vec<String>, UnloadError> {
        self.end_with(name, dependents, Ending::Disable).await
    }

    /// Reloads a plugin as [`reload`](Self::reload) does, and treats the plugins that require the present version and
    /// do not accept the new one as `dependents` says: [`Dependents::Unload`] unloads them, with those that require
    /// them, once the new version serves. Returns the plugin and the names of those that were unloaded.
    ///
    /// # Errors
    /// As [`reload`](Self::reload), and [`LoadErrorKind::Dependents`] if there are such plugins and `dependents` is
    /// [`Dependents::Refuse`]. The present version serves on.
    pub async fn reload_with(
        &self,
        source: impl Into<PackageSource>,
        dependents: Dependents,
    ) -> Result<(Plugin, Vec<String>), LoadError> {
        let (plugin, before) = self.reload_checked(source.into(), dependents).await?;
        let mut unloaded = Vec::new();
        if dependents == Dependents::Unload {
            for dependent in self.dependents_lost(&before, &plugin.manifest().version) {
                // It may have been unloaded with another one.
                unloaded.extend(self.unload_with(&dependent, Dependents::Unload).await.unwrap_or_default());
            }
        }
        Ok((plugin, unloaded))
    }

    /// Returns the names of the plugins in use that require a plugin, directly or through others, each before those
    /// that it requires.
    pub fn dependents(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        self.add_dependents(&self.requirements(), name, &mut BTreeSet::from([name.to_owned()]), &mut found);
        found
    }

    fn add_dependents(
        &self,
        all: &BTreeMap<String, BTreeSet<String>>,
        name: &str,
        seen: &mut BTreeSet<String>,
        found: &mut Vec<String>,
    ) {
        let in_use = |name: &str| self.plugin(name).is_some_and(|plugin| plugin.state() != PluginState::Disabled);
        for (dependent, requires) in all {
            if requires.contains(name) && in_use(dependent) && seen.insert(dependent.clone()) {
                self.add_dependents(all, dependent, seen, found);
                found.push(dependent.clone());
            }
        }
    }

    /// Checks that all plugins that require the present version of a plugin accept the new one.
    pub(super) fn check_dependents(&self, before: &Manifest, version: &Version) -> Result<(), LoadError> {
        let by = self.dependents_lost(before, version);
        if by.is_empty() {
            return Ok(());
        }
        Err(LoadError::new(&before.name, LoadErrorKind::Dependents { version: version.to_string(), by }))
    }

    /// Returns the plugins in use that require the present version of a plugin, and not another one.
    fn dependents_lost(&self, before: &Manifest, version: &Version) -> Vec<String> {
        let is_lost = |manifest: &Manifest| {
            let mut required = manifest.requires.iter().filter(|required| required.name == before.name);
            required.any(|required| {
                let wanted = required.version.as_ref();
                wanted.is_some_and(|wanted| wanted.matches(&before.version) && !wanted.matches(version))
            })
        };
        let plugins = self.plugins().into_iter().filter(|plugin| plugin.state() != PluginState::Disabled);
        plugins.filter(|plugin| is_lost(&plugin.manifest())).map(|plugin| plugin.name()).collect()
    }

    async fn end_with(&self, name: &str, dependents: Dependents, how: Ending) -> Result<Vec<String>, UnloadError> {
        let mut all = self.requirements();
        if !all.contains_key(name) {
            return Err(UnloadError::NotLoaded { plugin: name.to_owned() });
        }
        let mut ending = BTreeSet::from([name.to_owned()]);
        if dependents != Dependents::Keep {
            ending.extend(self.dependents(name));
        }
        if dependents == Dependents::Refuse && ending.len() > 1 {
            ending.remove(name);
            return Err(UnloadError::Required { plugin: name.to_owned(), by: ending.into_iter().collect() });
        }
        all.retain(|name, _| ending.contains(name));
        Ok(self.end_in_order(all, how).await)
    }
}
