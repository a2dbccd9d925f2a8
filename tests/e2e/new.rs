//! `plugbay new`: the new crate builds outside this repository, runs, passes its own test and can be edited.
//!
//! One long test, because each step needs the one before it and most of the time is spent compiling.

use std::process::Command;

use crate::harness::assert::assert_contains;
use crate::harness::build::target_directory;
use crate::harness::command::Plugbay;

#[test]
fn new_plugin_builds_runs_passes_its_test_and_changes() {
    let directory = tempfile::tempdir().expect("a directory");
    // Its name is also that of a type in its source. The target directory of the guests already has most dependencies
    // of a new plugin.
    let target = target_directory();
    let plugbay = |arguments: &[&str]| Plugbay::new(arguments).environment("CARGO_TARGET_DIR", &target);
    plugbay(&["new", "greeting"]).directory(directory.path()).run().exits_with(0);
    let demo = directory.path().join("greeting");

    let hello = plugbay(&["run", ".", "hello", r#"{"name": "Ada"}"#]).directory(&demo).run().exits_with(0);
    assert_contains(&hello.json().to_string(), &["Ada"]);

    let tested = Command::new(env!("CARGO"))
        .arg("test")
        .current_dir(&demo)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .output()
        .expect("cargo starts");
    let text = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{text}\n{}", String::from_utf8_lossy(&tested.stderr));
    let passed = |line: &str| line.starts_with("test result: ok.") && !line.contains(" 0 passed");
    assert!(text.lines().any(passed), "no test ran: {text}");

    let declared = plugbay(&["test", "--json"]).directory(&demo).run().exits_with(0).json();
    assert_eq!(declared["passed"], 3, "{declared:#}");

    let source = demo.join("src/lib.rs");
    let code = std::fs::read_to_string(&source).expect("readable");
    assert!(code.contains("Hello"), "{code}");
    std::fs::write(&source, code.replace("Hello", "Good morning")).expect("written");
    let changed = plugbay(&["run", ".", "hello", r#"{"name": "Ada"}"#]).directory(&demo).run().exits_with(0);
    assert_contains(&changed.json().to_string(), &["Good morning", "Ada"]);

    plugbay(&["build"]).directory(&demo).run().exits_with(0);
    let packed = plugbay(&["run", "greeting.wasm", "hello", r#"{"name": "Ada"}"#]).directory(&demo).run().exits_with(0);
    assert_contains(&packed.json().to_string(), &["Good morning", "Ada"]);
}

#[test]
fn new_plugin_overwrites_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("demo")).expect("created");
    std::fs::write(directory.path().join("demo/file"), "mine").expect("written");
    let ran = Plugbay::new(["new", "demo"]).directory(directory.path()).run().exits_with(2);
    assert_contains(&ran.stderr, &["demo", "not empty"]);
    assert_eq!(std::fs::read_to_string(directory.path().join("demo/file")).expect("readable"), "mine");
}

#[test]
fn invalid_plugin_name_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["Demo", "../demo", "1st", "fn"] {
        Plugbay::new(["new", name]).directory(directory.path()).run().exits_with(2);
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
}
