//! A host that runs and follows the changes of its catalog.

use plugbay_catalog::{Catalog, CatalogError, Consent};
use plugbay_node::RefreshReport;
use serde_json::json;

use crate::harness::guest::feature;
use crate::harness::host::{TestPlugin, call};
use crate::harness::node::{catalog, failing, node, plugin};
use crate::harness::patience::ends;

/// Installs a plugin, or another version of it.
async fn install(catalog: &Catalog, directory: &tempfile::TempDir, new: TestPlugin) {
    let path = directory.path().join("source");
    plugin(&path, &new);
    let candidate = catalog.candidate(path.to_str().expect("UTF-8"), &()).await.expect("checked");
    catalog.install(&candidate, Consent::widening().and_moved_version()).await.expect("installed");
}

fn named(name: &str, version: &str) -> TestPlugin {
    TestPlugin::from(feature::ECHO).manifest("name", json!(name)).manifest("version", json!(version))
}

#[tokio::test]
async fn host_follows_each_change_of_its_catalog() {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = catalog(&directory);
    install(&catalog, &directory, named("one", "1.0.0")).await;
    let node = node(&directory, "data_dir: data\n");
    let report = node.boot("test", &()).await.expect("it boots");
    let one = &report.loaded[0];
    assert!(node.refresh(&catalog).await.expect("readable").is_empty(), "nothing changed");

    let before = catalog.revision().await.expect("readable");
    install(&catalog, &directory, named("one", "2.0.0")).await;
    install(&catalog, &directory, named("two", "1.0.0").manifest("requires", json!(["three"]))).await;
    install(&catalog, &directory, named("three", "1.0.0")).await;
    assert!(catalog.revision().await.expect("readable") > before);
    let report = node.refresh(&catalog).await.expect("readable");
    assert_eq!((report.reloaded, report.loaded), (vec!["one".to_owned()], vec!["two".to_owned(), "three".to_owned()]));
    assert_eq!(one.manifest().version.to_string(), "2.0.0", "the handle stays valid");
    assert_eq!(call(one, "ping").await.expect("it serves"), json!(1));

    catalog.rollback("one").await.expect("rolled back");
    catalog.set_enabled("three", false).await.expect("disabled");
    catalog.remove("two").await.expect("removed");
    let report = node.refresh(&catalog).await.expect("readable");
    assert_eq!((report.reloaded, report.disabled), (vec!["one".to_owned()], vec!["three".to_owned()]));
    assert_eq!(report.unloaded, ["two"]);
    assert_eq!(one.manifest().version.to_string(), "1.0.0");
    let three = node.runtime.plugin("three").expect("it is listed");
    assert_eq!(call(&three, "ping").await.expect_err("disabled").code(), "plugin_disabled");

    catalog.set_enabled("three", true).await.expect("enabled");
    assert_eq!(node.refresh(&catalog).await.expect("readable").loaded, ["three"]);
    assert_eq!(call(&three, "ping").await.expect("it serves"), json!(1));
    assert!(node.refresh(&catalog).await.expect("readable").is_empty());
}

#[tokio::test]
async fn host_that_follows_its_catalog_reports_each_change() {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = catalog(&directory);
    install(&catalog, &directory, named("one", "1.0.0")).await;
    let node = node(&directory, "data_dir: data\n");
    let report = node.boot("test", &()).await.expect("it boots");
    let (sender, mut reports) = tokio::sync::mpsc::unbounded_channel::<Result<RefreshReport, CatalogError>>();
    let change = async {
        install(&catalog, &directory, named("one", "2.0.0")).await;
        let refreshed = ends(reports.recv()).await.expect("a report").expect("readable");
        assert_eq!(refreshed.reloaded, ["one"]);
        catalog.set_enabled("one", false).await.expect("disabled");
        ends(reports.recv()).await.expect("a report").expect("readable").disabled
    };
    let disabled = tokio::select! {
        disabled = change => disabled,
        never = node.follow(&catalog, |refreshed| sender.send(refreshed).expect("the test listens")) => match never {},
    };
    assert_eq!(disabled, ["one"]);
    assert_eq!(call(&report.loaded[0], "ping").await.expect_err("disabled").code(), "plugin_disabled");
}

#[tokio::test]
async fn version_that_fails_leaves_the_earlier_one_serving() {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = catalog(&directory);
    install(&catalog, &directory, named("one", "1.0.0")).await;
    let node = node(&directory, "data_dir: data\n");
    let report = node.boot("test", &()).await.expect("it boots");
    let fails = json!({ "on_reload": { "type": "string", "default": "fail" }, "on_load": { "type": "string", "default": "fail" } });
    let broken = TestPlugin::from(feature::LIFECYCLE).manifest("configuration", fails);
    install(&catalog, &directory, broken.manifest("name", json!("one")).manifest("version", json!("2.0.0"))).await;
    install(&catalog, &directory, failing()).await;
    for _ in 0..2 {
        let refreshed = node.refresh(&catalog).await.expect("readable");
        assert_eq!(refreshed.errors.len(), 2, "{refreshed:?}");
        assert!(refreshed.reloaded.is_empty());
        assert_eq!(report.loaded[0].manifest().version.to_string(), "1.0.0");
        assert_eq!(call(&report.loaded[0], "echo").await.expect("it serves on"), json!(null));
    }
    assert!(catalog.installed("one").await.expect("listed").last_error.is_some());
    catalog.rollback("one").await.expect("rolled back");
    catalog.remove("failing").await.expect("removed");
    assert!(node.refresh(&catalog).await.expect("readable").errors.is_empty());
}

#[tokio::test]
async fn plugin_of_a_file_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = catalog(&directory);
    plugin(&directory.path().join("local"), &named("one", "1.0.0"));
    let node = node(&directory, "data_dir: data\nplugins: [{ url: local }]\n");
    let report = node.boot("test", &()).await.expect("it boots");
    install(&catalog, &directory, named("one", "2.0.0")).await;
    assert!(node.refresh(&catalog).await.expect("readable").is_empty());
    catalog.remove("one").await.expect("removed");
    assert!(node.refresh(&catalog).await.expect("readable").is_empty());
    assert_eq!(call(&report.loaded[0], "ping").await.expect("it serves"), json!(1));
}
