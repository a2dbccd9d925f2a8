//! The operations of DockStat's plugin store, with its answers and texts.
//!
//! Where its source and its documents disagree, or a text hides a failure, the texts here are those that its users
//! expect: an update keeps the number of the plugin, and deleting an unknown plugin is not a success.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::candidate::Consent;
use crate::catalog::{Catalog, UPLOAD};
use crate::error::{CatalogError, CatalogProblem};
use crate::fetch::FetchedPackage;
use crate::http::TransferObserver;
use crate::installed::{Installed, InstalledState, PluginId, StoredPackage};
use crate::origin::PackageOrigin;
use crate::store::StoreError;

const SAVED: &str = "Plugin saved successfully";
const SAVE_FAILED: &str = "Failed to save plugin";
const ALREADY_INSTALLED: &str = "Plugin is already installed!";
const DELETED: &str = "Deleted Plugin";

/// The answer to a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// Whether the change was made.
    pub success: bool,
    /// The number of the plugin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<PluginId>,
    /// The outcome in a sentence.
    pub message: String,
    /// The reason for a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The installed and the loaded plugins.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// All installed plugins, without their code.
    pub installed_plugins: InstalledPlugins,
    /// Their repositories, each once.
    pub repos: Vec<String>,
    /// Those that are loaded.
    pub loaded_plugins: Vec<Value>,
}

/// A list with its length.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstalledPlugins {
    /// The number of plugins.
    pub count: usize,
    /// The plugins.
    pub data: Vec<Value>,
}

/// The outcome of loading several plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LoadReport {
    /// The plugins that were loaded.
    pub successes: Vec<PluginId>,
    /// The plugins that were not.
    pub errors: Vec<LoadFailure>,
}

/// A plugin that could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LoadFailure {
    /// Its number.
    pub plugin_id: PluginId,
    /// `Could not load ID - REASON`.
    pub error: String,
}

/// The table of installed plugins as it was at one moment, without code.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginTable {
    records: Vec<Value>,
}

impl PluginTable {
    /// The number of plugins.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// All records.
    pub fn all(&self) -> &[Value] {
        &self.records
    }

    /// The first record.
    pub fn first(&self) -> Option<&Value> {
        self.records.first()
    }

    /// The records whose field has this value. An unknown field has none.
    #[must_use]
    pub fn filter(mut self, field: &str, value: impl Into<Value>) -> PluginTable {
        let value = value.into();
        self.records.retain(|record| record.get(field) == Some(&value));
        self
    }
}

/// Loads and unloads plugins. A host implements it with its runtime.
pub trait PluginLoader: Send + Sync {
    /// Whether a plugin of this name is loaded.
    fn is_loaded(&self, name: &str) -> bool;

    /// Loads a package, or says why that failed.
    fn load(&self, package: StoredPackage) -> impl Future<Output = Result<(), String>> + Send;

    /// Unloads a plugin. One that is not loaded is left alone.
    fn unload(&self, name: &str) -> impl Future<Output = ()> + Send;
}

impl Answer {
    fn saved(id: PluginId) -> Answer {
        Answer { success: true, id: Some(id), message: SAVED.to_owned(), error: None }
    }

    fn failed(message: impl Into<String>, error: impl ToString) -> Answer {
        Answer { success: false, id: None, message: message.into(), error: Some(error.to_string()) }
    }
}

impl Catalog {
    /// Saves a plugin from a JSON document with its manifest and its component as base64 in `plugin`. With `update`, an
    /// installed plugin of the same name is replaced and keeps its number; without, it is left alone.
    ///
    /// The caller has authority over the catalog: what the plugin asks for is confirmed by calling this.
    pub async fn save_plugin(&self, document: &str, update: bool) -> Answer {
        let saved = async { self.save(self.fetcher().fetch_document(UPLOAD, document)?, update).await };
        saved.await.unwrap_or_else(|error| Answer::failed(SAVE_FAILED, error))
    }

    /// Installs a plugin from the URL of its manifest, JSON or YAML. `confirmed` says that the operator accepts
    /// whatever it asks for.
    pub async fn install_from_manifest_link(
        &self,
        url: &str,
        confirmed: bool,
        observer: &dyn TransferObserver,
    ) -> Answer {
        let installed = async {
            let origin = PackageOrigin::parse(url).map_err(|error| CatalogError::new(url, error))?;
            let is_manifest = match &origin {
                PackageOrigin::LocalManifest(_) => true,
                PackageOrigin::Url(url) => !url.path().ends_with(".wasm"),
                _ => false,
            };
            if !is_manifest {
                return Err(CatalogError::new(url, CatalogProblem::UnsupportedManifest));
            }
            let candidate = self.compare(self.fetcher().fetch(&origin, observer).await?).await?;
            if let Some(installed) = candidate.replaces {
                return Ok(already_installed(&installed));
            }
            let consent = if confirmed { Consent::widening() } else { Consent::none() };
            Ok(Answer::saved(self.install(&candidate, consent).await?.id))
        };
        match installed.await {
            Ok(answer) => answer,
            Err(error) if matches!(error.problem(), CatalogProblem::UnsupportedManifest) => {
                Answer::failed("Unsupported manifest", error)
            }
            Err(error) => Answer::failed(SAVE_FAILED, error),
        }
    }

    async fn save(&self, fetched: FetchedPackage, update: bool) -> Result<Answer, CatalogError> {
        let candidate = self.compare(fetched).await?;
        if let (Some(installed), false) = (&candidate.replaces, update) {
            return Ok(already_installed(installed));
        }
        let installed = self.install(&candidate, Consent::widening().and_moved_version()).await?;
        Ok(Answer::saved(installed.id))
    }

    /// Deletes a plugin. A loaded one is unloaded by the caller first.
    pub async fn delete_plugin(&self, id: PluginId) -> Answer {
        match self.remove(id).await {
            Ok(_) => Answer { success: true, id: Some(id), message: DELETED.to_owned(), error: None },
            Err(error) if error.is_not_installed() => Answer::failed(no_plugin(id), error),
            Err(error) => Answer::failed(format!("Could not delete Plugin: {id}"), error),
        }
    }

    /// The fields of DockStat's plugin table of all plugins, without their code.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read.
    pub async fn get_all(&self) -> Result<Vec<Value>, CatalogError> {
        Ok(self.list().await?.iter().map(Installed::record).collect())
    }

    /// The installed plugins, their repositories, and those of them that are loaded.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read.
    pub async fn get_status(&self, loaded: &[PluginId]) -> Result<Status, CatalogError> {
        let installed = self.list().await?;
        let mut seen = BTreeSet::new();
        let repos = installed.iter().map(Installed::repository).filter(|repository| seen.insert(*repository));
        let repos = repos.map(str::to_owned).collect();
        let records: Vec<(PluginId, Value)> = installed.iter().map(|plugin| (plugin.id, plugin.record())).collect();
        let record = |id: &PluginId| records.iter().find(|(known, _)| known == id).map(|(_, record)| record.clone());
        let loaded_plugins = loaded.iter().filter_map(record).collect();
        let data: Vec<Value> = records.iter().map(|(_, record)| record.clone()).collect();
        Ok(Status { installed_plugins: InstalledPlugins { count: data.len(), data }, repos, loaded_plugins })
    }

    /// Loads plugins by their numbers, one after another. The state of each is recorded.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read. What is wrong with one plugin is in the report.
    pub async fn load_plugins(&self, ids: &[PluginId], loader: &impl PluginLoader) -> Result<LoadReport, CatalogError> {
        let mut report = LoadReport::default();
        for &id in ids {
            match self.load_plugin(id, loader).await? {
                Ok(()) => report.successes.push(id),
                Err(reason) => {
                    report.errors.push(LoadFailure { plugin_id: id, error: format!("Could not load {id} - {reason}") });
                }
            }
        }
        Ok(report)
    }

    /// Loads all plugins that are enabled and not loaded.
    ///
    /// # Errors
    /// As [`Catalog::load_plugins`].
    pub async fn load_all(&self, loader: &impl PluginLoader) -> Result<LoadReport, CatalogError> {
        let installed = self.list().await?;
        let waiting = installed.iter().filter(|plugin| plugin.enabled && !loader.is_loaded(&plugin.name));
        let ids: Vec<PluginId> = waiting.map(|plugin| plugin.id).collect();
        self.load_plugins(&ids, loader).await
    }

    /// Unloads a plugin. Returns whether it was loaded.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read. An unknown number is not an error.
    pub async fn unload_plugin(&self, id: PluginId, loader: &impl PluginLoader) -> Result<bool, CatalogError> {
        let plugin = self.list().await?.into_iter().find(|plugin| plugin.id == id);
        let Some(plugin) = plugin.filter(|plugin| loader.is_loaded(&plugin.name)) else { return Ok(false) };
        loader.unload(&plugin.name).await;
        Ok(true)
    }

    /// Unloads all installed plugins that are loaded, the newest first, and returns their numbers.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read.
    pub async fn unload_all(&self, loader: &impl PluginLoader) -> Result<Vec<PluginId>, CatalogError> {
        let mut unloaded = Vec::new();
        for plugin in self.list().await?.iter().rev().filter(|plugin| loader.is_loaded(&plugin.name)) {
            loader.unload(&plugin.name).await;
            unloaded.push(plugin.id);
        }
        Ok(unloaded)
    }

    /// The numbers of the installed plugins that are loaded.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read.
    pub async fn loaded_plugins(&self, loader: &impl PluginLoader) -> Result<Vec<PluginId>, CatalogError> {
        let installed = self.list().await?;
        Ok(installed.iter().filter(|plugin| loader.is_loaded(&plugin.name)).map(|plugin| plugin.id).collect())
    }

    /// The table of installed plugins at this moment, for queries.
    ///
    /// # Errors
    /// [`CatalogError`] if the catalog cannot be read.
    pub async fn get_table(&self) -> Result<PluginTable, CatalogError> {
        Ok(PluginTable { records: self.get_all().await? })
    }

    /// Loads one plugin. The inner error says why it is not loaded.
    async fn load_plugin(&self, id: PluginId, loader: &impl PluginLoader) -> Result<Result<(), String>, CatalogError> {
        let package = match self.package(id).await {
            Ok(package) => package,
            Err(error) if error.is_not_installed() => return Ok(Err(no_plugin(id))),
            // One damaged package is the trouble of one plugin.
            Err(error) => return Ok(Err(error.to_string())),
        };
        if loader.is_loaded(&package.name) {
            return Ok(Err(format!("Plugin already loaded: {id}")));
        }
        let loaded = loader.load(package).await;
        let (state, error) = match &loaded {
            Ok(()) => (InstalledState::Loaded, None),
            Err(reason) => (InstalledState::Failed, Some(&**reason)),
        };
        match self.record(id, state, error).await {
            // It was removed while it was loading; the caller's next look at the catalog shows that.
            Err(error) if error.is_not_installed() => {}
            recorded => recorded?,
        }
        Ok(loaded)
    }
}

fn already_installed(installed: &Installed) -> Answer {
    let error = StoreError::NameTaken { name: installed.name.clone(), id: installed.id }.to_string();
    Answer { success: false, id: Some(installed.id), message: ALREADY_INSTALLED.to_owned(), error: Some(error) }
}

fn no_plugin(id: PluginId) -> String {
    format!("No Plugin found for id: {id}")
}
