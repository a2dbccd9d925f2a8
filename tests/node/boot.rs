//! The boot of a node: discovery, the host's file and the catalog, and what the catalog records.

use std::path::Path;

use plugbay::lifecycle::PluginState;
use plugbay_catalog::store::InstalledState;
use plugbay_catalog::{Catalog, Consent};
use plugbay_node::{BootFailure, HostFile, open_catalog};
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::feature;
use crate::harness::host::{TestPlugin, call};
use crate::harness::node::{booted, catalog, failing, install, names, node, plugin};

#[tokio::test]
async fn plugins_of_file_catalog_and_directory_are_loaded_together() {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, name) in [("listed", "listed"), ("plugins/zebra", "zebra"), ("plugins/shop/cart", "cart")] {
        plugin(&directory.path().join(path), &TestPlugin::from(feature::ECHO).manifest("name", json!(name)));
    }
    for skipped in ["plugins/_off", "plugins/.hidden", "plugins/shop/_off"] {
        plugin(&directory.path().join(skipped), &TestPlugin::from(feature::ECHO).manifest("name", json!("skipped")));
    }
    install(&directory, "installed", &["cart"]).await;
    let file = "plugins: [{ url: listed }, { url: plugins/zebra }]\nplugins_dir: plugins\ndata_dir: data\n";
    let node = node(&directory, file);
    let report = node.boot("plugbay test", &()).await.expect("it boots");
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert_eq!(booted(&report), ["cart", "installed", "listed", "zebra"]);
    let order = names(&report);
    let at = |name: &str| order.iter().position(|known| known == name);
    assert!(at("cart") < at("installed"), "an installed plugin may require a discovered one: {order:?}");
}

#[tokio::test]
async fn failure_of_one_plugin_leaves_the_others_loaded() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(directory.path().join("plugins/shop/empty")).expect("made");
    plugin(&directory.path().join("plugins/good"), &TestPlugin::from(feature::ECHO).manifest("name", json!("good")));
    let catalog = install(&directory, "needy", &["missing"]).await;
    install_failing(&catalog, &directory).await;
    let report = node(&directory, "plugins_dir: plugins\ndata_dir: data\n").boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["good"]);
    let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert_contains(&errors.join("\n"), &["empty", "no `.wasm` file", "needy", "missing", "failing"]);
    for name in ["needy", "failing"] {
        let installed = catalog.installed(name).await.expect("it is installed");
        assert_eq!(installed.state, InstalledState::Failed, "{name}");
        assert!(installed.last_error.is_some_and(|error| error.contains(name)), "{name}");
    }
}

async fn install_failing(catalog: &Catalog, directory: &tempfile::TempDir) {
    let path = directory.path().join("failing");
    plugin(&path, &failing());
    let candidate = catalog.candidate(path.to_str().expect("UTF-8"), &()).await.expect("checked");
    catalog.install(&candidate, Consent::widening()).await.expect("installed");
}

#[tokio::test]
async fn disabled_plugin_stays_disabled_after_a_boot() {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = install(&directory, "one", &[]).await;
    install(&directory, "two", &["one"]).await;
    catalog.set_enabled("one", false).await.expect("disabled");
    for _ in 0..2 {
        let report = node(&directory, "data_dir: data\n").boot("test", &()).await.expect("it boots");
        assert!(report.loaded.is_empty(), "`two` requires it");
        let [one] = &report.disabled[..] else { panic!("not one: {:?}", report.disabled) };
        let error = call(one, "ping").await.expect_err("it is disabled");
        assert_invoke_error(&error, "one", "plugin_disabled");
    }
    catalog.set_enabled("one", true).await.expect("enabled");
    let report = node(&directory, "data_dir: data\n").boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["one", "two"]);
    let installed = catalog.installed("two").await.expect("it is installed");
    assert_eq!((installed.state, installed.last_error), (InstalledState::Loaded, None));
}

#[tokio::test]
async fn discovered_plugin_stays_disabled_after_a_boot() {
    let directory = tempfile::tempdir().expect("a directory");
    for name in ["one", "two"] {
        let path = directory.path().join("plugins").join(name);
        plugin(&path, &TestPlugin::from(feature::ECHO).manifest("name", json!(name)));
    }
    let file = "plugins_dir: plugins\ndata_dir: data\n";
    let catalog = catalog(&directory);
    let first = node(&directory, file);
    let report = first.boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["one", "two"]);
    let record = first.set_enabled(&catalog, "one", false).await.expect("disabled");
    assert!(record.is_none(), "it is not installed");
    let one = first.runtime.plugin("one").expect("it is listed");
    assert_invoke_error(&call(&one, "ping").await.expect_err("it is disabled"), "one", "plugin_disabled");
    drop(report);

    let second = node(&directory, file);
    let report = second.boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["two"]);
    let [one] = &report.disabled[..] else { panic!("not one: {:?}", report.disabled) };
    assert_invoke_error(&call(one, "ping").await.expect_err("it is disabled"), "one", "plugin_disabled");
    // Another process enables it and disables the other one.
    catalog.set_name_enabled("one", true).await.expect("enabled");
    catalog.set_name_enabled("two", false).await.expect("disabled");
    let refreshed = second.refresh(&catalog).await.expect("readable");
    assert_eq!((refreshed.loaded, refreshed.disabled), (vec!["one".to_owned()], vec!["two".to_owned()]));
    assert_eq!(call(one, "ping").await.expect("it serves"), json!(1));
    assert!(second.refresh(&catalog).await.expect("readable").is_empty());
}

#[tokio::test]
async fn second_host_on_a_data_directory_is_refused_with_the_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let report = node(&directory, "data_dir: data\n").boot("plugbay serve", &()).await.expect("it boots");
    let error = node(&directory, "data_dir: data\n").boot("other", &()).await.expect_err("it is in use");
    assert!(matches!(error, BootFailure::Lock(_)), "{error}");
    let holder = format!("process {} (`plugbay serve`)", std::process::id());
    assert_contains(&error.to_string(), &[&holder, "stop that host first"]);
    drop(report);
    node(&directory, "data_dir: data\n").boot("other", &()).await.expect("it is free");
}

#[tokio::test]
async fn damaged_catalog_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    install(&directory, "one", &[]).await;
    let path = directory.path().join("data/catalog.db");
    for damage in [&b"not a database"[..], b""] {
        std::fs::write(&path, damage).expect("written");
        for log in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(directory.path().join(format!("data/catalog.db{log}")));
        }
        let error =
            node(&directory, "data_dir: data\n").boot("test", &()).await.expect_err("it is damaged").to_string();
        assert_contains(&error, &["catalog.db is damaged", "Restore it from a backup", "was not changed"]);
        assert_eq!(std::fs::read(&path).expect("it is still there"), damage);
        let opened = open_catalog(&HostFile::default(), &directory.path().join("data"));
        assert!(opened.is_err(), "no command replaces it");
    }
}

#[tokio::test]
async fn package_whose_stored_component_is_damaged_fails_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let catalog = install(&directory, "one", &[]).await;
    let path = directory.path().join("two");
    let two = TestPlugin::from(feature::CONFIG).manifest("name", json!("two"));
    plugin(&path, &two);
    let candidate = catalog.candidate(path.to_str().expect("UTF-8"), &()).await.expect("checked");
    catalog.install(&candidate, Consent::widening()).await.expect("installed");
    damage_component(&directory.path().join("data/catalog.db"), candidate.package.component.len());
    let report = node(&directory, "data_dir: data\n").boot("test", &()).await.expect("it boots");
    assert_eq!(booted(&report), ["one"]);
    assert_contains(&report.errors[0].to_string(), &["damaged"]);
    assert_eq!(catalog.installed("two").await.expect("listed").state, InstalledState::Failed);
}

/// Replaces the component of this length by as many zeros.
fn damage_component(path: &Path, length: usize) {
    let connection = crate::harness::database::open(path);
    let changed = connection
        .execute("UPDATE component SET bytes = zeroblob(?1) WHERE length(bytes) = ?1", [length as i64])
        .expect("changed");
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn lazy_plugin_of_the_file_is_started_by_its_first_call() {
    let directory = tempfile::tempdir().expect("a directory");
    let named = |name: &str| TestPlugin::from(feature::LIFECYCLE).manifest("name", json!(name));
    plugin(&directory.path().join("plugins/idle"), &named("idle"));
    plugin(&directory.path().join("plugins/failing"), &failing());
    install(&directory, "installed", &[]).await;
    let file = "plugins: [{ url: plugins/idle, lazy: true }, { url: plugins/failing, lazy: true },
        { name: installed, lazy: true }]\nplugins_dir: plugins\ndata_dir: data\n";
    let node = node(&directory, file);
    let report = node.boot("plugbay test", &()).await.expect("it boots");
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert_eq!(booted(&report), ["failing", "idle", "installed"]);
    assert!(report.loaded.iter().all(|plugin| plugin.state() == PluginState::Lazy), "{:?}", report.loaded);
    let plugin = |name: &str| node.runtime.plugin(name).expect("it is listed");
    for name in ["idle", "installed"] {
        call(&plugin(name), "ping").await.expect("it answers");
        assert_eq!(plugin(name).state(), PluginState::Ready, "{name}");
    }
    let error = call(&plugin("failing"), "ping").await.expect_err("its `on_load` fails");
    assert!(error.to_string().starts_with("Could not load failing - "), "{error}");
    let catalog = catalog(&directory);
    assert!(node.refresh(&catalog).await.expect("it can be read").is_empty(), "nothing has changed");
    assert_eq!(plugin("failing").state(), PluginState::Lazy);
}
