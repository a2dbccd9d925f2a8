//! DockStat's plugin store with real plugins in a real host: its operations, ids and texts.

use data_encoding::BASE64;
use plugbay_catalog::Catalog;
use plugbay_catalog::plugin_store::Answer;
use plugbay_node::Node;
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{TestPlugin, call};
use crate::harness::node::{catalog, failing, node};

/// A manifest with its component in `plugin`.
fn document(name: &str, version: &str, component: TestPlugin) -> String {
    json!({
        "name": name, "version": version, "repository": format!("https://github.com/user/{name}"),
        "repoType": "github", "plugin": BASE64.encode(&component.into_bytes()),
    })
    .to_string()
}

async fn save(catalog: &Catalog, name: &str, version: &str, update: bool) -> Answer {
    let component = TestPlugin::from(feature::ECHO).manifest("name", json!(name));
    catalog.save_plugin(&document(name, version, component), update).await
}

fn text(answer: &Answer) -> (bool, Option<i64>, &str) {
    (answer.success, answer.id, &answer.message)
}

/// A node with its catalog, in a directory.
fn host() -> (tempfile::TempDir, Node, Catalog) {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = catalog(&directory);
    let node = node(&directory, "data_dir: data\n");
    (directory, node, catalog)
}

#[tokio::test]
async fn saved_plugin_keeps_its_number_when_it_is_updated() {
    let (_directory, _node, catalog) = host();
    assert_eq!(text(&save(&catalog, "alerts", "1.0.0", false).await), (true, Some(1), "Plugin saved successfully"));
    let again = save(&catalog, "alerts", "2.0.0", false).await;
    assert_eq!(text(&again), (false, Some(1), "Plugin is already installed!"));
    assert_eq!(text(&save(&catalog, "alerts", "2.0.0", true).await), (true, Some(1), "Plugin saved successfully"));
    let all = catalog.get_all().await.expect("readable");
    assert_eq!(
        (&all[0]["id"], &all[0]["version"], &all[0]["repoType"]),
        (&json!(1), &json!("2.0.0"), &json!("github"))
    );
    assert!(all[0].get("plugin").is_none(), "the list has no code");
    assert_eq!(text(&catalog.delete_plugin(1).await), (true, Some(1), "Deleted Plugin"));
    assert_eq!(text(&catalog.delete_plugin(1).await), (false, None, "No Plugin found for id: 1"));
}

#[tokio::test]
async fn all_plugins_load_but_those_that_fail_with_the_reason() {
    let (_directory, node, catalog) = host();
    save(&catalog, "alerts", "1.0.0", false).await;
    let broken = catalog.save_plugin(&document("failing", "1.0.0", failing()), false).await;
    assert_eq!(text(&broken), (true, Some(2), "Plugin saved successfully"));
    save(&catalog, "charts", "1.0.0", false).await;
    catalog.set_enabled("charts", false).await.expect("disabled");
    let report = catalog.load_all(&node).await.expect("readable");
    let report = serde_json::to_value(&report).expect("JSON");
    assert_eq!(report["successes"], json!([1]));
    assert_eq!(report["errors"][0]["pluginId"], 2, "{report}");
    assert!(
        report["errors"][0]["error"].as_str().is_some_and(|text| text.starts_with("Could not load 2 - ")),
        "{report}"
    );
    assert_eq!(catalog.loaded_plugins(&node).await.expect("readable"), [1]);
    let again = catalog.load_plugins(&[1, 9], &node).await.expect("readable");
    let errors: Vec<&str> = again.errors.iter().map(|error| &*error.error).collect();
    assert_eq!(errors, ["Could not load 1 - Plugin already loaded: 1", "Could not load 9 - No Plugin found for id: 9"]);

    let plugin = node.runtime.plugin("alerts").expect("it is loaded");
    assert_eq!(call(&plugin, "ping").await.expect("it answers"), json!(1));
    let status = catalog.get_status(&[1]).await.expect("readable");
    let status = serde_json::to_value(&status).expect("JSON");
    assert_eq!(status["installed_plugins"]["count"], 3);
    assert_eq!(status["loaded_plugins"][0]["name"], "alerts");
    assert_eq!(status["repos"][0], "https://github.com/user/alerts");
}

#[tokio::test]
async fn plugins_are_unloaded_one_by_one_and_all_together() {
    let (_directory, node, catalog) = host();
    for name in ["one", "two", "three"] {
        save(&catalog, name, "1.0.0", false).await;
    }
    let loaded = catalog.load_plugins(&[1, 2, 3], &node).await.expect("readable");
    assert_eq!(loaded.successes, [1, 2, 3]);
    assert!(catalog.unload_plugin(2, &node).await.expect("readable"));
    assert!(!catalog.unload_plugin(2, &node).await.expect("readable"), "it is unloaded already");
    assert!(node.runtime.plugin("two").is_none());
    assert_eq!(catalog.unload_all(&node).await.expect("readable"), [3, 1], "the newest first");
    assert!(node.runtime.plugins().is_empty());
}

#[tokio::test]
async fn manifest_links_install_json_and_yaml_and_nothing_else() {
    let (directory, _node, catalog) = host();
    let component = TestPlugin::from(feature::ECHO).manifest("name", json!("linked"));
    std::fs::write(directory.path().join("linked.wasm"), component.into_bytes()).expect("written");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("written");
        format!("file://{}", directory.path().join(name).display())
    };
    let json = write("a.json", r#"{"name":"a","version":"1.0.0","plugin":"linked.wasm"}"#);
    let yaml = write("b.yaml", "name: b\nversion: 1.0.0\nplugin: linked.wasm\n");
    for (link, id) in [(&json, 1), (&yaml, 2)] {
        let answer = catalog.install_from_manifest_link(link, true, &()).await;
        assert_eq!(text(&answer), (true, Some(id), "Plugin saved successfully"), "{answer:?}");
    }
    let again = catalog.install_from_manifest_link(&json, true, &()).await;
    assert_eq!(text(&again), (false, Some(1), "Plugin is already installed!"));
    let other = write("c.txt", "name: c");
    let answer = catalog.install_from_manifest_link(&other, true, &()).await;
    assert_eq!(text(&answer), (false, None, "Unsupported manifest"), "{answer:?}");
}

#[tokio::test]
async fn plugin_is_enabled_and_disabled_in_a_host_that_runs() {
    let (_directory, node, catalog) = host();
    save(&catalog, "alerts", "1.0.0", false).await;
    let report = node.boot("test", &()).await.expect("it boots");
    let plugin = &report.loaded[0];
    assert_eq!(call(plugin, "ping").await.expect("it serves"), json!(1));
    node.set_enabled(&catalog, "alerts", false).await.expect("disabled");
    assert_eq!(call(plugin, "ping").await.expect_err("disabled").code(), "plugin_disabled");
    assert!(!catalog.installed("alerts").await.expect("readable").enabled);
    node.set_enabled(&catalog, "alerts", true).await.expect("enabled");
    assert_eq!(call(plugin, "ping").await.expect("it serves again"), json!(1));
    node.runtime.unload("alerts").await;
    node.set_enabled(&catalog, "alerts", true).await.expect("enabled");
    let plugin = node.runtime.plugin("alerts").expect("what is enabled is loaded");
    assert_eq!(call(&plugin, "ping").await.expect("it serves"), json!(1));
    let unknown: Value = json!(node.set_enabled(&catalog, "other", true).await.expect_err("unknown").to_string());
    assert!(unknown.as_str().is_some_and(|text| text.contains("no installed plugin is called `other`")), "{unknown}");
}
