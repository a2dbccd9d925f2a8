//! Builds the guests and commands of the benchmark, with the cargo that runs the benchmark.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The directory of this crate.
pub const BENCH: &str = env!("CARGO_MANIFEST_DIR");

/// The benchmark's plugin, as a component.
pub fn component(build_directory: &Path) -> anyhow::Result<PathBuf> {
    let manifest = Path::new(BENCH).join("guest/Cargo.toml");
    cargo(&manifest, build_directory, ["--target", "wasm32-wasip2"])?;
    Ok(build_directory.join("wasm32-wasip2/release/plugbay_bench_guest.wasm"))
}

/// The plugin that calls services, as a component.
pub fn service_component(build_directory: &Path) -> anyhow::Result<PathBuf> {
    let manifest = Path::new(BENCH).join("service-guest/Cargo.toml");
    cargo(&manifest, build_directory, ["--target", "wasm32-wasip2"])?;
    Ok(build_directory.join("wasm32-wasip2/release/plugbay_bench_service_guest.wasm"))
}

/// An example for any host of `wasi:http`, as a component.
pub fn http_component(build_directory: &Path) -> anyhow::Result<PathBuf> {
    let manifest = Path::new(BENCH).with_file_name("Cargo.toml");
    cargo(&manifest, build_directory, ["-p", "wasi-http", "--target", "wasm32-wasip2"])?;
    Ok(build_directory.join("wasm32-wasip2/release/wasi-http.wasm"))
}

/// The benchmark's job, as a module for Extism.
pub fn extism_module(build_directory: &Path) -> anyhow::Result<PathBuf> {
    let manifest = Path::new(BENCH).join("extism/Cargo.toml");
    let package = ["-p", "plugbay-bench-extism-guest", "--target", "wasm32-wasip1", "--ignore-rust-version"];
    cargo(&manifest, build_directory, package)?;
    Ok(build_directory.join("wasm32-wasip1/release/plugbay_bench_extism_guest.wasm"))
}

/// The paths of the command line and the smallest host, next to this program.
pub fn commands() -> anyhow::Result<(PathBuf, PathBuf)> {
    let own = std::env::current_exe()?;
    let release = own.parent().context("this program's path has no directory")?;
    let target = release.parent().context("this program is not in a target directory")?;
    let manifest = Path::new(BENCH).with_file_name("Cargo.toml");
    let packages = ["-p", "plugbay-cli", "-p", "plugbay-bench", "--bin", "plugbay", "--bin", "smallest"];
    cargo(&manifest, target, packages)?;
    Ok((release.join("plugbay"), release.join("smallest")))
}

fn cargo<A: AsRef<OsStr>>(
    manifest: &Path,
    target_directory: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target_directory)
        .args(arguments)
        .status()
        .context("cargo cannot be started")?;
    if !status.success() {
        bail!("cargo cannot build {} ({status})", manifest.display());
    }
    Ok(())
}
