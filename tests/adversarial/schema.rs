//! Payload schemas that cost the host more than their size suggests, and payloads that exploit them. A plugin chooses
//! both: it declares the schema, and sets the payloads of its jobs and of its calls to other plugins.

use plugbay::error::InvokeErrorKind;
use plugbay::{LoadError, Plugin};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn multiplying_references_are_refused() {
    let definitions = (1..30).map(|level| {
        let below = json!({ "$ref": format!("#/$defs/a{}", level - 1) });
        (format!("a{level}"), json!({ "anyOf": [below, below] }))
    });
    let mut definitions: serde_json::Map<_, _> = definitions.collect();
    definitions.insert("a0".to_owned(), json!(true));
    refused(json!({ "$defs": definitions, "$ref": "#/$defs/a29" }), &["references", "more than 5000 values"]).await;
}

#[tokio::test]
async fn references_in_a_long_chain_are_refused() {
    let chain = (0..1_000).map(|n| (format!("c{n}"), json!({ "items": { "$ref": format!("#/$defs/c{}", n + 1) } })));
    let chain: serde_json::Map<_, _> = chain.collect();
    refused(json!({ "$defs": chain, "$ref": "#/$defs/c0" }), &["references", "32"]).await;
}

#[tokio::test]
async fn costly_pattern_is_refused() {
    refused(json!({ "pattern": "[ab]*a[ab]{300}c" }), &["pattern", "costly"]).await;
    refused(json!({ "patternProperties": { "x{1000}{1000}": true } }), &["pattern", "costly"]).await;
}

/// A list of all problems of this payload would exceed the machine's memory.
#[tokio::test]
async fn payload_with_multiplying_errors_is_refused_at_once() {
    let host = Host::new();
    let inner = json!({ "type": "object", "required": ["x"], "properties": { "x": { "$ref": "#" } } });
    let plugin = host.load(declaring(json!({ "anyOf": [{ "type": "string" }, inner, inner] }))).await;
    let payload = (0..100).fold(json!(1), |inner, _| json!({ "x": inner }));
    assert_eq!(problems(&plugin, &payload).await, 1);
    assert_eq!(plugin.call::<u64>("ping", &()).await.expect("nothing ran before"), 1);
}

async fn refused(schema: Value, words: &[&str]) {
    let error: LoadError = Host::new().try_load(declaring(schema)).await.expect_err("it must be refused");
    assert_load_error(&error, "costly", "invalid_schema");
    assert_contains(&error.to_string(), words);
}

/// The number of problems of the action's payload.
async fn problems(plugin: &Plugin, payload: &Value) -> usize {
    let error = plugin.call::<Value>("declared", payload).await.expect_err("it does not fit");
    let InvokeErrorKind::Validation { problems } = error.kind() else { panic!("{error:?}") };
    problems.len()
}

fn declaring(schema: Value) -> TestPlugin {
    let actions = json!([{ "name": "declared", "payload": schema }, "ping"]);
    TestPlugin::new("costly", feature::ECHO.bytes()).manifest("actions", actions)
}
