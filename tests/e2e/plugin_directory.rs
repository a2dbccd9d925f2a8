//! Directories from an attacker or a failed deployment: nothing in them is run, followed or waited for, and no existing
//! file is ignored.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran};
use crate::harness::guest::feature;

/// A directory with a plugin, and a `PATH` whose tools leave a trace if they run.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Scene(tempfile::tempdir().expect("a directory"));
        for name in ["plugin", "bin"] {
            fs::create_dir(scene.path().join(name)).expect("created");
        }
        for tool in ["cargo", "rustc", "rustup"] {
            let path = scene.path().join("bin").join(tool);
            fs::write(&path, format!("#!/bin/sh\n: > '{}'\nexit 1\n", scene.trace().display())).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        }
        scene
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn trace(&self) -> std::path::PathBuf {
        self.path().join("ran")
    }

    fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.path().join("plugin").join(name), text).expect("written");
        self
    }

    fn with_component(self) -> Self {
        fs::copy(feature::ECHO.path(), self.path().join("plugin/echo.wasm")).expect("copied");
        self
    }

    fn plugbay(&self, arguments: &[&str]) -> Ran {
        Plugbay::new(arguments).directory(self.path()).environment("PATH", self.path().join("bin")).run()
    }
}

const CRATE: &str =
    "[package]\nname = \"evil\"\nversion = \"0.1.0\"\nedition = \"2024\"\nbuild = \"build.rs\"\n[workspace]\n";

#[test]
fn command_that_does_not_build_runs_no_tool_of_a_crate() {
    for cargo_toml in [CRATE, "[workspace]\nmembers = [\"a\"]\n", "not a Cargo.toml"] {
        let scene = Scene::new().with("Cargo.toml", cargo_toml).with_component();
        for command in ["inspect", "check", "call"] {
            let ran = scene.plugbay(&[command, "plugin"]).exits_with(0);
            assert_contains(&ran.stderr, &["note:", "Rust crate", "--build"]);
            assert!(!scene.trace().exists(), "{command} ran a tool");
        }
        let scene = Scene::new().with("Cargo.toml", cargo_toml).with("plugin.yaml", "entry_point: dist/x.wasm");
        for command in ["inspect", "check", "call"] {
            let ran = scene.plugbay(&[command, "plugin"]).exits_with(3);
            assert_contains(&ran.stderr, &["error[not_built]", "plugbay build plugin", "--build", "build scripts"]);
            assert!(!scene.trace().exists(), "{command} ran a tool");
        }
    }
    for command in [&["run", "plugin", "x"][..], &["build", "plugin"], &["check", "plugin", "--build"]] {
        let scene = Scene::new().with("Cargo.toml", CRATE).with_component();
        scene.plugbay(command).exits_with(3);
        assert!(scene.trace().exists(), "{command:?} did not build");
    }
}

#[test]
fn entry_that_is_not_a_regular_file_is_refused() {
    type Make = fn(&Path);
    let kinds: [(&str, Make); 4] = [
        ("is a pipe", |path| assert!(Command::new("mkfifo").arg(path).status().expect("it exists").success())),
        ("is a directory", |path| fs::create_dir(path).expect("created")),
        ("is a link to a file that does not exist", |path| symlink("gone", path).expect("linked")),
        ("is a link that leads out", |path| symlink("/etc/passwd", path).expect("linked")),
    ];
    for (name, command, exit_code) in [
        ("plugin.yaml", "check", 3),
        ("Cargo.toml", "inspect", 3),
        ("config/default.yaml", "check", 3),
        ("other.wasm", "check", 3),
        ("plugin.test.yaml", "test", 2),
    ] {
        for (expected, make) in kinds {
            let scene = if name.ends_with("wasm") { Scene::new() } else { Scene::new().with_component() };
            fs::create_dir(scene.path().join("plugin/config")).expect("created");
            make(&scene.path().join("plugin").join(name));
            let ran = scene.plugbay(&[command, "plugin"]).exits_with(exit_code);
            assert_contains(&ran.stderr, &[name, expected]);
            assert!(!ran.stderr.contains("root:"), "{}", ran.stderr);
        }
    }
}

#[test]
fn endless_file_is_read_up_to_a_bound() {
    let scene = Scene::new().with_component();
    for (arguments, expected) in [
        (["check", "plugin", "--host-file", "/dev/zero"], "not a regular file"),
        (["test", "plugin", "--file", "/dev/zero"], "has more than the 1048576 bytes"),
    ] {
        let ran = scene.plugbay(&arguments).exits_with(2);
        assert_contains(&ran.stderr, &["/dev/zero", expected]);
    }
}

#[test]
fn long_file_or_directory_name_loads() {
    let digest = "3c3d0f3ec2011fba486163a54def0d6d772269290ce1344034e7983679c693e3";
    let scene = Scene::new();
    for name in [digest, &format!("sha256-{digest}"), &"a".repeat(200)] {
        let file = format!("{name}.wasm");
        fs::copy(feature::ECHO.path(), scene.path().join(&file)).expect("copied");
        fs::create_dir(scene.path().join(name)).expect("created");
        fs::copy(feature::ECHO.path(), scene.path().join(name).join("x.wasm")).expect("copied");
        for path in [&*file, name] {
            for command in ["check", "call", "inspect"] {
                scene.plugbay(&[command, path]).exits_with(0);
            }
        }
    }
}

#[test]
fn manifest_that_is_not_read_is_noted() {
    let scene = Scene::new().with_component().with("Plugin.yaml", "name: a").with("plugins.toml", "");
    let ran = scene.plugbay(&["check", "plugin"]).exits_with(0);
    assert_contains(&ran.stderr, &["note: plugin/Plugin.yaml is not read", "note: plugin/plugins.toml is not read"]);
    let scene = Scene::new().with_component().with("plugin.toml", "").with("plugin.yaml", "name: a");
    let ran = scene.plugbay(&["inspect", "plugin"]).exits_with(0);
    assert_contains(&ran.stderr, &["note: plugin/plugin.toml is not read: the manifest is plugin.yaml"]);
}
