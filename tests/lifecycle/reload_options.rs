//! Reloading keeps what the application has set for a plugin, and can read the plugin's files again.

use std::path::Path;

use plugbay::manifest::{Format, Layer, PermissionAction, Resources};
use plugbay::{LoadError, Package, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

/// A plugin directory whose manifest file has a version, a setting and a permission.
struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        let directory = Directory(tempfile::tempdir().expect("a directory"));
        std::fs::copy(feature::CONFIG.path(), directory.path().join("plugin.wasm")).expect("copied");
        directory.write("1.0.0");
        directory
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, version: &str) {
        let manifest = json!({
            "name": "kept", "version": version, "permissions": [{ "resource": "config.*" }],
            "configuration": { "ttl": { "type": "integer", "default": 100 }, "unit": { "type": "string" } },
        });
        std::fs::write(self.path().join("plugin.json"), manifest.to_string()).expect("written");
    }

    fn open(&self) -> Package {
        Package::open(self.path()).expect("it opens")
    }

    /// The package with every option set.
    fn with_options(&self) -> Package {
        let layer = Layer::parse("options", "{ title: The application's }", Format::Yaml).expect("a layer");
        let resources = Resources { max_memory_bytes: Some(48 << 20), ..Resources::default() };
        let policy = Policy::default().allow("config.ttl:write").expect("a permission");
        self.open().configure("ttl", 60).configure("unit", "s").resources(resources).policy(policy).manifest(layer)
    }
}

fn version(plugin: &Plugin) -> String {
    plugin.manifest().version.to_string()
}

#[track_caller]
fn assert_has_options(plugin: &Plugin) {
    assert_eq!(json!(plugin.configuration()), json!({ "ttl": 60, "unit": "s" }));
    assert_eq!(plugin.limits().memory_bytes, 48 << 20);
    plugin.grants().check("config.ttl", PermissionAction::Write).expect("the application's policy holds");
    plugin.grants().check("config.unit", PermissionAction::Write).expect_err("it does not cover this");
    assert_eq!(plugin.manifest().title.as_deref(), Some("The application's"));
}

#[tokio::test]
async fn reload_keeps_the_options_of_the_application() {
    let (host, directory) = (Host::new(), Directory::new());
    let plugin = host.runtime.load(directory.with_options()).await.expect("it loads");
    assert_has_options(&plugin);
    directory.write("2.0.0");
    // The second reload gets them from the first.
    for _ in 0..2 {
        host.runtime.reload(directory.path()).await.expect("it reloads");
        assert_eq!(version(&plugin), "2.0.0");
        assert_has_options(&plugin);
    }
}

#[tokio::test]
async fn option_of_the_new_package_replaces_the_kept_one() {
    let (host, directory) = (Host::new(), Directory::new());
    let plugin = host.runtime.load(directory.with_options()).await.expect("it loads");
    host.runtime.reload(directory.open().configure("ttl", 7)).await.expect("it reloads");
    assert_eq!(json!(plugin.configuration()), json!({ "ttl": 7 }));
    assert_eq!(plugin.limits().memory_bytes, 48 << 20, "another option is kept");
    host.runtime.reload(directory.open().configure_all([]).policy(Policy::default())).await.expect("it reloads");
    assert_eq!(json!(plugin.configuration()), json!({ "ttl": 100 }), "the manifest's default");
    plugin.grants().check("config.ttl", PermissionAction::Write).expect_err("the policy is an empty one");
}

#[tokio::test]
async fn trust_is_kept_and_can_be_withdrawn() {
    let host = Host::new();
    let trusted = TestPlugin::from(feature::ECHO).trusted();
    host.load(trusted.clone()).await;
    let package = || Package::from_bytes("echo", trusted.clone().into_bytes());
    host.runtime.reload(package()).await.expect("it is still trusted");
    let error = host.runtime.reload(package().trusted(false)).await.expect_err("it is not trusted any more");
    assert_load_error(&error, "feature_echo", "permission_denied");
}

#[tokio::test]
async fn reload_from_source_reads_the_files_again_with_the_options() {
    let (host, directory) = (Host::new(), Directory::new());
    let plugin = host.runtime.load(directory.with_options()).await.expect("it loads");
    directory.write("1.1.0");
    host.runtime.reload_from_source("kept").await.expect("it reloads");
    assert_eq!(version(&plugin), "1.1.0");
    assert_has_options(&plugin);

    let outside = tempfile::tempdir().expect("a directory");
    let component = outside.path().join("built.wasm");
    std::fs::rename(directory.path().join("plugin.wasm"), &component).expect("moved");
    let package = Package::open_with_component(directory.path(), &component).expect("it opens");
    host.runtime.reload(package).await.expect("it reloads");
    directory.write("1.2.0");
    host.runtime.reload_from_source("kept").await.expect("it reloads");
    assert_eq!(version(&plugin), "1.2.0");
    assert_has_options(&plugin);
}

#[tokio::test]
async fn reload_from_source_that_is_not_there_leaves_the_plugin_serving() {
    let (host, directory) = (Host::new(), Directory::new());
    let reload = async |name: &str| -> LoadError { host.runtime.reload_from_source(name).await.expect_err("it fails") };
    assert_load_error(&reload("kept").await, "kept", "not_loaded");

    let plugin = host.runtime.load(directory.path()).await.expect("it loads");
    let manifest = directory.path().join("plugin.json");
    let text = std::fs::read_to_string(&manifest).expect("readable");
    std::fs::write(&manifest, text.replace("\"kept\"", "\"renamed\"")).expect("written");
    assert_load_error(&reload("kept").await, "renamed", "not_loaded");
    std::fs::remove_file(directory.path().join("plugin.wasm")).expect("removed");
    assert_eq!(reload("kept").await.code(), "not_a_package");

    host.load(feature::ECHO.into()).await;
    let from_memory = reload("feature_echo").await;
    assert_load_error(&from_memory, "feature_echo", "no_source");
    assert_contains(&from_memory.to_string(), &["memory"]);
    let answer: Value = plugin.call("get", &"ttl").await.expect("it still serves");
    assert_eq!(answer, json!(100));
}
