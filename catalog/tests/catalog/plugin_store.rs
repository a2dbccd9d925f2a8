//! DockStat's plugin store: its operations, answers and texts.

use std::collections::BTreeSet;
use std::sync::Mutex;

use data_encoding::BASE64;
use plugbay_catalog::Catalog;
use plugbay_catalog::plugin_store::{Answer, PluginLoader};
use plugbay_catalog::store::{InstalledState, StoredPackage};
use serde_json::{Value, json};

use crate::harness::server::{Reply, Server};
use crate::harness::{bare, catalog, check_refused};

/// A plugin as DockStat's documents save it, with a component in place of source code.
fn plugin(name: &str, version: &str) -> String {
    json!({
        "name": name,
        "version": version,
        "description": "Send notifications on events",
        "repository": format!("https://github.com/user/{name}"),
        "manifest": format!("https://github.com/user/{name}/manifest.json"),
        "author": { "name": "Developer", "email": "dev@example.com" },
        "tags": ["monitoring", "alerts"],
        "repoType": "github",
        "plugin": BASE64.encode(&bare(version)),
    })
    .to_string()
}

async fn save(catalog: &Catalog, name: &str, version: &str, update: bool) -> Answer {
    catalog.save_plugin(&plugin(name, version), update).await
}

fn as_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("JSON")
}

/// Loads everything but plugins that are called `broken`.
#[derive(Default)]
struct Loader(Mutex<BTreeSet<String>>);

impl PluginLoader for Loader {
    fn is_loaded(&self, name: &str) -> bool {
        self.0.lock().expect("not poisoned").contains(name)
    }

    async fn load(&self, package: StoredPackage) -> Result<(), String> {
        if package.name == "broken" {
            return Err("Module not found".to_owned());
        }
        self.0.lock().expect("not poisoned").insert(package.name);
        Ok(())
    }

    async fn unload(&self, name: &str) {
        self.0.lock().expect("not poisoned").remove(name);
    }
}

#[tokio::test]
async fn saved_plugin_gets_a_number() {
    let catalog = catalog();
    let answer = save(&catalog, "my-plugin", "1.0.0", false).await;
    assert_eq!(as_json(&answer), json!({ "success": true, "id": 1, "message": "Plugin saved successfully" }));
    let again = as_json(&save(&catalog, "my-plugin", "2.0.0", false).await);
    assert_eq!((&again["success"], &again["id"]), (&json!(false), &json!(1)));
    assert_eq!(again["message"], "Plugin is already installed!");
}

#[tokio::test]
async fn update_keeps_the_number() {
    let catalog = catalog();
    save(&catalog, "my-plugin", "1.0.0", false).await;
    for version in ["2.0.0", "2.0.0", "1.5.0"] {
        let answer = as_json(&save(&catalog, "my-plugin", version, true).await);
        assert_eq!(answer, json!({ "success": true, "id": 1, "message": "Plugin saved successfully" }), "{version}");
    }
    assert_eq!(catalog.get_all().await.expect("readable")[0]["version"], "1.5.0");
    let new = as_json(&save(&catalog, "other", "1.0.0", true).await);
    assert_eq!((&new["success"], &new["id"]), (&json!(true), &json!(2)), "update of an unknown plugin saves it");
}

#[tokio::test]
async fn saved_plugin_is_updated_from_the_manifest_that_it_names() {
    let server = Server::start(|_| Reply::ok(plugin("named", "2.0.0"))).await;
    let catalog = catalog();
    let first = plugin("named", "1.0.0").replace("https://github.com/user/named/manifest.json", &server.url("/m.json"));
    assert!(catalog.save_plugin(&first, false).await.success);
    let candidate = catalog.update_candidate("named", None, &()).await.expect("found");
    assert_eq!(candidate.package.manifest.version.to_string(), "2.0.0");
    let local = json!({ "name": "local", "version": "1.0.0", "manifest": "local", "plugin": BASE64.encode(&bare("")) });
    assert!(catalog.save_plugin(&local.to_string(), false).await.success);
    let refused = catalog.update_candidate("local", None, &()).await;
    check_refused(refused, "invalid_reference", "it was uploaded");
}

#[tokio::test]
async fn plugin_without_a_component_is_not_saved() {
    let catalog = catalog();
    let source = json!({ "name": "a", "version": "1.0.0", "plugin": "export default {}" }).to_string();
    for document in [&*source, "{}", "nonsense", r#"{"name":"a","version":"1.0.0"}"#] {
        let answer = as_json(&catalog.save_plugin(document, false).await);
        assert_eq!((&answer["success"], &answer["message"]), (&json!(false), &json!("Failed to save plugin")));
        assert!(answer["error"].as_str().is_some_and(|error| !error.is_empty()), "{document}");
    }
    assert!(catalog.get_all().await.expect("readable").is_empty());
}

#[tokio::test]
async fn deleted_plugin_is_gone() {
    let catalog = catalog();
    save(&catalog, "my-plugin", "1.0.0", false).await;
    let answer = as_json(&catalog.delete_plugin(1).await);
    assert_eq!((&answer["success"], &answer["message"]), (&json!(true), &json!("Deleted Plugin")));
    let again = as_json(&catalog.delete_plugin(1).await);
    assert_eq!((&again["success"], &again["message"]), (&json!(false), &json!("No Plugin found for id: 1")));
}

#[tokio::test]
async fn all_plugins_are_listed_without_code() {
    let catalog = catalog();
    save(&catalog, "my-plugin", "1.0.0", false).await;
    let expected = json!([{
        "id": 1,
        "name": "my-plugin",
        "version": "1.0.0",
        "description": "Send notifications on events",
        "tags": ["monitoring", "alerts"],
        "repository": "https://github.com/user/my-plugin",
        "manifest": "https://github.com/user/my-plugin/manifest.json",
        "author": { "name": "Developer", "email": "dev@example.com" },
        "repoType": "github",
    }]);
    assert_eq!(as_json(&catalog.get_all().await.expect("readable")), expected);
}

#[tokio::test]
async fn status_has_the_loaded_plugins_and_each_repository_once() {
    let catalog = catalog();
    for name in ["a", "b"] {
        save(&catalog, name, "1.0.0", false).await;
    }
    let third = plugin("a", "1.0.0").replace("\"name\":\"a\"", "\"name\":\"c\"");
    assert!(catalog.save_plugin(&third, false).await.success);
    let fourth = json!({ "name": "d", "version": "1.0.0", "plugin": BASE64.encode(&bare("")) }).to_string();
    assert!(catalog.save_plugin(&fourth, false).await.success);
    let status = as_json(&catalog.get_status(&[2, 99]).await.expect("readable"));
    assert_eq!(status["installed_plugins"]["count"], 4);
    assert_eq!(status["installed_plugins"]["data"].as_array().map(Vec::len), Some(4));
    assert_eq!(status["repos"], json!(["https://github.com/user/a", "https://github.com/user/b", "local"]));
    assert_eq!(status["loaded_plugins"][0]["name"], "b");
    assert_eq!(status["loaded_plugins"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn list_of_plugins_is_loaded_with_a_report() {
    let catalog = catalog();
    for name in ["a", "broken", "c"] {
        save(&catalog, name, "1.0.0", false).await;
    }
    let loader = Loader::default();
    let report = as_json(&catalog.load_plugins(&[1, 2, 3, 1, 9], &loader).await.expect("readable"));
    assert_eq!(
        report,
        json!({
            "successes": [1, 3],
            "errors": [
                { "pluginId": 2, "error": "Could not load 2 - Module not found" },
                { "pluginId": 1, "error": "Could not load 1 - Plugin already loaded: 1" },
                { "pluginId": 9, "error": "Could not load 9 - No Plugin found for id: 9" },
            ],
        })
    );
    let broken = catalog.installed("broken").await.expect("installed");
    assert_eq!((broken.state, broken.last_error.as_deref()), (InstalledState::Failed, Some("Module not found")));
    assert_eq!(catalog.installed("a").await.expect("installed").state, InstalledState::Loaded);
}

#[tokio::test]
async fn load_all_skips_what_is_loaded_or_disabled() {
    let catalog = catalog();
    for name in ["a", "b", "c"] {
        save(&catalog, name, "1.0.0", false).await;
    }
    catalog.set_enabled("b", false).await.expect("disabled");
    let loader = Loader::default();
    catalog.load_plugins(&[1], &loader).await.expect("readable");
    let report = catalog.load_all(&loader).await.expect("readable");
    assert_eq!((report.successes, report.errors.len()), (vec![3], 0));
    loader.unload("a").await;
    assert_eq!(catalog.load_all(&loader).await.expect("readable").successes, [1]);
}

#[tokio::test]
async fn loaded_plugins_are_unloaded_by_number_or_all() {
    let catalog = catalog();
    for name in ["a", "b", "c"] {
        save(&catalog, name, "1.0.0", false).await;
    }
    let loader = Loader::default();
    catalog.load_all(&loader).await.expect("readable");
    assert!(catalog.unload_plugin(2, &loader).await.expect("readable"));
    assert!(!catalog.unload_plugin(2, &loader).await.expect("readable"), "it is not loaded any more");
    assert!(!catalog.unload_plugin(9, &loader).await.expect("readable"));
    assert_eq!(catalog.loaded_plugins(&loader).await.expect("readable"), [1, 3]);
    assert_eq!(catalog.unload_all(&loader).await.expect("readable"), [3, 1]);
    assert!(catalog.loaded_plugins(&loader).await.expect("readable").is_empty());
}

#[tokio::test]
async fn table_is_queried_by_its_fields() {
    let catalog = catalog();
    for (name, version) in [("a", "1.0.0"), ("b", "2.0.0"), ("c", "1.0.0")] {
        save(&catalog, name, version, false).await;
    }
    let table = catalog.get_table().await.expect("readable");
    assert_eq!(table.count(), 3);
    assert_eq!(table.clone().filter("version", "1.0.0").filter("repoType", "github").count(), 2);
    assert_eq!(table.clone().filter("id", 2).first().map(|record| &record["name"]), Some(&json!("b")));
    assert_eq!(table.filter("password", "x").all().len(), 0);
}

#[tokio::test]
async fn manifest_link_is_installed_in_both_formats() {
    let server = Server::start(|seen| match &*seen.path {
        "/a/manifest.json" => Reply::ok(plugin("a", "1.0.0")),
        "/b/manifest.yaml" => Reply::ok(format!("name: b\nversion: 1.0.0\nplugin: {}\n", BASE64.encode(&bare("b")))),
        "/c/manifest.txt" => Reply::ok("name: c"),
        _ => Reply::status(404),
    })
    .await;
    let catalog = catalog();
    let install = async |path: &str| as_json(&catalog.install_from_manifest_link(&server.url(path), false, &()).await);
    let saved = |id: i64| json!({ "success": true, "id": id, "message": "Plugin saved successfully" });
    assert_eq!(install("/a/manifest.json").await, saved(1));
    assert_eq!(install("/b/manifest.yaml").await, saved(2));
    assert_eq!(install("/a/manifest.json").await["message"], "Plugin is already installed!");
    assert_eq!(install("/c/manifest.txt").await["message"], "Unsupported manifest");
    assert_eq!(install("/missing.json").await["message"], "Failed to save plugin");
}

#[tokio::test]
async fn manifest_link_that_asks_for_permissions_needs_consent() {
    let text = json!({
        "name": "a",
        "version": "1.0.0",
        "permissions": [{ "resource": "http.*" }],
        "plugin": BASE64.encode(&bare("a")),
    });
    let server = Server::start(move |_| Reply::ok(text.to_string())).await;
    let (catalog, url) = (catalog(), server.url("/manifest.json"));
    let answer = catalog.install_from_manifest_link(&url, false, &()).await;
    assert!(!answer.success && answer.error.is_some_and(|error| error.contains("`http.*`")));
    assert!(catalog.install_from_manifest_link(&url, true, &()).await.success);
}
