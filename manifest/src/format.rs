//! The names and formats that a manifest file may have.

use std::path::Path;

use crate::problem::ManifestError;

/// The names under which a manifest is looked for beside a component, in this order. The first that exists is taken.
pub const FILE_NAMES: [&str; 5] = ["plugin.yaml", "plugin.yml", "plugin.json", "manifest.json", "plugin.toml"];

/// How a document is written. All formats hold the same fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2: `.yaml`, `.yml`.
    Yaml,
    /// JSON (RFC 8259): `.json`.
    Json,
    /// TOML 1.1: `.toml`.
    Toml,
}

impl Format {
    /// The format that a file's extension stands for, whatever its case.
    pub fn from_path(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            "toml" => Some(Format::Toml),
            _ => None,
        }
    }

    /// Parses a document of any kind in this format, bounded like a manifest: for files beside one, such as its
    /// configuration.
    ///
    /// # Errors
    ///
    /// Where the text is not of the format, is too large or nests too deeply.
    pub fn parse(self, origin: &str, text: &str) -> Result<serde_json::Value, ManifestError> {
        crate::document::parse(origin, text, self)
    }

    /// The format's name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Yaml => "YAML",
            Format::Json => "JSON",
            Format::Toml => "TOML",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_path_every_file_name_has_a_format() {
        for name in FILE_NAMES {
            assert!(Format::from_path(Path::new(name)).is_some(), "{name}");
        }
    }

    #[test]
    fn from_path_other_extensions_give_none() {
        assert_eq!(Format::from_path(Path::new("PLUGIN.YML")), Some(Format::Yaml));
        assert_eq!(Format::from_path(Path::new("plugin.wasm")), None);
        assert_eq!(Format::from_path(Path::new("yaml")), None);
    }
}
