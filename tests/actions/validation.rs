//! Validation: payloads are checked against the action's schema before guest code runs.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use plugbay::error::InvokeErrorKind;
use plugbay::{InvokeError, Plugin};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;

use crate::harness::assert::{assert_contains, assert_invoke_error, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};
use crate::harness::limits;
use crate::harness::processor::Moment;

#[tokio::test]
async fn payload_that_fits_reaches_the_guest() {
    let plugin = Host::new().load(declared()).await;
    let order = json!({ "id": 7, "lines": ["tea"] });
    let answer: Value = plugin.call("echo", &order).await.expect("it fits");
    assert_eq!(answer, order);
}

#[tokio::test]
async fn all_problems_of_a_payload_are_listed_with_paths() {
    let plugin = Host::new().load(declared()).await;
    let error = refused(&plugin, json!({ "id": "seven", "lines": ["tea", 5], "extra": true })).await;
    let InvokeErrorKind::Validation { problems } = error.kind() else { panic!("not a validation error: {error:?}") };
    let paths: Vec<&str> = problems.iter().map(|problem| &*problem.path).collect();
    assert!(paths.contains(&"/id") && paths.contains(&"/lines/1"), "{problems:?}");
    assert_contains(&error.to_string(), &["/id", "/lines/1", "extra"]);
    assert_eq!(error.to_json()["details"]["problems"].as_array().map(Vec::len), Some(problems.len()));
}

#[tokio::test]
async fn formats_of_a_schema_are_asserted() {
    for (format, good, bad) in [
        ("email", "ann@example.org", "ann"),
        ("uuid", "67e55044-10b1-426f-9247-bb680e5fe0c8", "67e55044"),
        ("date", "2026-11-29", "2026-13-01"),
        ("date-time", "2026-11-29T10:00:00Z", "yesterday"),
        ("uri", "https://example.org/a", "not a uri"),
        ("ipv4", "192.0.2.1", "192.0.2.256"),
        ("ipv6", "2001:db8::1", "2001:db8"),
    ] {
        let actions = json!([{ "name": "echo", "payload": { "type": "string", "format": format } }]);
        let plugin = Host::new().load(TestPlugin::from(feature::ECHO).manifest("actions", actions)).await;
        let error = refused(&plugin, json!(bad)).await;
        assert_contains(&error.to_string(), &[format]);
        let answer: Value = plugin.call("echo", &json!(good)).await.unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!(answer, json!(good));
    }
}

#[tokio::test]
async fn missing_payload_is_a_problem_at_the_root() {
    let plugin = Host::new().load(declared()).await;
    refused(&plugin, Value::Null).await;
    refused(&plugin, json!({ "lines": [] })).await;
}

#[tokio::test]
async fn payload_with_thousands_of_problems_gets_a_short_error() {
    let plugin = Host::new().load(declared()).await;
    let error = refused(&plugin, json!({ "id": 1, "lines": vec![0; 10_000] })).await;
    let InvokeErrorKind::Validation { problems } = error.kind() else { panic!("not a validation error: {error:?}") };
    assert!(problems.len() <= crate::harness::limits::VALIDATION_PROBLEMS_MAX, "{}", problems.len());
    assert!(error.to_string().len() < 20_000);
}

#[tokio::test]
async fn undeclared_action_is_refused_with_the_nearest_name() {
    let plugin = Host::new().load(declared()).await;
    let error = plugin.call::<Value>("eco", &()).await.expect_err("it is not declared");
    assert_invoke_error(&error, "feature_echo", "unknown_action");
    assert_contains(&error.to_string(), &["`echo`", "ping"]);
    assert_eq!(plugin.metrics().fuel, 0, "no guest code ran");
}

/// The caller waits for the check; the executor does not.
#[test]
fn large_payload_is_checked_off_the_executor() {
    // One blocking thread, so that the test can occupy it until it has polled the call.
    let executor = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().expect("an executor");
    executor.block_on(large_payload());
}

async fn large_payload() {
    let plugin = Host::new().load(declared()).await;
    let lines = vec!["tea"; limits::PAYLOAD_CHECKED_ASIDE_BYTES / 5];
    let order = json!({ "id": 7, "lines": lines });
    let answer: Value = plugin.call("echo", &order).await.expect("it fits");
    assert_eq!(answer, order);
    let fuel = plugin.metrics().fuel;
    let wrong = json!({ "id": "seven", "lines": lines });
    let mut call = pin!(plugin.call::<Value>("echo", &wrong));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let keeping = spawn_blocking(move || released.recv());
    let first = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "it waits for the blocking thread");
    release.send(()).expect("the blocking thread waits for it");
    keeping.await.expect("it does not panic").expect("it was released");
    assert_invoke_error(&call.await.expect_err("an id is a number"), "feature_echo", "validation_error");
    assert_eq!(plugin.metrics().fuel, fuel, "no guest code ran");
}

#[tokio::test]
async fn invalid_schema_fails_the_load() {
    let plugin = TestPlugin::from(feature::ECHO)
        .manifest("actions", json!([{ "name": "echo", "payload": { "type": "no such type" } }]));
    let error = Host::new().try_load(plugin).await.expect_err("the schema is invalid");
    assert_load_error(&error, "feature_echo", "invalid_schema");
    assert_contains(&error.to_string(), &["`echo`"]);
}

#[tokio::test]
async fn schema_with_a_remote_reference_fails_the_load() {
    for reference in ["https://example.org/schema.json", "file:///etc/passwd", "http://169.254.169.254/latest"] {
        let plugin = TestPlugin::from(feature::ECHO)
            .manifest("actions", json!([{ "name": "echo", "payload": { "$ref": reference } }]));
        let error = Host::new().try_load(plugin).await.expect_err("schemas are self-contained");
        assert_load_error(&error, "feature_echo", "invalid_schema");
    }
}

/// The pattern takes a backtracking matcher exponential time.
#[tokio::test]
async fn schema_with_a_hostile_pattern_costs_no_time() {
    let plugin = TestPlugin::from(feature::ECHO)
        .manifest("actions", json!([{ "name": "echo", "payload": { "type": "string", "pattern": "^(a+)+$" } }]));
    let start = Moment::now();
    if let Ok(plugin) = Host::new().try_load(plugin).await {
        let payload = format!("{}!", "a".repeat(50_000));
        let error = plugin.call::<Value>("echo", &payload).await.expect_err("it ends with an exclamation mark");
        assert_eq!(error.code(), "validation_error");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "of the processor's time");
}

fn declared() -> TestPlugin {
    TestPlugin::from(feature::ECHO).manifest(
        "actions",
        json!([
            { "name": "ping" },
            {
                "name": "echo",
                "payload": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "integer" },
                        "lines": { "type": "array", "items": { "type": "string" } },
                    },
                    "required": ["id"],
                    "additionalProperties": false,
                },
            },
        ]),
    )
}

/// Returns the validation error of this payload, and asserts that no guest code ran.
async fn refused(plugin: &Plugin, payload: Value) -> InvokeError {
    let error = plugin.call::<Value>("echo", &payload).await.expect_err("it does not fit");
    assert_invoke_error(&error, "feature_echo", "validation_error");
    assert_eq!(plugin.metrics().fuel, 0, "no guest code ran");
    error
}
