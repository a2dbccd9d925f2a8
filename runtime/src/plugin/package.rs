//! A package: the bytes of a component and the layers of its manifest, as they were found. Nothing is believed yet.
//!
//! A package is a `.wasm` file, a directory with a manifest file and a `.wasm`, or bytes. Reading it is bounded, and what a
//! directory names as its entry point stays inside that directory.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use plugbay_manifest::{FILE_NAMES, Format, Layer, ManifestError, Resources};
use serde_json::Value;

use crate::capability::Policy;
use crate::error::{LoadError, LoadFailure};
use crate::limits::{COMPONENT_BYTES_MAX, TEXT_FILE_BYTES_MAX};
use crate::service::config::ConfigLayer;

/// A plugin before anything was checked.
#[derive(Clone)]
pub struct Package {
    /// Where it came from, for messages.
    pub(crate) origin: String,
    /// The name of a plugin that no manifest names.
    pub(crate) fallback_name: String,
    /// Where relative paths lead, if it came from a directory.
    pub(crate) directory: Option<PathBuf>,
    /// Manifest layers from files beside the component, lowest first.
    pub(crate) layers: Vec<Layer>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) options: BTreeMap<String, Value>,
    pub(crate) overrides: Resources,
    pub(crate) policy: Policy,
    pub(crate) trusted: bool,
}

impl Package {
    /// Opens a `.wasm` file or a plugin directory.
    ///
    /// # Errors
    /// [`LoadFailure::Open`] where there is no package, [`LoadFailure::Manifest`] where its manifest file cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let opened = if path.is_dir() { Package::open_directory(path) } else { Package::open_file(path) };
        opened.map_err(|failure| LoadError::new(path.display().to_string(), failure))
    }

    /// Opens a directory whose component is elsewhere: a crate and what cargo built of it. The manifest and `config` files
    /// are the directory's; an `entry_point` is not looked at.
    ///
    /// # Errors
    /// As [`Package::open`].
    pub fn open_with_component(directory: impl AsRef<Path>, component: impl AsRef<Path>) -> Result<Self, LoadError> {
        let (directory, component) = (directory.as_ref(), component.as_ref());
        let opened = manifest_file(directory).and_then(|layer| {
            let stem = component.file_stem().unwrap_or_default().to_string_lossy();
            let mut package = Package::from_bytes(name_from(&stem), read_component(component)?);
            package.origin = directory.display().to_string();
            package.layers.extend(layer);
            package.directory = Some(directory.to_owned());
            Ok(package)
        });
        opened.map_err(|failure| LoadError::new(directory.display().to_string(), failure))
    }

    /// The name of the plugin where no manifest names it.
    pub fn fallback_name(&self) -> &str {
        &self.fallback_name
    }

    /// The lowest layer: what a component without any manifest is called.
    pub(crate) fn fallback_layer(&self) -> Result<Layer, ManifestError> {
        Layer::from_value("(no manifest)", serde_json::json!({ "name": self.fallback_name, "version": "0.0.0" }))
    }

    /// A component from memory. Its name is `fallback_name` unless its manifest says otherwise.
    pub fn from_bytes(fallback_name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let fallback_name = fallback_name.into();
        Package {
            origin: fallback_name.clone(),
            fallback_name,
            directory: None,
            layers: Vec::new(),
            bytes: bytes.into(),
            options: BTreeMap::new(),
            overrides: Resources::default(),
            policy: Policy::default(),
            trusted: false,
        }
    }

    /// Adds a manifest layer that wins over what the component carries and over the layers before it.
    #[must_use]
    pub fn manifest(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Sets an option of the plugin's configuration, above its own files and below what the plugin itself sets.
    #[must_use]
    pub fn configure(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Replaces what the manifest asks for by what the host wants: members that are set here win, below the ceilings.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.overrides = resources;
        self
    }

    /// What the operator says of this plugin alone: it comes before the runtime's policy for all.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether this plugin may run in trusted mode if its manifest asks for that (`execution_mode: trusted`). Default: no,
    /// and one that asks is not loaded. A trusted plugin is not metered with fuel unless a limit is set, and sees the
    /// directories and addresses that it asks for and is granted. [`RuntimeBuilder::trust`](crate::RuntimeBuilder::trust)
    /// does the same by name.
    #[must_use]
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    fn open_file(path: &Path) -> Result<Self, LoadFailure> {
        let bytes = read_component(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut package = Package::from_bytes(name_from(&stem), bytes);
        package.origin = path.display().to_string();
        let Some(directory) = path.parent() else { return Ok(package) };
        // A manifest file beside it speaks for this component if it says so.
        if let Some(layer) = manifest_file(directory)?
            && let Some(entry_point) = entry_point_of(&layer)
            && directory.join(&entry_point) == path
        {
            package.layers.push(layer);
            package.directory = Some(directory.to_owned());
        }
        Ok(package)
    }

    fn open_directory(directory: &Path) -> Result<Self, LoadFailure> {
        let open = |message: String| LoadFailure::Open { path: directory.to_owned(), message };
        let layer = manifest_file(directory)?;
        let path = match layer.as_ref().and_then(entry_point_of) {
            Some(entry_point) => inside(directory, &entry_point).map_err(open)?,
            None => only_component_in(directory).map_err(open)?,
        };
        check_inside(directory, &path)?;
        let directory_name = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let stem = directory_name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut package = Package::from_bytes(name_from(&stem), read_component(&path)?);
        package.origin = directory.display().to_string();
        package.layers.extend(layer);
        package.directory = Some(directory.to_owned());
        Ok(package)
    }

    /// The layers of the plugin's configuration, lowest first: its own files, then the host's options.
    pub(crate) fn config_layers(&self, environment: Option<&str>) -> Result<Vec<ConfigLayer>, LoadFailure> {
        let mut layers = Vec::new();
        if let Some(directory) = &self.directory {
            for name in ["default"].into_iter().chain(environment) {
                for extension in ["yaml", "yml", "json", "toml"] {
                    let path = directory.join("config").join(format!("{name}.{extension}"));
                    if path.is_file() {
                        check_inside(directory, &path)?;
                        layers.push(config_file(&path)?);
                    }
                }
            }
        }
        if !self.options.is_empty() {
            layers.push(ConfigLayer { origin: "options".into(), values: self.options.clone() });
        }
        Ok(layers)
    }
}

impl std::fmt::Debug for Package {
    /// Options may be secret and bytes are long: neither is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Package")
            .field("origin", &self.origin)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// What [`Runtime::load`](crate::Runtime::load) takes: a path, bytes or a [`Package`].
///
/// Bytes are a component, as a `Vec`, a slice or what `include_bytes!` gives. One that carries no manifest is called
/// `plugin`; [`Package::from_bytes`] gives it another name.
#[derive(Debug)]
#[non_exhaustive]
pub enum Source {
    /// A `.wasm` file or a plugin directory.
    Path(PathBuf),
    /// A package that was opened or put together before.
    Package(Box<Package>),
}

impl Source {
    pub(crate) fn open(self) -> Result<Package, LoadError> {
        match self {
            Source::Path(path) => Package::open(path),
            Source::Package(package) => Ok(*package),
        }
    }
}

impl From<Package> for Source {
    fn from(package: Package) -> Self {
        Source::Package(Box::new(package))
    }
}

impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Package::from_bytes("plugin", bytes).into()
    }
}

impl From<&[u8]> for Source {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Source {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

macro_rules! source_from_path {
    ($($path:ty),*) => {$(
        impl From<$path> for Source {
            fn from(path: $path) -> Self {
                Source::Path(path.into())
            }
        }
    )*};
}
source_from_path!(&str, String, &Path, PathBuf, &PathBuf);

fn read_component(path: &Path) -> Result<Vec<u8>, LoadFailure> {
    read_bounded(path, COMPONENT_BYTES_MAX).map_err(|message| LoadFailure::Open { path: path.to_owned(), message })
}

/// Reads a regular file that may grow under the reader.
fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let explain = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such file; a plugin is a `.wasm` file or a directory with a manifest and one".to_owned()
        }
        _ => format!("cannot be read: {error}"),
    };
    let mut options = OpenOptions::new();
    // Without waiting for somebody to write where it is a pipe.
    #[cfg(unix)]
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.read(true).open(path).map_err(explain)?;
    let metadata = file.metadata().map_err(explain)?;
    if !metadata.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(bytes_max) as usize);
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("has more than the {bytes_max} bytes that are allowed"));
    }
    Ok(bytes)
}

fn read_text(path: &Path) -> Result<String, LoadFailure> {
    let open = |message: String| LoadFailure::Open { path: path.to_owned(), message };
    let bytes = read_bounded(path, TEXT_FILE_BYTES_MAX).map_err(open)?;
    String::from_utf8(bytes).map_err(|error| open(format!("is not UTF-8: {error}")))
}

/// The first manifest file of a directory.
fn manifest_file(directory: &Path) -> Result<Option<Layer>, LoadFailure> {
    let Some(path) = FILE_NAMES.iter().map(|name| directory.join(name)).find(|path| path.is_file()) else {
        return Ok(None);
    };
    check_inside(directory, &path)?;
    let format = Format::from_path(&path).unwrap_or(Format::Yaml);
    Ok(Some(Layer::parse(path.display().to_string(), &read_text(&path)?, format)?))
}

fn config_file(path: &Path) -> Result<ConfigLayer, LoadFailure> {
    let open = |message: String| LoadFailure::Open { path: path.to_owned(), message };
    let format = Format::from_path(path).unwrap_or(Format::Yaml);
    let value = format.parse(&path.display().to_string(), &read_text(path)?)?;
    match value {
        Value::Object(values) => {
            Ok(ConfigLayer { origin: path.display().to_string(), values: values.into_iter().collect() })
        }
        Value::Null => Ok(ConfigLayer { origin: path.display().to_string(), values: BTreeMap::new() }),
        _ => Err(open("is not a mapping of keys to values".to_owned())),
    }
}

fn entry_point_of(layer: &Layer) -> Option<String> {
    let value: Value = serde_json::from_str(&layer.to_json()).ok()?;
    value.get("entry_point")?.as_str().map(str::to_owned)
}

/// The path of an entry point, which may not lead out of its directory by its text.
fn inside(directory: &Path, entry_point: &str) -> Result<PathBuf, String> {
    let relative = Path::new(entry_point);
    let plain = relative.components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if !plain {
        return Err(format!(
            "its entry_point `{entry_point}` leads out of the plugin's directory; name a file inside it"
        ));
    }
    let path = directory.join(relative);
    if !path.exists() {
        return Err(format!(
            "its entry_point `{entry_point}` does not exist; build the plugin, or name the right file"
        ));
    }
    Ok(path)
}

/// Refuses a file that is not really in the plugin's directory, because a link leads out of it.
fn check_inside(directory: &Path, path: &Path) -> Result<(), LoadFailure> {
    let real = |path: &Path| path.canonicalize().ok();
    match (real(directory), real(path)) {
        (Some(directory), Some(file)) if !file.starts_with(&directory) => Err(LoadFailure::Open {
            path: path.to_owned(),
            message: "is a link that leads out of the plugin's directory; put the file itself there".to_owned(),
        }),
        // What cannot be found is told by whoever opens it.
        _ => Ok(()),
    }
}

fn only_component_in(directory: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(directory).map_err(|error| format!("cannot be read: {error}"))?;
    let mut components: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .take(2)
        .collect();
    match (components.pop(), components.pop()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => {
            Err("has more than one `.wasm` file; name one as `entry_point` in the manifest".to_owned())
        }
        _ => {
            Err("has no `.wasm` file; build the plugin first, or name its file as `entry_point` in the manifest"
                .to_owned())
        }
    }
}

/// A plugin name from a file's: lower case, with `_` for what a name cannot have.
fn name_from(stem: &str) -> String {
    let name: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_lowercase()) { name } else { format!("p{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_file_becomes_a_plugin_name() {
        assert_eq!(name_from("My Plugin.v2"), "my_plugin_v2");
        assert_eq!(name_from("9lives"), "p9lives");
        assert_eq!(name_from(""), "p");
    }

    #[test]
    fn entry_point_that_leads_out_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a.wasm"), b"x").expect("written");
        assert!(inside(directory.path(), "a.wasm").is_ok());
        assert!(inside(directory.path(), "./a.wasm").is_ok());
        for out in ["../a.wasm", "/etc/passwd", "x/../../a.wasm", "missing.wasm"] {
            assert!(inside(directory.path(), out).is_err(), "{out}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn file_that_is_a_link_out_of_the_directory_is_refused() {
        for name in ["a.wasm", "plugin.yaml", "config/default.json", "config/test.toml"] {
            let (inside, outside) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
            std::fs::create_dir(inside.path().join("config")).expect("made");
            let file = outside.path().join("file");
            std::fs::write(&file, "{}").expect("written");
            std::os::unix::fs::symlink(&file, inside.path().join(name)).expect("linked");
            if name != "a.wasm" {
                std::fs::write(inside.path().join("a.wasm"), b"x").expect("written");
            }
            let opened = Package::open(inside.path())
                .map_err(|error| error.to_string())
                .and_then(|package| package.config_layers(Some("test")).map_err(|error| error.to_string()));
            let error = opened.err().unwrap_or_else(|| panic!("{name} was read"));
            assert!(error.contains("leads out of the plugin's directory"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn link_within_the_directory_is_followed() {
        let directory = tempfile::tempdir().expect("made");
        std::fs::create_dir(directory.path().join("..data")).expect("made");
        std::fs::write(directory.path().join("..data/plugin.yaml"), "name: linked\nversion: 1.0.0").expect("written");
        std::os::unix::fs::symlink("..data/plugin.yaml", directory.path().join("plugin.yaml")).expect("linked");
        std::fs::write(directory.path().join("a.wasm"), b"x").expect("written");
        assert_eq!(Package::open(directory.path()).expect("opened").layers.len(), 1);
    }

    /// Opening a pipe waits for somebody who writes, for ever.
    #[cfg(target_os = "linux")]
    #[test]
    fn pipe_in_place_of_a_component_is_refused_at_once() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let directory = tempfile::tempdir().expect("made");
        let pipe = directory.path().join("a.wasm");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        for path in [directory.path(), &pipe] {
            let error = Package::open(path).expect_err("it is no file");
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
    }

    #[test]
    fn directory_without_or_with_two_components_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(only_component_in(directory.path()).expect_err("none").contains("no `.wasm`"));
        std::fs::write(directory.path().join("a.wasm"), b"x").expect("written");
        assert!(only_component_in(directory.path()).is_ok());
        std::fs::write(directory.path().join("b.wasm"), b"x").expect("written");
        assert!(only_component_in(directory.path()).expect_err("two").contains("entry_point"));
    }
}
