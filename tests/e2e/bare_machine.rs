//! A machine on which tools are missing that building takes: what `doctor` and the commands that build say of it.
//!
//! The tools are scripts in a directory that is the whole PATH, so that what is there and what is not is the test's to say.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::assert::assert_contains;
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;

/// A crate and the tools that there are.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Machine(tempfile::tempdir().expect("a directory"));
        std::fs::create_dir(machine.path().join("bin")).expect("made");
        let manifest = "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
        std::fs::write(machine.path().join("Cargo.toml"), manifest).expect("written");
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A tool that is this shell script.
    fn has(self, tool: &str, script: &str) -> Self {
        let path = self.path().join("bin").join(tool);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("ours");
        self
    }

    /// A compiler that looks for its libraries in `lib`, and a cargo.
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
fn machine_without_rust_is_told_where_to_get_it() {
    let machine = Machine::new();
    for command in [&["run", ".", "ping"][..], &["build"], &["check", ".", "--build"]] {
        let ran = machine.plugbay(command).run().exits_with(3);
        assert_contains(&ran.stderr, &["error[tool_missing]", "`rustc`", "https://rustup.rs"]);
    }
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(1);
    assert_contains(&doctor.stdout, &["MISSING  cargo", "MISSING  rustc", "MISSING  target", "https://rustup.rs"]);
    // What was built before needs none of it.
    let path = feature::ECHO.path();
    machine.plugbay(&["run", path.to_str().expect("UTF-8"), "ping"]).run().exits_with(0);
}

#[test]
fn target_that_is_missing_is_told_with_who_could_add_it() {
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
fn rustup_is_not_missed_where_the_target_is_there() {
    let machine = Machine::new().has_rust();
    std::fs::create_dir(machine.path().join("lib")).expect("made");
    std::fs::write(machine.path().join("lib/libcore-test.rlib"), "").expect("written");
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(0).stdout;
    assert_contains(&doctor, &["ok       target", "ok       rustup"]);
}

#[test]
fn compiler_that_is_too_old_is_missing_with_the_version_that_is_needed() {
    let machine = Machine::new().has("rustc", "echo 'rustc 1.70.0 (test)'").has("cargo", "echo 'cargo 1.70.0 (test)'");
    let doctor = machine.plugbay(&["doctor"]).run().exits_with(1).stdout;
    assert_contains(&doctor, &["MISSING  rustc", env!("CARGO_PKG_RUST_VERSION"), "https://rustup.rs"]);
    let machine = machine.has("rustup", "echo 'rustup 1.29.0 (test)'");
    assert_contains(&machine.plugbay(&["doctor"]).run().exits_with(1).stdout, &["-> rustup update stable"]);
}
