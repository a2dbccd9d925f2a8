//! The catalog: the operations of the command and of a server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use plugbay_manifest::{DEFAULT_CALLS, DEFAULT_PERIOD, Instances, RateLimit, Resources};

use crate::candidate::{Candidate, Consent};
use crate::difference::{Difference, InstalledSide};
use crate::error::{CatalogError, CatalogProblem, visible};
use crate::fetch::{FetchedPackage, Fetcher};
use crate::http::TransferObserver;
use crate::installed::{Installed, InstalledState, InstalledVersion, PluginKey, StoredPackage};
use crate::limits::ERROR_CHARS_MAX;
use crate::origin::PackageOrigin;
use crate::package::{ComponentReader, Package, merge};
use crate::store::{CatalogStore, NewVersion, StoreError};

/// The origin of a plugin that was sent to the host. It is not a reference.
pub(crate) const UPLOAD: &str = "(upload)";

/// The installed plugins of a host. Clones share them.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) store: Arc<dyn CatalogStore>,
    fetcher: Fetcher,
    reader: Arc<dyn ComponentReader>,
    defaults: Resources,
    now: fn() -> SystemTime,
}

/// The parts of a catalog.
#[must_use]
pub struct CatalogBuilder {
    catalog: Catalog,
}

impl CatalogBuilder {
    /// The host's values for limits that a manifest omits. Versions are compared with them. Default: those of a host
    /// without settings (10 s, 128 MiB, 100 calls in 60 s, one instance).
    pub fn default_limits(mut self, defaults: Resources) -> Self {
        self.catalog.defaults = defaults;
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, now: fn() -> SystemTime) -> Self {
        self.catalog.now = now;
        self
    }

    /// The catalog.
    pub fn build(self) -> Catalog {
        self.catalog
    }
}

impl Catalog {
    /// A catalog in this database, with packages from this fetcher. `reader` reads the facts of components.
    pub fn builder(
        store: impl CatalogStore + 'static,
        fetcher: Fetcher,
        reader: impl ComponentReader + 'static,
    ) -> CatalogBuilder {
        let defaults = Resources {
            timeout: Some(Duration::from_secs(10)),
            max_memory_bytes: Some(128 << 20),
            max_fuel: None,
            rate_limit: Some(RateLimit { calls: DEFAULT_CALLS, period: DEFAULT_PERIOD }),
            instances: Some(Instances::Count(1)),
        };
        let (store, reader) = (Arc::new(store), Arc::new(reader));
        CatalogBuilder { catalog: Catalog { store, fetcher, reader, defaults, now: SystemTime::now } }
    }

    /// Downloads or reads a package and compares it with what is installed. Nothing is changed.
    ///
    /// # Errors
    /// [`CatalogError`] if the reference, the transfer, the signature, the component or the manifest is wrong.
    pub async fn candidate(&self, reference: &str, observer: &dyn TransferObserver) -> Result<Candidate, CatalogError> {
        self.compare(self.fetcher.fetch(&parse(reference)?, observer).await?).await
    }

    /// Compares a component from memory with what is installed, as [`Catalog::candidate`] does. `name` is that of a
    /// plugin whose manifest has none.
    ///
    /// # Errors
    /// As [`Fetcher::fetch_bytes`] and [`Catalog::candidate`].
    pub async fn candidate_from_bytes(
        &self,
        name: &str,
        component: impl Into<Vec<u8>>,
    ) -> Result<Candidate, CatalogError> {
        self.compare(self.fetcher.fetch_bytes(UPLOAD, name, component)?).await
    }

    /// Downloads the newest package of an installed plugin: from a reference, or from where it was installed. A
    /// registry is asked for its newest version, also if an older one was named: pre-releases are left out.
    ///
    /// # Errors
    /// As [`Catalog::candidate`], and [`CatalogProblem::OtherPlugin`] if the package is another plugin.
    pub async fn update_candidate(
        &self,
        key: impl Into<PluginKey>,
        reference: Option<&str>,
        observer: &dyn TransferObserver,
    ) -> Result<Candidate, CatalogError> {
        let installed = self.installed(key).await?;
        let origin = match reference {
            Some(reference) => parse(reference)?,
            None => self.fetcher.newest(parse(origin_of(&installed)?)?).await?,
        };
        let candidate = self.compare(self.fetcher.fetch(&origin, observer).await?).await?;
        if candidate.package.name() != installed.name {
            let found = candidate.package.name().to_owned();
            let problem = CatalogProblem::OtherPlugin { expected: installed.name.clone(), found };
            return Err(CatalogError::new(&origin.to_string(), problem));
        }
        Ok(candidate)
    }

    /// Checks a fetched package and compares it with what is installed.
    pub(crate) async fn compare(&self, fetched: FetchedPackage) -> Result<Candidate, CatalogError> {
        let origin = fetched.origin.clone();
        let package = self.checked(fetched).await?;
        let failed = |problem: CatalogProblem| CatalogError::new(&origin, problem);
        let key = PluginKey::Name(package.name().to_owned());
        let replaces = self.store.get(key.clone()).await.map_err(|error| failed(error.into()))?;
        let difference = match &replaces {
            None => Difference::between(None, &package.manifest, &package.signed_by, &self.defaults),
            Some(installed) => {
                let stored = self.store.package(key).await.map_err(|error| failed(error.into()))?;
                let stored = stored.ok_or_else(|| failed(StoreError::Changed(installed.name.clone()).into()))?;
                let facts = self.read(&stored).map_err(failed)?;
                let manifest = merge(&installed.name, &installed.name, &facts, stored.document.as_ref());
                let manifest = manifest.map_err(|error| failed(error.into()))?;
                let unchanged = stored.component_digest == package.component_digest
                    && stored.document == package.document
                    && stored.files == package.files;
                let side =
                    InstalledSide { manifest: &manifest, signed_by: installed.current.signed_by.as_deref(), unchanged };
                Difference::between(Some(&side), &package.manifest, &package.signed_by, &self.defaults)
            }
        };
        Ok(Candidate { package, replaces, difference })
    }

    /// Reading a component may take a while, so it does not run on a thread of the caller.
    async fn checked(&self, fetched: FetchedPackage) -> Result<Package, CatalogError> {
        let (reader, origin) = (self.reader.clone(), fetched.origin.clone());
        let checked = tokio::task::spawn_blocking(move || fetched.check(&*reader)).await;
        checked.unwrap_or_else(|error| Err(CatalogError::new(&origin, CatalogProblem::Component(error.to_string()))))
    }

    fn read(&self, stored: &StoredPackage) -> Result<crate::package::ComponentFacts, CatalogProblem> {
        self.reader.read(&stored.component).map_err(CatalogProblem::Component)
    }

    /// Installs a candidate: a new plugin, or a new version in place of the installed one, whose number, `enabled` and
    /// data are kept. The installed version becomes the previous one. A candidate that is exactly what is installed
    /// changes nothing.
    ///
    /// # Errors
    /// [`CatalogProblem::Unconfirmed`] if it asks for more than `consent` has, [`CatalogProblem::VersionMoved`],
    /// [`StoreError::Changed`] if another version was installed since the comparison, or another [`StoreError`].
    pub async fn install(&self, candidate: &Candidate, consent: Consent) -> Result<Installed, CatalogError> {
        let Candidate { package, replaces, difference } = candidate;
        let failed = |problem: CatalogProblem| CatalogError::new(&format!("plugin `{}`", package.name()), problem);
        let stored = |error: StoreError| failed(error.into());
        if let Some(installed) = replaces
            && difference.unchanged
        {
            return Ok(installed.clone());
        }
        if let Some(installed) = replaces
            && installed.current.version == package.manifest.version
            && !consent.moved_version
        {
            return Err(failed(CatalogProblem::VersionMoved {
                version: package.manifest.version.clone(),
                installed: installed.current.component_digest,
                found: package.component_digest,
            }));
        }
        if difference.widens() && !consent.widening {
            return Err(failed(CatalogProblem::Unconfirmed(Box::new(difference.clone()))));
        }
        let new = NewVersion::of(package, self.seconds());
        let id = match replaces {
            None => self.store.install(new).await.map_err(stored)?,
            Some(installed) => {
                let replaced = (installed.current.component_digest, installed.current.document_digest);
                self.store.update(installed.id, replaced, new).await.map_err(stored)?;
                installed.id
            }
        };
        let installed = self.store.get(PluginKey::Id(id)).await.map_err(stored)?;
        installed.ok_or_else(|| stored(StoreError::NotInstalled(package.name().to_owned())))
    }

    /// Brings back the previous version. Doing it again brings back the newer one.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::NoPrevious`] or another [`StoreError`].
    pub async fn rollback(&self, key: impl Into<PluginKey>) -> Result<Installed, CatalogError> {
        let installed = self.installed(key).await?;
        let failed = |error: StoreError| CatalogError::new(&format!("plugin `{}`", installed.name), error);
        self.store.rollback(installed.id).await.map_err(failed)?;
        self.installed(installed.id).await
    }

    /// Removes a plugin and returns its record. Its data stays: that is not stored in the catalog.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] or another [`StoreError`].
    pub async fn remove(&self, key: impl Into<PluginKey>) -> Result<Installed, CatalogError> {
        let installed = self.installed(key).await?;
        let failed = |error: StoreError| CatalogError::new(&format!("plugin `{}`", installed.name), error);
        self.store.remove(installed.id).await.map_err(failed)?;
        Ok(installed)
    }

    /// Enables or disables a plugin. A host loads only those that are enabled.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] or another [`StoreError`].
    pub async fn set_enabled(&self, key: impl Into<PluginKey>, enabled: bool) -> Result<Installed, CatalogError> {
        let installed = self.installed(key).await?;
        if installed.enabled != enabled {
            let failed = |error: StoreError| CatalogError::new(&format!("plugin `{}`", installed.name), error);
            self.store.set_enabled(installed.id, enabled).await.map_err(failed)?;
        }
        Ok(Installed { enabled, ..installed })
    }

    /// The names of disabled plugins that are not installed: a host finds them elsewhere, such as in its directory of
    /// plugins.
    ///
    /// # Errors
    /// [`StoreError`] if the catalog cannot be read.
    pub async fn disabled_names(&self) -> Result<BTreeSet<String>, CatalogError> {
        self.store.disabled_names().await.map_err(|error| CatalogError::new("catalog", error))
    }

    /// Enables or disables a plugin that is not installed, by its name. A plugin of this name that is installed later
    /// is not affected.
    ///
    /// # Errors
    /// [`StoreError`] if the catalog cannot be written.
    pub async fn set_name_enabled(&self, name: &str, enabled: bool) -> Result<(), CatalogError> {
        let failed = |error: StoreError| CatalogError::new(&format!("plugin `{name}`"), error);
        self.store.set_name_disabled(name.to_owned(), !enabled).await.map_err(failed)
    }

    /// Records the state of a plugin and why it failed, for lists and for the next start. The text is shortened.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`] or another [`StoreError`].
    pub async fn record(
        &self,
        key: impl Into<PluginKey>,
        state: InstalledState,
        error: Option<&str>,
    ) -> Result<(), CatalogError> {
        let installed = self.installed(key).await?;
        let error = error.map(|error| error.chars().take(ERROR_CHARS_MAX).collect());
        let failed = |error: StoreError| CatalogError::new(&format!("plugin `{}`", installed.name), error);
        self.store.record(installed.id, state, error).await.map_err(failed)
    }

    /// The installed and enabled plugins that require the plugin of this name, directly or through others, each before
    /// those that it requires. The plugin itself need not be installed.
    ///
    /// # Errors
    /// [`StoreError`] if the catalog cannot be read.
    pub async fn dependents(&self, name: &str) -> Result<Vec<Installed>, CatalogError> {
        let mut left: Vec<Installed> = self.list().await?.into_iter().filter(|plugin| plugin.enabled).collect();
        left.retain(|plugin| plugin.name != name);
        let mut found = Vec::new();
        take_dependents(name, &mut left, &mut found);
        Ok(found)
    }

    /// All installed plugins, ordered by their numbers.
    ///
    /// # Errors
    /// [`StoreError`] if the catalog cannot be read.
    pub async fn list(&self) -> Result<Vec<Installed>, CatalogError> {
        self.store.list().await.map_err(|error| CatalogError::new("catalog", error))
    }

    /// One installed plugin.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], or another [`StoreError`] if the catalog cannot be read.
    pub async fn installed(&self, key: impl Into<PluginKey>) -> Result<Installed, CatalogError> {
        let key = key.into();
        let failed = |error: StoreError| CatalogError::new(&format!("plugin `{key}`"), error);
        let installed = self.store.get(key.clone()).await.map_err(failed)?;
        installed.ok_or_else(|| failed(StoreError::NotInstalled(visible(&key.to_string()))))
    }

    /// The installed version of a plugin with its code.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::Damaged`] if its digests do not fit, or another [`StoreError`].
    pub async fn package(&self, key: impl Into<PluginKey>) -> Result<StoredPackage, CatalogError> {
        let key = key.into();
        let failed = |error: StoreError| CatalogError::new(&format!("plugin `{key}`"), error);
        let package = self.store.package(key.clone()).await.map_err(failed)?;
        package.ok_or_else(|| failed(StoreError::NotInstalled(visible(&key.to_string()))))
    }

    /// A number that grows with each change, also with those of other processes: see [`CatalogStore::revision`].
    ///
    /// # Errors
    /// [`StoreError`] if the catalog cannot be read.
    pub async fn revision(&self) -> Result<u64, CatalogError> {
        self.store.revision().await.map_err(|error| CatalogError::new("catalog", error))
    }

    /// The fetcher of its packages.
    pub fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    fn seconds(&self) -> u64 {
        let since = (self.now)().duration_since(SystemTime::UNIX_EPOCH);
        since.map(|since| since.as_secs()).unwrap_or_default()
    }
}

fn parse(reference: &str) -> Result<PackageOrigin, CatalogError> {
    PackageOrigin::parse(reference).map_err(|error| CatalogError::new(reference, error))
}

/// The origin of an installed plugin. For an uploaded one, it is the URL in its manifest of its newest manifest.
fn origin_of(installed: &Installed) -> Result<&str, CatalogError> {
    let InstalledVersion { origin, manifest, .. } = &installed.current;
    if origin != UPLOAD {
        return Ok(origin);
    }
    let newest = manifest.get("manifest").and_then(|url| url.as_str()).filter(|url| url.starts_with("https://"));
    newest.ok_or_else(|| CatalogError::new(&format!("plugin `{}`", installed.name), CatalogProblem::NoOrigin))
}

/// Moves the plugins that require one of this name from `left` to `found`, each after those that require it in turn.
fn take_dependents(name: &str, left: &mut Vec<Installed>, found: &mut Vec<Installed>) {
    let requires = |plugin: &Installed| {
        let listed = plugin.current.manifest["requires"].as_array();
        listed.is_some_and(|listed| listed.iter().any(|one| one["name"] == name))
    };
    while let Some(at) = left.iter().position(requires) {
        let dependent = left.remove(at);
        take_dependents(&dependent.name, left, found);
        found.push(dependent);
    }
}
