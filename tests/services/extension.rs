//! An interface of the application: allowed, denied, its state, and mistakes in offering it.

use std::sync::atomic::Ordering::SeqCst;

use plugbay::error::BuildError;
use plugbay::extension::{Extension, PermissionAction};
use plugbay::{Caller, Invocation, Package, Plugin, Policy, Runtime};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_last_denial, assert_load_error, line_to_add};
use crate::harness::audit::RecordedAudit;
use crate::harness::guest::{example, feature};
use crate::harness::host::{Host, TestPlugin, pings};
use crate::harness::patience::ends;
use crate::harness::warehouse::{INTERFACE, Warehouse};

/// A host with the warehouse, and an operator who allows everything.
fn host(warehouse: &Warehouse) -> Host {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).extension(warehouse.extension()));
    warehouse.runtime.set(host.runtime.clone()).expect("one host for each warehouse");
    host
}

fn plugin() -> TestPlugin {
    TestPlugin::from(feature::EXTENSION).manifest("permissions", json!([{ "resource": "ext.stock.*" }]))
}

async fn call(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}

#[tokio::test]
async fn function_of_the_application_returns_typed_values() {
    let plugin = host(&Warehouse::default()).load(plugin()).await;
    assert_eq!(call(&plugin, "left", json!({ "item": "apple" })).await, 12);
    assert_eq!(call(&plugin, "left", json!({ "item": "moon" })).await, json!({ "error": "there is no `moon`" }));
    assert_eq!(call(&plugin, "weigh", json!({ "bytes": 100_000 })).await, 100_000);
    assert_eq!(call(&plugin, "baskets", json!(null)).await, json!([2, 1]));
}

#[tokio::test]
async fn function_knows_the_plugin_and_the_request() {
    let plugin = host(&Warehouse::default()).load(plugin().manifest("name", json!("cart"))).await;
    for id in ["order-7", "order-8"] {
        let invocation = Invocation::new("caller").caller(Caller::Cli).request_id(id);
        let answer: Value = plugin.invoke(invocation).await.expect("it answers").parse("", "").expect("JSON");
        assert_eq!(answer, json!(["cart", id]));
    }
}

#[tokio::test]
async fn plugin_without_the_request_is_refused_with_the_line_to_add() {
    let host = host(&Warehouse::default());
    let error = host.try_load(feature::EXTENSION.into()).await.expect_err("its manifest asks for nothing");
    assert_load_error(&error, "feature_extension", "permission_denied");
    let line = r#"add `- {resource: "ext.stock.*", actions: [read]}` at the top of `permissions`"#;
    assert_contains(&error.to_string(), &[INTERFACE]);
    assert_contains(&error.hint().unwrap_or_default(), &[line]);
}

#[tokio::test]
async fn plugin_without_the_grant_is_refused_with_the_option_to_add() {
    let host = Host::with(|builder| builder.extension(Warehouse::default().extension()));
    let error = host.try_load(plugin()).await.expect_err("the operator allows nothing");
    assert_load_error(&error, "feature_extension", "permission_denied");
    assert_contains(&error.to_string(), &[INTERFACE, "operator"]);
    assert_contains(&error.hint().unwrap_or_default(), &[&line_to_add("ext.stock.*", "read")]);
    let inspection = host.runtime.inspect(plugin().package()).expect("it is a plugin");
    let import = inspection.imports.iter().find(|import| import.name == INTERFACE).expect("it is imported");
    assert_eq!((import.permission.as_deref(), import.granted), (Some("ext.stock.*:read"), false));
    host.runtime.update_policy(|policy| policy.allow("ext.stock.pear:read")).expect("a rule");
    let plugin = host.load(plugin()).await;
    assert_eq!(call(&plugin, "left", json!({ "item": "pear" })).await, 3, "one of the resources is enough to load it");
}

#[tokio::test]
async fn each_use_is_checked_and_audited() {
    let audit = RecordedAudit::of_everything();
    let policy = Policy::default().allow("ext.stock.apple:read,write").expect("a rule");
    let warehouse = Warehouse::default();
    let host = Host::with(|builder| builder.policy(policy).audit_sink(audit.clone()).extension(warehouse.extension()));
    let plugin = host.load(plugin().manifest("name", json!("cart"))).await;
    assert_eq!(call(&plugin, "left", json!({ "item": "apple" })).await, 12);
    let denied = call(&plugin, "left", json!({ "item": "pear" })).await;
    assert_contains(denied["error"].as_str().expect("a denial"), &["read `ext.stock.pear`"]);
    assert_last_denial(&host.runtime, "ext.stock.pear", "read");
    assert_eq!(call(&plugin, "items", json!(null)).await, json!(["apple"]), "a list is filtered");
    host.runtime.update_policy(|policy| policy.deny_first("ext.stock.*:write")).expect("a rule");
    let denied = call(&plugin, "reserve", json!({ "item": "apple" })).await;
    assert_contains(
        denied["error"].as_str().expect("a denial"),
        &["denied by the operator's rule about `ext.stock.*`"],
    );
    assert_eq!(
        audit.lines(),
        [
            "permission.allow cart read ext.stock.apple host",
            "permission.deny cart read ext.stock.pear host",
            "permission.deny cart write ext.stock.apple host",
        ]
    );
    assert_eq!((plugin.metrics().allows, plugin.metrics().denials), (1, 2));
}

#[tokio::test]
async fn instance_has_a_state_and_plugin_has_one_for_all_instances() {
    let warehouse = Warehouse::default();
    let host = host(&warehouse);
    let kept = host.load(plugin().manifest("name", json!("kept"))).await;
    let fresh = plugin().manifest("name", json!("fresh")).resource("instances", json!("per_call"));
    let fresh = host.load(fresh).await;
    let counts = || (warehouse.plugins.load(SeqCst), warehouse.states.load(SeqCst));
    assert_eq!(counts(), (0, 0), "nothing is made before it is used");
    let apples = json!({ "item": "apple", "pieces": 2 });
    assert_eq!(call(&kept, "reserve", apples.clone()).await, json!([2, 2]));
    assert_eq!(call(&kept, "reserve", apples.clone()).await, json!([4, 4]));
    assert_eq!(call(&fresh, "reserve", apples.clone()).await, json!([2, 2]));
    assert_eq!(call(&fresh, "reserve", apples).await, json!([2, 4]), "another instance");
    assert_eq!(counts(), (2, 1));
    assert!(host.runtime.unload("kept").await && host.runtime.unload("fresh").await);
    drop((kept, fresh));
    assert_eq!(counts(), (0, 0), "unloading drops everything");
}

#[tokio::test]
async fn plugin_called_back_by_the_application_is_not_waited_for() {
    let plugin = host(&Warehouse::default()).load(plugin().resource("timeout_seconds", json!(3_600))).await;
    let answer = ends(call(&plugin, "ping_back", json!(null))).await;
    assert_eq!(answer, json!({ "error": "reentrant_call" }));
    let pair = plugin_with_two_instances().await;
    assert_eq!(ends(call(&pair, "ping_back", json!(null))).await, "1", "another instance answers");
}

async fn plugin_with_two_instances() -> Plugin {
    host(&Warehouse::default()).load(plugin().resource("instances", json!(2))).await
}

#[tokio::test]
async fn trusted_plugin_uses_the_interface_too() {
    let plugin = host(&Warehouse::default()).load(plugin().trusted()).await;
    assert_eq!(call(&plugin, "left", json!({ "item": "pear" })).await, 3);
}

/// `plugbay` itself is such a host: it offers no interface of an application.
#[tokio::test]
async fn host_without_the_interface_says_whose_it_may_be() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let error = host.try_load(plugin()).await.expect_err("no application offers it");
    assert_load_error(&error, "feature_extension", "unknown_import");
    assert_contains(&error.to_string(), &[INTERFACE]);
    assert_contains(&error.hint().unwrap_or_default(), &["only that application can load the plugin"]);
}

#[tokio::test]
async fn other_version_of_the_interface_is_named() {
    let component = r#"(component (import "acme:warehouse/stock@2.0.0" (instance (export "f" (func)))))"#;
    let plugin = TestPlugin::new("later", wat::parse_str(component).expect("valid"));
    let error = host(&Warehouse::default()).try_load(plugin).await.expect_err("the application has version 1.2.0");
    assert_load_error(&error, "later", "unknown_import");
    assert_contains(&error.to_string(), &["stock@2.0.0"]);
    let hint = error.hint().unwrap_or_default();
    assert_contains(&hint, &["the application offers it as `acme:warehouse/stock@1.2.0`"]);
}

#[test]
fn mistakes_in_an_extension_are_found_when_the_runtime_is_built() {
    let refused = |build: plugbay::RuntimeBuilder, texts: &[&str]| match build.live_instances(1).build() {
        Err(error @ BuildError::Extension { .. }) => assert_contains(&error.to_string(), texts),
        other => panic!("{texts:?}: {other:?}"),
    };
    let extension = || Warehouse::default().extension();
    let linked = |name: &str, resource: &str| {
        let nothing = Extension::new(resource, PermissionAction::Read, |_| ());
        Runtime::builder().extension(nothing.interface(name, |_, _| Ok(())))
    };
    refused(Runtime::builder().extension(extension()).extension(extension()), &[INTERFACE, "same type of state"]);
    refused(linked("wasi:cli/environment@0.2.0", "ext.a"), &["wasi:cli/environment", "the host's own"]);
    refused(linked("plugbay:plugin/log@0.2.0", "ext.a"), &["plugbay:plugin/log", "the host's own"]);
    refused(linked("acme:shop/stock", "data.*"), &["`ext.`"]);
    refused(linked("acme:shop/stock", "ext.a"), &["acme:shop/stock", "another name or version"]);
    refused(linked("stock", "ext.a"), &["`stock`", "full name"]);
    let without = Extension::new("ext.a", PermissionAction::Read, |_| ());
    refused(Runtime::builder().extension(without), &["`ext.a`", "no interface"]);
}

#[tokio::test]
async fn example_is_refused_by_a_host_that_is_not_the_shop() {
    let package = Package::open_with_component(example::CART.directory(), example::CART.path()).expect("a package");
    let error = Host::new().runtime.load(package).await.expect_err("this host is not the shop");
    assert_contains(&error.to_string(), &["acme:shop/stock"]);
    assert_contains(&error.hint().unwrap_or_default(), &["only that application"]);
}

#[tokio::test]
async fn calls_without_the_interface_use_no_state() {
    let warehouse = Warehouse::default();
    let plugin = host(&warehouse).load(plugin()).await;
    assert_eq!((pings(&plugin).await, warehouse.states.load(SeqCst)), (1, 0));
}
