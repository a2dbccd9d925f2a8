//! A data directory, a host's file and the source of a plugin, in one directory.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::command::{Plugbay, Ran};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;
use crate::harness::server::Server;

pub(super) struct Scene {
    directory: tempfile::TempDir,
}

/// The plugin `hello` in a version.
pub(super) fn hello(version: &str) -> TestPlugin {
    named("hello").manifest("version", json!(version))
}

/// A plugin that asks for nothing, not even for limits above the host's defaults.
pub(super) fn named(name: &str) -> TestPlugin {
    let rate = json!({ "calls": 100, "period_seconds": 60 });
    TestPlugin::from(feature::ECHO).manifest("name", json!(name)).resource("rate_limit", rate)
}

/// The text of a path.
pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

impl Scene {
    pub(super) fn new() -> Self {
        Scene { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// Writes a plugin as a file, and returns its path.
    pub(super) fn file(&self, name: &str, plugin: TestPlugin) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, plugin.into_bytes()).expect("written");
        path
    }

    /// Writes the host's file. It names the server as one that packages may come from.
    pub(super) fn host_file(&self, server: &str, more: &str) -> PathBuf {
        let path = self.path("plugbay.yaml");
        let text = format!("catalog: {{ private_hosts: ['{server}'], plain_hosts: ['{server}']{more} }}\n");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// The command with this data directory. It is run in the scene's directory.
    pub(super) fn command(&self, arguments: &[&str]) -> Plugbay {
        let data = self.data();
        let at = arguments.iter().position(|argument| *argument == "--").unwrap_or(arguments.len());
        let (before, after) = arguments.split_at(at);
        Plugbay::new([before, &["--data-dir", text(&data)], after].concat()).directory(self.directory.path())
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).run()
    }

    /// Installs a plugin and confirms what it asks for.
    pub(super) fn install(&self, plugin: TestPlugin) {
        let file = self.file("hello.wasm", plugin);
        self.run(&["install", text(&file), "--yes"]).exits_with(0);
    }

    /// Installs from a server that the host's file names.
    pub(super) fn install_from(&self, server: &Server, reference: &str) -> Ran {
        let file = self.host_file(&server.authority(), "");
        self.run(&["install", reference, "--yes", "--json", "--host-file", text(&file)])
    }

    /// The installed plugins.
    pub(super) fn list(&self) -> Vec<Value> {
        let listed = self.run(&["list", "--json"]).exits_with(0).json();
        listed["plugins"].as_array().cloned().expect("a list")
    }

    /// The names and versions of the installed plugins.
    pub(super) fn versions(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.list().iter().map(|plugin| (text(&plugin["name"]), text(&plugin["current"]["version"]))).collect()
    }
}
