//! Calls of one plugin by another: permissions, payloads, answers and failures.

use plugbay::{Caller, Invocation, Policy};
use serde_json::{Value, json};

use super::{allow, call, call_error, host, named, open, pair, text};
use crate::harness::assert::{assert_contains, assert_last_denial, assert_load_error};
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn call_is_answered_by_the_other_plugin() {
    let (_host, a, b) = pair(named("b")).await;
    assert_eq!(call(&a, "b", "echo", json!({ "id": 7 })).await, json!({ "ok": { "id": 7 } }));
    assert_eq!(call(&a, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
    assert_eq!(pings(&b).await, 2, "the same instance serves all callers");
    assert_eq!(b.metrics().calls, 3, "calls of plugins are counted like others");
}

#[tokio::test]
async fn callee_sees_its_caller_request_id_and_time_left() {
    let (_host, a, _b) = pair(named("b").resource("timeout_seconds", json!(60))).await;
    let invocation = Invocation::new("relay").payload(&["b"]).caller(Caller::Cli).request_id("order-7");
    let about: Value = a.invoke(invocation).await.expect("it answers").parse("", "").expect("JSON");
    assert_eq!((&about["caller"], &about["request_id"]), (&json!("plugin:a"), &json!("order-7")));
    let left = about["time_left_ms"].as_u64().expect("there is a deadline");
    assert!(left <= 10_000, "the callee may take a minute, and its caller has ten seconds: {left}");
}

#[tokio::test]
async fn generated_request_id_is_the_same_along_the_chain() {
    let host = host();
    let c = host.load(open("c")).await;
    host.load(open("b")).await;
    let a = host.load(named("a")).await;
    let about: Value = a.call("relay", &["b", "c"]).await.expect("it answers");
    assert_eq!(about["caller"], "plugin:b");
    assert!(about["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{about}");
    assert_eq!(c.metrics().calls, 1);
}

#[tokio::test]
async fn call_of_a_disabled_plugin_is_an_error_of_its_own() {
    let (host, a, _b) = pair(named("b")).await;
    assert!(host.runtime.disable("b").await);
    let error = call_error(&a, "b", "ping").await;
    assert_eq!((&error["code"], &error["details"]["by"]), (&json!("plugin_disabled"), &json!("host")), "{error}");
    host.runtime.enable("b").await.expect("it starts");
    assert_eq!(call(&a, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
}

#[tokio::test]
async fn call_outside_the_manifest_is_denied() {
    let host = host();
    let b = host.load(open("b")).await;
    let a = host.load(named("a").manifest("permissions", json!(["plugin.other"].map(allow)))).await;
    let error = call_error(&a, "b", "ping").await;
    assert_eq!(error["code"], "permission_denied");
    assert_contains(text(&error), &["execute", "`plugin.b`", "manifest"]);
    assert_eq!((a.metrics().denials, b.metrics().calls), (1, 0));
}

#[tokio::test]
async fn call_without_the_operators_grant_is_denied() {
    let policy = Policy::default().allow("plugin.other:execute").expect("readable");
    let host = Host::with(|builder| builder.policy(policy));
    host.load(open("b")).await;
    let a = host.load(named("a")).await;
    let error = call_error(&a, "b", "ping").await;
    assert_eq!(error["code"], "permission_denied");
    assert_contains(text(&error), &["execute `plugin.b`"]);
    assert_last_denial(&host.runtime, "plugin.b", "execute");
    let unknown = call_error(&a, "absent", "ping").await;
    assert_eq!(unknown["code"], "permission_denied", "a denied caller does not learn which plugins exist");
}

#[tokio::test]
async fn callee_without_allowed_callers_accepts_its_dependents() {
    let host = host();
    let b = host.load(named("b")).await;
    let a = host.load(named("a")).await;
    let error = call_error(&a, "b", "ping").await;
    assert_eq!(error["code"], "permission_denied");
    assert_contains(text(&error), &["`b`", "`a`"]);
    let hint = host.runtime.audit_trail().pop().expect("a denial").denial.hint();
    assert_contains(&hint, &["`requires: [b]` to the manifest of `a`", "`allowed_callers: [a]` to that of `b`"]);
    assert_eq!(a.metrics().denials, 1);
    let c = host.load(named("c").manifest("requires", json!(["b"]))).await;
    assert_eq!(call(&c, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
    assert_eq!(b.metrics().errors.get("permission_denied"), Some(&1));
}

#[tokio::test]
async fn callee_with_allowed_callers_accepts_no_others() {
    for (allowed, let_in) in [(json!(["a"]), true), (json!(["*"]), true), (json!(["c"]), false), (json!([]), false)] {
        let host = host();
        host.load(named("b").manifest("allowed_callers", allowed.clone())).await;
        let a = host.load(named("a").manifest("requires", json!(["b"]))).await;
        let answer = call(&a, "b", "ping", json!(null)).await;
        assert_eq!(answer["ok"] == json!(1), let_in, "{allowed}: {answer}");
        if !let_in {
            assert_contains(text(&answer["error"]), &["`b`", "`a`"]);
            let hint = host.runtime.audit_trail().pop().expect("a denial").denial.hint();
            assert_contains(&hint, &["`allowed_callers`", "manifest of `b`", "`a`"]);
        }
    }
}

#[tokio::test]
async fn denied_calls_consume_no_quota() {
    let host = host();
    let limited = named("b").resource("rate_limit", json!({ "calls": 2, "period_seconds": 3600 }));
    host.load(limited.manifest("allowed_callers", json!(["c"]))).await;
    let (a, c) = (host.load(named("a")).await, host.load(named("c")).await);
    for _ in 0..10 {
        assert_eq!(call_error(&a, "b", "ping").await["code"], "permission_denied");
    }
    for number in 1..=2 {
        assert_eq!(call(&c, "b", "ping", json!(null)).await, json!({ "ok": number }));
    }
    let error = call_error(&c, "b", "ping").await;
    assert_eq!(&error["code"], &json!("rate_limit_exceeded"));
    assert!(error["details"]["retry_after"].as_f64().is_some_and(|seconds| seconds > 0.0), "{error}");
}

#[tokio::test]
async fn missing_plugin_or_action_is_not_found() {
    let (_host, a, _b) = pair(named("b").manifest("actions", json!([{ "name": "echo" }]))).await;
    let error = call_error(&a, "c", "ping").await;
    assert_eq!(error["code"], "not_found");
    assert_contains(text(&error), &["`c`", "there are: a, b"]);
    let error = call_error(&a, "b", "ehco").await;
    assert_eq!(error["code"], "not_found");
    assert_contains(text(&error), &["`b`", "`ehco`", "did you mean `echo`?"]);
    for (plugin, action) in [("x".repeat(100_000), "ping".to_owned()), ("b".to_owned(), "x".repeat(100_000))] {
        let error = call_error(&a, &plugin, &action).await;
        assert_eq!(error["code"], "not_found");
        assert!(text(&error).len() < 500, "the long name is cut");
    }
}

#[tokio::test]
async fn failure_of_the_other_plugin_arrives_unchanged() {
    let (_host, a, b) = pair(named("b")).await;
    let error = call_error(&a, "b", "fail").await;
    let expected = json!({ "code": "out_of_stock", "text": "no tea", "details": { "left": 0 }, "status": 409 });
    assert_eq!(error, expected);
    assert_eq!((pings(&a).await, pings(&b).await), (1, 1));
}

#[tokio::test]
async fn failure_of_the_other_plugin_cannot_pose_as_the_hosts() {
    let (_host, a, _) = pair(named("b")).await;
    let error = call_error(&a, "b", "pose_as_host").await;
    assert_eq!((&error["code"], &error["details"]), (&json!("timeout"), &json!({ "left": 0 })));
}

#[tokio::test]
async fn description_has_the_schemas_of_the_actions() {
    let actions = json!([{ "name": "echo", "description": "Echoes.", "payload": { "type": "integer" } }]);
    let (_host, a, b) = pair(named("b").manifest("description", json!("Answers.")).manifest("actions", actions)).await;
    drop(b);
    let described: Value = a.call("describe", "b").await.expect("it answers");
    assert_eq!((&described["version"], &described["description"]), (&json!("0.1.0"), &json!("Answers.")));
    assert_eq!(described["services"], json!([]));
    let echo = json!({ "name": "echo", "description": "Echoes.", "payload": { "type": "integer" }, "result": null });
    assert_eq!(described["actions"], json!([echo]));
    let missing: Value = a.call("describe", "absent").await.expect("it answers");
    assert_eq!(missing["error"]["code"], "not_found");
}

#[tokio::test]
async fn invalid_payload_is_refused_before_the_callee_runs() {
    let actions = json!([{ "name": "echo", "payload": { "type": "integer" } }, { "name": "ping" }]);
    let (_host, a, b) = pair(named("b").manifest("actions", actions)).await;
    let error = call(&a, "b", "echo", json!("seven")).await["error"].clone();
    assert_eq!(&error["code"], &json!("validation_error"));
    assert_eq!(error["details"]["problems"].as_array().map(Vec::len), Some(1), "{error}");
    for not_json in ["", "{", "1 2", "1}, \"action\": \"spin\""] {
        // The action has no schema, so only the host checks that the payload is JSON.
        let payload = json!({ "plugin": "b", "action": "ping", "payload": not_json });
        let answer: Value = a.call("call_raw", &payload).await.expect("it answers");
        let error = &answer["error"];
        assert_eq!(&error["code"], &json!("invalid_payload"), "{not_json}");
    }
    assert_eq!(b.metrics().instances_started, 1);
}

#[tokio::test]
async fn payload_or_result_over_the_limit_has_its_numbers() {
    let limits = plugbay::Limits { payload_bytes: 1_000, result_bytes: 600, ..plugbay::Limits::default() };
    let host = Host::with(|builder| builder.policy(Policy::allow_all()).limits(limits));
    let b = host.load(open("b")).await;
    let a = host.load(named("a")).await;
    let call_long = async |bytes: usize| -> Value {
        let payload = json!({ "plugin": "b", "action": "length", "bytes": bytes });
        a.call("call_long", &payload).await.expect("it answers")
    };
    assert_eq!(call_long(1_000).await, json!({ "ok": 998 }));
    let error = call_long(1_001).await["error"].clone();
    assert_eq!(&error["code"], &json!("payload_too_large"));
    assert_contains(text(&error), &["1001", "1000"]);
    assert_eq!(error["details"]["limit"], "payload_bytes");

    let error = call(&a, "b", "long", json!(700)).await["error"].clone();
    assert_eq!(&error["code"], &json!("result_too_large"));
    assert_eq!(pings(&b).await, 1, "a fresh instance");
}

#[tokio::test]
async fn plugins_lists_the_visible_ones() {
    let host = host();
    host.load(named("secret")).await;
    let actions = json!([{ "name": "ping" }, { "name": "relay" }]);
    host.load(named("b").manifest("title", json!("The other")).manifest("actions", actions)).await;
    let sees_all = host.load(named("a")).await;
    let listed: Value = sees_all.call("plugins", &()).await.expect("it answers");
    let b = json!(["b", "0.1.0", "The other", ["ping", "relay"]]);
    assert_eq!(listed, json!([["a", "0.1.0", "a", []], b, ["secret", "0.1.0", "secret", []]]));
    let sees_one = host.load(named("c").manifest("permissions", json!([allow("plugin.b")]))).await;
    let listed: Value = sees_one.call("plugins", &()).await.expect("it answers");
    assert_eq!(listed, json!([b]));
    host.runtime.unload("b").await;
    let listed: Value = sees_one.call("plugins", &()).await.expect("it answers");
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn plugin_that_may_only_call_can_import_the_service() {
    let host = host();
    host.load(open("b")).await;
    let rule = json!([{ "resource": "plugin.b", "actions": ["execute"] }]);
    let a = host.load(named("a").manifest("permissions", rule)).await;
    assert_eq!(call(&a, "b", "ping", json!(null)).await, json!({ "ok": 1 }));
    let c = host.load(named("c").manifest("permissions", json!([]))).await;
    assert_eq!(call_error(&c, "b", "ping").await["code"], "permission_denied", "it may offer services only");
    let none = Host::with(|builder| builder.policy(Policy::default()));
    let error = none.try_load(named("d")).await.expect_err("what it asks for is not granted");
    assert_load_error(&error, "d", "permission_denied");
    assert_contains(&error.to_string(), &["plugbay:plugin/plugins", "plugin.*"]);
}

#[tokio::test]
async fn on_load_may_call_what_the_plugin_requires() {
    let host = host();
    let b = host.load(named("b")).await;
    let calling = |name: &str| calling_at_load(name).manifest("requires", json!(["b"]));
    host.load(calling("a")).await;
    assert_eq!(b.metrics().calls, 1);
    host.runtime.reload(calling("a").package()).await.expect("the reload succeeds");
    assert_eq!(b.metrics().calls, 2);
    let error = host.try_load(calling_at_load("c")).await.expect_err("it does not require its callee");
    assert_load_error(&error, "c", "not_called");
}

fn calling_at_load(name: &str) -> TestPlugin {
    named(name).manifest("configuration", json!({ "calls": { "type": "string", "default": "b" } }))
}
