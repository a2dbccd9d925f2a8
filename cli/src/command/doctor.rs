//! `plugbay doctor`: checks whether this machine can build and run plugins.
//!
//! Nothing is installed. Each failed check says what to do. The code cache's directory is created, as by the first run,
//! to check that it can be.

use std::path::Path;

use serde::Serialize;
use serde_json::json;

use crate::args::Doctor;
use crate::error::Error;
use crate::exit::Exit;
use crate::host;
use crate::output::{GREEN, Output, RED, YELLOW, indented};
use crate::units::show_bytes;
use plugbay::compile::{CodeCache, CodeCacheLocation};
use plugbay_project::{TARGET, Toolchain};

/// The oldest compiler that builds plugins.
const RUST_VERSION_MIN: &str = env!("CARGO_PKG_RUST_VERSION");

/// The version of wasmtime in `Cargo.lock`. wasmtime has no API for it.
const WASMTIME_VERSION: &str = "48.0.8";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ok,
    /// Works, but slowly or only for some uses.
    Warning,
    /// A requirement is missing.
    Missing,
}

#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Finding { name, status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn warning(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding { name, status: Status::Warning, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn missing(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Finding { name, status: Status::Missing, detail: detail.into(), fix: Some(fix.into()) }
    }
}

pub(crate) fn run(args: &Doctor, output: Output) -> Result<Exit, Error> {
    if !args.directory.is_dir() {
        return Err(Error::Usage(format!("{} is not a directory", args.directory.display())));
    }
    let findings = examine(&args.directory);
    let fine = findings.iter().all(|finding| finding.status != Status::Missing);
    if output.json {
        output.document(&json!({ "ok": fine, "checks": findings }))?;
    } else {
        let lines: Vec<String> = findings.iter().map(line).collect();
        output.result(&lines.join("\n"))?;
    }
    Ok(if fine { Exit::Ok } else { Exit::PluginError })
}

fn line(finding: &Finding) -> String {
    let Finding { name, status, detail, fix } = finding;
    let (word, style) = match status {
        Status::Ok => ("ok", GREEN),
        Status::Warning => ("warning", YELLOW),
        Status::Missing => ("MISSING", RED),
    };
    let margin = " ".repeat(19);
    let mut line = format!("{style}{word:<7}{style:#}  {name:<8}  {}", indented(detail, &margin));
    if let Some(fix) = fix {
        line.push_str(&format!("\n{margin}-> {}", indented(fix, &margin)));
    }
    line
}

fn examine(directory: &Path) -> Vec<Finding> {
    let toolchain = Toolchain::of(directory);
    let rustup_version = toolchain.ask("rustup", &["--version"]).ok();
    let has_rustup = rustup_version.is_some();
    let target = target(&toolchain, has_rustup);
    let rustup = rustup(rustup_version.as_deref(), target.status == Status::Ok);
    vec![
        Finding::ok("plugbay", format!("{} (wasmtime {})", env!("CARGO_PKG_VERSION"), WASMTIME_VERSION)),
        engine(),
        cache(),
        compiler(),
        cargo(&toolchain),
        rustc(&toolchain, has_rustup),
        target,
        rustup,
    ]
}

fn engine() -> Finding {
    match host::bare_runtime() {
        Ok(runtime) if runtime.has_memory_pool() => Finding::ok("engine", "its memory pool can be reserved"),
        Ok(_) => Finding::warning(
            "engine",
            "the address space does not suffice for its memory pool: plugins run without it, slower",
            "`ulimit -v unlimited` raises the address-space limit of this shell",
        ),
        Err(error) => {
            Finding::missing("engine", error.to_string(), "raise the address-space limit (ulimit -v) of this shell")
        }
    }
}

fn cache() -> Finding {
    const NAME_ONE: &str = "set PLUGBAY_CACHE_DIR to a directory that is yours alone";
    let off = |why: String| Finding::warning("cache", format!("{why}: every run compiles its plugin again"), NAME_ONE);
    let (directory, is_named) = match (host::code_cache_asked(), CodeCache::user_directory()) {
        (CodeCacheLocation::Directory(directory), _) => (directory, true),
        (CodeCacheLocation::UserDirectory, Some(directory)) => (directory, false),
        (CodeCacheLocation::UserDirectory, None) => return off("this user has no home directory".to_owned()),
        _ => return off("off".to_owned()),
    };
    match CodeCache::open(directory.clone()) {
        Ok(_) => {
            let (files, bytes) = contents(&directory);
            let mode = mode(&directory).map(|mode| format!(", mode {mode:04o}")).unwrap_or_default();
            let shown = directory.display();
            Finding::ok("cache", format!("{shown} ({files} files, {}{mode})", show_bytes(bytes)))
        }
        Err(error) if is_named => Finding::missing("cache", error.to_string(), NAME_ONE),
        Err(error) => off(error.to_string()),
    }
}

/// Files in the cache and their bytes, one level of directories deep.
fn contents(directory: &Path) -> (usize, u64) {
    let Ok(entries) = directory.read_dir() else {
        return (0, 0);
    };
    entries.flatten().fold((0, 0), |(files, bytes), entry| match entry.metadata() {
        Ok(metadata) if metadata.is_file() => (files + 1, bytes + metadata.len()),
        Ok(metadata) if metadata.is_dir() => {
            let (more_files, more_bytes) = contents(&entry.path());
            (files + more_files, bytes + more_bytes)
        }
        _ => (files, bytes),
    })
}

#[cfg(unix)]
fn mode(directory: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(directory.metadata().ok()?.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

fn compiler() -> Finding {
    match host::compile_in_child() {
        Ok(took) => {
            Finding::ok("compiler", format!("a child process compiles ({})", crate::units::show_duration(took)))
        }
        Err(Error::Runtime(_)) => Finding::missing("compiler", "not checked without an engine", "see engine"),
        Err(error) => Finding::missing(
            "compiler",
            error.text(),
            "components are compiled in a child process of this program: allow it to start itself, and check its memory limit",
        ),
    }
}

fn cargo(toolchain: &Toolchain) -> Finding {
    match toolchain.ask("cargo", &["--version"]) {
        Ok(version) => Finding::ok("cargo", version),
        Err(error) => missing_tool("cargo", &error),
    }
}

fn rustc(toolchain: &Toolchain, has_rustup: bool) -> Finding {
    match toolchain.rustc_version() {
        Ok(version) if is_recent(&version) => Finding::ok("rustc", version),
        Ok(version) => Finding::missing(
            "rustc",
            format!("{version}: plugins need {RUST_VERSION_MIN} or later"),
            if has_rustup { "rustup update stable" } else { "install a newer Rust: https://rustup.rs" },
        ),
        Err(error) => missing_tool("rustc", &error),
    }
}

fn missing_tool(name: &'static str, error: &impl std::fmt::Display) -> Finding {
    let text = error.to_string();
    let (what, fix) = text.rsplit_once("\n  ").unwrap_or((&text, "install Rust with rustup: https://rustup.rs"));
    Finding::missing(name, what, format!("to build plugins, {fix}"))
}

/// Whether `rustc 1.95.0 (…)` is new enough. A version that cannot be parsed is left to cargo.
fn is_recent(version: &str) -> bool {
    let numbers = |text: &str| -> Option<(u32, u32)> {
        let mut parts = text.split(['.', '-']);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    match (version.split_whitespace().nth(1).and_then(numbers), numbers(RUST_VERSION_MIN)) {
        (Some(found), Some(least)) => found >= least,
        _ => true,
    }
}

fn target(toolchain: &Toolchain, has_rustup: bool) -> Finding {
    match toolchain.has_target() {
        Ok(true) => Finding::ok("target", format!("{TARGET} is installed")),
        Ok(false) if has_rustup => Finding::warning(
            "target",
            format!("{TARGET} is not installed; the first build downloads it"),
            format!("rustup target add {TARGET}"),
        ),
        Ok(false) => Finding::missing(
            "target",
            format!("{TARGET} is not installed, and rustup, which could add it, is missing"),
            format!("install the standard library for {TARGET} the way Rust itself was installed"),
        ),
        Err(_) => Finding::missing("target", format!("{TARGET}: not checked without a compiler"), "see rustc"),
    }
}

fn rustup(version: Option<&str>, has_target: bool) -> Finding {
    match version {
        Some(version) => Finding::ok("rustup", version.lines().next().unwrap_or_default()),
        None if has_target => Finding::ok("rustup", format!("not found, and not needed: {TARGET} is installed")),
        None => Finding::warning("rustup", format!("not found: it would add {TARGET}"), "https://rustup.rs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiler_older_than_the_sdk_needs_is_found() {
        assert!(!is_recent("rustc 1.70.0 (90c541806 2023-05-31)"));
        assert!(is_recent(&format!("rustc {RUST_VERSION_MIN}.0 (x)")));
        assert!(is_recent("rustc 1.200.0-nightly (x)"));
        assert!(is_recent("something else"));
    }

    #[test]
    fn version_of_wasmtime_is_the_locked_one() {
        let lock =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).expect("the lock file");
        let lock: toml::Table = lock.parse().expect("TOML");
        let packages = lock["package"].as_array().expect("packages");
        let versions: Vec<_> = packages
            .iter()
            .filter(|package| package["name"].as_str() == Some("wasmtime"))
            .map(|package| package["version"].as_str())
            .collect();
        assert_eq!(versions, [Some(WASMTIME_VERSION)]);
    }

    #[test]
    fn line_that_is_not_fine_says_what_to_do() {
        let finding = Finding::missing("target", "not installed\nat all", "add it");
        let shown = anstream::adapter::strip_str(&line(&finding)).to_string();
        assert_eq!(shown, "MISSING  target    not installed\n                   at all\n                   -> add it");
    }
}
