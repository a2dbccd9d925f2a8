//! `plugbay build`: one file that is a whole plugin.

use crate::harness::assert::assert_contains;
use crate::harness::build::{cargo_target_directory, workspace};
use crate::harness::command::Plugbay;
use crate::harness::guest::feature;

#[test]
fn example_crate_is_built_into_one_file_that_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hello.wasm");
    let path = file.to_str().expect("UTF-8");
    let source = workspace().join("example-plugins/hello");
    let built = Plugbay::new(["build", source.to_str().expect("UTF-8"), "-o", path])
        .environment("CARGO_TARGET_DIR", cargo_target_directory())
        .run()
        .exits_with(0);
    assert_contains(&built.stdout, &[path, "sha256"]);
    let inspection = Plugbay::new(["inspect", path, "--json"]).run().exits_with(0).json();
    assert_eq!(inspection["manifest"]["name"], "hello");
}

#[test]
fn plugin_directory_is_built_into_a_file_with_its_manifest() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::ECHO.path(), directory.path().join("any.wasm")).expect("copied");
    std::fs::write(directory.path().join("plugin.yaml"), "name: packed\nversion: 3.2.1\n").expect("written");
    let output = directory.path().join("out/packed.wasm");
    let path = output.to_str().expect("UTF-8");
    Plugbay::new(["build", ".", "-o", path]).directory(directory.path()).run().exits_with(0);
    let inspection = Plugbay::new(["inspect", path, "--json"]).run().exits_with(0).json();
    assert_eq!(
        (&inspection["manifest"]["name"], &inspection["manifest"]["version"]),
        (&"packed".into(), &"3.2.1".into())
    );
    assert_eq!(Plugbay::new(["run", path, "echo", "7"]).run().exits_with(0).json(), 7);
}

#[test]
fn crate_that_does_not_compile_exits_with_3() {
    let directory = tempfile::tempdir().expect("a directory");
    let manifest = "[package]\nname = \"broken\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n[workspace]\n";
    std::fs::write(directory.path().join("Cargo.toml"), manifest).expect("written");
    std::fs::create_dir(directory.path().join("src")).expect("created");
    std::fs::write(directory.path().join("src/lib.rs"), "fn broken( {}").expect("written");
    let ran = Plugbay::new(["build", "."]).directory(directory.path()).run().exits_with(3);
    assert_contains(&ran.stderr, &["broken"]);
}
