//! The installed plugins that a node runs, each with the version that it was loaded from, and the names of other
//! plugins that its catalog disables.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use plugbay_catalog::Digest;
use plugbay_catalog::store::{InstalledVersion, StoredPackage};

/// A version, as far as a node distinguishes it from another one of the same plugin. The time distinguishes versions
/// that differ in their configuration files alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunningVersion {
    component: Digest,
    document: Option<Digest>,
    stored_at: u64,
}

impl From<&InstalledVersion> for RunningVersion {
    fn from(version: &InstalledVersion) -> Self {
        RunningVersion {
            component: version.component_digest,
            document: version.document_digest,
            stored_at: version.stored_at,
        }
    }
}

impl From<&StoredPackage> for RunningVersion {
    fn from(stored: &StoredPackage) -> Self {
        RunningVersion {
            component: stored.component_digest,
            document: stored.document.as_ref().map(|document| document.digest()),
            stored_at: stored.stored_at,
        }
    }
}

/// What a node has taken from its catalog.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    /// The versions of the installed plugins that run, by name. Plugins from other places are not among them.
    versions: BTreeMap<String, RunningVersion>,
    /// The names of disabled plugins from other places.
    disabled_names: BTreeSet<String>,
}

impl Running {
    pub(crate) fn insert(&self, name: &str, version: impl Into<RunningVersion>) {
        self.taken().versions.insert(name.to_owned(), version.into());
    }

    pub(crate) fn remove(&self, name: &str) {
        self.taken().versions.remove(name);
    }

    pub(crate) fn all(&self) -> BTreeMap<String, RunningVersion> {
        self.taken().versions.clone()
    }

    /// Replaces the names of disabled plugins from other places, and returns those before.
    pub(crate) fn set_disabled_names(&self, names: BTreeSet<String>) -> BTreeSet<String> {
        std::mem::replace(&mut self.taken().disabled_names, names)
    }

    pub(crate) fn is_name_disabled(&self, name: &str) -> bool {
        self.taken().disabled_names.contains(name)
    }

    pub(crate) fn has_disabled_names(&self) -> bool {
        !self.taken().disabled_names.is_empty()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
