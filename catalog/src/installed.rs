//! The records of installed plugins.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use plugbay_manifest::{Layer, ManifestError};
use serde::Serialize;
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::package::{ConfigFile, ManifestDocument, config_values};

/// The number that the catalog gives to an installed plugin. An update does not change it, and no other plugin gets it
/// later.
pub type PluginId = i64;

/// Names an installed plugin: by its number or by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginKey {
    /// The catalog's number.
    Id(PluginId),
    /// The plugin's name.
    Name(String),
}

/// A text of digits is a number: plugin names begin with a letter.
impl FromStr for PluginKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<PluginKey, Self::Err> {
        Ok(text.parse().map(PluginKey::Id).unwrap_or_else(|_| PluginKey::Name(text.to_owned())))
    }
}

impl From<&str> for PluginKey {
    fn from(text: &str) -> PluginKey {
        let Ok(key) = text.parse();
        key
    }
}

impl From<PluginId> for PluginKey {
    fn from(id: PluginId) -> PluginKey {
        PluginKey::Id(id)
    }
}

impl fmt::Display for PluginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PluginKey::Id(id) => write!(f, "{id}"),
            PluginKey::Name(name) => f.write_str(name),
        }
    }
}

/// The last state of an installed plugin that the host recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InstalledState {
    /// It was not loaded since it was installed or updated.
    #[default]
    Installed,
    /// It was loaded.
    Loaded,
    /// It could not be loaded, or failed too often: see [`Installed::last_error`].
    Failed,
}

impl InstalledState {
    /// The state's word.
    pub fn name(self) -> &'static str {
        match self {
            InstalledState::Installed => "installed",
            InstalledState::Loaded => "loaded",
            InstalledState::Failed => "failed",
        }
    }

    /// The state that a word stands for.
    pub(crate) fn from_name(name: &str) -> Option<InstalledState> {
        [InstalledState::Installed, InstalledState::Loaded, InstalledState::Failed]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// An installed plugin, without its code.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Installed {
    /// Its number.
    pub id: PluginId,
    /// Its name.
    pub name: String,
    /// Whether a host loads it.
    pub enabled: bool,
    /// The state that the host recorded last.
    pub state: InstalledState,
    /// The reason for its last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// The time of its installation, in seconds since 1970.
    pub installed_at: u64,
    /// The installed version.
    pub current: InstalledVersion,
    /// The version that a rollback brings back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<InstalledVersion>,
}

/// One stored version of an installed plugin, without its code.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstalledVersion {
    /// The version of the manifest.
    pub version: semver::Version,
    /// The checked manifest as canonical JSON, with secrets masked. It has the permissions that the plugin asks for.
    pub manifest: Value,
    /// The digest of the manifest beside the component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_digest: Option<Digest>,
    /// The component's digest.
    pub component_digest: Digest,
    /// The component's size.
    pub component_bytes: u64,
    /// The reference that it was installed from.
    pub origin: String,
    /// The exact content that was taken.
    pub pinned: String,
    /// The identifier of the key that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// The time of storing this version, in seconds since 1970.
    pub stored_at: u64,
}

impl Installed {
    /// The fields of DockStat's plugin table, without the code. Missing texts are empty, as that table requires.
    pub fn record(&self) -> Value {
        let field = |name: &str| self.current.manifest.get(name).cloned();
        let text = |name: &str| field(name).unwrap_or_else(|| json!(""));
        json!({
            "id": self.id,
            "name": self.name,
            "version": self.current.version,
            "description": field("description"),
            "tags": field("tags").unwrap_or_else(|| json!([])),
            "repository": self.repository(),
            "manifest": text("manifest"),
            "author": field("author").unwrap_or_else(|| json!({})),
            "repoType": field("repo_type").unwrap_or_else(|| json!("default")),
        })
    }

    /// The plugin's repository. If the manifest names none, it is the origin, or `local` for a path or an upload.
    pub fn repository(&self) -> &str {
        let named = self.current.manifest.get("repository").and_then(Value::as_str);
        let origin = &*self.current.origin;
        let is_remote = origin.starts_with("https://") || origin.starts_with("oci://");
        named.unwrap_or(if is_remote { origin } else { "local" })
    }
}

/// A stored version with its code, as a host loads it. Its digests were checked when it was read.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoredPackage {
    /// The plugin's number.
    pub id: PluginId,
    /// The plugin's name.
    pub name: String,
    /// The reference that it was installed from.
    pub origin: String,
    /// The time of storing this version, in seconds since 1970.
    pub stored_at: u64,
    /// The manifest beside the component.
    pub document: Option<ManifestDocument>,
    /// The configuration files, sorted by name.
    pub files: Vec<ConfigFile>,
    /// The component.
    pub component: Bytes,
    /// The component's digest.
    pub component_digest: Digest,
}

/// Shows no code.
impl fmt::Debug for StoredPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StoredPackage");
        shown.field("id", &self.id).field("name", &self.name);
        shown.field("component_digest", &self.component_digest).finish_non_exhaustive()
    }
}

impl StoredPackage {
    /// The manifest layer that wins over those inside the component.
    ///
    /// # Errors
    /// [`ManifestError`] as for [`ManifestDocument::layer`]. The document was readable when it was installed.
    pub fn layer(&self) -> Result<Option<Layer>, ManifestError> {
        self.document.as_ref().map(|document| document.layer(&format!("the manifest of `{}`", self.name))).transpose()
    }

    /// The configuration files of an environment, lowest first: `config/default.*`, then `config/ENVIRONMENT.*`, each
    /// as a parsed document.
    ///
    /// # Errors
    /// [`ManifestError`] if a file is not a document of its format.
    pub fn config_values(&self, environment: Option<&str>) -> Result<Vec<(String, Value)>, ManifestError> {
        config_values(&self.files, environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_digits_is_a_number() {
        assert_eq!(PluginKey::from("12"), PluginKey::Id(12));
        assert_eq!(PluginKey::from("hello"), PluginKey::Name("hello".to_owned()));
        assert_eq!(PluginKey::from("12x").to_string(), "12x");
    }

    #[test]
    fn configuration_of_an_environment_comes_last() {
        let file = |name: &str, text: &str| ConfigFile::new(name, text).expect("a configuration file");
        let package = StoredPackage {
            id: 1,
            name: "a".to_owned(),
            origin: String::new(),
            stored_at: 0,
            document: None,
            files: vec![file("config/default.yaml", "x: 1"), file("config/prod.json", r#"{"x":2}"#)],
            component: Bytes::new(),
            component_digest: Digest::of(b""),
        };
        let values = package.config_values(Some("prod")).expect("documents");
        assert_eq!(values.iter().map(|(_, value)| value["x"].as_i64()).collect::<Vec<_>>(), [Some(1), Some(2)]);
        assert_eq!(package.config_values(None).expect("documents").len(), 1);
    }
}
