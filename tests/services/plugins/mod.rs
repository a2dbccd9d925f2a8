//! `plugbay:plugin/plugins`: calls of other plugins and of the application, and named services.

mod call;
mod chain;
mod offer;
mod provided;

use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

/// A host whose operator allows everything.
fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

/// The guest under this name, which requests every permission on plugins and named services.
fn named(name: &str) -> TestPlugin {
    TestPlugin::from(feature::PLUGINS)
        .manifest("name", json!(name))
        .manifest("permissions", json!([allow("plugin.*"), allow("service.*")]))
}

/// The same guest, open to all callers.
fn open(name: &str) -> TestPlugin {
    named(name).manifest("allowed_callers", json!(["*"]))
}

fn allow(resource: &str) -> Value {
    json!({ "resource": resource })
}

/// `a`, which requires this `b`.
async fn pair(b: TestPlugin) -> (Host, Plugin, Plugin) {
    let host = host();
    let b = host.load(b).await;
    let a = host.load(named("a").manifest("requires", json!(["b"]))).await;
    (host, a, b)
}

async fn call(plugin: &Plugin, callee: &str, action: &str, payload: Value) -> Value {
    let payload = json!({ "plugin": callee, "action": action, "payload": payload });
    plugin.call("call", &payload).await.expect("it answers")
}

async fn call_error(plugin: &Plugin, callee: &str, action: &str) -> Value {
    call(plugin, callee, action, json!(null)).await["error"].clone()
}

fn text(error: &Value) -> &str {
    error["text"].as_str().unwrap_or_else(|| panic!("no text: {error}"))
}
