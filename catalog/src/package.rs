//! A package: everything that one version of a plugin consists of.
//!
//! The manifest has layers: those inside the component, and the document beside it, which wins field by field. Both are
//! stored as they were published, so that their digests and signatures can be checked again.

use std::fmt;

use bytes::Bytes;
use plugbay_manifest::{Format, Layer, Manifest, ManifestError};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::signature::SignedBy;
use crate::statement::Statement;

/// The manifest beside a component.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ManifestDocument {
    /// Its format.
    pub format: Format,
    /// The text as it was published. If the document contained its component, this is the rest of it, as JSON.
    pub text: String,
}

impl ManifestDocument {
    /// A document with this text.
    pub fn new(format: Format, text: impl Into<String>) -> ManifestDocument {
        ManifestDocument { format, text: text.into() }
    }

    /// The digest of its text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The layer of the plugin's manifest. The field `plugin`, with which DockStat's manifests name or contain the
    /// code, is not part of it: here the code is the package's component.
    ///
    /// # Errors
    /// [`ManifestError`] if the text is not a document of its format or exceeds a bound.
    pub fn layer(&self, origin: &str) -> Result<Layer, ManifestError> {
        let mut value = self.format.parse(origin, &self.text)?;
        if let Value::Object(fields) = &mut value {
            fields.shift_remove("plugin");
        }
        Layer::from_value(origin, value)
    }
}

/// Shows no text, because the document may contain a secret's default.
impl fmt::Debug for ManifestDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestDocument").field("format", &self.format).field("digest", &self.digest()).finish()
    }
}

/// A configuration file of a package: `config/default.yaml` and its like.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigFile {
    /// Its path in the package, with `/`: `config/` and a name.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl ConfigFile {
    /// A file with this path and text. `None` if the path is not `config/` and a plain name with the extension of a
    /// document.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Option<ConfigFile> {
        let name = name.into();
        let (stem, extension) = name.strip_prefix("config/")?.rsplit_once('.')?;
        let plain = !stem.is_empty() && stem.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let known = matches!(extension, "yaml" | "yml" | "json" | "toml");
        (plain && known).then(|| ConfigFile { name, text: text.into() })
    }
}

impl ConfigFile {
    /// The values of the file, `null` if it is empty.
    ///
    /// # Errors
    /// [`ManifestError`] if it is not a document of its format.
    pub fn values(&self) -> Result<Value, ManifestError> {
        Format::from_path(self.name.as_ref()).unwrap_or(Format::Yaml).parse(&self.name, &self.text)
    }
}

/// Shows no text, because the file may contain secrets.
impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The facts of a component, as the host's runtime reads them without running it.
#[derive(Clone, Debug, Default)]
pub struct ComponentFacts {
    /// The contents of its manifest sections, in the order of the file.
    pub manifests: Vec<Vec<u8>>,
    /// The names of its imports, such as `wasi:http/outgoing-handler@0.2.6`.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// Whether it is a component, and not a core module.
    pub is_component: bool,
}

/// Reads the facts of components. A host implements it with its runtime.
pub trait ComponentReader: Send + Sync {
    /// Reads a component, or a WASI command module. It may be large and hostile: the implementation bounds its work.
    ///
    /// # Errors
    /// A text that says what is wrong with the bytes.
    fn read(&self, bytes: &[u8]) -> Result<ComponentFacts, String>;
}

/// One version of a plugin: complete, and checked as far as that is possible without loading it.
#[derive(Clone)]
#[non_exhaustive]
pub struct Package {
    /// The checked manifest of all layers.
    pub manifest: Manifest,
    /// The manifest beside the component.
    pub document: Option<ManifestDocument>,
    /// The configuration files, sorted by name.
    pub files: Vec<ConfigFile>,
    /// The component.
    pub component: Bytes,
    /// The component's digest.
    pub component_digest: Digest,
    /// The facts of the component.
    pub facts: ComponentFacts,
    /// The reference as it was given. An update asks it again.
    pub origin: String,
    /// The exact content that was taken: an OCI reference with its digest, a URL without its query, an absolute path.
    pub pinned: String,
    /// The key that signed the package, if that was checked.
    pub signed_by: SignedBy,
}

/// Shows no code.
impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Package");
        shown.field("name", &self.manifest.name).field("version", &self.manifest.version);
        shown.field("component_digest", &self.component_digest).field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

impl Package {
    /// The plugin's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The values of its configuration files for an environment, lowest first.
    ///
    /// # Errors
    /// As [`StoredPackage::config_values`](crate::store::StoredPackage::config_values).
    pub fn config_values(&self, environment: Option<&str>) -> Result<Vec<(String, Value)>, ManifestError> {
        config_values(&self.files, environment)
    }

    /// The text that a signature of this package covers.
    pub fn statement(&self) -> Statement {
        Statement::of(self.component_digest, self.document.as_ref(), &self.files)
    }
}

/// Merges the layers of a package: the name that it has otherwise, the component's sections, the document.
pub(crate) fn merge(
    origin: &str,
    fallback_name: &str,
    facts: &ComponentFacts,
    document: Option<&ManifestDocument>,
) -> Result<Manifest, ManifestError> {
    let unnamed = json!({ "name": fallback_name, "version": "0.0.0" });
    let mut layers = vec![Layer::from_value("(no manifest)", unnamed)?];
    for section in &facts.manifests {
        layers.extend(Layer::from_section(origin, section)?);
    }
    if let Some(document) = document {
        layers.push(document.layer(origin)?);
    }
    Manifest::from_layers(&layers)
}

/// The values of `config/default.*` and then of `config/ENVIRONMENT.*`.
pub(crate) fn config_values(
    files: &[ConfigFile],
    environment: Option<&str>,
) -> Result<Vec<(String, Value)>, ManifestError> {
    let mut values = Vec::new();
    for stem in ["default"].into_iter().chain(environment) {
        for extension in ["yaml", "yml", "json", "toml"] {
            let name = format!("config/{stem}.{extension}");
            if let Some(file) = files.iter().find(|file| file.name == name) {
                values.push((name, file.values()?));
            }
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_a_configuration_file_stays_inside() {
        for good in ["config/default.yaml", "config/prod-2.json", "config/a_b.toml"] {
            assert!(ConfigFile::new(good, "").is_some(), "{good}");
        }
        for bad in
            ["default.yaml", "config/../x.yaml", "config/a/b.yaml", "/config/a.yaml", "config/.yaml", "config/a.sh"]
        {
            assert!(ConfigFile::new(bad, "").is_none(), "{bad}");
        }
    }

    #[test]
    fn field_plugin_is_not_part_of_the_layer() {
        let text = r#"{"name":"a","version":"1.0.0","plugin":"export default {}"}"#;
        let layer = ManifestDocument::new(Format::Json, text).layer("x").expect("a document");
        let manifest = Manifest::from_layers(&[layer]).expect("a manifest");
        assert!(manifest.notes.is_empty(), "{:?}", manifest.notes);
    }

    #[test]
    fn document_wins_over_the_component() {
        let facts = ComponentFacts {
            manifests: vec![br#"{"name":"inside","version":"1.0.0","title":"Inside"}"#.to_vec()],
            ..ComponentFacts::default()
        };
        let document = ManifestDocument::new(Format::Yaml, "version: 2.0.0");
        let manifest = merge("x", "file", &facts, Some(&document)).expect("a manifest");
        assert_eq!((&*manifest.name, manifest.version.major), ("inside", 2));
        let manifest = merge("x", "file", &ComponentFacts::default(), None).expect("a manifest");
        assert_eq!(&*manifest.name, "file");
    }
}
