//! A runtime with small limits, and guests loaded into it with a manifest of the test's choice.

use std::borrow::Cow;
use std::sync::Arc;

use plugbay::compile::CodeCacheLocation;
use plugbay::{InvokeError, LoadError, Package, Plugin, Runtime, RuntimeBuilder};
use serde_json::{Value, json};
use wasm_encoder::{CustomSection, Encode};

use super::build::target_directory;
use super::guest::Guest;
use super::log::RecordedLog;

/// Enough for every honest guest, and used up within milliseconds by a loop.
const FUEL: u64 = 100_000_000;

/// A runtime and the log of its plugins.
pub(crate) struct Host {
    pub(crate) runtime: Runtime,
    pub(crate) log: Arc<RecordedLog>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Host::with(|builder| builder)
    }

    /// A runtime with more settings.
    pub(crate) fn with(settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Self {
        let log = Arc::new(RecordedLog::default());
        plugbay::bound_sql_memory().expect("SQLite was not used before");
        let builder = Runtime::builder()
            .live_instances(16)
            .code_cache(CodeCacheLocation::Directory(target_directory().join("code-cache")))
            .log_sink(log.clone());
        Host { runtime: settings(builder).build().expect("the runtime can be built"), log }
    }

    /// Loads a plugin.
    pub(crate) async fn load(&self, plugin: TestPlugin) -> Plugin {
        let name = plugin.name();
        self.try_load(plugin).await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) async fn try_load(&self, plugin: TestPlugin) -> Result<Plugin, LoadError> {
        self.runtime.load(plugin.package()).await
    }
}

/// A guest's bytes, and the manifest that a test gives it.
#[derive(Clone)]
pub(crate) struct TestPlugin {
    bytes: Vec<u8>,
    manifest: Value,
    trusted: bool,
}

impl From<Guest> for TestPlugin {
    fn from(guest: Guest) -> Self {
        TestPlugin::new(guest.name(), guest.bytes())
    }
}

impl TestPlugin {
    /// A guest with the manifest of every test plugin.
    pub(crate) fn new(name: &str, bytes: Vec<u8>) -> Self {
        let manifest = json!({
            "name": name,
            "version": "0.1.0",
            "resources": {
                "max_fuel": FUEL, "max_memory_mb": 32, "timeout_seconds": 10,
                "rate_limit": { "calls": 0, "period_seconds": 1 },
            },
        });
        TestPlugin { bytes, manifest, trusted: false }
    }

    fn name(&self) -> String {
        self.manifest["name"].as_str().unwrap_or_default().to_owned()
    }

    /// Sets a field of the manifest.
    #[must_use]
    pub(crate) fn manifest(mut self, member: &str, value: Value) -> Self {
        self.manifest[member] = value;
        self
    }

    /// Requests trust and gets it, which removes the fuel limit.
    #[must_use]
    pub(crate) fn trusted(mut self) -> Self {
        self.trusted = true;
        self.resource("max_fuel", json!(0)).manifest("execution_mode", json!("trusted"))
    }

    /// Sets a limit.
    #[must_use]
    pub(crate) fn resource(mut self, limit: &str, value: Value) -> Self {
        self.manifest["resources"][limit] = value;
        self
    }

    /// The component with its manifest inside.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        with_section(self.bytes, "plugbay:manifest", self.manifest.to_string().as_bytes())
    }

    pub(crate) fn package(self) -> Package {
        let trusted = self.trusted;
        Package::from_bytes(self.name(), self.into_bytes()).trusted(trusted)
    }
}

/// A component with one more custom section.
pub(crate) fn with_section(mut component: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    const CUSTOM_SECTION: u8 = 0;
    component.push(CUSTOM_SECTION);
    CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) }.encode(&mut component);
    component
}

/// Calls an action without a payload.
pub(crate) async fn call(plugin: &Plugin, action: &str) -> Result<Value, InvokeError> {
    plugin.call(action, &()).await
}

/// Pings the plugin, and returns the number of pings that its present instance has had.
pub(crate) async fn pings(plugin: &Plugin) -> u64 {
    let pings = plugin.call("ping", &()).await;
    pings.unwrap_or_else(|error| panic!("`{}` does not answer a ping: {error}", plugin.name()))
}
