//! The Rust toolchain that builds plugins: the one that cargo selects in the crate's directory.
//!
//! The command may itself run inside `cargo run` or `cargo test`. Their variables describe another package and must not
//! be passed to the cargo that builds the plugin. The user's settings for every cargo (`RUSTFLAGS`, `CARGO_TARGET_DIR`,
//! profiles, network settings) must be.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{BuildObserver, ProjectError};

/// The compilation target of plugins.
pub const TARGET: &str = "wasm32-wasip2";

const INSTALL_RUST: &str = "install Rust with rustup: https://rustup.rs";

/// The toolchain of one directory.
#[derive(Debug)]
pub struct Toolchain {
    directory: PathBuf,
    /// Whether a toolchain file applies to this directory.
    has_toolchain_file: bool,
}

impl Toolchain {
    /// The toolchain for the crate in `directory`.
    pub fn of(directory: &Path) -> Self {
        let absolute = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let has_toolchain_file = absolute
            .ancestors()
            .any(|ancestor| ["rust-toolchain.toml", "rust-toolchain"].iter().any(|file| ancestor.join(file).is_file()));
        Toolchain { directory: directory.to_owned(), has_toolchain_file }
    }

    /// `cargo`, `rustc` or `rustup` in this directory, with the user's own environment.
    ///
    /// The program is found by name, not through `CARGO`: an outer cargo sets that to its own binary, which bypasses
    /// rustup's choice for this directory.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.directory).stdin(Stdio::null());
        let nested = std::env::var_os("CARGO").is_some();
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| nested && belongs_to_outer_cargo(name, self.has_toolchain_file)) {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Runs a tool and returns its standard output.
    ///
    /// # Errors
    /// [`ProjectError::ToolMissing`] with the tool's own message.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Result<String, ProjectError> {
        let missing = |message: String| ProjectError::ToolMissing {
            tool: program.to_owned(),
            message,
            hint: INSTALL_RUST.to_owned(),
        };
        let output = self.command(program).args(arguments).output().map_err(|error| missing(spawn_message(&error)))?;
        if !output.status.success() {
            return Err(missing(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The compiler's name, which `RUSTC` overrides as for cargo.
    fn rustc() -> String {
        std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
    }

    /// The compiler's version, such as `rustc 1.95.0 (…)`.
    ///
    /// # Errors
    /// As [`Toolchain::ask`].
    pub fn rustc_version(&self) -> Result<String, ProjectError> {
        self.ask(&Self::rustc(), &["--version"])
    }

    /// Whether the compiler has the standard library for [`TARGET`].
    ///
    /// # Errors
    /// As [`Toolchain::ask`].
    pub fn has_target(&self) -> Result<bool, ProjectError> {
        let directory = self.ask(&Self::rustc(), &["--print", "target-libdir", "--target", TARGET])?;
        // The directory may exist and be empty, so look for the library itself.
        let found = Path::new(&directory).read_dir().is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
        });
        Ok(found)
    }

    /// Adds [`TARGET`] through rustup if the compiler does not have it, with a note before anything is downloaded.
    ///
    /// # Errors
    /// [`ProjectError`] if it cannot be added.
    pub fn ensure_target(&self, observer: &impl BuildObserver) -> Result<(), ProjectError> {
        if self.has_target()? {
            return Ok(());
        }
        let failed = |message: String, hint: &str| ProjectError::TargetMissing {
            path: self.directory.clone(),
            message,
            hint: hint.to_owned(),
        };
        observer.note(&format!(
            "adding the compilation target {TARGET} to the Rust toolchain (rustup target add {TARGET})"
        ));
        let progress = observer.begin(format!("adding {TARGET}"));
        let ran = self.command("rustup").args(["target", "add", TARGET]).output();
        drop(progress);
        let ran = match ran {
            Ok(ran) => ran,
            Err(error) => {
                return Err(failed(
                    format!("it has no such target, and rustup cannot add it: {}", spawn_message(&error)),
                    &format!(
                        "install the standard library for {TARGET} the way Rust itself was installed, or {INSTALL_RUST}"
                    ),
                ));
            }
        };
        // Another process may have added it meanwhile, which rustup reports as a conflict.
        if !ran.status.success() && !self.has_target()? {
            return Err(failed(
                format!("`rustup target add {TARGET}` failed:\n{}", indented(&String::from_utf8_lossy(&ran.stderr))),
                "rustup downloads from static.rust-lang.org: run the command again when that is reachable",
            ));
        }
        if !self.has_target()? {
            return Err(failed(
                "rustup added the target, but the compiler that cargo uses is not rustup's".to_owned(),
                "check `which rustc` and the RUSTC variable",
            ));
        }
        Ok(())
    }
}

fn spawn_message(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it is not installed or not on the PATH".to_owned(),
        _ => error.to_string(),
    }
}

fn indented(text: &str) -> String {
    text.trim().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Whether an outer cargo or rustup sets this variable for the process that it runs, so that it would mislead another
/// cargo.
fn belongs_to_outer_cargo(name: &str, has_toolchain_file: bool) -> bool {
    const EXACT: [&str; 9] = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MAKEFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
        "RUST_RECURSION_COUNT",
    ];
    const PREFIXES: [&str; 5] = ["CARGO_BIN_EXE_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];
    EXACT.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        // The outer cargo's toolchain was selected for its own directory. A toolchain file of the plugin takes
        // precedence. Without one, the toolchain that is running is the one that is certainly installed.
        || (name == "RUSTUP_TOOLCHAIN" && has_toolchain_file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_variables_of_an_outer_cargo_are_dropped() {
        for dropped in
            ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BIN_EXE_plugbay"]
        {
            assert!(belongs_to_outer_cargo(dropped, false), "{dropped}");
        }
        for unchanged in
            ["RUSTFLAGS", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "CARGO_PROFILE_RELEASE_LTO", "PATH"]
        {
            assert!(!belongs_to_outer_cargo(unchanged, true), "{unchanged}");
        }
    }

    #[test]
    fn toolchain_of_an_outer_cargo_gives_way_to_a_toolchain_file() {
        assert!(belongs_to_outer_cargo("RUSTUP_TOOLCHAIN", true));
        assert!(!belongs_to_outer_cargo("RUSTUP_TOOLCHAIN", false));
        let directory = tempfile::tempdir().expect("a temporary directory");
        let inner = directory.path().join("a/b");
        std::fs::create_dir_all(&inner).expect("created");
        let before = Toolchain::of(&inner).has_toolchain_file;
        std::fs::write(directory.path().join("rust-toolchain.toml"), "").expect("written");
        assert!(!before && Toolchain::of(&inner).has_toolchain_file);
    }

    #[test]
    fn tool_that_is_missing_says_how_to_install_it() {
        let error = Toolchain::of(Path::new(".")).ask("no-such-tool", &[]).expect_err("missing").to_string();
        assert!(error.contains("`no-such-tool`") && error.contains("rustup.rs"), "{error}");
    }
}
