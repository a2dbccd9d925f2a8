//! The crate of a plugin, and its build.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use plugbay_files::{PluginDirectory, TEXT_FILE_BYTES_MAX};
use serde::Deserialize;

use crate::artifact::{artifacts, choose};
use crate::{BuildObserver, CARGO_TOML, ProjectError, TARGET, Toolchain};

/// A directory with a `Cargo.toml` that describes a package.
#[derive(Debug)]
pub struct Crate {
    directory: PathBuf,
    name: String,
    /// If a workspace has default members, cargo builds them instead of the root package.
    has_default_members: bool,
}

#[derive(Deserialize)]
struct CargoToml {
    package: Option<Package>,
    workspace: Option<Workspace>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Workspace {
    #[serde(default)]
    default_members: Vec<String>,
}

impl Crate {
    /// Reads the `Cargo.toml` in `directory`.
    ///
    /// # Errors
    /// [`ProjectError`] if there is none, or it is invalid or describes no package.
    pub fn open(directory: &Path) -> Result<Self, ProjectError> {
        let path = directory.join(CARGO_TOML);
        let text = PluginDirectory::open(directory)?.read_text(CARGO_TOML, TEXT_FILE_BYTES_MAX)?;
        let invalid = |message: String| ProjectError::CargoToml { path: path.clone(), message };
        let parsed: CargoToml = toml::from_str(&text).map_err(|error| invalid(format!("not a Cargo.toml\n{error}")))?;
        match (parsed.package, parsed.workspace) {
            (Some(package), workspace) => Ok(Crate {
                directory: directory.to_owned(),
                name: package.name,
                has_default_members: workspace.is_some_and(|workspace| !workspace.default_members.is_empty()),
            }),
            (None, Some(_)) => {
                Err(ProjectError::Workspace { path: directory.to_owned(), packages: packages_of(directory) })
            }
            (None, None) => Err(invalid("it describes neither a package nor a workspace".to_owned())),
        }
    }

    /// Builds the crate in its release profile, in cargo's own target directory, and returns the component's path. Adds
    /// the target if it is missing.
    ///
    /// This runs native code of the crate and of its dependencies, outside of any sandbox: build scripts, macros, and
    /// the programs that its cargo configuration and toolchain file name.
    ///
    /// # Errors
    /// [`ProjectError`] if a tool is missing, the crate does not build, or it builds no component.
    pub fn build(&self, observer: &impl BuildObserver) -> Result<PathBuf, ProjectError> {
        let toolchain = Toolchain::of(&self.directory);
        toolchain.ensure_target(observer)?;
        let mut command = toolchain.command("cargo");
        command.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
        if self.has_default_members {
            command.args(["--package", &self.name]);
        }
        // Cargo's progress is only for an interactive observer.
        if observer.is_quiet() || !std::io::stderr().is_terminal() {
            command.arg("--quiet");
        }
        let stderr = if observer.shows_compiler() { Stdio::inherit() } else { Stdio::piped() };
        let ran = command.stdout(Stdio::piped()).stderr(stderr).spawn().and_then(|child| child.wait_with_output());
        let ran = ran.map_err(|error| ProjectError::ToolMissing {
            tool: "cargo".to_owned(),
            message: error.to_string(),
            hint: "install Rust with rustup: https://rustup.rs".to_owned(),
        })?;
        if !ran.status.success() {
            return Err(ProjectError::Build {
                name: self.name.clone(),
                path: self.directory.clone(),
                status: ran.status,
                messages: String::from_utf8_lossy(&ran.stderr).into_owned(),
            });
        }
        choose(artifacts(&ran.stdout, &self.directory.join(CARGO_TOML)), &self.name)
    }
}

/// The directories of a workspace's packages, relative as the user would write them. Empty if cargo fails.
fn packages_of(workspace: &Path) -> Vec<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        manifest_path: PathBuf,
    }
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let Ok(json) = Toolchain::of(workspace).ask("cargo", &arguments) else {
        return Vec::new();
    };
    let Ok(metadata) = serde_json::from_str::<Metadata>(&json) else {
        return Vec::new();
    };
    let root = workspace.canonicalize().unwrap_or_else(|_| workspace.to_owned());
    let members = metadata.packages.into_iter().filter_map(|member| {
        let directory = member.manifest_path.parent()?;
        Some(match directory.strip_prefix(&root) {
            Ok(inside) => workspace.join(inside),
            Err(_) => directory.to_owned(),
        })
    });
    let mut members: Vec<PathBuf> = members.collect();
    members.sort();
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workspace_without_a_package_lists_the_packages() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().expect("inside the directory")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        write("Cargo.toml", "[workspace]\nmembers = [\"plugins/*\"]\nresolver = \"3\"\n");
        for name in ["one", "two"] {
            write(
                &format!("plugins/{name}/Cargo.toml"),
                &format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n"),
            );
            write(&format!("plugins/{name}/src/lib.rs"), "");
        }
        let error = Crate::open(directory.path()).expect_err("no package").to_string();
        assert!(error.contains("plugins/one") && error.contains("plugins/two"), "{error}");
    }

    #[test]
    fn cargo_toml_that_is_wrong_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for text in ["[package", "[dependencies]"] {
            std::fs::write(directory.path().join("Cargo.toml"), text).expect("written");
            let error = Crate::open(directory.path()).expect_err(text);
            assert_eq!(error.code(), "invalid_crate");
            assert!(error.to_string().contains("Cargo.toml"), "{error}");
        }
    }
}
