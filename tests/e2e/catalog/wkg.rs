//! Plugbay and the command `wkg` with one registry: each installs what the other published.
//!
//! `wkg` is looked for in `PATH`, or is the program that `PLUGBAY_WKG` names. `wkg publish` of 0.16 needs a version in
//! the package of a component's world, which components do not have, so components are published with `wkg oci push`.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::named::settings;
use super::scene::{Scene, hello, text};
use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;
use crate::harness::docker_registry::DockerRegistry;
use crate::harness::skipped;

/// Runs `wkg` in this directory with the settings of this file. Returns false, with a note, if it is not installed.
fn wkg(directory: &Path, settings: &Path, arguments: &[&str]) -> bool {
    let program = std::env::var_os("PLUGBAY_WKG").unwrap_or_else(|| "wkg".into());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory);
    command.env("WKG_CONFIG_FILE", settings).env("WKG_CACHE_DIR", directory.join("wkg-cache"));
    command.env("DOCKER_CONFIG", "/nonexistent").env("RUST_BACKTRACE", "0");
    let Ok(ran) = command.output() else {
        skipped("wkg is not installed (cargo install --locked wkg)");
        return false;
    };
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    true
}

#[test]
fn plugin_that_wkg_published_is_installed() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let (directory, config) = (scene.path(""), scene.path("config.toml"));
    std::fs::write(&config, settings(&registry.address)).expect("written");
    let push = |version: &str| {
        scene.file("hello.wasm", hello(version));
        let reference = format!("{}/acme/hello:{version}", registry.address);
        wkg(&directory, &config, &["oci", "push", "--insecure", &registry.address, &reference, "hello.wasm"])
    };
    if !push("1.0.0") {
        return;
    }
    let run = |arguments: &[&str]| scene.command(arguments).environment("WKG_CONFIG_FILE", &config).run().exits_with(0);
    let reference = format!("oci://{}/acme/hello:1.0.0", registry.address);
    let installed = run(&["install", &reference, "--json"]).json();
    assert_eq!(installed["plugin"]["current"]["version"], "1.0.0");
    assert_contains(installed["plugin"]["current"]["pinned"].as_str().unwrap_or_default(), &["@sha256:"]);
    scene.run(&["run", "hello", "ping"]).exits_with(0);
    assert_eq!(run(&["install", "acme:hello@1.0.0", "--json"]).json()["change"], "unchanged");
    assert!(push("1.1.0"));
    assert_contains(&run(&["update", "hello"]).stdout, &["updated hello 1.0.0 -> 1.1.0"]);
}

#[test]
fn published_plugin_is_downloaded_by_wkg() {
    let Some(registry) = DockerRegistry::start() else { return };
    let scene = Scene::new();
    let (directory, config) = (scene.path(""), scene.path("config.toml"));
    std::fs::write(&config, settings(&registry.address)).expect("written");
    let file = scene.file("hello.wasm", hello("1.0.0").manifest("description", json!("published")));
    let repository = format!("oci://{}/acme/hello", registry.address);
    let publish = Plugbay::new(["publish", text(&file), &repository]).environment("WKG_CONFIG_FILE", &config);
    publish.run().exits_with(0);
    let reference = format!("{}/acme/hello:1.0.0", registry.address);
    for (arguments, taken) in [
        (&["get", "acme:hello@1.0.0", "--output", "./got.wasm"][..], "got.wasm"),
        (&["oci", "pull", "--insecure", &registry.address, "--output", "pulled.wasm", &reference], "pulled.wasm"),
    ] {
        if !wkg(&directory, &config, arguments) {
            return;
        }
        let taken = std::fs::read(scene.path(taken)).expect("wkg wrote it");
        assert!(taken == std::fs::read(&file).expect("readable"), "{arguments:?} took other content");
    }
}
