//! Builds the guests and the example plugins, once for each run of the tests.
//!
//! The first test that needs a guest starts cargo; the others wait for it. The results live under the workspace's target
//! directory, so that they are kept wherever that is kept, but in a target directory of their own: the cargo that runs
//! the tests may still hold the lock of its own.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, bail};
use serde_json::Value;

/// The targets of guests: components, and core modules for the legacy mode.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-wasip1"];

/// The target directory of everything that the tests build themselves.
pub(crate) fn target_directory() -> PathBuf {
    let cargo_target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's tmp is inside its target");
    cargo_target.join("guests")
}

/// The root of the repository.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in the workspace")
}

/// The directory with the guests for a target, built on the first call.
pub(crate) fn guests(target: &str) -> PathBuf {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    once(&BUILT, "guests", |directory| {
        let manifest = workspace().join("tests/guests/Cargo.toml");
        let [component, module] = TARGETS;
        cargo(directory, &manifest, ["--target", component, "--examples", "--bins"])?;
        cargo(directory, &manifest, ["--target", module, "--bins"])?;
        Ok(())
    });
    target_directory().join(target).join("release")
}

/// The component of the example plugin in this directory, all of them built on the first call.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<Result<HashMap<String, PathBuf>, String>> = OnceLock::new();
    let built = once(&BUILT, "example plugins", |directory| build_examples(directory, TARGETS[0]));
    built.get(name).unwrap_or_else(|| panic!("example-plugins/{name} builds no .wasm")).clone()
}

/// Builds once in this process. Other processes may want the same at the same time: there is one for each test, where a
/// test runner works like that.
fn once<T>(
    cell: &'static OnceLock<Result<T, String>>,
    what: &str,
    build: impl FnOnce(&Path) -> anyhow::Result<T>,
) -> &'static T {
    let built = cell.get_or_init(|| {
        let directory = target_directory();
        let build = || {
            fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
            let lock = File::create(directory.join("tests.lock"))?;
            lock.lock()?;
            add_targets()?;
            build(&directory)
        };
        build().map_err(|error| format!("{error:#}"))
    });
    built.as_ref().unwrap_or_else(|error| panic!("the {what} cannot be built: {error}"))
}

/// Builds the example plugins with one cargo, and finds their files in its report.
fn build_examples(directory: &Path, target: &str) -> anyhow::Result<HashMap<String, PathBuf>> {
    let sources = workspace().join("example-plugins");
    let manifest = workspace().join("Cargo.toml");
    let metadata = run(cargo_command(directory)
        .args(["metadata", "--format-version=1", "--no-deps", "--manifest-path"])
        .arg(&manifest))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata answers JSON")?;
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let path = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        if path.starts_with(&sources) {
            packages.extend(["--package", package["name"].as_str().unwrap_or_default()]);
        }
    }
    let report = cargo(directory, &manifest, ["--target", target].into_iter().chain(packages))?;
    let mut examples = HashMap::new();
    for line in report.lines() {
        let artifact: Value = serde_json::from_str(line).context("cargo reports JSON")?;
        let path = Path::new(artifact["manifest_path"].as_str().unwrap_or_default());
        let files = artifact["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let component = files.into_iter().find(|file| file.ends_with(".wasm"));
        let name = path.strip_prefix(&sources).ok().and_then(|inside| inside.iter().next()).and_then(OsStr::to_str);
        if let (Some(name), Some(component)) = (name, component) {
            examples.insert(name.to_owned(), PathBuf::from(component));
        }
    }
    Ok(examples)
}

fn cargo<'a>(
    directory: &Path,
    manifest: &Path,
    arguments: impl IntoIterator<Item = &'a str>,
) -> anyhow::Result<String> {
    let mut command = cargo_command(directory);
    command.args(["build", "--release", "--message-format=json-render-diagnostics", "--manifest-path"]).arg(manifest);
    run(command.args(arguments))
}

/// Cargo without what the cargo around the tests has put into the environment: flags, targets and wrappers are for the
/// host, not for the guests.
fn cargo_command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let kept = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTRIES_", "CARGO_BUILD_JOBS", "CARGO_TERM_"];
        let flags = ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC", "RUSTDOC", "RUSTC_WORKSPACE_WRAPPER", "LLVM_PROFILE_FILE"];
        let for_the_host = name_text.starts_with("CARGO") && !kept.iter().any(|kept| name_text.starts_with(kept));
        if for_the_host || flags.contains(&&*name_text) {
            command.env_remove(&name);
        }
    }
    command.current_dir(workspace()).env("CARGO_TARGET_DIR", directory);
    command
}

/// Adds the WebAssembly targets that are missing, by rustup.
fn add_targets() -> anyhow::Result<()> {
    for target in TARGETS {
        let libraries =
            run(Command::new("rustc").current_dir(workspace()).args(["--print", "target-libdir", "--target", target]))?;
        if Path::new(libraries.trim()).is_dir() {
            continue;
        }
        run(Command::new("rustup").current_dir(workspace()).args(["target", "add", target])).with_context(|| {
            format!("the Rust target {target} is missing, and rustup cannot add it: install it with your toolchain")
        })?;
    }
    Ok(())
}

/// What the command printed to standard output. Its standard error is shown as it comes.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?} failed with {}", output.status);
    }
    String::from_utf8(output.stdout).context("its output is not text")
}
