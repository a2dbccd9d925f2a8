//! Plugin projects: resolving a PLUGIN argument, and building a Rust crate into a component.
//!
//! In every command, PLUGIN is a `.wasm` file, a plugin directory (a manifest and its component) or the directory of a
//! Rust crate. [`Source::locate`] determines which one, and runs nothing. [`Crate::build`] runs cargo, and with it the
//! crate's build scripts and macros as the current user, so it is called only by commands that are expected to build.
//!
//! A directory with a `Cargo.toml` is a crate, even if it contains a manifest or a component too. A command that builds
//! uses the component from cargo, not the manifest's `entry_point`, which may be older than the source.
//!
//! The command and the test harness for authors share this crate, each with its own [`BuildObserver`]. It knows nothing
//! about WebAssembly; the runtime checks whether a file is a component.

#![forbid(unsafe_code)]

mod artifact;
mod cargo;
mod observer;
mod toolchain;

use std::path::{Path, PathBuf};

use plugbay_files::{FileError, PluginDirectory};
use plugbay_manifest as manifest;

pub use cargo::Crate;
pub use observer::BuildObserver;
pub use toolchain::{TARGET, Toolchain};

/// The file that makes a directory a crate.
pub(crate) const CARGO_TOML: &str = "Cargo.toml";

/// The accepted kinds of PLUGIN, for messages.
const ACCEPTED: &str = "PLUGIN is a .wasm file, a plugin directory (plugin.yaml and its .wasm) or the directory of a Rust crate (Cargo.toml)";

/// The kind of a PLUGIN argument. Its contents have not been read.
#[derive(Debug)]
pub enum Source {
    /// A component or module.
    File(PathBuf),
    /// A directory with a manifest, a component or both; the runtime reads it.
    Directory(PathBuf),
    /// The directory of a crate, which may contain a manifest and a finished component too.
    Crate(PathBuf),
}

/// PLUGIN does not name a plugin, or its crate could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The path does not name a plugin.
    #[error("{}: {reason}\n  {ACCEPTED}", path.display())]
    NotAPlugin {
        /// The path.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A file of the directory cannot be read: it is a pipe, a device, leads out of the directory or is too large.
    #[error(transparent)]
    File(#[from] FileError),
    /// The `Cargo.toml` is invalid.
    #[error("{}: {message}", path.display())]
    CargoToml {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A workspace was named, not one of its packages.
    #[error("{} is a workspace without a package of its own{}", path.display(), name_one(packages))]
    Workspace {
        /// The workspace.
        path: PathBuf,
        /// Its packages; empty if cargo cannot list them.
        packages: Vec<PathBuf>,
    },
    /// A tool that building needs cannot be run.
    #[error("cannot run `{tool}`: {message}\n  {hint}")]
    ToolMissing {
        /// Its name.
        tool: String,
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The compiler has no standard library for [`TARGET`], and it could not be added.
    #[error("the Rust toolchain for {} cannot compile for {TARGET}: {message}\n  {hint}", path.display())]
    TargetMissing {
        /// The crate.
        path: PathBuf,
        /// What happened.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Cargo failed.
    #[error("crate `{name}` in {} does not build: cargo ended with {status}{}", path.display(), below(messages))]
    Build {
        /// The crate.
        name: String,
        /// Its directory.
        path: PathBuf,
        /// Cargo's exit status.
        status: std::process::ExitStatus,
        /// The compiler's messages, unless they were shown already.
        messages: String,
    },
    /// The build produced no component.
    #[error("crate `{name}` builds no component: {message}")]
    NoComponent {
        /// The crate.
        name: String,
        /// The reason, and what to do.
        message: String,
    },
}

impl ProjectError {
    /// The stable name of this kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            ProjectError::NotAPlugin { .. } => "not_a_package",
            ProjectError::File(_) => "not_a_package",
            ProjectError::CargoToml { .. } => "invalid_crate",
            ProjectError::Workspace { .. } => "no_package",
            ProjectError::ToolMissing { .. } => "tool_missing",
            ProjectError::TargetMissing { .. } => "target_missing",
            ProjectError::Build { .. } => "build_failed",
            ProjectError::NoComponent { .. } => "no_component",
        }
    }
}

fn below(messages: &str) -> String {
    let messages = messages.trim_end();
    if messages.is_empty() { String::new() } else { format!("\n{messages}") }
}

fn name_one(packages: &[PathBuf]) -> String {
    if packages.is_empty() {
        return ", and no packages inside it were found".to_owned();
    }
    packages.iter().fold(": name one of".to_owned(), |text, package| format!("{text}\n  {}", package.display()))
}

impl Source {
    /// Determines the kind of `path`. Runs nothing, and reads only the names in a directory.
    ///
    /// # Errors
    /// [`ProjectError`] if the path does not exist, or a directory cannot be listed.
    pub fn locate(path: &Path) -> Result<Self, ProjectError> {
        let metadata = path.metadata().map_err(|error| not_a_plugin(path, &error))?;
        if metadata.is_dir() {
            let is_crate = PluginDirectory::open(path)?.contains_file(CARGO_TOML)?;
            return Ok(if is_crate { Source::Crate(path.to_owned()) } else { Source::Directory(path.to_owned()) });
        }
        // A manifest or Cargo.toml stands for its directory, because shells complete paths to it.
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == CARGO_TOML || manifest::FILE_NAMES.contains(&name) {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            return Source::locate(directory);
        }
        match crate_of_source(path) {
            Some(directory) => {
                let reason = format!("it is Rust source code; did you mean the crate {}?", directory.display());
                Err(ProjectError::NotAPlugin { path: path.to_owned(), reason })
            }
            None => Ok(Source::File(path.to_owned())),
        }
    }
}

/// The directory of the crate that a file of Rust source code belongs to.
fn crate_of_source(path: &Path) -> Option<&Path> {
    if path.extension()? != "rs" {
        return None;
    }
    let is_crate = |directory: &&Path| directory.join(CARGO_TOML).is_file();
    let directory = path.ancestors().skip(1).find(is_crate)?;
    Some(if directory.as_os_str().is_empty() { Path::new(".") } else { directory })
}

fn not_a_plugin(path: &Path, error: &std::io::Error) -> ProjectError {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => match neighbour(path) {
            Some(near) => format!("no such file or directory; did you mean {}?", near.display()),
            None => "no such file or directory".to_owned(),
        },
        _ => error.to_string(),
    };
    ProjectError::NotAPlugin { path: path.to_owned(), reason }
}

/// An existing path that the user may have meant by one that does not exist.
fn neighbour(path: &Path) -> Option<PathBuf> {
    let with_extension = path.with_extension("wasm");
    if with_extension.is_file() {
        return Some(with_extension);
    }
    let directory = path.parent()?;
    let read = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let could_be_a_plugin =
        |path: &Path| path.is_dir() || path.extension().is_some_and(|extension| extension == "wasm");
    let names: Vec<String> = std::fs::read_dir(read)
        .ok()?
        .flatten()
        .filter(|entry| could_be_a_plugin(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let near = manifest::nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(directory.join(near))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn directory_with(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for file in files {
            let text = if *file == "Cargo.toml" { "[package]\nname = \"demo\"\n" } else { "" };
            fs::write(directory.path().join(file), text).expect("written");
        }
        directory
    }

    #[test]
    fn directory_with_manifest_only_is_a_plugin_directory() {
        let directory = directory_with(&["plugin.yaml", "demo.wasm"]);
        assert!(matches!(Source::locate(directory.path()), Ok(Source::Directory(_))));
        let manifest = directory.path().join("plugin.yaml");
        assert!(matches!(Source::locate(&manifest), Ok(Source::Directory(path)) if path == directory.path()));
        let component = directory.path().join("demo.wasm");
        assert!(matches!(Source::locate(&component), Ok(Source::File(path)) if path == component));
    }

    #[test]
    fn directory_with_cargo_toml_and_manifest_is_a_crate() {
        let directory = directory_with(&["plugin.yaml", "Cargo.toml", "demo.wasm"]);
        assert!(matches!(Source::locate(directory.path()), Ok(Source::Crate(_))));
        assert!(matches!(Source::locate(&directory.path().join("Cargo.toml")), Ok(Source::Crate(_))));
    }

    #[test]
    fn source_file_of_a_crate_names_the_crate() {
        let directory = directory_with(&["Cargo.toml", "lib.rs"]);
        let source = directory.path().join("lib.rs");
        let error = Source::locate(&source).expect_err("it is source code").to_string();
        assert!(error.contains(&format!("did you mean the crate {}?", directory.path().display())), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn cargo_toml_that_is_not_regular_is_refused_unquoted() {
        type Make<'a> = &'a dyn Fn(&Path);
        let make: [(&str, Make<'_>); 4] = [
            ("is a pipe", &|path| {
                let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
                assert!(made.success());
            }),
            ("is a directory", &|path| fs::create_dir(path).expect("made")),
            ("does not exist", &|path| std::os::unix::fs::symlink("gone", path).expect("linked")),
            ("leads out", &|path| std::os::unix::fs::symlink("/etc/passwd", path).expect("linked")),
        ];
        for (expected, make) in make {
            let directory = directory_with(&["demo.wasm"]);
            make(&directory.path().join("Cargo.toml"));
            for error in [
                Source::locate(directory.path()).expect_err(expected).to_string(),
                Crate::open(directory.path()).expect_err(expected).to_string(),
            ] {
                assert!(error.contains("Cargo.toml") && error.contains(expected), "{error}");
                assert!(!error.contains("root"), "{error}");
            }
        }
    }

    #[test]
    fn path_that_is_not_there_says_what_would_be_accepted() {
        let directory = directory_with(&["greeter.wasm", "greter.wasm.d"]);
        let error = Source::locate(&directory.path().join("greeter")).expect_err("missing").to_string();
        assert!(error.contains("greeter.wasm?") && error.contains("plugin directory"), "{error}");
        let error = Source::locate(&directory.path().join("greter.wasm")).expect_err("missing").to_string();
        assert!(error.contains("greeter.wasm?"), "{error}");
    }
}
