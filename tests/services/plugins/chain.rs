//! Chains of calls: re-entrance, depth, deadlines, dropped callers, and plugins that are replaced meanwhile.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use plugbay::Caller;
use serde_json::{Value, json};

use super::{call, call_error, host, named, open, pair, text};
use crate::harness::assert::assert_contains;
use crate::harness::host::pings;
use crate::harness::patience::ends;

#[tokio::test]
async fn call_back_into_a_busy_instance_is_reentrant() {
    let host = host();
    let a = host.load(open("a")).await;
    let b = host.load(open("b")).await;
    let answer: Value = ends(a.call("relay", &["b", "a"])).await.expect("it answers");
    assert_eq!(answer["error"]["code"], "reentrant_call");
    assert_contains(text(&answer["error"]), &["`a`", "a -> b -> a"]);
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1));
    assert_eq!(a.metrics().errors.get("reentrant_call"), Some(&1));
    let itself = call_error(&a, "a", "ping").await;
    assert_contains(text(&itself), &["a -> a"]);
    assert_eq!((a.metrics().instances_started, b.metrics().instances_started), (1, 1), "no plugin lost an instance");
}

#[tokio::test]
async fn plugin_with_a_free_instance_can_be_reentered() {
    let host = host();
    let a = host.load(open("a").resource("instances", json!(2))).await;
    host.load(open("b")).await;
    let about: Value = a.call("relay", &["b", "a"]).await.expect("it answers");
    assert_eq!(about["caller"], "plugin:b");
    let answer: Value = a.call("relay", &["b", "a", "b"]).await.expect("it answers");
    assert_contains(text(&answer["error"]), &["a -> b -> a -> b"]);
    let answer: Value = a.call("relay", &["a", "a"]).await.expect("it answers");
    assert_eq!(answer["error"]["code"], "reentrant_call");
}

#[tokio::test]
async fn chain_of_fresh_sandboxes_is_bounded_by_depth() {
    let host = host();
    let a = host.load(open("a").resource("instances", json!("per_call"))).await;
    let deep = |links: usize| vec!["a"; links];
    let about: Value = a.call("relay", &deep(crate::harness::limits::CALL_DEPTH_MAX)).await.expect("it answers");
    assert_eq!(about["caller"], "plugin:a");
    let answer: Value = a.call("relay", &deep(crate::harness::limits::CALL_DEPTH_MAX + 1)).await.expect("it answers");
    assert_eq!(&answer["error"]["code"], &json!("call_depth"));
    assert_contains(text(&answer["error"]), &["`a`", "a -> a", "9", "8"]);
    assert_eq!(answer["error"]["details"]["limit"], "call_depth");
}

#[tokio::test]
async fn two_chains_in_a_deadlock_both_end_at_once() {
    let host = host();
    let (a, b) = (host.load(open("a")).await, host.load(open("b")).await);
    // Each holds its own instance while it sleeps, and asks for the other's when it wakes.
    let (to_b, to_a) = (json!({ "ms": 100, "route": ["b"] }), json!({ "ms": 100, "route": ["a"] }));
    let mut from_a = pin!(a.call::<Value>("sleep_and_relay", &to_b));
    let mut from_b = pin!(b.call::<Value>("sleep_and_relay", &to_a));
    let mut context = Context::from_waker(Waker::noop());
    assert!(from_a.as_mut().poll(&mut context).is_pending() && from_b.as_mut().poll(&mut context).is_pending());
    let (from_a, from_b) = ends(async { tokio::join!(from_a, from_b) }).await;
    let answers = [from_a.expect("it answers"), from_b.expect("it answers")];
    let refused: Vec<&Value> = answers.iter().filter(|answer| answer["error"]["code"] == "reentrant_call").collect();
    assert_eq!(refused.len(), 1, "one call is refused, and the other is answered: {answers:?}");
    assert_contains(text(&refused[0]["error"]), &["a -> b", "b -> a"]);
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1));
    assert_eq!((a.metrics().instances_started, b.metrics().instances_started), (1, 1));
}

#[tokio::test]
async fn call_waits_for_a_busy_plugin() {
    let (_host, a, b) = pair(named("b")).await;
    let mut running = pin!(b.call::<String>("sleep", &50));
    assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let (slept, answer) = tokio::join!(running, call(&a, "b", "ping", json!(null)));
    assert_eq!((slept.expect("the running call goes on"), answer), ("slept".to_owned(), json!({ "ok": 1 })));
}

#[tokio::test]
async fn callee_over_its_own_deadline_is_a_limit_for_its_caller() {
    let (_host, a, b) = pair(named("b").resource("timeout_seconds", json!(0.1))).await;
    let error = call(&a, "b", "sleep", json!(60_000)).await["error"].clone();
    assert_eq!(&error["code"], &json!("timeout"));
    assert_contains(text(&error), &["`b`", "100ms"]);
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1));
    assert_eq!((a.metrics().instances_started, b.metrics().instances_started), (1, 2));
}

#[tokio::test]
async fn caller_over_its_deadline_stops_its_callee() {
    let host = host();
    let b = host.load(open("b").resource("max_fuel", json!(100_000_000_000_u64))).await;
    let a = host.load(named("a").resource("timeout_seconds", json!(0.2))).await;
    for (action, payload) in [("sleep", json!(60_000)), ("spin", json!(null))] {
        let payload = json!({ "plugin": "b", "action": action, "payload": payload });
        // Either the caller receives in time that the callee was stopped, or it is stopped itself.
        match ends(a.call::<Value>("call", &payload)).await {
            Ok(answer) => assert_eq!(answer["error"]["code"], "timeout", "{answer}"),
            Err(error) => assert_eq!(error.code(), "timeout", "{error}"),
        }
    }
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1));
    assert_eq!(b.metrics().instances_started, 3, "its instance was replaced twice");
}

#[tokio::test]
async fn call_is_dropped_with_its_caller() {
    let (_host, a, b) = pair(named("b")).await;
    {
        let payload = json!({ "plugin": "b", "action": "sleep", "payload": 60_000 });
        let mut call = pin!(a.call::<Value>("call", &payload));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1), "fresh instances of both, at once");
    assert_eq!((a.metrics().instances_started, b.metrics().instances_started), (2, 2));
}

#[tokio::test]
async fn trap_is_hidden_from_the_caller_and_logged() {
    let (host, a, b) = pair(named("b")).await;
    let error = call_error(&a, "b", "trap").await;
    assert_eq!(&error["code"], &json!("plugin_trapped"));
    assert_contains(text(&error), &["`b`", "`trap`"]);
    assert!(!text(&error).contains("trapped on request"), "the panic message is not shown to other plugins: {error}");
    let logged = host.log.messages("plugbay");
    assert_contains(&logged.join("\n"), &["`b` trapped", "trapped on request of plugin:a"]);
    assert!(host.log.lines().iter().all(|line| line.target != "plugbay" || line.request_id.is_some()));
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1));
    assert_eq!((a.metrics().instances_started, b.metrics().instances_started), (1, 2));
}

#[tokio::test]
async fn plugin_out_of_fuel_is_broken_for_its_caller() {
    let (_host, a, _b) = pair(named("b").resource("max_fuel", json!(5_000_000))).await;
    let error = call_error(&a, "b", "spin").await;
    assert_eq!(&error["code"], &json!("out_of_fuel"));
    assert_eq!(error["details"]["limit"], "max_fuel");
    assert_eq!(pings(&a).await, 1);
}

#[tokio::test]
async fn plugin_with_too_many_waiting_calls_is_busy() {
    let (_host, a, b) = pair(named("b")).await;
    let mut context = Context::from_waker(Waker::noop());
    // One task polls all of them, which exceeds the budget that its executor allows in one go.
    let wait = |_| Box::pin(tokio::task::coop::unconstrained(b.call::<String>("sleep", &60_000)));
    let mut waiting: Vec<_> = (0..=crate::harness::limits::WAITING_CALLS_MAX).map(wait).collect();
    for call in &mut waiting {
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    let error = call_error(&a, "b", "ping").await;
    assert_eq!(&error["code"], &json!("busy"));
    assert_contains(text(&error), &["`b`", "1000"]);
    drop(waiting);
    assert_eq!(call(&a, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
}

#[tokio::test]
async fn unloaded_plugin_is_not_found() {
    let (host, a, _b) = pair(named("b")).await;
    assert_eq!(call(&a, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
    assert!(host.runtime.unload("b").await);
    assert_eq!(call_error(&a, "b", "ping").await["code"], "not_found");
    host.load(named("b")).await;
    assert_eq!(call(&a, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
}

#[tokio::test]
async fn handle_that_outlives_its_runtime_reaches_no_other_plugin() {
    let (host, a, _b) = pair(named("b")).await;
    drop((host, _b));
    assert_eq!(call_error(&a, "b", "ping").await["code"], "not_found");
    let error = a.invoke(plugbay::Invocation::new("ping").caller(Caller::Cli)).await;
    assert!(
        error.as_ref().err().is_none_or(|error| error.code() != "not_loaded"),
        "the plugin itself serves: {error:?}"
    );
}
