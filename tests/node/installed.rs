//! Installed plugins as a node loads them: their manifest, their configuration files, and their entry in the host's
//! file.

use plugbay_catalog::Consent;
use serde_json::json;

use crate::harness::guest::feature;
use crate::harness::host::{TestPlugin, call};
use crate::harness::node::{booted, catalog, node, plugin};

/// Installs the guest that reads its configuration, with configuration files.
async fn install_with_files(directory: &tempfile::TempDir) {
    let path = directory.path().join("source");
    let configuration = json!({
        "retries": { "type": "integer", "default": 3 },
        "endpoint": { "type": "string" },
        "token": { "type": "string" },
    });
    let permissions = json!([{ "resource": "config.*", "actions": ["read"] }]);
    let guest = TestPlugin::from(feature::CONFIG).manifest("configuration", configuration);
    plugin(&path, &guest.manifest("permissions", permissions));
    let write = |name: &str, text: &str| std::fs::write(path.join(name), text).expect("written");
    std::fs::create_dir(path.join("config")).expect("made");
    write("plugin.yaml", "name: settings\nentry_point: plugin.wasm\n");
    write("config/default.yaml", "retries: 6\nendpoint: https://default.example\n");
    write("config/production.yaml", "retries: 7\n");
    let catalog = catalog(directory);
    let candidate = catalog.candidate(path.to_str().expect("UTF-8"), &()).await.expect("checked");
    catalog.install(&candidate, Consent::widening()).await.expect("installed");
    // The catalog has all of it.
    std::fs::remove_dir_all(path).expect("removed");
}

async fn check(file: &str, expected: serde_json::Value) {
    let directory = tempfile::tempdir().expect("a directory");
    install_with_files(&directory).await;
    let node = node(&directory, &format!("data_dir: data\npolicy: [{{ resource: config.* }}]\n{file}"));
    let report = node.boot("test", &()).await.expect("it boots");
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert_eq!(booted(&report), ["settings"], "the manifest beside the component names it");
    assert_eq!(call(&report.loaded[0], "all").await.expect("it answers"), expected, "{file}");
}

#[tokio::test]
async fn configuration_files_of_an_installed_plugin_are_layered_by_environment() {
    check("", json!({ "retries": 6, "endpoint": "https://default.example" })).await;
    check("environment: production\n", json!({ "retries": 7, "endpoint": "https://default.example" })).await;
    check("environment: staging\n", json!({ "retries": 6, "endpoint": "https://default.example" })).await;
}

#[tokio::test]
async fn entry_of_the_file_that_names_an_installed_plugin_has_its_options() {
    let options = "plugins: [{ name: settings, options: { retries: 8 } }, { name: other, options: { retries: 9 } }]\n";
    check(options, json!({ "retries": 8, "endpoint": "https://default.example" })).await;
}

#[tokio::test]
async fn rules_of_an_entry_apply_to_the_installed_plugin() {
    let directory = tempfile::tempdir().expect("a directory");
    install_with_files(&directory).await;
    let file = "data_dir: data\npolicy: [{ resource: config.* }]\n\
                plugins: [{ name: settings, permissions: [{ resource: config.retries, effect: deny }] }]\n";
    let report = node(&directory, file).boot("test", &()).await.expect("it boots");
    let answer = call(&report.loaded[0], "all").await.expect("it answers");
    assert_eq!(answer, json!({ "endpoint": "https://default.example" }), "what is denied is left out");
}
