//! Imports that are not granted: refused before any of the guest's code runs.

use plugbay::Policy;
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::hostile;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn sockets_in_a_sandbox_are_denied_at_load() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let asks = json!([{ "resource": "*" }]);
    for mode in ["sandboxed", "legacy"] {
        let plugin = TestPlugin::from(hostile::SOCKETS).manifest("execution_mode", json!(mode));
        let error = host.try_load(plugin.manifest("permissions", asks.clone())).await.expect_err("no sockets in a sandbox");
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
async fn import_that_no_host_offers_is_refused_at_load() {
    for mode in ["sandboxed", "trusted"] {
        let host = Host::with(|builder| builder.policy(Policy::allow_all()));
        let plugin = TestPlugin::from(hostile::UNKNOWN_IMPORT).manifest("execution_mode", json!(mode));
        let error = host.try_load(plugin).await.expect_err("nobody offers it");
        assert_load_error(&error, "hostile_unknown_import", "unknown_import");
        assert_contains(&error.to_string(), &["acme:rocket/engine", mode]);
    }
}

fn trusted_with_network() -> TestPlugin {
    TestPlugin::from(hostile::SOCKETS)
        .manifest("execution_mode", json!("trusted"))
        .manifest("permissions", json!([{ "resource": "net.*" }]))
}
