//! Manifests with problems: nothing is loaded, and all problems are reported at once.

use plugbay::error::LoadErrorKind;
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, with_section};

#[tokio::test]
async fn all_problems_are_reported_with_path_and_nearest_name() {
    let plugin = TestPlugin::from(feature::ECHO)
        .manifest("titel", json!("x"))
        .manifest("version", json!("one"))
        .manifest("execution_mode", json!("sandbox"))
        .manifest("permissions", json!([{ "resource": "database.x", "actions": ["fly"] }]))
        .resource("max_memory", json!(5));
    let error = Host::new().try_load(plugin).await.expect_err("five things are wrong");
    assert_eq!(error.code(), "invalid_manifest");
    let text = error.to_string();
    assert_contains(&text, &["titel", "`title`", "version", "execution_mode", "`sandboxed`", "fly", "`max_memory_mb`"]);
    let LoadErrorKind::Manifest(error) = error.kind() else { panic!("{error:?}") };
    assert!(error.problems.len() >= 5, "{:?}", error.problems);
    assert!(error.problems.iter().all(|problem| !problem.path.is_empty() && !problem.origin.is_empty()));
}

#[tokio::test]
async fn embedded_manifest_that_is_not_json_is_refused() {
    for text in ["", "{", "name: yaml\nversion: 1.0.0", "[1]", "\"x\"", "\u{0}"] {
        let bytes = with_section(feature::ECHO.bytes(), "plugbay:manifest", text.as_bytes());
        let loaded = Host::new().runtime.load(plugbay::Package::from_bytes("odd", bytes)).await;
        // An empty section is valid: it declares nothing.
        match loaded {
            Ok(_) => assert_eq!(text, ""),
            Err(error) => assert_load_error(&error, "odd", "invalid_manifest"),
        }
    }
}

#[tokio::test]
async fn embedded_manifest_of_many_mebibytes_is_refused() {
    let bytes = with_section(feature::ECHO.bytes(), "plugbay:manifest", &vec![b' '; 4 << 20]);
    let error =
        Host::new().runtime.load(plugbay::Package::from_bytes("odd", bytes)).await.expect_err("it is too large");
    assert_load_error(&error, "odd", "component_too_large");
}

#[tokio::test]
async fn deeply_nested_manifest_is_refused() {
    for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        let bytes = with_section(feature::ECHO.bytes(), "plugbay:manifest", text.as_bytes());
        let error =
            Host::new().runtime.load(plugbay::Package::from_bytes("odd", bytes)).await.expect_err("it is nonsense");
        assert_load_error(&error, "odd", "invalid_manifest");
    }
}

#[tokio::test]
async fn yaml_bomb_next_to_the_component_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::ECHO.path(), directory.path().join("any.wasm")).expect("copied");
    let mut bomb = "name: bomb\nversion: 1.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    std::fs::write(directory.path().join("plugin.yaml"), bomb).expect("written");
    let error = Host::new().runtime.load(directory.path()).await.expect_err("it expands to 10²⁰ items");
    assert_eq!(error.code(), "invalid_manifest", "{error}");
}

#[tokio::test]
async fn field_names_of_other_systems_are_accepted() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::copy(feature::ECHO.path(), directory.path().join("any.wasm")).expect("copied");
    let manifest = "
name: borrowed
version: 1.0.0
framework_version: '>=0.1'
repoType: github
dependencies: { other: '^1.0' }
permissions: [database.read, events.publish]
resources: { timeout_seconds: 3 }
";
    std::fs::write(directory.path().join("plugin.yaml"), manifest).expect("written");
    let inspection = Host::new().runtime.inspect(directory.path()).expect("all of these are known");
    assert_eq!(inspection.manifest.requires[0].name, "other");
    assert_eq!(inspection.manifest.permissions[0].resource, "db.*");
    assert_eq!(inspection.limits.timeout_seconds, Some(3.0));
}
