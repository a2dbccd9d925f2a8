//! Imports that are not granted and exports that do not match the contract: refused before guest code runs.

use plugbay::Policy;
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error, line_to_add};
use crate::harness::attack::Attack;
use crate::harness::audit::RecordedAudit;
use crate::harness::core_module;
use crate::harness::guest::hostile;
use crate::harness::host::{Host, TestPlugin};

/// Whole standard libraries import sockets, so importing them does not fail the load.
#[tokio::test]
async fn sockets_in_a_sandbox_are_denied_at_use() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    for plugin in [TestPlugin::from(hostile::SOCKETS), TestPlugin::from(hostile::SOCKETS).trusted()] {
        let asks = plugin.manifest("permissions", json!([{ "resource": "*" }]));
        for request in [format!("connect {address}"), "bind 0.0.0.0:0".to_owned(), "look up localhost".to_owned()] {
            let audit = RecordedAudit::default();
            let host = Host::with(|builder| builder.policy(Policy::allow_all()).audit_sink(audit.clone()));
            let plugin = host.load(asks.clone()).await;
            let answer: String = plugin.call("attack", &request).await.expect("it answers");
            assert_eq!(answer, "PermissionDenied", "{request}");
            assert_eq!(audit.lines(), ["permission.deny hostile_sockets execute net.* host"], "{request}");
            assert_eq!(plugin.metrics().denials, 1);
        }
    }
}

#[tokio::test]
async fn sockets_in_a_sandbox_do_no_harm() {
    Attack::by(hostile::SOCKETS).payload(json!("connect 127.0.0.1:80")).does_no_harm().await;
}

#[tokio::test]
async fn sandboxed_plugin_requesting_addresses_is_denied_at_load() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let asks = json!([{ "resource": "net.*" }]);
    for mode in ["sandboxed", "legacy"] {
        let plugin = TestPlugin::from(hostile::SOCKETS).manifest("execution_mode", json!(mode));
        let error = host.try_load(plugin.manifest("permissions", asks.clone())).await.expect_err("it is denied");
        assert_load_error(&error, "hostile_sockets", "permission_denied");
        assert_contains(&error.to_string(), &["wasi:sockets/", "trusted"]);
    }
}

#[tokio::test]
async fn later_wasi_is_refused_with_the_supported_version() {
    for interface in ["wasi:sockets/types@0.3.0", "wasi:cli/environment@0.3.0", "wasi:http/types@0.3.0"] {
        let component = format!(r#"(component (import "{interface}" (instance (export "f" (func)))))"#);
        let plugin = TestPlugin::new("later", wat::parse_str(component).expect("valid"));
        let asks = plugin.manifest("permissions", json!([{ "resource": "*" }]));
        let host = Host::with(|builder| builder.policy(Policy::allow_all()));
        let error = host.try_load(asks).await.expect_err("this host is older");
        assert_load_error(&error, "later", "unknown_import");
        assert_contains(&error.to_string(), &[interface]);
        assert_contains(&error.hint().unwrap_or_default(), &["version 0.2", "wasm32-wasip2"]);
    }
}

#[tokio::test]
async fn sockets_without_the_operators_grant_are_denied_at_load() {
    let error = Host::new().try_load(trusted_with_network()).await.expect_err("the operator does not allow it");
    assert_load_error(&error, "hostile_sockets", "permission_denied");
    assert_contains(&error.to_string(), &["wasi:sockets/"]);
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("net.*", "execute")]);
}

#[tokio::test]
async fn sockets_with_both_grants_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(trusted_with_network()).await;
    let answer: String = plugin.call("attack", &format!("connect {address}")).await.expect("it answers");
    assert_eq!(answer, "connected");
}

#[tokio::test]
async fn sockets_reach_only_the_granted_address() {
    let allowed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = |listener: &std::net::TcpListener| listener.local_addr().expect("it is bound").to_string();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(hostile::SOCKETS)
        .trusted()
        .manifest("permissions", json!([{ "resource": format!("net.{}", address(&allowed)) }]));
    let plugin = host.load(plugin).await;
    let answer: String = plugin.call("attack", &format!("connect {}", address(&allowed))).await.expect("it answers");
    assert_eq!(answer, "connected");
    let answer: String = plugin.call("attack", &format!("connect {}", address(&other))).await.expect("it answers");
    assert_ne!(answer, "connected");
}

#[tokio::test]
async fn unknown_import_is_refused_at_load() {
    let plugin = TestPlugin::from(hostile::UNKNOWN_IMPORT);
    for (mode, plugin) in [("sandboxed", plugin.clone()), ("trusted", plugin.trusted())] {
        let host = Host::with(|builder| builder.policy(Policy::allow_all()));
        let error = host.try_load(plugin).await.expect_err("no host implements it");
        assert_load_error(&error, "hostile_unknown_import", "unknown_import");
        assert_contains(&error.to_string(), &["acme:rocket/engine", mode]);
    }
}

#[tokio::test]
async fn contract_with_another_type_is_refused() {
    let wit = "
        package plugbay:plugin@0.2.0;
        interface actions { handle: func(action: string) -> u32; }
        world other { export actions; }";
    let module = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "plugbay:plugin/actions@0.2.0#handle") (param i32 i32) (result i32) (i32.const 1)))"#;
    refused(core_module::component(module, wit, "other"), &["handle"]).await;
}

#[tokio::test]
async fn contract_of_an_incompatible_version_is_refused() {
    let wit = "
        package plugbay:plugin@0.1.0;
        interface actions { handle: func(action: string, payload: string) -> string; }
        world other { export actions; }";
    let module = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "plugbay:plugin/actions@0.1.0#handle") (param i32 i32 i32 i32) (result i32) (i32.const 16)))"#;
    refused(core_module::component(module, wit, "other"), &["actions@0.1.0", "version 0.2", "rebuild the plugin"])
        .await;
}

#[tokio::test]
async fn import_of_an_older_contract_is_refused_with_the_remedy() {
    let wit = "
        package plugbay:plugin@0.1.0;
        interface actions { handle: func(action: string, payload: string) -> string; }
        interface invocation { request-id: func() -> string; }
        world other { import invocation; export actions; }";
    let module = r#"(module
        (import "plugbay:plugin/invocation@0.1.0" "request-id" (func (param i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "plugbay:plugin/actions@0.1.0#handle") (param i32 i32 i32 i32) (result i32) (i32.const 16)))"#;
    let plugin = TestPlugin::new("older", core_module::component(module, wit, "other"));
    let error = Host::new().try_load(plugin).await.expect_err("it is another contract");
    assert_load_error(&error, "older", "unknown_import");
    assert_contains(&error.to_string(), &["plugbay:plugin/invocation@0.1.0"]);
    assert_contains(&error.hint().unwrap_or_default(), &["version 0.2", "rebuild the plugin"]);
}

async fn refused(bytes: Vec<u8>, words: &[&str]) {
    let error = Host::new().try_load(TestPlugin::new("stranger", bytes)).await.expect_err("it is another contract");
    assert_load_error(&error, "stranger", "contract_mismatch");
    assert_contains(&error.to_string(), words);
}

fn trusted_with_network() -> TestPlugin {
    TestPlugin::from(hostile::SOCKETS).trusted().manifest("permissions", json!([{ "resource": "net.*" }]))
}
