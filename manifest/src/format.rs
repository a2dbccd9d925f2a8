//! The names and formats that a manifest file may have.

use std::path::Path;

use crate::problem::ManifestError;

/// The file names of a manifest next to a component, in order of precedence. The first that exists is used.
pub const FILE_NAMES: [&str; 5] = ["plugin.yaml", "plugin.yml", "plugin.json", "manifest.json", "plugin.toml"];

/// The format of a document. All formats have the same fields.
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
    /// Returns the format of a file's extension, in upper or lower case.
    pub fn from_path(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            "toml" => Some(Format::Toml),
            _ => None,
        }
    }

    /// Parses any document in this format, with the bounds of a manifest. It is for related files, such as
    /// configuration.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] if the text is not of this format, is too large or is nested too deeply.
    pub fn parse(self, origin: &str, text: &str) -> Result<serde_json::Value, ManifestError> {
        crate::document::parse(origin, text, self)
    }

    /// Returns the format's name, such as `YAML`.
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
