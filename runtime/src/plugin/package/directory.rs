//! The files of a plugin's directory: its manifest, its component and its configuration.
//!
//! The directory is not trusted. [`PluginDirectory`] refuses anything but regular files inside it; this module decides
//! which names are looked up.

use std::path::{Component, Path, PathBuf};

use plugbay_files::PluginDirectory;
use plugbay_manifest::{FILE_NAMES, Format, Layer, Manifest, Problem, code};
use serde_json::Value;

use crate::error::LoadErrorKind;
use crate::limits::TEXT_FILE_BYTES_MAX;
use crate::service::config::ConfigLayer;

/// The manifest file of a directory, if it has one.
#[derive(Default)]
pub(super) struct ManifestFile {
    pub(super) layer: Option<Layer>,
    /// Notes for the author on other files that look like a manifest.
    pub(super) notes: Vec<String>,
}

impl ManifestFile {
    /// Returns the component's file name from the manifest.
    pub(super) fn entry_point(&self) -> Option<String> {
        let value: Value = serde_json::from_str(&self.layer.as_ref()?.to_json()).ok()?;
        value.get("entry_point")?.as_str().map(str::to_owned)
    }

    /// Extends the failure to find the component with every problem of the manifest.
    pub(super) fn with_problems(&self, failure: LoadErrorKind) -> LoadErrorKind {
        let (LoadErrorKind::Open { message, .. } | LoadErrorKind::NoComponent { message, .. }) = &failure else {
            return failure;
        };
        let Some(layer) = &self.layer else { return failure };
        // The component's own manifest is unknown here, so its required members, name and version, are filled in.
        let named = Layer::from_value("(no manifest)", serde_json::json!({ "name": "plugin", "version": "0.0.0" }));
        let Ok(Err(mut error)) = named.map(|named| Manifest::from_layers(&[named, layer.clone()])) else {
            return failure;
        };
        error.problems.push(Problem {
            origin: layer.origin().to_owned(),
            path: self.entry_point().map(|_| "entry_point".to_owned()).unwrap_or_default(),
            code: code::INVALID_VALUE,
            message: message.clone(),
        });
        LoadErrorKind::Manifest(error)
    }
}

/// Returns the manifest file of a plugin's directory, or notes on files with similar names.
pub(super) fn manifest(directory: &PluginDirectory) -> Result<ManifestFile, LoadErrorKind> {
    let mut manifest = manifest_file(directory)?;
    if manifest.layer.is_none() {
        manifest.notes = misnamed(directory)?;
    }
    Ok(manifest)
}

/// Reads the manifest file of a directory: the first of [`FILE_NAMES`], with a note if there are several. Does not list
/// the directory, which may be large and hold other things.
pub(super) fn manifest_file(directory: &PluginDirectory) -> Result<ManifestFile, LoadErrorKind> {
    let mut there = Vec::new();
    for name in FILE_NAMES {
        if directory.contains(name)? {
            there.push(name);
        }
    }
    let Some((name, others)) = there.split_first() else {
        return Ok(ManifestFile::default());
    };
    let path = directory.path().join(name);
    let text = directory.read_text(name, TEXT_FILE_BYTES_MAX)?;
    let layer = Layer::parse(path.display().to_string(), &text, format_of(&path))?;
    let note = |other: &&str| format!("{} is not read: the manifest is {name}", directory.path().join(other).display());
    Ok(ManifestFile { layer: Some(layer), notes: others.iter().map(note).collect() })
}

/// Returns notes on files that may have been meant as a manifest, in a directory without one.
fn misnamed(directory: &PluginDirectory) -> Result<Vec<String>, LoadErrorKind> {
    let looks_like_one = |name: &String| {
        let lower = name.to_ascii_lowercase();
        let (stem, _) = lower.rsplit_once('.').unwrap_or_default();
        matches!(stem, "plugin" | "plugins" | "manifest") && Format::from_path(Path::new(&lower)).is_some()
    };
    let names = directory.names("")?.filter_map(|name| name.into_string().ok());
    let mut names: Vec<String> = names.filter(looks_like_one).collect();
    names.sort();
    let note = |name: &String| {
        let shown = directory.path().join(name);
        format!("{} is not read: a manifest is called {}", shown.display(), FILE_NAMES.join(", "))
    };
    Ok(names.iter().map(note).collect())
}

/// Returns the component's path: the manifest's entry point, else the only `.wasm` file.
pub(super) fn component(directory: &PluginDirectory, entry_point: Option<&str>) -> Result<PathBuf, LoadErrorKind> {
    let path = || directory.path().to_owned();
    let Some(entry_point) = entry_point else { return only_component(directory) };
    let relative = Path::new(entry_point);
    let plain = relative.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if !plain {
        let message =
            format!("its entry_point `{entry_point}` leads out of the plugin's directory; name a file inside it");
        return Err(LoadErrorKind::Open { path: path(), message });
    }
    if !directory.contains(relative)? {
        let message =
            format!("its entry_point `{entry_point}` does not exist; build the plugin, or name the right file");
        return Err(LoadErrorKind::NoComponent { path: path(), message });
    }
    Ok(relative.to_owned())
}

fn only_component(directory: &PluginDirectory) -> Result<PathBuf, LoadErrorKind> {
    let path = directory.path().to_owned();
    let is_component = |name: &PathBuf| name.extension().is_some_and(|extension| extension == "wasm");
    let mut components = directory.names("")?.map(PathBuf::from).filter(is_component);
    match (components.next(), components.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            let message = "has more than one `.wasm` file; name one as `entry_point` in the manifest".to_owned();
            Err(LoadErrorKind::Open { path, message })
        }
        (None, _) => {
            let message =
                "has no `.wasm` file; build the plugin first, or name its file as `entry_point` in the manifest";
            Err(LoadErrorKind::NoComponent { path, message: message.to_owned() })
        }
    }
}

/// Returns the plugin's own configuration, lowest first: `config/default.*`, then `config/ENVIRONMENT.*`.
pub(super) fn config_files(
    directory: &PluginDirectory,
    environment: Option<&str>,
) -> Result<Vec<ConfigLayer>, LoadErrorKind> {
    let mut layers = Vec::new();
    if !directory.contains_directory("config")? {
        return Ok(layers);
    }
    for name in ["default"].into_iter().chain(environment) {
        for extension in ["yaml", "yml", "json", "toml"] {
            let name = Path::new("config").join(format!("{name}.{extension}"));
            if directory.contains(&name)? {
                layers.push(config_file(directory, &name)?);
            }
        }
    }
    Ok(layers)
}

fn config_file(directory: &PluginDirectory, name: &Path) -> Result<ConfigLayer, LoadErrorKind> {
    let path = directory.path().join(name);
    let origin = path.display().to_string();
    let text = directory.read_text(name, TEXT_FILE_BYTES_MAX)?;
    match format_of(&path).parse(&origin, &text)? {
        Value::Object(values) => Ok(ConfigLayer { origin, values: values.into_iter().collect() }),
        Value::Null => Ok(ConfigLayer { origin, values: Default::default() }),
        _ => Err(LoadErrorKind::Open { path, message: "is not a mapping of keys to values".to_owned() }),
    }
}

fn format_of(path: &Path) -> Format {
    Format::from_path(path).unwrap_or(Format::Yaml)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_files(names: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for name in names {
            std::fs::write(directory.path().join(name), "").expect("written");
        }
        directory
    }

    fn opened(directory: &tempfile::TempDir) -> PluginDirectory {
        PluginDirectory::open(directory.path()).expect("it is there")
    }

    #[test]
    fn entry_point_that_leads_out_is_refused() {
        let directory = with_files(&["a.wasm"]);
        let directory = opened(&directory);
        assert!(component(&directory, Some("a.wasm")).is_ok());
        assert!(component(&directory, Some("./a.wasm")).is_ok());
        for out in ["../a.wasm", "/etc/passwd", "x/../../a.wasm"] {
            assert!(matches!(component(&directory, Some(out)), Err(LoadErrorKind::Open { .. })), "{out}");
        }
        let missing = component(&directory, Some("missing.wasm"));
        assert!(matches!(missing, Err(LoadErrorKind::NoComponent { .. })));
    }

    #[test]
    fn directory_without_or_with_two_components_is_refused() {
        let directory = with_files(&[]);
        assert!(matches!(component(&opened(&directory), None), Err(LoadErrorKind::NoComponent { .. })));
        let directory = with_files(&["a.wasm", "a.txt"]);
        assert_eq!(component(&opened(&directory), None).expect("one"), Path::new("a.wasm"));
        let directory = with_files(&["a.wasm", "b.wasm"]);
        let error = component(&opened(&directory), None).expect_err("two").to_string();
        assert!(error.contains("entry_point"), "{error}");
    }

    #[track_caller]
    fn check_notes(files: &[&str], expected: &[&str]) {
        let directory = with_files(files);
        for name in files.iter().filter(|name| FILE_NAMES.contains(name)) {
            let text = if name.ends_with("json") { "{\"name\":\"a\"}" } else { "" };
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let notes = manifest(&opened(&directory)).expect("it can be read").notes;
        assert_eq!(notes.len(), expected.len(), "{notes:?}");
        for (note, part) in notes.iter().zip(expected) {
            assert!(note.contains(part), "{note}");
        }
    }

    #[test]
    fn manifest_that_is_not_read_is_noted() {
        check_notes(&["plugin.toml", "x.yaml"], &[]);
        check_notes(&["plugin.toml", "plugin.json"], &["plugin.toml is not read: the manifest is plugin.json"]);
        check_notes(
            &["Plugin.YAML", "plugins.yml", "plugin.wasm"],
            &["Plugin.YAML is not read", "plugins.yml is not read"],
        );
        check_notes(&["plugin.json", "plugins.yaml"], &[]);
    }
}
