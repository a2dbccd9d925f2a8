//! Plugins are reloaded when their files have changed in content; the old revision serves if they are not valid.

use std::future::Future;
use std::path::Path;
use std::task::{Context, Waker};

use plugbay::Plugin;
use plugbay_node::watch_plugins;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;

/// A plugin in a file that is watched.
struct Scene {
    _host: Host,
    plugin: Plugin,
    directory: tempfile::TempDir,
    reports: UnboundedReceiver<Result<(), String>>,
    watch: JoinHandle<()>,
}

fn revision(version: &str) -> Vec<u8> {
    TestPlugin::from(feature::ECHO).manifest("version", json!(version)).into_bytes()
}

impl Scene {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("plugin.wasm");
        std::fs::write(&file, revision("1.0.0")).expect("written");
        let host = Host::new();
        let plugin = host.runtime.load(file).await.expect("it loads");
        let (sender, reports) = unbounded_channel();
        let runtime = host.runtime.clone();
        let mut watch = Box::pin(async move {
            let report = |_: &str, reloaded: Result<(), plugbay::LoadError>| {
                let _ = sender.send(reloaded.map_err(|error| error.code().to_owned()));
            };
            watch_plugins(&runtime, report).await;
        });
        // The watch is set up when it is polled for the first time.
        assert!(watch.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        Scene { _host: host, plugin, directory, reports, watch: tokio::spawn(watch) }
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("plugin.wasm")
    }

    /// Replaces the file at once, as a careful program does.
    fn replace(&self, bytes: &[u8]) {
        let next = self.directory.path().join("next");
        std::fs::write(&next, bytes).expect("written");
        std::fs::rename(next, self.file()).expect("renamed");
    }

    async fn report(&mut self) -> Result<(), String> {
        ends(self.reports.recv()).await.expect("it watches")
    }

    fn version(&self) -> String {
        self.plugin.manifest().version.to_string()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

#[tokio::test]
async fn plugin_is_reloaded_when_its_file_is_replaced() {
    let mut scene = Scene::new().await;
    scene.replace(&revision("2.0.0"));
    assert_eq!(scene.report().await, Ok(()));
    assert_eq!(scene.version(), "2.0.0");
}

#[tokio::test]
async fn file_with_the_same_content_is_not_reloaded() {
    let mut scene = Scene::new().await;
    pings(&scene.plugin).await;
    scene.replace(&revision("1.0.0"));
    assert!(!scene._host.runtime.reload_if_changed("feature_echo").await.expect("it can be read"));
    assert_eq!(pings(&scene.plugin).await, 2, "it was left alone");
    scene.replace(&revision("2.0.0"));
    assert_eq!(scene.report().await, Ok(()));
    assert_eq!(scene.plugin.metrics().instances_started, 2, "one reload, for the change");
}

#[tokio::test]
async fn half_of_a_file_is_reported_and_the_old_revision_serves() {
    let mut scene = Scene::new().await;
    let whole = revision("2.0.0");
    std::fs::write(scene.file(), &whole[..whole.len() / 2]).expect("written");
    assert_eq!(scene.report().await, Err("truncated_component".to_owned()));
    assert_eq!((pings(&scene.plugin).await, scene.version().as_str()), (1, "1.0.0"));
    assert!(scene.plugin.status().last_error.is_some());
    std::fs::write(scene.file(), &whole).expect("written");
    assert_eq!(scene.report().await, Ok(()));
    assert_eq!(scene.version(), "2.0.0");
}

/// A plugin directory is watched with its manifest and its configuration.
#[tokio::test]
async fn configuration_file_that_changes_is_read_again() {
    let host = Host::new();
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("written");
    std::fs::copy(feature::CONFIG.path(), directory.path().join("plugin.wasm")).expect("copied");
    std::fs::create_dir(directory.path().join("config")).expect("created");
    write("plugin.json", r#"{ "name": "p", "version": "1.0.0", "configuration": { "ttl": { "type": "integer" } } }"#);
    write("config/default.yaml", "ttl: 1");
    let plugin = host.runtime.load(Path::new(directory.path())).await.expect("it loads");
    write("README.md", "not read");
    assert!(!host.runtime.reload_if_changed("p").await.expect("it can be read"));
    write("config/default.yaml", "ttl: 2");
    assert!(host.runtime.reload_if_changed("p").await.expect("it can be read"));
    assert_eq!(plugin.configuration()["ttl"], 2);
}
