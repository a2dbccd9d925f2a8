//! The SDK's additions as the host sees them: schemas, readable panics, errors, hooks, log, configuration.

use plugbay::log::LogLevel;
use plugbay::{Event, Invocation, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin, call};

#[tokio::test]
async fn manifest_and_schemas_are_inside_the_component() {
    let inspection = Host::new().runtime.inspect(sdk::ORDERS.path()).expect("it is a valid plugin");
    let action = |name: &str| {
        let found = inspection.manifest.actions.iter().find(|action| action.name == name);
        found.unwrap_or_else(|| panic!("no action `{name}`"))
    };
    assert_eq!(action("place").description.as_deref(), Some("Places an order."));
    let schema = action("place").payload.clone().expect("derived from the type");
    assert_eq!(schema["properties"]["count"]["minimum"], 1, "{schema}");
    assert!(action("list").idempotent && !action("place").idempotent);
    action("remember-me");
}

#[tokio::test]
async fn typed_actions_keep_state_between_calls() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    for expected in 1..=3 {
        let count: usize = plugin.call("place", &order("tea")).await.expect("there is tea");
        assert_eq!(count, expected);
    }
    let placed: Vec<Value> = plugin.call("list", &()).await.expect("it lists");
    assert_eq!(placed[0], json!({ "count": 2, "item": "tea", "express": false }));
    assert!(plugin.call::<bool>("remember-me", &()).await.expect("it answers"));
}

#[tokio::test]
async fn bad_payload_is_refused_before_guest_code_runs() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    let before = plugin.metrics().fuel;
    for (payload, path) in [
        (json!({ "count": 0, "item": "tea" }), "/count"),
        (json!({ "count": "two", "item": "tea" }), "/count"),
        (json!([]), ""),
    ] {
        let error = plugin.call::<Value>("place", &payload).await.expect_err("it does not fit");
        assert_invoke_error(&error, &plugin.name(), "validation_error");
        assert_contains(&error.to_string(), &[path]);
    }
    assert_eq!(plugin.metrics().fuel, before);
}

#[tokio::test]
async fn panic_has_message_and_place_and_costs_one_instance() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    let error = plugin.call::<Value>("divide", &(1, 0)).await.expect_err("the language panics");
    assert_invoke_error(&error, &plugin.name(), "plugin_trapped");
    assert_contains(&error.to_string(), &["divide by zero", "sdk_orders.rs:"]);
    let answer: i64 = plugin.call("divide", &(6, 3)).await.expect("a fresh instance");
    assert_eq!(answer, 2);
}

#[tokio::test]
async fn errors_keep_code_message_details_and_status() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    let error = plugin.call::<Value>("place", &order("coffee")).await.expect_err("out of stock");
    assert_eq!((error.code(), &error.to_json()["msg"]), ("out_of_stock", &json!("no coffee left")));
    let error = plugin.call::<Value>("parse", "300").await.expect_err("300 does not fit a u8");
    assert_eq!(error.code(), "internal_error");
    assert_contains(&error.to_string(), &["number too large"]);
    let error = plugin.call::<Value>("refuse", &()).await.expect_err("it refuses");
    let failure = error.failure().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(
        (&*failure.code, failure.status_code, &failure.details),
        ("teapot", Some(418), &Some(json!({ "short": true })))
    );
}

#[tokio::test]
async fn log_macros_write_levels_and_fields() {
    // Its subscriptions are granted: otherwise the log says so.
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(sdk::ORDERS.into()).await;
    plugin.call::<Value>("place", &order("tea")).await.expect("there is tea");
    let lines = host.log.lines();
    let logged: Vec<_> = lines.iter().map(|line| (line.level, &*line.message)).collect();
    assert_eq!(logged, [(LogLevel::Info, "open for 100 orders"), (LogLevel::Debug, "placed")]);
    assert_eq!(lines[1].fields, [("item".to_owned(), "\"tea\"".to_owned()), ("count".to_owned(), "2".to_owned())]);
}

#[tokio::test]
async fn error_in_on_load_fails_the_load_with_its_code() {
    let setting = json!({ "closed": { "type": "boolean", "default": true } });
    let plugin = TestPlugin::from(sdk::ORDERS).manifest("configuration", setting);
    let error = Host::new().try_load(plugin).await.expect_err("the shop is closed");
    assert_load_error(&error, "sdk_orders", "closed");
    assert_contains(&error.to_string(), &["the shop is closed"]);
}

#[tokio::test]
async fn state_survives_a_reload() {
    let host = Host::new();
    let plugin = host.load(sdk::ORDERS.into()).await;
    plugin.call::<Value>("place", &order("tea")).await.expect("there is tea");
    host.runtime.reload(TestPlugin::from(sdk::ORDERS).package()).await.expect("the reload succeeds");
    let count: usize = plugin.call("place", &order("tea")).await.expect("there is tea");
    assert_eq!(count, 2);
}

#[tokio::test]
async fn events_reach_their_handler_typed() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    plugin.deliver(&Event::new("order.placed", order("tea"))).await.expect("the event is handled");
    let heard: Vec<String> = plugin.call("heard", &()).await.expect("it answers");
    assert_eq!(heard, ["order.placed tea"]);
    let error =
        plugin.deliver(&Event::new("order.placed", json!("not an order"))).await.expect_err("it is not an order");
    assert_ne!(error.code(), "plugin_trapped", "{error}");
}

#[tokio::test]
async fn event_in_any_spelling_reaches_the_handler_of_its_topic() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    for spelling in ["container.start", "container:start", "container:started", "onContainerStart"] {
        plugin.deliver(&Event::new(spelling, json!(null))).await.expect("the handler runs");
    }
    let heard: Vec<String> = plugin.call("heard", &()).await.expect("it answers");
    assert_eq!(heard, ["container.start"; 4]);
}

#[tokio::test]
async fn invocation_and_health_reach_the_plugin() {
    let plugin = Host::new().load(sdk::ORDERS.into()).await;
    let about = plugin.invoke(Invocation::new("about").caller(plugbay::Caller::Cli)).await.expect("it answers");
    assert_eq!(about.json(), r#"{"caller":"cli","has_deadline":true}"#);
    assert!(plugin.health().await.expect("it reports").healthy);
    let unknown = call(&plugin, "no-such-action").await.expect_err("it is not declared");
    assert_eq!(unknown.code(), "unknown_action");
}

fn order(item: &str) -> Value {
    json!({ "count": 2, "item": item })
}
