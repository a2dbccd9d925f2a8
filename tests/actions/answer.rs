//! Payloads, answers and failures of actions.

use plugbay::Invocation;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, TestPlugin, call, pings};
use crate::harness::limits;

#[tokio::test]
async fn any_json_value_is_returned_unchanged() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    for value in [
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(0.1),
        json!(""),
        json!("ä\u{1f600}\u{0}\n\""),
        json!([]),
        json!({}),
        json!({ "z": 1, "a": [1, { "b": null }] }),
    ] {
        let answer: Value = plugin.call("echo", &value).await.expect("it echoes");
        assert_eq!(answer, value);
    }
}

#[tokio::test]
async fn typed_values_are_returned_typed() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Order {
        id: u32,
        lines: Vec<String>,
    }
    let plugin = Host::new().load(feature::ECHO.into()).await;
    let order = Order { id: 7, lines: vec!["tea".to_owned()] };
    let answer: Order = plugin.call("echo", &order).await.expect("it echoes");
    assert_eq!(answer, order);
}

#[tokio::test]
async fn answer_of_another_type_is_an_invalid_answer() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    let error = plugin.call::<u32>("echo", "text").await.expect_err("a text is not a number");
    assert_invoke_error(&error, "feature_echo", "invalid_answer");
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn payload_text_reaches_the_plugin_unchanged() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    let invocation = Invocation::new("echo").payload_json(" {\"a\" : 1.50}");
    assert_eq!(plugin.invoke(invocation).await.expect("it echoes").json(), r#"{"a":1.5}"#);
}

#[tokio::test]
async fn payload_of_any_length_arrives_whole_borrowed_or_owned() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    for length in [0, 1_000, limits::LENT_PAYLOAD_BYTES - 3, limits::LENT_PAYLOAD_BYTES - 2, 1_000_000] {
        let json = json!("x".repeat(length)).to_string();
        let raw: &RawValue = serde_json::from_str(&json).expect("it is JSON");
        for invocation in [
            Invocation::new("length").payload_raw(raw),
            Invocation::new("length").payload_json(json.as_str()),
            Invocation::new("length").payload_json(json.clone()),
        ] {
            assert_eq!(plugin.invoke(invocation).await.expect("it answers").json(), length.to_string());
        }
    }
    assert_eq!(plugin.metrics().instances_started, 1);
}

#[tokio::test]
async fn payload_that_is_not_json_is_refused_with_its_position() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    for text in ["", "{", "{\"a\":}", "nul", "1 2", "\u{feff}1"] {
        let error = plugin.invoke(Invocation::new("echo").payload_json(text)).await.expect_err(text);
        assert_invoke_error(&error, "feature_echo", "invalid_payload");
        assert_contains(&error.to_string(), &["line 1"]);
    }
    let replaced = Invocation::new("echo").payload_json("{").payload(&1);
    assert_eq!(plugin.invoke(replaced).await.expect("the last payload counts").json(), "1");
    assert_eq!(plugin.metrics().calls, 1);
}

#[tokio::test]
async fn payload_at_the_limit_is_echoed_one_byte_more_refused() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    let longest = "x".repeat(limits::PAYLOAD_BYTES_MAX - 2);
    let length: usize = plugin.call("length", &longest).await.expect("it fits");
    assert_eq!(length, longest.len());

    let error = plugin.call::<Value>("length", &format!("{longest}x")).await.expect_err("one byte too many");
    assert_invoke_error(&error, "feature_echo", "payload_too_large");
    assert_eq!(error.limit().map(|hit| hit.observed), Some(format!("{} bytes", limits::PAYLOAD_BYTES_MAX + 1)));
    // No guest code ran, so the instance is the same.
    let fuel = plugin.metrics().fuel;
    let _ = plugin.call::<Value>("length", &format!("{longest}x")).await;
    assert_eq!(plugin.metrics().fuel, fuel);
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn unknown_action_has_a_code_and_is_named() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    let error = call(&plugin, "ehco").await.expect_err("there is no such action");
    assert_eq!(error.code(), "unknown_action");
    assert_contains(&error.to_string(), &["ehco"]);
}

#[tokio::test]
async fn overlong_action_name_is_refused_before_the_guest_runs() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    for name in ["x".repeat(limits::ACTION_NAME_BYTES_MAX + 1), "x".repeat(1 << 20)] {
        let error = call(&plugin, &name).await.expect_err("it is too long for a name");
        assert!(["unknown_action", "payload_too_large", "resource_limit"].contains(&error.code()), "{}", error.code());
        assert!(error.to_string().len() < 1_000, "the error repeats {} bytes", error.to_string().len());
    }
    assert_eq!(plugin.metrics().fuel, 0);
}

#[tokio::test]
async fn unusual_action_names_reach_a_plugin_without_actions() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    for name in ["", " ", "a/b", "ä", "\u{0}", "../x"] {
        let error = call(&plugin, name).await.expect_err("there is no such action");
        assert_eq!(error.code(), "unknown_action", "{name:?}: {error}");
    }
}

#[tokio::test]
async fn failure_has_code_message_details_and_status() {
    let plugin = Host::new().load(feature::FAILURE.into()).await;
    let wanted = json!({ "code": "out_of_stock", "message": "no tea", "details": "{\"left\":0}", "status": 409 });
    let error = plugin.call::<Value>("fail", &wanted).await.expect_err("it fails");
    let failure = error.failure().unwrap_or_else(|| panic!("not the guest's: {error:?}"));
    assert_eq!((&*failure.code, &*failure.message), ("out_of_stock", "no tea"));
    assert_eq!((&failure.details, failure.status_code), (&Some(json!({ "left": 0 })), Some(409)));
    let json = json!({ "status": "error", "msg": "no tea", "code": "out_of_stock", "details": { "left": 0 } });
    assert_eq!(error.to_json(), json);
    assert_eq!(pings(&plugin).await, 1, "a failure costs no instance");
    call(&plugin, "succeed").await.expect("the instance stays alive");
    assert_eq!(pings(&plugin).await, 2);
}

#[tokio::test]
async fn failure_with_invalid_fields_is_still_a_failure() {
    let plugin = Host::new().load(feature::FAILURE.into()).await;
    for (status, kept) in [(0, None), (200, None), (399, None), (400, Some(400)), (599, Some(599)), (600, None)] {
        let odd = json!({ "code": "", "message": "", "details": "not json", "status": status });
        let error = plugin.call::<Value>("fail", &odd).await.expect_err("it fails");
        let failure = error.failure().unwrap_or_else(|| panic!("not the guest's: {error:?}"));
        assert!(!failure.code.is_empty());
        assert_eq!(failure.status_code, kept);
    }
}

#[tokio::test]
async fn failure_with_a_message_of_a_mebibyte_arrives() {
    let plugin = Host::new().load(hostile::HUGE_FAILURE.into()).await;
    let error = plugin.call::<Value>("attack", &json!({ "message": 1 << 20 })).await.expect_err("it fails");
    assert!(["x", "result_too_large"].contains(&error.code()), "{}", error.code());
    assert_eq!(pings(&plugin).await, 1);
}

#[tokio::test]
async fn usage_of_a_call_is_measured() {
    let plugin = Host::new().load(feature::ECHO.into()).await;
    let usage = *plugin.invoke(Invocation::new("ping")).await.expect("it answers").usage();
    assert!(usage.fuel.is_some_and(|fuel| fuel > 0), "{usage:?}");
    assert!(usage.memory_bytes >= 64 << 10 && usage.memory_bytes < 32 << 20, "{usage:?}");
    assert!(usage.duration > std::time::Duration::ZERO && usage.duration >= usage.instantiation, "{usage:?}");
}

#[tokio::test]
async fn usage_of_a_trusted_plugin_has_no_fuel() {
    let plugin = TestPlugin::from(feature::ECHO).trusted();
    let plugin = Host::new().load(plugin).await;
    let usage = *plugin.invoke(Invocation::new("ping")).await.expect("it answers").usage();
    assert_eq!(usage.fuel, None);
    assert!(usage.memory_bytes > 0);
}

#[tokio::test]
async fn metrics_count_calls_and_errors_by_code() {
    let plugin = Host::new().load(feature::FAILURE.into()).await;
    pings(&plugin).await;
    for _ in 0..3 {
        let _ = plugin.call::<Value>("fail", &json!({ "code": "out_of_stock" })).await;
    }
    let metrics = plugin.metrics();
    assert_eq!((metrics.calls, metrics.errors.get("out_of_stock"), metrics.instances_started), (4, Some(&3), 1));
    assert!(metrics.fuel > 0);
}

/// Concurrent calls use different counters, and refused calls use yet another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn metrics_of_concurrent_calls_miss_none() {
    let plugin = TestPlugin::from(feature::ECHO).resource("instances", json!(3));
    let plugin = Host::new().load(plugin.manifest("actions", json!([{ "name": "ping" }]))).await;
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move {
                for _ in 0..250 {
                    pings(&plugin).await;
                    plugin.call::<Value>("pong", &()).await.expect_err("it declares no such action");
                }
            })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic");
    }
    let metrics = plugin.metrics();
    assert_eq!((metrics.calls, metrics.errors.get("unknown_action")), (4_000, Some(&2_000)));
    assert_eq!(metrics.latency_micros.iter().map(|(_, calls)| calls).sum::<u64>(), 4_000);
}
