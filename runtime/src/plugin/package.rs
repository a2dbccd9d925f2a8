//! A package: the bytes of a component and the layers of its manifest, as they were found and not yet checked.
//!
//! A package is a `.wasm` file, a directory with a manifest file and a `.wasm` file, or bytes. Reading is bounded in
//! size, and a directory's entry point must be inside the directory.

mod content;
mod directory;
mod options;

use std::path::{Path, PathBuf};

use plugbay_files::{FileError, FileProblem, PluginDirectory, read_file};
use plugbay_manifest::{Layer, ManifestError, Problem, code, plugin_name_from};
use serde_json::Value;

use self::directory::ManifestFile;
pub(crate) use self::options::PackageOptions;
use crate::error::{LoadError, LoadErrorKind};
use crate::limits::COMPONENT_BYTES_MAX;
use crate::service::config::ConfigLayer;

/// An unchecked plugin: the component's bytes and the layers of its manifest.
///
/// The manifest layers, options, resources, policy and trust that the application sets here also apply after a reload:
/// [`Runtime::reload`](crate::Runtime::reload) retains each of the five unless the new package sets it.
#[derive(Clone)]
pub struct Package {
    /// Its origin, for messages.
    pub(crate) origin: String,
    /// The plugin's name if no manifest has one.
    pub(crate) fallback_name: String,
    /// The base of relative paths, if the package came from a directory.
    pub(crate) directory: Option<PathBuf>,
    /// The files that it was opened from; `None` if it comes from memory.
    files: Option<PackageFiles>,
    /// Manifest layers from files beside the component, lowest first.
    layers: Vec<Layer>,
    /// Configuration files of a package that is not in a directory, lowest first.
    config_files: Vec<ConfigLayer>,
    /// Notes on the package's files for its author, such as a file that is not read.
    pub(crate) notes: Vec<String>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) options: PackageOptions,
}

/// The files that a package was opened from, with absolute paths.
#[derive(Clone)]
enum PackageFiles {
    /// A `.wasm` file or a plugin directory.
    Path(PathBuf),
    /// A directory whose component is elsewhere.
    WithComponent(Box<ComponentElsewhere>),
}

#[derive(Clone)]
struct ComponentElsewhere {
    directory: PathBuf,
    component: PathBuf,
}

/// The parts of a loaded plugin's package that reloads need.
#[derive(Clone)]
pub(crate) struct PackageOrigin {
    files: Option<PackageFiles>,
    pub(crate) options: PackageOptions,
}

impl PackageOrigin {
    /// Returns the files and directories that the package was opened from; none if it came from memory.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match &self.files {
            None => Vec::new(),
            Some(PackageFiles::Path(path)) => vec![path.clone()],
            Some(PackageFiles::WithComponent(files)) => vec![files.directory.clone(), files.component.clone()],
        }
    }

    /// Opens the same files again; `None` if the package came from memory.
    pub(crate) fn reopen(&self) -> Option<Result<Package, LoadError>> {
        Some(match self.files.as_ref()? {
            PackageFiles::Path(path) => Package::open(path),
            PackageFiles::WithComponent(files) => Package::open_with_component(&files.directory, &files.component),
        })
    }
}

impl Package {
    /// Opens a `.wasm` file or a plugin directory.
    ///
    /// # Errors
    /// [`LoadErrorKind::NoComponent`] if a directory has no component, [`LoadErrorKind::Open`] if the path is not a
    /// package or one of its files is not a regular file inside it, [`LoadErrorKind::Manifest`] if its manifest file is
    /// invalid.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let opened = if path.is_dir() { Package::open_directory(path) } else { Package::open_file(path) };
        let mut package = opened.map_err(|failure| LoadError::of_package(path.display().to_string(), failure))?;
        package.files = Some(PackageFiles::Path(absolute(path)));
        Ok(package)
    }

    /// Opens a directory whose component is elsewhere, such as a crate and the file that cargo built. The manifest and
    /// the `config` files are the directory's; its `entry_point` is ignored.
    ///
    /// # Errors
    /// As [`Package::open`].
    pub fn open_with_component(directory: impl AsRef<Path>, component: impl AsRef<Path>) -> Result<Self, LoadError> {
        let (directory, component) = (directory.as_ref(), component.as_ref());
        let open = || {
            let manifest = directory::manifest(&PluginDirectory::open(directory)?)?;
            let stem = component.file_stem().unwrap_or_default().to_string_lossy();
            let mut package = Package::from_bytes(plugin_name_from(&stem), read_component(component)?);
            package.origin = directory.display().to_string();
            package.describe(manifest, directory);
            let (directory, component) = (absolute(directory), absolute(component));
            package.files = Some(PackageFiles::WithComponent(Box::new(ComponentElsewhere { directory, component })));
            Ok(package)
        };
        open().map_err(|failure: LoadErrorKind| LoadError::of_package(directory.display().to_string(), failure))
    }

    /// Returns the plugin's name if no manifest has one.
    pub fn fallback_name(&self) -> &str {
        &self.fallback_name
    }

    /// Returns the plugin's name as the files beside its component declare it, or else the fallback. The component's
    /// own manifest may have another.
    pub(crate) fn declared_name(&self) -> String {
        let declared = self.layers().collect::<Vec<_>>().into_iter().rev().find_map(|layer| {
            let value: serde_json::Value = serde_json::from_str(&layer.to_json()).ok()?;
            value.get("name")?.as_str().map(str::to_owned)
        });
        declared.unwrap_or_else(|| self.fallback_name.clone())
    }

    /// The lowest layer, which names a component without a manifest.
    pub(crate) fn fallback_layer(&self) -> Result<Layer, ManifestError> {
        Layer::from_value("(no manifest)", serde_json::json!({ "name": self.fallback_name, "version": "0.0.0" }))
    }

    /// Creates a package from a component's bytes. Its name is `fallback_name` unless its manifest has another.
    pub fn from_bytes(fallback_name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        let fallback_name = fallback_name.into();
        Package {
            origin: fallback_name.clone(),
            fallback_name,
            directory: None,
            files: None,
            layers: Vec::new(),
            config_files: Vec::new(),
            notes: Vec::new(),
            bytes: bytes.into(),
            options: PackageOptions::default(),
        }
    }

    /// Adds the manifest file that belongs to a component from memory, such as one from a database. It overrides the
    /// component's embedded manifest. Unlike a layer of the application ([`Package::manifest`]), it belongs to this
    /// package alone: a reload does not apply it to another one.
    #[must_use]
    pub fn manifest_file(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Adds a configuration file that belongs to a component from memory, as `config/default.yaml` belongs to a plugin
    /// directory. It overrides the files added before, and options override it. `origin` names it in messages.
    #[must_use]
    pub fn config_file(mut self, origin: impl Into<String>, values: impl IntoIterator<Item = (String, Value)>) -> Self {
        self.config_files.push(ConfigLayer { origin: origin.into(), values: values.into_iter().collect() });
        self
    }

    /// Returns notes on the package's files for its author, such as a manifest that is not read because of its name.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn open_file(path: &Path) -> Result<Self, LoadErrorKind> {
        let bytes = read_component(path)?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut package = Package::from_bytes(plugin_name_from(&stem), bytes);
        package.origin = path.display().to_string();
        let Some(directory) = path.parent() else { return Ok(package) };
        // A manifest file in the same directory applies if it names this component.
        let manifest = directory::manifest_file(&PluginDirectory::open(directory)?)?;
        if manifest.entry_point().is_some_and(|entry_point| directory.join(entry_point) == path) {
            package.describe(manifest, directory);
        }
        Ok(package)
    }

    fn open_directory(directory: &Path) -> Result<Self, LoadErrorKind> {
        let files = PluginDirectory::open(directory)?;
        let manifest = directory::manifest(&files)?;
        let component = directory::component(&files, manifest.entry_point().as_deref());
        let component = component.map_err(|failure| manifest.with_problems(failure))?;
        let directory_name = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let stem = directory_name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut package = Package::from_bytes(plugin_name_from(&stem), files.read(component, COMPONENT_BYTES_MAX)?);
        package.origin = directory.display().to_string();
        package.describe(manifest, directory);
        Ok(package)
    }

    /// Adds the layers and notes of a manifest file.
    fn describe(&mut self, manifest: ManifestFile, directory: &Path) {
        self.layers.extend(manifest.layer);
        self.notes = manifest.notes;
        self.directory = Some(directory.to_owned());
    }

    /// Returns the layers of the plugin's configuration, lowest first: its own files, then the host's options.
    pub(crate) fn config_layers(&self, environment: Option<&str>) -> Result<Vec<ConfigLayer>, LoadErrorKind> {
        let mut layers = match &self.directory {
            Some(directory) => directory::config_files(&PluginDirectory::open(directory)?, environment)?,
            None => self.config_files.clone(),
        };
        if let Some(options) = &self.options.configuration {
            layers.push(ConfigLayer { origin: "options".into(), values: options.clone() });
        }
        Ok(layers)
    }

    /// Returns the manifest layers of the files and of the application, lowest first.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().chain(&self.options.layers)
    }

    pub(crate) fn into_origin(self) -> PackageOrigin {
        PackageOrigin { files: self.files, options: self.options }
    }
}

impl std::fmt::Debug for Package {
    /// Omits options, which may be secret, and bytes, which are long.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Package")
            .field("origin", &self.origin)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The argument of [`Runtime::load`](crate::Runtime::load): a path, bytes or a [`Package`].
///
/// Bytes are a component, as a `Vec`, a slice or the result of `include_bytes!`. A component without a manifest is
/// named `plugin`; [`Package::from_bytes`] gives it another name.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackageSource {
    /// A `.wasm` file or a plugin directory.
    Path(PathBuf),
    /// A package.
    Package(Box<Package>),
}

impl PackageSource {
    pub(crate) fn open(self) -> Result<Package, LoadError> {
        match self {
            PackageSource::Path(path) => Package::open(path),
            PackageSource::Package(package) => Ok(*package),
        }
    }
}

impl From<Package> for PackageSource {
    fn from(package: Package) -> Self {
        PackageSource::Package(Box::new(package))
    }
}

impl From<Vec<u8>> for PackageSource {
    fn from(bytes: Vec<u8>) -> Self {
        Package::from_bytes("plugin", bytes).into()
    }
}

impl From<&[u8]> for PackageSource {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl<const N: usize> From<&[u8; N]> for PackageSource {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.to_vec().into()
    }
}

macro_rules! source_from_path {
    ($($path:ty),*) => {$(
        impl From<$path> for PackageSource {
            fn from(path: $path) -> Self {
                PackageSource::Path(path.into())
            }
        }
    )*};
}
source_from_path!(&str, String, &Path, PathBuf, &PathBuf);

/// Reads a component that was named by its own path, not as part of a plugin's directory.
fn read_component(path: &Path) -> Result<Vec<u8>, LoadErrorKind> {
    read_file(path, COMPONENT_BYTES_MAX).map_err(|error| match error.problem {
        FileProblem::NotFound => LoadErrorKind::Open {
            path: error.path,
            message: "there is no such file; a plugin is a `.wasm` file or a directory with a manifest and one".into(),
        },
        _ => error.into(),
    })
}

impl From<FileError> for LoadErrorKind {
    fn from(error: FileError) -> Self {
        let message = error.problem.to_string();
        match error.problem {
            // Only manifests and configuration files are read as text.
            FileProblem::NotText(_) | FileProblem::Utf16 => {
                let origin = error.path.display().to_string();
                let problem = Problem { origin, path: String::new(), code: code::SYNTAX, message };
                LoadErrorKind::Manifest(ManifestError { problems: vec![problem] })
            }
            _ => LoadErrorKind::Open { message, path: error.path },
        }
    }
}

/// The path from the root, so that it stays valid if the process changes its directory.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_a_file_becomes_a_plugin_name() {
        assert_eq!(plugin_name_from("My Plugin.v2"), "my_plugin_v2");
        assert_eq!(plugin_name_from("9lives"), "p9lives");
        assert_eq!(plugin_name_from(""), "p");
        let digest = "3".repeat(64);
        for long in
            [&*digest, &"a".repeat(255), "sha256-428f0f3ec2011fba486163a54def0d6d772269290ce1344034e7983679c693e3"]
        {
            let package = Package::from_bytes(plugin_name_from(long), &b"x"[..]);
            package.fallback_layer().unwrap_or_else(|error| panic!("{long}: {error}"));
        }
    }

    #[test]
    fn missing_entry_point_is_reported_with_all_problems_of_the_manifest() {
        let directory = tempfile::tempdir().expect("a directory");
        let open = |manifest: &str| {
            std::fs::write(directory.path().join("plugin.yaml"), manifest).expect("written");
            Package::open(directory.path()).expect_err("there is no component")
        };
        let error = open("name: x\nversion: 1.0.0\nentry_point: gone.wasm");
        assert_eq!(error.code(), "not_a_package");
        let error = open("naem: x\nversion: one\nentry_point: gone.wasm");
        assert_eq!(error.code(), "invalid_manifest");
        let text = error.to_string();
        for part in ["naem", "version", "entry_point: its entry_point `gone.wasm` does not exist"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let error = open("naem: x").to_string();
        assert!(error.contains("naem") && error.contains("no `.wasm` file"), "{error}");
    }

    #[test]
    fn manifest_in_utf_16_says_what_to_save_it_as() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a.wasm"), b"x").expect("written");
        let text: Vec<u8> = "\u{feff}name: x".encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(directory.path().join("plugin.yaml"), text).expect("written");
        let error = Package::open(directory.path()).expect_err("not UTF-8");
        assert_eq!(error.code(), "invalid_manifest");
        assert!(error.to_string().contains("is UTF-16: save it as UTF-8"), "{error}");
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

    /// Each of these was once treated as "no such file", and the plugin ran without the file's contents.
    #[cfg(target_os = "linux")]
    #[test]
    fn entry_that_is_not_a_regular_file_is_refused_at_once() {
        use std::os::unix::fs::symlink;

        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let pipe = |path: &Path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("made");
        type Make<'a> = &'a dyn Fn(&Path);
        let kinds: [(&str, Make<'_>); 4] = [
            ("is a pipe", &pipe),
            ("is a directory", &|path| std::fs::create_dir(path).expect("made")),
            ("is a link to a file that does not exist", &|path| symlink("gone", path).expect("linked")),
            ("leads out of the plugin's directory", &|path| symlink("/dev/zero", path).expect("linked")),
        ];
        for name in ["a.wasm", "plugin.yaml", "manifest.json", "config/default.yaml", "config/test.toml", "config"] {
            for (expected, make) in kinds {
                let directory = tempfile::tempdir().expect("made");
                if name.contains('/') {
                    std::fs::create_dir(directory.path().join("config")).expect("made");
                }
                if name != "a.wasm" {
                    std::fs::write(directory.path().join("a.wasm"), b"x").expect("written");
                }
                make(&directory.path().join(name));
                let opened = Package::open(directory.path())
                    .map_err(|error| error.to_string())
                    .and_then(|package| package.config_layers(Some("test")).map_err(|error| error.to_string()));
                match opened {
                    Err(error) => assert!(error.contains(name) && error.contains(expected), "{name}: {error}"),
                    Ok(_) => assert_eq!((name, expected), ("config", "is a directory"), "it was ignored"),
                }
            }
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
}
