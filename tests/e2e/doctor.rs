//! `plugbay doctor` and `completions`.

use crate::harness::assert::assert_contains;
use crate::harness::build::workspace;
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;

#[test]
fn machine_that_runs_these_tests_passes() {
    // The guests have been built, so the target is installed.
    feature::ECHO.path();
    let ran = Plugbay::new(["doctor"]).directory(workspace()).run().exits_with(0);
    assert_contains(&ran.stdout, &["plugbay", "rustc", "wasm32-wasip2", "cache"]);
    let json = Plugbay::new(["doctor", "--json"]).directory(workspace()).run().exits_with(0).json();
    assert_eq!(json["ok"], true);
}

#[test]
fn cache_that_is_not_a_directory_is_reported_with_advice() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let ran = Plugbay::new(["doctor"]).environment("PLUGBAY_CACHE_DIR", file.path()).run().exits_with(1);
    assert_contains(&ran.stdout, &["cache", "->"]);
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Plugbay::new(["completions", shell]).run().exits_with(0).stdout;
        assert_contains(&script, &["run", "inspect", "doctor"]);
        assert!(!script.contains("compile"), "{shell}: the internal command must not be completed");
    }
}
