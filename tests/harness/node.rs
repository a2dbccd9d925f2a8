//! Nodes whose host's file, data directory and plugins are in one directory, and their catalog.

use std::path::Path;

use plugbay::{Plugin, Runtime};
use plugbay_catalog::{Catalog, Consent};
use plugbay_node::{BootReport, HostFile, Node, NodeOptions, open_catalog};
use serde_json::json;

use super::guest::feature;
use super::host::TestPlugin;

/// A node with this text as its host's file. Its data directory is `data`, if the text names that.
pub(crate) fn node(directory: &tempfile::TempDir, file: &str) -> Node {
    let path = directory.path().join("plugbay.yaml");
    std::fs::write(&path, file).expect("written");
    let mut options = NodeOptions::default();
    options.file = HostFile::read(&path).expect("a host's file");
    Node::open(options, Runtime::builder().live_instances(16)).expect("it opens")
}

/// A node without a host's file on this data directory.
pub(crate) fn node_on(data_dir: &Path) -> Node {
    let mut options = NodeOptions::default();
    options.data_dir = Some(data_dir.to_owned());
    Node::open(options, Runtime::builder().live_instances(16)).expect("it opens")
}

/// The catalog of the data directory `data`.
pub(crate) fn catalog(directory: &tempfile::TempDir) -> Catalog {
    open_catalog(&HostFile::default(), &directory.path().join("data")).expect("it opens")
}

/// Makes a plugin directory.
pub(crate) fn plugin(directory: &Path, plugin: &TestPlugin) {
    std::fs::create_dir_all(directory).expect("made");
    std::fs::write(directory.join("plugin.wasm"), plugin.clone().into_bytes()).expect("written");
}

/// Installs a plugin of this name, and returns the catalog.
pub(crate) async fn install(directory: &tempfile::TempDir, name: &str, requires: &[&str]) -> Catalog {
    let path = directory.path().join("sources").join(name);
    plugin(&path, &TestPlugin::from(feature::ECHO).manifest("name", json!(name)).manifest("requires", json!(requires)));
    let catalog = catalog(directory);
    let candidate = catalog.candidate(path.to_str().expect("UTF-8"), &()).await.expect("checked");
    catalog.install(&candidate, Consent::widening()).await.expect("installed");
    catalog
}

/// A plugin that fails while it is loaded.
pub(crate) fn failing() -> TestPlugin {
    let fails = json!({ "on_load": { "type": "string", "default": "fail" } });
    TestPlugin::from(feature::LIFECYCLE).manifest("name", json!("failing")).manifest("configuration", fails)
}

/// The names of the loaded plugins, in the order in which they began to serve.
pub(crate) fn names(report: &BootReport) -> Vec<String> {
    report.loaded.iter().map(Plugin::name).collect()
}

/// The names of the loaded plugins, sorted.
pub(crate) fn booted(report: &BootReport) -> Vec<String> {
    let mut names = names(report);
    names.sort();
    names
}
