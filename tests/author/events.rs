//! Events in a `TestHost`: emitted to several plugins, published by them, and recorded.

use std::time::Duration;

use plugbay_testing::{PluginSetup, TestHost};
use serde_json::json;

use super::host::guest;
use crate::harness::guest::{feature, sdk};

/// A plugin that records the events that it receives.
fn listener(host: &TestHost, name: &str, subscribes: serde_json::Value) -> PluginSetup {
    let guest = guest(host, feature::EVENTS);
    guest.manifest(json!({ "name": name, "events": { "subscribes": subscribes } }))
}

#[test]
fn emitted_event_visits_all_plugins_and_returns_the_outcome() {
    let host = TestHost::new();
    for name in ["stock", "mail"] {
        listener(&host, name, json!(["order.*"])).load();
    }
    let outcome = host.emit("order.cancel", json!({ "reason": "sold out" }));
    assert_eq!((outcome.handlers, outcome.failed, outcome.cancelled.as_deref()), (2, 0, Some("sold out")));
    let outcome = host.emit("order.fail", 7);
    assert_eq!((outcome.handlers, outcome.failed), (2, 2));
    assert_eq!(host.emit("user.created", 7).handlers, 0);
}

#[test]
fn handlers_of_published_events_have_run_when_a_call_returns() {
    let host = TestHost::new();
    let shop = listener(&host, "shop", json!([])).load();
    let stock = listener(&host, "stock", json!(["shop.**"])).load();
    shop.call("publish", json!({ "topic": "shop.opened", "data": { "at": 9, "by": "Ada" } }));
    let heard = stock.call("heard", ());
    assert_eq!((&heard[0]["data"]["at"], heard.as_array().map(Vec::len)), (&json!(9), Some(1)));
    let opened = shop.assert_published("shop.opened", json!({ "at": 9 }));
    assert_eq!((&*opened.source, &opened.data["by"]), ("shop", &json!("Ada")));
    shop.assert_not_published("shop.closed");
    assert!(stock.published().is_empty());
    assert!(host.events().iter().any(|event| event.name == "plugin.loaded"), "the host's events are recorded too");

    host.publish("shop.closed", 18);
    assert_eq!(stock.call("heard", ())[1]["data"], 18);
}

#[test]
fn many_published_events_are_all_recorded() {
    let host = TestHost::new();
    let shop = listener(&host, "shop", json!([])).load();
    for number in 0..600 {
        shop.call("publish", json!({ "topic": "shop.tick", "data": number }));
    }
    assert_eq!(shop.published().len(), 600);
}

#[test]
#[should_panic(expected = "should have published `shop.closed`")]
fn event_that_was_not_published_fails_the_assertion() {
    let host = TestHost::new();
    let shop = listener(&host, "shop", json!([])).load();
    shop.call("publish", json!({ "topic": "shop.opened" }));
    shop.assert_published("shop.closed", json!(null));
}

#[test]
fn subscriptions_of_the_code_are_driven() {
    let host = TestHost::new();
    let permissions = json!({ "permissions": [{ "resource": "events.**", "actions": ["subscribe"] }] });
    let plugin = guest(&host, sdk::SUBSCRIBER).manifest(permissions.clone()).load();
    assert_eq!(plugin.event("order.placed", 7).heard, 1);
    assert_eq!(host.emit("container.stop", ()).handlers, 1);
    assert_eq!(plugin.call("seen", ()), json!(["order.placed #order.*", "container.stop #container.*"]));
    let denied = guest(&TestHost::new(), sdk::SUBSCRIBER).manifest(permissions).deny("events.**:subscribe");
    assert_eq!(denied.try_load().expect_err("it may not subscribe").code(), "permission_denied");
}

#[test]
fn durable_event_is_tried_again_as_the_clock_advances() {
    let host = TestHost::new();
    let plugin = listener(&host, "mail", json!([{ "topic": "order.*", "durable": true }])).load();
    let outcome = host.emit("order.fail", 7);
    assert_eq!((outcome.handlers, outcome.durable), (0, 1));
    let failures = || plugin.metrics().errors.get("unwanted").copied();
    assert_eq!(failures(), Some(1), "the first attempt has been made");
    host.advance(Duration::from_secs(3600));
    assert_eq!(failures(), Some(6));
    host.publish("order.placed", 8);
    assert_eq!(plugin.call("heard", ())[0]["data"], 8);
}

#[test]
fn plugins_boot_in_the_order_of_their_requirements() {
    let host = TestHost::new();
    let shop = listener(&host, "shop", json!([])).manifest(json!({ "requires": ["stock"] }));
    let plugins = host.boot([shop, listener(&host, "stock", json!([]))]);
    let names: Vec<_> = plugins.iter().map(plugbay_testing::TestPlugin::name).collect();
    assert_eq!(names, ["shop", "stock"], "in the order of the arguments");
    let loaded: Vec<_> = host.events().into_iter().filter(|event| event.name == "plugin.loaded").collect();
    assert_eq!(loaded[0].data["plugin"], "stock");
}
