//! Plugins that the application provides: calls of its Rust functions, and the name space that it shares with plugins.

use std::sync::{Arc, Mutex};

use crate::harness::limits::CALL_DEPTH_MAX;
use plugbay::host_plugin::HostCall;
use plugbay::{Caller, Failure, HostPlugin, Invocation, Limits, Policy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{allow, call, call_error, host, named, text};
use crate::harness::assert::{assert_contains, assert_last_denial, assert_load_error};
use crate::harness::host::{Host, pings};
use crate::harness::patience::ends;

#[derive(Deserialize)]
struct Item {
    item: String,
}

#[derive(Serialize)]
struct Price {
    item: String,
    cents: u32,
    caller: String,
    request_id: String,
    has_deadline: bool,
}

async fn price(call: HostCall, wanted: Item) -> Result<Price, Failure> {
    if wanted.item != "apple" {
        let failure = Failure::new("unknown_item", format!("the shop has no {}", wanted.item));
        return Err(Failure { status_code: Some(404), details: Some(json!({ "item": wanted.item })), ..failure });
    }
    Ok(Price {
        item: wanted.item,
        cents: 40,
        caller: call.plugin().to_owned(),
        request_id: call.request_id().to_owned(),
        has_deadline: call.time_left().is_some(),
    })
}

fn shop() -> HostPlugin {
    HostPlugin::new("shop").version("1.2.0").action("price", price)
}

fn with_shop() -> Host {
    let host = host();
    host.runtime.provide(shop()).expect("the name is free");
    host
}

#[tokio::test]
async fn function_of_the_application_answers_a_plugin() {
    let host = with_shop();
    let a = host.load(named("a")).await;
    let payload = json!({ "plugin": "shop", "action": "price", "payload": { "item": "apple" } });
    let invocation = Invocation::new("call").payload(&payload).caller(Caller::Cli).request_id("order-7");
    let answer: Value = a.invoke(invocation).await.expect("it answers").parse("", "").expect("JSON");
    let price = json!({ "item": "apple", "cents": 40, "caller": "a", "request_id": "order-7", "has_deadline": true });
    assert_eq!(answer, json!({ "ok": price }));
}

#[tokio::test]
async fn plugin_without_the_grant_is_denied_and_audited() {
    let host = Host::with(|builder| builder.policy(Policy::default().allow("plugin.other:execute").expect("a rule")));
    host.runtime.provide(shop()).expect("the name is free");
    let a = host.load(named("a")).await;
    let error = call_error(&a, "shop", "price").await;
    assert_eq!(error["code"], "permission_denied", "{error}");
    assert_contains(text(&error), &["execute `plugin.shop`"]);
    assert_last_denial(&host.runtime, "plugin.shop", "execute");
    let trail = host.runtime.audit_trail();
    assert_eq!((trail.len(), &*trail[0].denial.resource), (1, "plugin.shop"), "{trail:?}");
    host.runtime.update_policy(|policy| policy.allow("plugin.shop:execute")).expect("a rule");
    assert_eq!(call(&a, "shop", "price", json!({ "item": "apple" })).await["ok"]["cents"], 40);
}

#[tokio::test]
async fn failure_keeps_its_code_details_and_status() {
    let host = with_shop();
    let a = host.load(named("a")).await;
    let error = call(&a, "shop", "price", json!({ "item": "moon" })).await["error"].clone();
    assert_eq!(&error["code"], &json!("unknown_item"), "{error}");
    assert_eq!((&error["details"]["item"], &error["status"]), (&json!("moon"), &json!(404)), "{error}");
    assert_contains(text(&error), &["the shop has no moon"]);
}

#[tokio::test]
async fn calls_and_errors_of_a_provided_plugin_are_counted() {
    let host = with_shop();
    let a = host.load(named("a")).await;
    for item in ["apple", "moon", "apple"] {
        call(&a, "shop", "price", json!({ "item": item })).await;
    }
    let metrics = host.runtime.provided_metrics("shop").expect("it is provided");
    assert_eq!((metrics.calls, &metrics.errors), (3, &[("unknown_item".to_owned(), 1)].into()), "{metrics:?}");
    assert!(host.runtime.provided_metrics("a").is_none());
}

#[tokio::test]
async fn payload_and_action_that_do_not_fit_are_errors_that_name_them() {
    let host = with_shop();
    let a = host.load(named("a")).await;
    let error = call(&a, "shop", "price", json!({ "name": "apple" })).await["error"].clone();
    assert_eq!(error["code"], "validation_error", "{error}");
    assert_contains(text(&error), &["`price`", "`shop`", "missing field `item`"]);
    let error = call_error(&a, "shop", "prize").await;
    assert_eq!(error["code"], "not_found", "{error}");
    assert_contains(text(&error), &["`shop`", "`prize`", "did you mean `price`?"]);
    let raw = json!({ "plugin": "shop", "action": "price", "payload": "{" });
    let error = a.call::<Value>("call_raw", &raw).await.expect("it answers")["error"].clone();
    assert_eq!(error["code"], "invalid_payload", "{error}");
}

#[tokio::test]
async fn payload_and_answer_are_limited_in_length() {
    let limits = Limits { payload_bytes: 1_000, result_bytes: 1_000, ..Limits::default() };
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).limits(limits));
    let shop = HostPlugin::new("shop")
        .action("length", |_, text: String| async move { Ok(text.len()) })
        .action("long", |_, bytes: usize| async move { Ok("x".repeat(bytes - 2)) });
    host.runtime.provide(shop).expect("the name is free");
    let a = host.load(named("a")).await;
    let long = |bytes: usize| json!({ "plugin": "shop", "action": "length", "bytes": bytes });
    let fits: Value = a.call("call_long", &long(1_000)).await.expect("it answers");
    assert_eq!(fits, json!({ "ok": 998 }));
    let error: Value = a.call("call_long", &long(1_001)).await.expect("it answers");
    assert_eq!(error["error"]["code"], "payload_too_large", "{error}");
    let error = call(&a, "shop", "long", json!(1_001)).await["error"].clone();
    assert_eq!(error["code"], "result_too_large", "{error}");
    assert_eq!((pings(&a).await, a.metrics().instances_started), (1, 1), "the caller is unharmed");
}

#[tokio::test]
async fn panic_is_an_error_for_the_caller_alone() {
    #[expect(clippy::panic, reason = "the panic is what is tested")]
    fn broken(_: HostCall, (): ()) -> std::future::Ready<Result<(), Failure>> {
        panic!("hunter2, at once")
    }
    let host = host();
    let shop =
        HostPlugin::new("shop").action("price", price).action("broken", broken).action("breaks", |_, (): ()| async {
            tokio::task::yield_now().await;
            assert_eq!(1, 2, "hunter2, later");
            Ok(())
        });
    host.runtime.provide(shop).expect("the name is free");
    let a = host.load(named("a")).await;
    for action in ["broken", "breaks"] {
        let error = call_error(&a, "shop", action).await;
        assert_contains(text(&error), &["the host failed while plugin `shop` ran", action]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    assert_eq!(call(&a, "shop", "price", json!({ "item": "apple" })).await["ok"]["cents"], 40);
    assert_eq!((pings(&a).await, a.metrics().instances_started), (1, 1), "the caller keeps its instance");
}

/// The action never ends by itself. What it owns is dropped with it.
#[tokio::test]
async fn action_is_dropped_when_its_callers_time_has_passed() {
    let host = host();
    let (owned, dropped) = tokio::sync::oneshot::channel::<()>();
    let owned = Arc::new(Mutex::new(Some(owned)));
    let shop = HostPlugin::new("shop").action("wait", move |_, (): ()| {
        let owned = owned.lock().expect("no panic").take();
        async move {
            let _owned = owned;
            std::future::pending::<Result<(), Failure>>().await
        }
    });
    host.runtime.provide(shop).expect("the name is free");
    let a = host.load(named("a").resource("timeout_seconds", json!(1))).await;
    let payload = json!({ "plugin": "shop", "action": "wait", "payload": null });
    let error = a.call::<Value>("call", &payload).await.expect_err("its time has passed");
    assert_eq!(error.code(), "timeout", "{error}");
    assert!(dropped.await.is_err(), "the sender is dropped and has sent nothing");
}

#[tokio::test]
async fn chain_of_calls_that_ends_at_the_application_is_limited_in_depth() {
    let host = host();
    let shop = HostPlugin::new("shop").action("relay", |call, _: Value| async move { Ok(call.plugin().to_owned()) });
    host.runtime.provide(shop).expect("the name is free");
    let a = named("a").manifest("allowed_callers", json!(["*"])).resource("instances", json!("per_call"));
    let a = host.load(a).await;
    let route = |links: usize| [&vec!["a"; links - 1][..], &["shop"]].concat();
    assert_eq!(a.call::<Value>("relay", &route(CALL_DEPTH_MAX)).await.expect("it answers"), json!("a"));
    let answer: Value = a.call("relay", &route(CALL_DEPTH_MAX + 1)).await.expect("it answers");
    assert_eq!(answer["error"]["code"], "call_depth", "{answer}");
    assert_contains(text(&answer["error"]), &["`shop`", "a -> shop"]);
}

#[tokio::test]
async fn requirement_is_met_by_a_plugin_of_the_application() {
    let host = host();
    let requiring = |version: &str| named("a").manifest("requires", json!({ "shop": version }));
    let error = host.try_load(requiring("*")).await.expect_err("there is no shop yet");
    assert_load_error(&error, "a", "missing_requirement");
    host.runtime.provide(shop()).expect("the name is free");
    let error = host.try_load(requiring(">=2")).await.expect_err("it is 1.2.0");
    assert_contains(&error.to_string(), &["`shop`", "1.2.0"]);
    let loaded = host.runtime.load_all([requiring(">=1.1").package()]).await;
    assert_eq!((loaded.successes.len(), loaded.errors.len()), (1, 0), "{:?}", loaded.errors);
    host.runtime.shutdown().await;
    assert!(host.runtime.plugins().is_empty());
}

#[tokio::test]
async fn name_belongs_to_a_loaded_plugin_or_to_the_application() {
    let host = with_shop();
    let error = host.try_load(named("shop")).await.expect_err("the application has this name");
    assert_load_error(&error, "shop", "provided_name");
    assert_contains(&error.to_string(), &["cannot load shop", "the application itself provides"]);
    let error = host.runtime.provide(shop()).expect_err("a second one");
    assert_contains(&error.to_string(), &["`shop`", "already"]);
    host.load(named("a")).await;
    let error = host.runtime.provide(HostPlugin::new("a")).expect_err("a plugin has this name");
    assert_contains(&error.to_string(), &["`a`", "is loaded", "unload it"]);
    assert!(host.runtime.unload("a").await && !host.runtime.unload("shop").await);
    host.runtime.provide(HostPlugin::new("a")).expect("the name is free again");
}

#[tokio::test]
async fn plugins_that_may_see_it_find_it_among_the_others() {
    let host = with_shop();
    let a = host.load(named("a")).await;
    let z = host.load(named("z").manifest("permissions", json!([allow("plugin.a")]))).await;
    let names = async |plugin: &plugbay::Plugin| {
        let all: Value = plugin.call("plugins", &()).await.expect("a list");
        all.as_array().expect("a list").clone()
    };
    let all = names(&a).await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(all[1], json!(["shop", "1.2.0", "shop", ["price"]]));
    assert_eq!(names(&z).await.len(), 1, "it may see `a` alone");
}

/// A plugin of the application that calls an action of its caller, and passes a failure on.
fn calling_back(host: &Host, action: &'static str, payload: Value) -> HostPlugin {
    let runtime = host.runtime.clone();
    HostPlugin::new("shop").action("call_back", move |call, (): ()| {
        let (plugin, payload) = (runtime.plugin(call.plugin()), payload.clone());
        async move {
            let plugin = plugin.ok_or_else(|| Failure::new("not_loaded", "the caller is not loaded"))?;
            let answer = plugin.call::<Value>(action, &payload).await;
            answer.map_err(|error| Failure::new(error.code(), error.to_string()))
        }
    })
}

#[tokio::test]
async fn action_that_calls_its_waiting_caller_is_refused_at_once() {
    let host = host();
    host.runtime.provide(calling_back(&host, "ping", Value::Null)).expect("the name is free");
    let a = host.load(named("a").resource("timeout_seconds", json!(3_600))).await;
    let error = ends(call_error(&a, "shop", "call_back")).await;
    assert_eq!(error["code"], "reentrant_call", "{error}");
    assert_contains(text(&error), &["a -> shop -> a"]);
    let pair = host.load(named("pair").resource("instances", json!(2))).await;
    assert_eq!(ends(call(&pair, "shop", "call_back", Value::Null)).await, json!({ "ok": 1 }), "another instance");
}

#[tokio::test]
async fn circle_through_the_application_is_limited_in_depth() {
    let host = host();
    let again = json!({ "plugin": "shop", "action": "call_back", "payload": null });
    host.runtime.provide(calling_back(&host, "call", again)).expect("the name is free");
    let a = host.load(named("a").resource("instances", json!("per_call"))).await;
    let answer = call(&a, "shop", "call_back", Value::Null).await;
    assert_contains(&answer.to_string(), &["call_depth", "a -> shop -> a -> shop"]);
}
