//! Builds the guests and the example plugins, once for each run of the tests.
//!
//! The first test that needs one starts cargo; the others wait for it. Example plugins are built one crate at a time
//! and in the directory that `plugbay run example-plugins/NAME` uses. Built together, their dependencies would share
//! features, and the two builds would invalidate each other's output. The guests have their own profile, which compiles
//! faster, and their own target directory below cargo's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use anyhow::{Context, bail};
use serde_json::Value;

/// The targets of guests: components, and core modules for the legacy mode.
const TARGETS: [&str; 2] = ["wasm32-wasip2", "wasm32-wasip1"];

/// The target directory of the cargo that built these tests.
pub(crate) fn cargo_target_directory() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's tmp is inside its target")
}

/// The directory for files that are reused by the next run: the guests, and caches of compiled code.
pub(crate) fn target_directory() -> PathBuf {
    cargo_target_directory().join("guests")
}

/// The root of the repository.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package is in the workspace")
}

/// The directory with the guests for a target, built on the first call.
pub(crate) fn guests(target: &str) -> PathBuf {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        once("guests", || {
            let (directory, manifest) = (target_directory(), workspace().join("tests/guests/Cargo.toml"));
            let [component, module] = TARGETS;
            cargo(&directory, &manifest, &["--target", component, "--examples", "--bins"])?;
            cargo(&directory, &manifest, &["--target", module, "--bins"])?;
            Ok(directory)
        })
    });
    match built {
        Ok(directory) => directory.join(target).join("release"),
        Err(error) => panic!("the guests cannot be built: {error}"),
    }
}

/// The component of the example plugin in this directory, built on the first call.
pub(crate) fn example(name: &'static str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<&str, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().expect("a failed build does not panic");
    let component = built.entry(name).or_insert_with(|| once(name, || build_example(name))).clone();
    drop(built);
    component.unwrap_or_else(|error| panic!("example-plugins/{name} cannot be built: {error}"))
}

/// Builds once for each run of the tests, and returns the path. A runner that starts a process for each test, such as
/// nextest, passes the id of the run; later processes reuse what the first one built.
fn once(what: &str, build: impl FnOnce() -> anyhow::Result<PathBuf>) -> Result<PathBuf, String> {
    let locked = || {
        let directory = target_directory().join("built");
        fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
        let lock = File::create(directory.join("lock"))?;
        lock.lock()?;
        let run = std::env::var("NEXTEST_RUN_ID").ok();
        let stamp = directory.join(what);
        let stamped = fs::read_to_string(&stamp).unwrap_or_default();
        match stamped.split_once('\n') {
            Some((stamped, path)) if Some(stamped) == run.as_deref() => return Ok(PathBuf::from(path)),
            _ => {}
        }
        add_targets()?;
        let path = build()?;
        if let Some(run) = run {
            fs::write(&stamp, format!("{run}\n{}", path.display()))?;
        }
        Ok(path)
    };
    locked().map_err(|error: anyhow::Error| format!("{error:#}"))
}

/// Builds an example plugin as `plugbay run` would, and finds its file in cargo's report.
fn build_example(name: &str) -> anyhow::Result<PathBuf> {
    let manifest = workspace().join("example-plugins").join(name).join("Cargo.toml");
    let report = cargo(cargo_target_directory(), &manifest, &["--target", TARGETS[0]])?;
    for line in report.lines() {
        let artifact: Value = serde_json::from_str(line).context("cargo reports JSON")?;
        let files = artifact["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let component = files.into_iter().find(|file| file.ends_with(".wasm"));
        if let (Some(of), Some(component)) = (artifact["manifest_path"].as_str(), component)
            && Path::new(of) == manifest
        {
            return Ok(PathBuf::from(component));
        }
    }
    bail!("cargo reports no .wasm")
}

fn cargo(directory: &Path, manifest: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = cargo_command(directory);
    command.args(["build", "--release", "--message-format=json-render-diagnostics", "--manifest-path"]).arg(manifest);
    run(command.args(arguments))
}

/// Cargo without the variables that the cargo around the tests has set: flags, targets and wrappers are for the host,
/// not for the guests.
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

/// Adds missing WebAssembly targets with rustup.
fn add_targets() -> anyhow::Result<()> {
    for target in TARGETS {
        let libraries =
            run(Command::new("rustc").current_dir(workspace()).args(["--print", "target-libdir", "--target", target]))?;
        // Removing a target may leave the directory behind, so check for the library itself.
        let has_library = Path::new(libraries.trim()).read_dir().is_ok_and(|mut files| {
            files.any(|file| file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libcore-")))
        });
        if has_library {
            continue;
        }
        run(Command::new("rustup").current_dir(workspace()).args(["target", "add", target])).with_context(|| {
            format!("the Rust target {target} is missing, and rustup cannot add it: install it with your toolchain")
        })?;
    }
    Ok(())
}

/// Runs the command and returns its standard output. Its standard error is inherited.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{command:?} failed with {}", output.status);
    }
    String::from_utf8(output.stdout).context("its output is not text")
}
