//! Trust: a manifest requests it and the operator gives it. An explicit fuel limit still applies to a trusted plugin.

use plugbay::inspection::Trust;
use plugbay::manifest::Resources;
use plugbay::{Ceilings, Policy};
use serde_json::json;

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, call, pings};

fn asks() -> TestPlugin {
    TestPlugin::from(feature::ECHO).manifest("execution_mode", json!("trusted"))
}

#[tokio::test]
async fn plugin_without_the_operators_trust_is_not_loaded() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).trust("another"));
    let error = host.try_load(asks()).await.expect_err("the operator does not trust it");
    assert_load_error(&error, "feature_echo", "permission_denied");
    assert_contains(&error.to_string(), &["execution_mode", "does not trust"]);
    assert_contains(&error.hint().unwrap_or_default(), &["RuntimeBuilder::trust", "trusted: true"]);
    assert_eq!(
        host.runtime.check(asks().package()).await.expect_err("the operator does not trust it").code(),
        "permission_denied"
    );
    assert!(host.runtime.component(asks().package()).await.is_err(), "its functions cannot be called either");
    assert_eq!(host.runtime.inspect(asks().package()).expect("it is shown").trust, Trust::NotGiven);
}

#[tokio::test]
async fn untrusted_revision_does_not_replace_a_sandboxed_one() {
    let host = Host::new();
    let plugin = host.load(feature::ECHO.into()).await;
    let error = host.runtime.reload(asks().package()).await.expect_err("the operator does not trust it");
    assert_eq!(error.code(), "permission_denied");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn plugin_that_the_operator_trusts_is_loaded() {
    let host = Host::with(|builder| builder.trust("feature_echo"));
    assert_eq!(host.runtime.inspect(asks().package()).expect("it is shown").trust, Trust::Given);
    host.load(asks()).await;
    Host::new().runtime.load(asks().package().trusted(true)).await.expect("it is trusted");
    Host::new().runtime.load(asks().package().trusted(false)).await.expect_err("it is not");
    let sandboxed = TestPlugin::from(feature::ECHO).package().trusted(true);
    let inspection = Host::new().runtime.inspect(sandboxed).expect("it is shown");
    assert_eq!((inspection.trust, inspection.limits.fuel.is_some()), (Trust::NotAsked, true));
}

#[tokio::test]
async fn fuel_limit_applies_to_a_trusted_plugin() {
    let plugin = TestPlugin::from(hostile::INFINITE_LOOP).trusted();
    let by_manifest = plugin.clone().resource("max_fuel", json!(1_000_000));
    let by_host = plugin.clone().package().resources(Resources { max_fuel: Some(1_000_000), ..Resources::default() });
    let ceilings = Ceilings { fuel: Some(1_000_000), ..Ceilings::default() };
    let capped = Host::with(|builder| builder.ceilings(ceilings));
    for (host, package) in [(Host::new(), by_manifest.package()), (Host::new(), by_host), (capped, plugin.package())] {
        let plugin = host.runtime.load(package).await.expect("it is trusted");
        let error = call(&plugin, "attack").await.expect_err("it never ends");
        assert_invoke_error(&error, "hostile_infinite_loop", "out_of_fuel");
    }
}
