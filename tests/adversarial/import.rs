//! Imports that are not granted and exports that do not fit: refused before any of the guest's code runs.

use plugbay::Policy;
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::core_module;
use crate::harness::guest::hostile;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn sockets_in_a_sandbox_are_denied_at_load() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let asks = json!([{ "resource": "*" }]);
    for mode in ["sandboxed", "legacy"] {
        let plugin = TestPlugin::from(hostile::SOCKETS).manifest("execution_mode", json!(mode));
        let error =
            host.try_load(plugin.manifest("permissions", asks.clone())).await.expect_err("no sockets in a sandbox");
        assert_load_error(&error, "hostile_sockets", "permission_denied");
        assert_contains(&error.to_string(), &["wasi:sockets/", "trusted"]);
    }
}

#[tokio::test]
async fn sockets_that_were_not_asked_for_are_denied_at_load() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(hostile::SOCKETS).manifest("execution_mode", json!("trusted"));
    let error = host.try_load(plugin).await.expect_err("its manifest does not ask");
    assert_load_error(&error, "hostile_sockets", "permission_denied");
    assert_contains(&error.to_string(), &["wasi:sockets/", "permissions", "manifest"]);
}

#[tokio::test]
async fn sockets_that_the_operator_did_not_allow_are_denied_at_load() {
    let error = Host::new().try_load(trusted_with_network()).await.expect_err("the operator does not allow it");
    assert_load_error(&error, "hostile_sockets", "permission_denied");
    assert_contains(&error.to_string(), &["wasi:sockets/", "--grant"]);
}

#[tokio::test]
async fn sockets_that_both_sides_allow_connect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(trusted_with_network()).await;
    let answer: String = plugin.call("attack", &address).await.expect("it answers");
    assert_eq!(answer, "connected");
}

#[tokio::test]
async fn sockets_reach_only_the_address_that_both_sides_allow() {
    let allowed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = |listener: &std::net::TcpListener| listener.local_addr().expect("it is bound").to_string();
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = TestPlugin::from(hostile::SOCKETS)
        .manifest("execution_mode", json!("trusted"))
        .manifest("permissions", json!([{ "resource": format!("net.{}", address(&allowed)) }]));
    let plugin = host.load(plugin).await;
    let answer: String = plugin.call("attack", &address(&allowed)).await.expect("it answers");
    assert_eq!(answer, "connected");
    let answer: String = plugin.call("attack", &address(&other)).await.expect("it answers");
    assert_ne!(answer, "connected");
}

#[tokio::test]
async fn import_that_no_host_offers_is_refused_at_load() {
    for mode in ["sandboxed", "trusted"] {
        let host = Host::with(|builder| builder.policy(Policy::allow_all()));
        let plugin = TestPlugin::from(hostile::UNKNOWN_IMPORT).manifest("execution_mode", json!(mode));
        let error = host.try_load(plugin).await.expect_err("nobody offers it");
        assert_load_error(&error, "hostile_unknown_import", "unknown_import");
        assert_contains(&error.to_string(), &["acme:rocket/engine", mode]);
    }
}

#[tokio::test]
async fn contract_of_another_type_is_refused() {
    let wit = "
        package plugbay:plugin@0.1.0;
        interface actions { handle: func(action: string) -> u32; }
        world other { export actions; }";
    let module = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "plugbay:plugin/actions@0.1.0#handle") (param i32 i32) (result i32) (i32.const 1)))"#;
    refused(core_module::component(module, wit, "other"), &["handle"]).await;
}

#[tokio::test]
async fn contract_of_a_later_incompatible_version_is_refused() {
    let wit = "
        package plugbay:plugin@0.2.0;
        interface actions { handle: func(action: string, payload: string) -> string; }
        world other { export actions; }";
    let module = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "plugbay:plugin/actions@0.2.0#handle") (param i32 i32 i32 i32) (result i32) (i32.const 16)))"#;
    refused(core_module::component(module, wit, "other"), &["0.2.0"]).await;
}

async fn refused(bytes: Vec<u8>, words: &[&str]) {
    let error = Host::new().try_load(TestPlugin::new("stranger", bytes)).await.expect_err("it is another contract");
    assert_load_error(&error, "stranger", "contract_mismatch");
    assert_contains(&error.to_string(), words);
}

fn trusted_with_network() -> TestPlugin {
    TestPlugin::from(hostile::SOCKETS)
        .manifest("execution_mode", json!("trusted"))
        .manifest("permissions", json!([{ "resource": "net.*" }]))
}
