//! The SDK's `data` module against the host: types, pages, defaults, and error codes.

use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn values_keep_their_types() {
    let plugin = loaded("data.*").await;
    assert_eq!(ask(&plugin, "read", json!("a")).await, json!(null));
    assert_eq!(ask(&plugin, "write", note("a")).await, json!(1));
    assert_eq!(ask(&plugin, "write", note("b")).await, json!(2), "the default is the first count");
    assert_eq!(ask(&plugin, "read", json!("a")).await, json!({ "text": "of a", "stars": 3 }));
    assert_eq!(ask(&plugin, "forget", json!("a")).await, json!(true));
    assert_eq!(ask(&plugin, "forget", json!("a")).await, json!(false));
    assert_eq!(ask(&plugin, "ids", json!(null)).await, json!(["b"]));
}

#[tokio::test]
async fn keys_are_complete_over_several_pages() {
    let plugin = loaded("data.*").await;
    let ids: Vec<String> = (0..950).map(|index| format!("{index:04}")).collect();
    ask(&plugin, "write_all", json!(ids)).await;
    assert_eq!(ask(&plugin, "ids", json!(null)).await, json!(ids));
}

#[tokio::test]
async fn increments_of_several_instances_all_count() {
    let plugin = TestPlugin::from(sdk::DATA).manifest("permissions", json!([{ "resource": "data.*" }]));
    let plugin = host().load(plugin.resource("instances", json!(8))).await;
    let mut counting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let plugin = plugin.clone();
        counting.spawn(async move { ask(&plugin, "count", json!(60)).await });
    }
    counting.join_all().await;
    assert_eq!(ask(&plugin, "count", json!(1)).await, json!([481, 481]));
}

#[tokio::test]
async fn swap_needs_the_expected_value() {
    let plugin = loaded("data.*").await;
    assert_eq!(ask(&plugin, "swap", json!(["a", 1, 2])).await, json!(false), "there is none");
    assert_eq!(ask(&plugin, "swap", json!(["a", null, 1])).await, json!(true));
    assert_eq!(ask(&plugin, "swap", json!(["a", null, 2])).await, json!(false), "there is one");
    assert_eq!(ask(&plugin, "swap", json!(["a", 1, 2])).await, json!(true));
    assert_eq!(ask(&plugin, "read", json!("a")).await, json!({ "text": "a", "stars": 2 }));
    assert_eq!(ask(&plugin, "swap", json!(["a", 2, null])).await, json!(true));
    assert_eq!(ask(&plugin, "read", json!("a")).await, json!(null));
}

#[tokio::test]
async fn scan_returns_readable_values_only() {
    let plugin = loaded("data.*").await;
    let ids: Vec<String> = (0..450).map(|index| format!("{index:04}")).collect();
    ask(&plugin, "write_all", json!(ids)).await;
    let scanned = ask(&plugin, "scan", json!(null)).await;
    let first = json!(["note/0000", { "text": "0000", "stars": 0 }]);
    assert_eq!((scanned.as_array().map(Vec::len), &scanned[0]), (Some(450), &first));
    let read = ask(&plugin, "read_all", json!(["0001", "none"])).await;
    assert_eq!(read, json!([{ "text": "0001", "stars": 0 }, null]));

    // The same values under a policy that allows reading two of them.
    let permissions = json!([
        { "resource": "data.note/000*", "actions": ["write"] },
        { "resource": "data.note/0001" },
        { "resource": "data.note/0003" },
    ]);
    let plugin = host().load(TestPlugin::from(sdk::DATA).manifest("permissions", permissions)).await;
    ask(&plugin, "write_all", json!(["0000", "0001", "0002", "0003", "0004"])).await;
    let scanned = ask(&plugin, "scan", json!(null)).await;
    assert_eq!((&scanned[0][0], &scanned[1][0], &scanned[2]), (&json!("note/0001"), &json!("note/0003"), &json!(null)));
}

#[tokio::test]
async fn counters_need_read_and_write() {
    for (granted, denied) in [("read", "write"), ("write", "read")] {
        let permissions = json!([{ "resource": "data.*", "actions": [granted] }]);
        let plugin = host().load(TestPlugin::from(sdk::DATA).manifest("permissions", permissions)).await;
        for (action, payload) in [("increment", json!(["n", 1])), ("swap", json!(["a", null, 1]))] {
            let error = plugin.call::<Value>(action, &payload).await.expect_err("it is denied");
            assert_eq!(error.code(), "permission_denied", "{action} with {granted}");
            assert_contains(&error.to_string(), &[denied]);
        }
    }
}

#[tokio::test]
async fn value_that_is_not_an_integer_is_not_counted() {
    let plugin = loaded("data.*").await;
    ask(&plugin, "write", note("a")).await;
    assert_eq!(ask(&plugin, "increment", json!(["most", i64::MAX])).await, json!(i64::MAX));
    for key in ["note/a", "most"] {
        let error = plugin.call::<Value>("increment", &(key, 1)).await.expect_err("it has no sum");
        assert_eq!(error.code(), "invalid_argument", "{error}");
        assert_contains(&error.to_string(), &[key, "64 bits"]);
    }
    assert_eq!(ask(&plugin, "increment", json!(["most", -1])).await, json!(i64::MAX - 1), "it is unchanged");
}

#[tokio::test]
async fn refusal_has_a_code_and_names_the_key() {
    let plugin = loaded("data.note/mine*").await;
    ask(&plugin, "write_all", json!(["mine"])).await;
    for (action, payload, code, words) in [
        ("read", json!("yours"), "permission_denied", vec!["data `note/yours`", "read"]),
        ("forget", json!("yours"), "permission_denied", vec!["data `note/yours`", "write"]),
        ("write_all", json!(["mine", "yours"]), "permission_denied", vec!["data.note/yours", "write"]),
        ("misread", json!("mine"), "invalid_data", vec!["data `note/mine`", "u32"]),
        ("read", json!("mine\n"), "invalid_argument", vec!["control character"]),
        ("read", json!(format!("mine{}", "x".repeat(512))), "limit_exceeded", vec!["data_key_bytes", "512", "521"]),
        ("read_all", json!(["mine", "yours"]), "permission_denied", vec!["data.note/yours", "read"]),
        ("read_all", json!(vec!["mine"; 1_001]), "limit_exceeded", vec!["data_batch_keys", "1000", "1001"]),
        ("write_all", json!(vec!["mine"; 1_001]), "limit_exceeded", vec!["data_batch_keys", "1000", "1001"]),
    ] {
        let error = plugin.call::<Value>(action, &payload).await.expect_err("it is refused");
        let failure = error.failure().unwrap_or_else(|| panic!("{action}: {error}"));
        assert_eq!(failure.code, code, "{error}");
        assert_contains(&failure.message, &words);
        if code == "limit_exceeded" {
            let details = failure.details.as_ref().unwrap_or_else(|| panic!("no details: {error}"));
            let shown = [&details["limit"], &details["allowed"], &details["observed"]].map(ToString::to_string);
            assert_eq!(shown.map(|text| text.trim_matches('"').to_owned()).as_slice(), words, "{details}");
        }
    }
    let plugin = loaded("data.*").await;
    let error = plugin.call::<Value>("keep", &(1 << 20)).await.expect_err("with its quotes it is too long");
    assert_contains(&error.to_string(), &["data_value_bytes", "1048576", "1048578"]);
}

#[tokio::test]
async fn setting_without_a_value_has_the_given_default() {
    let setting = json!({ "there": { "type": "integer", "default": 7 }, "absent": { "type": "integer" } });
    let plugin = TestPlugin::from(sdk::DATA).manifest("configuration", setting);
    let plugin = host().load(plugin.manifest("permissions", json!([{ "resource": "data.*" }]))).await;
    assert_eq!(ask(&plugin, "setting", json!("there")).await, json!(7));
    assert_eq!(ask(&plugin, "setting", json!("absent")).await, json!(42));
}

fn note(id: &str) -> Value {
    json!({ "id": id, "note": { "text": format!("of {id}"), "stars": 3 } })
}

fn host() -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()))
}

async fn loaded(permission: &str) -> Plugin {
    let permissions = json!([{ "resource": permission }]);
    host().load(TestPlugin::from(sdk::DATA).manifest("permissions", permissions)).await
}

async fn ask(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}
