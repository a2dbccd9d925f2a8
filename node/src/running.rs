//! The installed plugins that a node runs, each with the version that it was loaded from.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

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

/// The versions of the installed plugins that run, by name. Plugins from other places are not among them.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<BTreeMap<String, RunningVersion>>);

impl Running {
    pub(crate) fn insert(&self, name: &str, version: impl Into<RunningVersion>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), version.into());
    }

    pub(crate) fn remove(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(crate) fn all(&self) -> BTreeMap<String, RunningVersion> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
