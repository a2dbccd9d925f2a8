//! A crate is built by the installed toolchain before it runs. A missing target is added, or named in the error.
//!
//! The toolchain of these tests is a stub, first on the `PATH`. It lacks the WebAssembly target and records its
//! arguments. No test removes a target from the toolchain that runs it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

/// A crate, and a toolchain that builds it once it has the target.
struct Scene {
    directory: tempfile::TempDir,
}

impl Scene {
    /// `rustup` is the rest of a shell script; `$LIBRARIES` is the directory for the target's libraries.
    fn with_rustup(rustup: &str) -> Self {
        let scene = Scene { directory: tempfile::tempdir().expect("a directory") };
        for directory in ["bin", "lib", "crate"] {
            fs::create_dir(scene.path(directory)).expect("created");
        }
        let cargo_toml = scene.path("crate/Cargo.toml");
        fs::write(&cargo_toml, "[package]\nname = \"pretended\"\nversion = \"0.1.0\"\nedition = \"2024\"\n")
            .expect("written");
        fs::write(scene.path("built.wasm"), TestPlugin::from(feature::ECHO).into_bytes()).expect("written");
        let built = json!({
            "reason": "compiler-artifact",
            "manifest_path": cargo_toml,
            "target": { "name": "pretended", "crate_types": ["cdylib"] },
            "filenames": [scene.path("built.wasm")],
        });
        let libraries = scene.path("lib").display().to_string();
        scene.tool("rustc", &format!("echo '{libraries}'"));
        scene.tool("cargo", &format!("ls '{libraries}'/libcore-* > /dev/null && echo '{built}'"));
        scene.tool(
            "rustup",
            &format!("LIBRARIES='{libraries}'; echo \"asked: $*\" >> \"$LIBRARIES/../asked\"; {rustup}"),
        );
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn tool(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }

    fn run(&self) -> Ran {
        let path = std::env::var("PATH").unwrap_or_default();
        Plugbay::new(["run", ".", "echo", "1"])
            .directory(&self.path("crate"))
            .environment("PATH", format!("{}:{path}", self.path("bin").display()))
            .run()
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.path("asked")).unwrap_or_default()
    }
}

#[test]
fn missing_target_is_added_before_the_build() {
    let scene = Scene::with_rustup("touch \"$LIBRARIES/libcore-1.rlib\"");
    let first = scene.run().exits_with(0);
    assert_eq!(first.json(), 1);
    assert_contains(&first.stderr, &["rustup target add wasm32-wasip2"]);
    assert_eq!(scene.asked(), "asked: target add wasm32-wasip2\n");
    let second = scene.run().exits_with(0);
    assert_eq!((second.stderr.contains("rustup"), scene.asked().lines().count()), (false, 1), "{second:?}");
}

#[test]
fn target_that_cannot_be_added_exits_with_3_and_the_reason() {
    let ran = Scene::with_rustup("echo 'error: no network' >&2; exit 1").run().exits_with(3);
    assert_contains(&ran.stderr, &["error[target_missing]", "wasm32-wasip2", "error: no network"]);
    assert_eq!(ran.stdout, "");
}

#[test]
fn target_added_by_another_process_is_used() {
    let conflict = "touch \"$LIBRARIES/libcore-1.rlib\"; echo 'error: detected conflict' >&2; exit 1";
    assert_eq!(Scene::with_rustup(conflict).run().exits_with(0).json(), 1);
}

#[test]
fn target_added_to_another_toolchain_exits_with_3() {
    let ran = Scene::with_rustup("true").run().exits_with(3);
    assert_contains(&ran.stderr, &["error[target_missing]", "which rustc"]);
}
