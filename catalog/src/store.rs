//! The trait of a catalog's database. SQLite implements it here; a server's database can implement it in a crate of its
//! own, and proves it with the tests of the feature `conformance`.
//!
//! Each method is atomic: after a crash at any moment, the catalog is as before the call or as after it. The code is
//! stored apart from what is listed, so that a list reads no code.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;

use bytes::Bytes;

use crate::digest::Digest;
pub use crate::installed::{Installed, InstalledState, InstalledVersion, PluginId, PluginKey, StoredPackage};
use crate::limits::PLUGINS_MAX;
use crate::package::{ConfigFile, ManifestDocument, Package};

/// A result that arrives later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The database of installed plugins.
pub trait CatalogStore: Send + Sync {
    /// All installed plugins, ordered by their numbers.
    fn list(&self) -> Later<'_, Vec<Installed>>;

    /// One installed plugin.
    fn get(&self, key: PluginKey) -> Later<'_, Option<Installed>>;

    /// The installed version with its code. The implementation checks the digests of what it reads.
    fn package(&self, key: PluginKey) -> Later<'_, Option<StoredPackage>>;

    /// Adds a plugin and returns its new number. It is enabled.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`] if a plugin of this name is installed, [`StoreError::TooMany`].
    fn install(&self, new: NewVersion) -> Later<'_, PluginId>;

    /// Replaces the installed version, which becomes the previous one. Number, name and `enabled` are kept; the state
    /// becomes [`InstalledState::Installed`].
    ///
    /// `replaces` are the digests that the caller compared the new version with.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::Changed`] if another version was installed meanwhile.
    fn update(&self, id: PluginId, replaces: (Digest, Option<Digest>), new: NewVersion) -> Later<'_, ()>;

    /// Exchanges the installed and the previous version.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::NoPrevious`].
    fn rollback(&self, id: PluginId) -> Later<'_, ()>;

    /// Removes a plugin with all of its versions. Its number is not used again.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`].
    fn remove(&self, id: PluginId) -> Later<'_, ()>;

    /// Enables or disables a plugin.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`].
    fn set_enabled(&self, id: PluginId, enabled: bool) -> Later<'_, ()>;

    /// The names of plugins that are not installed and are disabled: a host finds them elsewhere, such as in its
    /// directory of plugins.
    fn disabled_names(&self) -> Later<'_, BTreeSet<String>>;

    /// Adds a name to [`disabled_names`](CatalogStore::disabled_names), or removes it.
    fn set_name_disabled(&self, name: String, disabled: bool) -> Later<'_, ()>;

    /// Records the state of a plugin and why it failed.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`].
    fn record(&self, id: PluginId, state: InstalledState, error: Option<String>) -> Later<'_, ()>;

    /// A number that grows with each change but [`record`](CatalogStore::record), also with those of other processes: a
    /// host that sees a new one reads the list again.
    fn revision(&self) -> Later<'_, u64>;
}

/// A version to be stored.
#[derive(Clone)]
#[non_exhaustive]
pub struct NewVersion {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// The checked manifest as canonical JSON, with secrets masked.
    pub manifest: String,
    /// The manifest beside the component.
    pub document: Option<ManifestDocument>,
    /// The configuration files.
    pub files: Vec<ConfigFile>,
    /// The component.
    pub component: Bytes,
    /// Its digest.
    pub component_digest: Digest,
    /// The reference that it comes from.
    pub origin: String,
    /// The exact content that was taken.
    pub pinned: String,
    /// The identifier of the key that signed it.
    pub signed_by: Option<String>,
    /// The time of storing, in seconds since 1970.
    pub stored_at: u64,
}

/// Shows no code.
impl fmt::Debug for NewVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("NewVersion");
        shown.field("name", &self.name).field("version", &self.version);
        shown.field("component_digest", &self.component_digest).finish_non_exhaustive()
    }
}

impl NewVersion {
    /// The stored form of a package.
    pub fn of(package: &Package, stored_at: u64) -> NewVersion {
        NewVersion {
            name: package.manifest.name.clone(),
            version: package.manifest.version.clone(),
            // Serializing a manifest fails only for a map with keys that are not text, and it has none.
            manifest: serde_json::to_string(&package.manifest).unwrap_or_else(|_| "{}".to_owned()),
            document: package.document.clone(),
            files: package.files.clone(),
            component: package.component.clone(),
            component_digest: package.component_digest,
            origin: package.origin.clone(),
            pinned: package.pinned.clone(),
            signed_by: package.signed_by.key().map(str::to_owned),
            stored_at,
        }
    }
}

/// An operation of the catalog's database failed, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No installed plugin has this key.
    #[error("no installed plugin is called `{0}`; `plugbay list` shows those that are")]
    NotInstalled(String),
    /// Another plugin has the name.
    #[error("plugin `{name}` is already installed, with the number {id}; update it instead")]
    NameTaken {
        /// The name.
        name: String,
        /// The number of the installed plugin.
        id: PluginId,
    },
    /// There is no version to go back to.
    #[error("plugin `{0}` has no previous version: only an update stores one")]
    NoPrevious(String),
    /// The plugin was changed between reading and writing.
    #[error("plugin `{0}` was changed by another process meanwhile: compare again with what is installed now")]
    Changed(String),
    /// The catalog is full.
    #[error("the catalog has its maximum of {PLUGINS_MAX} plugins: remove one first")]
    TooMany,
    /// The catalog cannot be trusted any more.
    #[error(
        "the catalog {place} is damaged ({reason}). It was not changed. Restore it from a backup, or move it away and \
         install the plugins again; their data is stored elsewhere and is not affected"
    )]
    Damaged {
        /// The catalog's path.
        place: String,
        /// The finding.
        reason: String,
    },
    /// The catalog was written by a newer version.
    #[error("the catalog {place} was made by a newer Plugbay: use that version, or another data directory")]
    Newer {
        /// The catalog's path.
        place: String,
    },
    /// The disk is full.
    #[error("the catalog {place} cannot grow: the disk is full")]
    Full {
        /// The catalog's path.
        place: String,
    },
    /// Another process holds a lock for too long.
    #[error("the catalog {place} is in use by another process for too long: try again")]
    Busy {
        /// The catalog's path.
        place: String,
    },
    /// It cannot be opened or written.
    #[error("the catalog {place} cannot be opened or written: {reason}")]
    NoAccess {
        /// The catalog's path.
        place: String,
        /// The reason.
        reason: String,
    },
    /// The database failed in another way.
    #[error("the catalog {place} could not be read or written: {reason}")]
    Failed {
        /// The catalog's path.
        place: String,
        /// The reason.
        reason: String,
    },
}

impl StoreError {
    /// The error's stable code.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::NotInstalled(_) => "not_installed",
            StoreError::NameTaken { .. } => "already_installed",
            StoreError::NoPrevious(_) => "no_previous_version",
            StoreError::Changed(_) => "changed_meanwhile",
            StoreError::TooMany => "catalog_full",
            StoreError::Damaged { .. } => "catalog_damaged",
            StoreError::Newer { .. } => "catalog_newer",
            StoreError::Full { .. } => "disk_full",
            StoreError::Busy { .. } => "catalog_busy",
            StoreError::NoAccess { .. } | StoreError::Failed { .. } => "catalog_unavailable",
        }
    }
}
