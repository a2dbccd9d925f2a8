//! Loading: from a file, a directory or bytes, and the reasons for a refusal.

use plugbay::Policy;
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error, line_to_add};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, call, pings};

#[tokio::test]
async fn component_without_a_manifest_is_named_after_its_file() {
    let host = Host::new();
    let plugin = host.runtime.load(feature::ECHO.path()).await.expect("a component is a plugin");
    assert_eq!(plugin.name(), "feature_echo");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn component_with_an_embedded_manifest_is_a_plugin() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("some-file.wasm");
    let plugin = TestPlugin::from(feature::ECHO).manifest("name", json!("inner")).manifest("version", json!("1.2.3"));
    std::fs::write(&file, plugin.into_bytes()).expect("written");
    let plugin = Host::new().runtime.load(&*file).await.expect("it is a valid plugin");
    assert_eq!((plugin.name(), plugin.manifest().version.to_string()), ("inner".to_owned(), "1.2.3".to_owned()));
}

#[tokio::test]
async fn bytes_of_any_owned_or_borrowed_type_are_a_plugin() {
    let bytes = feature::ECHO.bytes();
    let plugin = Host::new().runtime.load(&bytes[..]).await.expect("a slice of a component");
    assert_eq!((plugin.name(), pings(&plugin).await), ("plugin".to_owned(), 1));
    Host::new().runtime.load(bytes).await.expect("a component");
    let error = Host::new().runtime.load(b"not a component").await.expect_err("what include_bytes! gives");
    assert_load_error(&error, "plugin", "not_wasm");
}

#[tokio::test]
async fn manifest_file_next_to_the_component_wins_per_field() {
    let directory = tempfile::tempdir().expect("a directory");
    let inner = TestPlugin::from(feature::ECHO)
        .manifest("name", json!("inner"))
        .manifest("title", json!("From inside"))
        .manifest("description", json!("From inside"));
    std::fs::write(directory.path().join("plugin.wasm"), inner.into_bytes()).expect("written");
    for (file, text) in [
        ("plugin.toml", "name = \"outer\"\ntitle = \"From beside\"\n"),
        ("manifest.json", "{\"name\": \"outer\", \"title\": \"From beside\"}"),
        ("plugin.yaml", "name: outer\ntitle: From beside\n"),
    ] {
        let path = directory.path().join(file);
        std::fs::write(&path, text).expect("written");
        let plugin = Host::new().runtime.load(directory.path()).await.unwrap_or_else(|error| panic!("{file}: {error}"));
        let manifest = plugin.manifest();
        assert_eq!(manifest.name, "outer", "{file}");
        assert_eq!(manifest.title.as_deref(), Some("From beside"), "{file}");
        assert_eq!(manifest.description.as_deref(), Some("From inside"), "{file}");
        std::fs::remove_file(path).expect("removed");
    }
}

#[tokio::test]
async fn name_that_is_taken_is_refused() {
    let host = Host::new();
    let first = host.load(feature::ECHO.into()).await;
    let error = host.try_load(feature::ECHO.into()).await.expect_err("the name is taken");
    assert_load_error(&error, "feature_echo", "already_loaded");
    assert_eq!(pings(&first).await, 1);
}

#[tokio::test]
async fn one_of_many_concurrent_loads_of_a_name_wins() {
    let host = Host::new();
    let loads: Vec<_> = (0..6)
        .map(|_| {
            let runtime = host.runtime.clone();
            let package = TestPlugin::from(feature::ECHO).package();
            tokio::spawn(async move { runtime.load(package).await.map(drop) })
        })
        .collect();
    let mut loaded = 0;
    for load in loads {
        match load.await.expect("no panic") {
            Ok(()) => loaded += 1,
            Err(error) => assert_eq!(error.code(), "already_loaded"),
        }
    }
    assert_eq!((loaded, host.runtime.plugins().len()), (1, 1));
}

#[tokio::test]
async fn missing_file_is_named() {
    let error = Host::new().runtime.load("/nowhere/at/all.wasm").await.expect_err("there is no such file");
    assert_load_error(&error, "/nowhere/at/all.wasm", "not_a_package");
}

#[tokio::test]
async fn directory_without_a_component_is_refused_with_advice() {
    let directory = tempfile::tempdir().expect("a directory");
    let error = Host::new().runtime.load(directory.path()).await.expect_err("it is empty");
    assert_eq!(error.code(), "not_a_package");
    assert_contains(&error.to_string(), &[".wasm", "build"]);
}

#[tokio::test]
async fn entry_point_outside_the_directory_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    for entry_point in ["../elsewhere.wasm", "/etc/passwd"] {
        let text = format!("name: escaping\nversion: 1.0.0\nentry_point: {entry_point}\n");
        std::fs::write(directory.path().join("plugin.yaml"), text).expect("written");
        let error = Host::new().runtime.load(directory.path()).await.expect_err("it leads out");
        assert!(["not_a_package", "invalid_manifest"].contains(&error.code()), "{error}");
        assert_contains(&error.to_string(), &["entry_point"]);
    }
}

#[tokio::test]
async fn missing_or_outdated_requirement_fails_the_load() {
    let host = Host::new();
    let needs = |version: &str| {
        TestPlugin::from(feature::LOG).manifest("requires", json!([{ "name": "feature_echo", "version": version }]))
    };
    let error = host.try_load(needs(">=0.1")).await.expect_err("it is not loaded");
    assert_load_error(&error, "feature_log", "missing_requirement");
    assert_contains(&error.to_string(), &["feature_echo"]);

    host.load(feature::ECHO.into()).await;
    let error = host.try_load(needs(">=2")).await.expect_err("it is too old");
    assert_contains(&error.to_string(), &["feature_echo", ">=2", "0.1.0"]);
    host.load(needs("^0.1")).await;
}

#[tokio::test]
async fn another_version_of_plugbay_is_refused() {
    let plugin = TestPlugin::from(feature::ECHO).manifest("plugbay_version", json!(">=99"));
    let error = Host::new().try_load(plugin).await.expect_err("this is not 99");
    assert_load_error(&error, "feature_echo", "version_mismatch");
    assert_contains(&error.to_string(), &[">=99"]);
}

#[tokio::test]
async fn variable_of_the_host_needs_the_operators_grant() {
    let plugin = || TestPlugin::from(feature::WASI).manifest("env", json!({ "SEARCH": "${PATH}", "PLAIN": "x" }));
    let error = Host::new().try_load(plugin()).await.expect_err("the operator does not allow it");
    assert_load_error(&error, "feature_wasi", "permission_denied");
    assert_contains(&error.to_string(), &["PATH", "env.PATH"]);
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("env.PATH", "read")]);

    let allowed = || Policy::default().allow("env.PATH:read").expect("a permission");
    let loaded = Host::with(|builder| builder.policy(allowed())).load(plugin()).await;
    let seen = call(&loaded, "environment").await.expect("it answers");
    assert_eq!(seen["SEARCH"].as_str(), std::env::var("PATH").ok().as_deref());
    assert_eq!(seen.as_object().map(serde_json::Map::len), Some(2), "{seen}");
}

#[tokio::test]
async fn trusted_plugin_sees_the_granted_variables_that_it_asks_for() {
    let asks =
        |plugin: TestPlugin| plugin.manifest("permissions", json!([{ "resource": "env.PATH", "actions": ["read"] }]));
    let environment = async |policy: Policy, plugin: TestPlugin| {
        let host = Host::with(|builder| builder.policy(policy));
        call(&host.load(plugin).await, "environment").await.expect("it answers")
    };
    let allowed = || Policy::default().allow("env.*:read").expect("a permission");
    let trusted = || asks(TestPlugin::from(feature::WASI).trusted());
    let path = std::env::var("PATH").expect("it is set");
    assert_eq!(environment(allowed(), trusted()).await, json!({ "PATH": path }), "no other variable of the host");
    assert_eq!(environment(Policy::default(), trusted()).await, json!({}), "the operator does not allow it");
    assert_eq!(environment(allowed(), asks(feature::WASI.into())).await, json!({}), "it is not trusted");
    let own = trusted().manifest("env", json!({ "PATH": "mine" }));
    assert_eq!(environment(allowed(), own).await, json!({ "PATH": "mine" }), "the manifest's value wins");
}

#[tokio::test]
async fn variable_that_is_not_set_is_named() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(feature::WASI).manifest("env", json!({ "X": "${NO_SUCH_VARIABLE_HERE}" }));
    let error = host.try_load(plugin).await.expect_err("it is not set");
    assert_load_error(&error, "feature_wasi", "invalid_environment");
    assert_contains(&error.to_string(), &["NO_SUCH_VARIABLE_HERE"]);
}

#[tokio::test]
async fn inspection_shows_the_plugin_without_running_it() {
    let host = Host::new();
    let plugin = TestPlugin::from(feature::LOG).manifest("title", json!("A log"));
    let inspection = host.runtime.inspect(plugin.package()).expect("it can be read");
    assert_eq!((inspection.manifest.title.as_deref(), inspection.kind), (Some("A log"), "component"));
    assert_eq!(inspection.digest.len(), 64);
    assert!(
        inspection.exports.iter().any(|export| export.starts_with("plugbay:plugin/actions@")),
        "{:?}",
        inspection.exports
    );
    let log = inspection.imports.iter().find(|import| import.name.starts_with("plugbay:plugin/log@"));
    assert_eq!(log.and_then(|log| log.permission.as_deref()), Some("log:write"), "{:?}", inspection.imports);
    assert!(host.runtime.plugins().is_empty() && host.log.lines().is_empty());
}

#[tokio::test]
async fn inspection_shows_no_secret() {
    let setting = json!({ "token": { "type": "string", "secret": true, "default": "hunter2" } });
    let plugin =
        TestPlugin::from(feature::CONFIG).manifest("configuration", setting).manifest("env", json!({ "A": "pass" }));
    let inspection = Host::new().runtime.inspect(plugin.package()).expect("it can be read");
    let json = serde_json::to_string(&inspection).expect("it serialises");
    let shown = format!("{json} {inspection:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("\"pass\""), "{shown}");
}
