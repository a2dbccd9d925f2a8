//! A machine without the tools for building: the reports of `doctor` and of the commands that build.
//!
//! The tools are scripts in a directory that is the whole `PATH`, so that each test defines which of them exist.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;

/// A crate, and a directory with the tools that exist.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().expect("a directory"));
        std::fs::create_dir(machine.path().join("bin")).expect("created");
        let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(machine.path().join("Cargo.toml"), manifest).expect("written");
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Adds a tool, as a shell script.
    fn has(self, tool: &str, script: &str) -> Self {
        let path = self.path().join("bin").join(tool);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        self
    }

    /// Adds a compiler, which looks for its libraries in `lib`, and cargo.
    fn has_rust(self) -> Self {
        let libraries = self.path().join("lib");
        let rustc = format!(
            "case \"$*\" in *target-libdir*) echo '{}';; *) echo 'rustc {}.0 (test)';; esac",
            libraries.display(),
            env!("CARGO_PKG_RUST_VERSION"),
        );
        self.has("rustc", &rustc).has("cargo", "echo 'cargo (test)'")
    }

    fn plugbay(&self, arguments: &[&str]) -> Plugbay {
        Plugbay::new(arguments)
            .directory(self.path())
            .environment("PATH", self.path().join("bin"))
            .environment("RUSTC", "rustc")
            .environment("RUSTUP_TOOLCHAIN", "")
    }
}

#[test]
fn machine_without_rust_gets_the_address_of_rustup() {
    let machine = Machine::new();
    for command in [&["run", ".", "ping"][..], &["build"], &["check", ".", "--build"]] {
        let ran = machine.plugbay(command).run().exits_with(3);
        assert_contains(&ran.stderr, &["error[tool_missing]", "`rustc`", "https://rustup.rs"]);
    }
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(1);
    assert_contains(&doctor.stdout, &["MISSING  cargo", "MISSING  rustc", "MISSING  target", "https://rustup.rs"]);
    // A plugin that is already built needs no tools.
    let path = feature::ECHO.path();
    machine.plugbay(&["run", path.to_str().expect("UTF-8"), "ping"]).run().exits_with(0);
}

#[test]
fn missing_target_is_reported_with_how_to_add_it() {
    let machine = Machine::new().has_rust();
    let alone = machine.plugbay(&["run", ".", "ping"]).run().exits_with(3);
    assert_contains(&alone.stderr, &["error[target_missing]", "rustup cannot add it", "https://rustup.rs"]);
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(1).stdout;
    assert_contains(&doctor, &["MISSING  target", "warning  rustup"]);

    let with_rustup = machine.has("rustup", "echo 'rustup (test)'");
    let doctor = with_rustup.plugbay(&["doctor"]).run().exits_with(0).stdout;
    assert_contains(&doctor, &["warning  target", "-> rustup target add wasm32-wasip2"]);
}

#[test]
fn rustup_is_optional_if_the_target_is_installed() {
    let machine = Machine::new().has_rust();
    std::fs::create_dir(machine.path().join("lib")).expect("created");
    std::fs::write(machine.path().join("lib/libcore-test.rlib"), "").expect("written");
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(0).stdout;
    assert_contains(&doctor, &["ok       target", "ok       rustup"]);
}

#[test]
fn outdated_compiler_is_missing_with_the_needed_version() {
    let machine = Machine::new().has("rustc", "echo 'rustc 1.70.0 (test)'").has("cargo", "echo 'cargo 1.70.0 (test)'");
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(1).stdout;
    assert_contains(&doctor, &["MISSING  rustc", env!("CARGO_PKG_RUST_VERSION"), "https://rustup.rs"]);
    let machine = machine.has("rustup", "echo 'rustup 1.29.0 (test)'");
    assert_contains(&machine.plugbay(&["doctor"]).run().exits_with(1).stdout, &["-> rustup update stable"]);
}
