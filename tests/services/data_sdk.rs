//! The SDK's data against the host's: types, pages, defaults, and errors by their codes.

use plugbay::{InvokeError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn values_are_kept_with_their_types() {
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
async fn keys_are_all_there_over_several_pages() {
    let plugin = loaded("data.*").await;
    let ids: Vec<String> = (0..950).map(|index| format!("{index:04}")).collect();
    ask(&plugin, "write_all", json!(ids)).await;
    assert_eq!(ask(&plugin, "ids", json!(null)).await, json!(ids));
}

#[tokio::test]
async fn what_is_refused_has_a_code_and_names_the_key() {
    let plugin = loaded("data.note/mine*").await;
    ask(&plugin, "write_all", json!(["mine"])).await;
    for (action, payload, code, words) in [
        ("read", json!("yours"), "permission_denied", vec!["data `note/yours`", "read"]),
        ("forget", json!("yours"), "permission_denied", vec!["data `note/yours`", "write"]),
        ("write_all", json!(["mine", "yours"]), "permission_denied", vec!["data.note/yours", "write"]),
        ("misread", json!("mine"), "invalid_data", vec!["data `note/mine`", "u32"]),
        ("read", json!("mine\n"), "invalid_argument", vec!["control character"]),
        ("read", json!(format!("mine{}", "x".repeat(512))), "limit_exceeded", vec!["data_key_bytes", "512", "521"]),
        ("write_all", json!(vec!["mine"; 1_001]), "limit_exceeded", vec!["data_batch_keys", "1000", "1001"]),
    ] {
        let error = plugin.call::<_, Value>(action, &payload).await.expect_err("it is refused");
        let InvokeError::Guest { failure, .. } = &error else { panic!("{action}: {error}") };
        assert_eq!(failure.code, code, "{error}");
        assert_contains(&failure.message, &words);
    }
    let plugin = loaded("data.*").await;
    let error = plugin.call::<_, Value>("keep", &(1 << 20)).await.expect_err("with its quotes it is too long");
    assert_contains(&error.to_string(), &["data_value_bytes", "1048576", "1048578"]);
}

#[tokio::test]
async fn setting_without_a_value_has_the_default_that_is_asked_for() {
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
