//! The SDK's `db` module against the host: declared tables, typed statements, transactions, collections.

use plugbay::{InvokeError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::guest::sdk;
use crate::harness::host::{Host, TestPlugin, call};

const KEY: &str = "7b1e8c1e-4f3a-4d57-9d0e-5c6f7a8b9c0d";

#[tokio::test]
async fn declared_tables_exist_when_the_plugin_loads() {
    let (_host, plugin) = loaded().await;
    let columns: Vec<String> = ask(&plugin, "columns", json!("SELECT * FROM users")).await;
    assert_eq!(columns, ["id", "name", "role"]);
    let users: Vec<Value> = ask(&plugin, "users", json!(null)).await;
    assert!(users.is_empty());
}

#[tokio::test]
async fn inserted_rows_are_returned_typed_with_defaults() {
    let (_host, plugin) = loaded().await;
    let changes: Value = ask(&plugin, "add_users", json!(["Bob", "Ann"])).await;
    assert_eq!(changes, json!({ "insert_id": 2, "changes": 2 }));
    let own: Value = ask(&plugin, "add_user", json!({ "id": 9, "name": "Cy", "role": "admin" })).await;
    assert_eq!(own, json!({ "insert_id": 9, "changes": 1 }));
    let users: Value = ask(&plugin, "users", json!(null)).await;
    let expected = json!([
        { "id": 2, "name": "Ann", "role": "guest" },
        { "id": 1, "name": "Bob", "role": "guest" },
        { "id": 9, "name": "Cy", "role": "admin" },
    ]);
    assert_eq!(users, expected);
}

#[tokio::test]
async fn rows_are_changed_and_deleted_by_condition() {
    let (_host, plugin) = loaded().await;
    ask::<Value>(&plugin, "add_users", json!(["Ann", "Bob"])).await;
    assert_eq!(ask::<u64>(&plugin, "promote", json!(2)).await, 1);
    assert_eq!(ask::<u64>(&plugin, "promote", json!(3)).await, 0);
    assert_eq!(ask::<u64>(&plugin, "remove_user", json!(1)).await, 1);
    assert!(
        ask::<bool>(&plugin, "rename", json!([2, "Bo"])).await
            && !ask::<bool>(&plugin, "rename", json!([1, "A"])).await
    );
    let users: Value = ask(&plugin, "users", json!(null)).await;
    assert_eq!(users, json!([{ "id": 2, "name": "Bo", "role": "admin" }]));
}

#[tokio::test]
async fn every_kind_of_column_is_returned_unchanged() {
    let (host, plugin) = loaded().await;
    ask::<Value>(&plugin, "add_users", json!(["Ann"])).await;
    let mut kept: Value = ask(&plugin, "add_thing", thing()).await;
    let (created, updated) = (kept["created"].take(), kept["updated"].take());
    assert!(created.as_i64().is_some_and(|moment| moment > 1_600_000_000_000), "{created}");
    assert_eq!(created, updated);
    let mut expected = thing();
    expected["created"] = json!(null);
    expected["updated"] = json!(null);
    assert_eq!(kept, expected);
    drop(host);
}

#[tokio::test]
async fn patch_of_some_columns_leaves_the_others() {
    let (_host, plugin) = loaded().await;
    ask::<Value>(&plugin, "add_users", json!(["Ann"])).await;
    ask::<Value>(&plugin, "add_thing", thing()).await;
    let patch = json!([KEY, { "on": false, "meta": null, "tags": ["x", "y"], "price": 3 }]);
    let kept: Value = ask(&plugin, "patch_thing", patch).await;
    assert_eq!((&kept["on"], &kept["meta"], &kept["tags"]), (&json!(false), &json!(null), &json!(["x", "y"])));
    assert_eq!((&kept["text"], &kept["bytes"]), (&thing()["text"], &thing()["bytes"]));
    let unknown = plugin.call::<Value>("patch_thing", &json!([KEY, { "onn": true }])).await;
    assert_eq!(code(unknown), "invalid_argument");
}

#[tokio::test]
async fn json_columns_are_searched_and_parsed() {
    let (_host, plugin) = loaded().await;
    ask::<Value>(&plugin, "add_users", json!(["Ann"])).await;
    ask::<Value>(&plugin, "add_thing", thing()).await;
    let found: Value = ask(&plugin, "tagged", json!("red")).await;
    let expected = json!([{ "key": KEY, "on": true, "tags": ["red", "50% off"], "meta": { "deep": [1, null] } }]);
    assert_eq!(found, expected);
    let none: Vec<Value> = ask(&plugin, "tagged", json!("re")).await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn injected_sql_stays_text_in_every_query_style() {
    let (_host, plugin) = loaded().await;
    let names = ["Ann", "x' OR '1'='1", "\"; DROP TABLE users; --", "'); DELETE FROM users; --", "100%", "a_b\\"];
    ask::<Value>(&plugin, "add_users", json!(names)).await;
    for (index, name) in names.iter().enumerate() {
        let found: Value = ask(&plugin, "named", json!(name)).await;
        assert_eq!(found, json!({ "typed": 1, "by_name": 1, "in_list": 1, "raw": index + 1 }), "{name}");
        for action in ["find_users", "alike"] {
            let found: Vec<String> = ask(&plugin, action, json!(name)).await;
            assert_eq!(found, [*name], "{action} {name}");
        }
    }
    for pattern in ["%", "_", "\\"] {
        for action in ["find_users", "alike"] {
            let found: Vec<String> = ask(&plugin, action, json!(pattern)).await;
            assert!(found.len() <= 1, "{pattern} is not a pattern: {found:?}");
        }
    }
    let users: Vec<Value> = ask(&plugin, "users", json!(null)).await;
    assert_eq!(users.len(), names.len());
}

#[tokio::test]
async fn transaction_that_fails_or_panics_leaves_no_changes() {
    let (_host, plugin) = loaded().await;
    assert_eq!(ask::<u64>(&plugin, "all_or_nothing", json!(["Ann", "Bob"])).await, 2);
    for (last, expected) in [("", "empty"), ("Ann", "constraint"), ("panic", "plugin_trapped")] {
        let answer = plugin.call::<Value>("all_or_nothing", &json!(["Cy", "Di", last])).await;
        assert_eq!(code(answer), expected);
        let users: Vec<Value> = ask(&plugin, "users", json!(null)).await;
        assert_eq!(users.len(), 2, "after {expected}");
    }
    assert_eq!(ask::<u64>(&plugin, "all_or_nothing", json!(["Cy"])).await, 3, "nothing holds the database");
}

#[tokio::test]
async fn rows_are_inserted_all_or_none() {
    let (_host, plugin) = loaded().await;
    let too_long = "x".repeat(41);
    for names in [json!(["Ann", "Ann"]), json!(["Ann", too_long])] {
        let answer = plugin.call::<Value>("add_users", &names).await;
        assert_eq!(code(answer), "constraint");
    }
    let users: Vec<Value> = ask(&plugin, "users", json!(null)).await;
    assert!(users.is_empty());
}

#[tokio::test]
async fn statement_outside_an_open_transaction_is_busy() {
    let (_host, plugin) = loaded().await;
    assert_eq!(code(call(&plugin, "busy").await), "busy");
    let users: Vec<Value> = ask(&plugin, "users", json!(null)).await;
    assert!(users.is_empty(), "the failed transaction left rows: {users:?}");
}

#[tokio::test]
async fn errors_of_statements_have_codes() {
    let (_host, plugin) = loaded().await;
    for (sql, expected) in [
        ("SELEC 1", "invalid_sql"),
        ("SELECT * FROM nothing", "invalid_sql"),
        ("SELECT 1; SELECT 2", "invalid_sql"),
        ("BEGIN", "invalid_sql"),
        ("SELECT randomblob(2000000)", "limit_exceeded"),
        ("UPDATE sqlite_master SET sql = ''", "invalid_sql"),
    ] {
        let answer = plugin.call::<Value>("query", &json!({ "sql": sql })).await;
        assert_eq!(code(answer), expected, "{sql}");
    }
    let error = plugin.call::<Value>("query", &json!({ "sql": "SELECT randomblob(2000000)" })).await;
    let details = error.expect_err("it is too large").failure().and_then(|failure| failure.details.clone());
    let details = details.expect("the limit");
    assert_eq!(
        (&details["limit"], &details["allowed"]),
        (&json!("bytes of a value or row"), &json!(1_000_000)),
        "{details}"
    );
    ask::<Value>(&plugin, "add_users", json!(["Ann"])).await;
    let wrong = plugin.call::<Value>("add_thing", &with(thing(), "user", json!(77))).await;
    assert_eq!(code(wrong), "constraint");
}

#[tokio::test]
async fn statement_without_a_grant_is_denied_with_advice() {
    let mut policy = Policy::default();
    policy.push("db.users", None, plugbay::manifest::Effect::Allow);
    let host = Host::with(|builder| builder.policy(policy.with_basics()));
    let plugin = host.load(database()).await;
    ask::<Value>(&plugin, "add_users", json!(["Ann"])).await;
    let error = plugin.call::<Value>("tagged", &json!("red")).await.expect_err("not granted");
    assert_eq!(error.code(), "permission_denied");
    assert_contains(&error.to_string(), &["db.things", "read"]);
    let error = plugin.call::<Value>("add_task", &json!({ "title": "a", "done": false })).await;
    assert_eq!(code(error), "permission_denied");
}

#[tokio::test]
async fn documents_are_stored_found_changed_removed() {
    let (_host, plugin) = loaded().await;
    let mut first: Value = ask(&plugin, "add_task", json!({ "title": "Tea", "done": false, "tags": ["home"] })).await;
    assert!(first["created_at"].take().as_i64() > Some(1_600_000_000_000) && first["updated_at"].take().is_i64());
    let expected = json!({
        "id": 2, "doc": { "title": "Tea", "done": false, "tags": ["home"] }, "created_at": null, "updated_at": null,
    });
    assert_eq!(first, expected, "the first document is the manifest's");
    let more =
        json!([{ "title": "Bread", "done": true }, { "title": "Milk", "done": false, "tags": ["home", "shop"] }]);
    let changes: Value = ask(&plugin, "add_tasks", more).await;
    assert_eq!(changes, json!({ "insert_id": 4, "changes": 2 }));
    assert_eq!(ask::<Value>(&plugin, "tasks", json!({ "done": false })).await, json!(["Begin", "Milk", "Tea"]));
    assert_eq!(ask::<Value>(&plugin, "tasks", json!({})).await, json!(["Begin", "Bread", "Milk", "Tea"]));
    assert_eq!(ask::<Value>(&plugin, "tasks", json!({ "title": "Tea", "done": true })).await, json!([]));
    assert_eq!(ask::<Value>(&plugin, "next_task", json!("home")).await, json!("Milk"));
    assert_eq!(ask::<Value>(&plugin, "next_task", json!("hom")).await, json!(null));
    let finished: Value = ask(&plugin, "finish_task", json!(4)).await;
    assert_eq!(finished["doc"], json!({ "title": "Milk", "done": true, "result": { "text": "fine" } }));
    assert_eq!(ask::<Value>(&plugin, "tidy_up", json!(null)).await, json!([2, 2]));
    let wrong = plugin.call::<Value>("tasks", &json!({ "a' OR 1": 1 })).await;
    assert_eq!(code(wrong), "invalid_argument");
}

#[tokio::test]
async fn unique_index_of_a_collection_is_enforced() {
    let (_host, plugin) = loaded().await;
    let task = json!({ "title": "Tea", "done": false });
    ask::<Value>(&plugin, "add_task", task.clone()).await;
    assert_eq!(code(plugin.call::<Value>("add_task", &task).await), "constraint");
}

#[tokio::test]
async fn rows_and_documents_survive_a_restart() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(data.path()));
    let first = host();
    let plugin = first.load(database()).await;
    ask::<Value>(&plugin, "add_users", json!(["Ann"])).await;
    ask::<Value>(&plugin, "add_thing", thing()).await;
    ask::<Value>(&plugin, "add_task", json!({ "title": "Tea", "done": false })).await;
    drop((plugin, first));
    let second = host();
    let plugin = second.load(database()).await;
    assert_eq!(ask::<Value>(&plugin, "users", json!(null)).await[0]["name"], "Ann");
    assert_eq!(ask::<Value>(&plugin, "tagged", json!("red")).await[0]["key"], KEY);
    assert_eq!(ask::<Value>(&plugin, "tasks", json!({})).await, json!(["Begin", "Tea"]));
}

/// The plugin, which requests its whole database, with a collection that declares a first document.
fn database() -> TestPlugin {
    TestPlugin::from(sdk::DB).manifest("permissions", json!([{ "resource": "db.*" }])).manifest(
        "database",
        json!({
            "collections": { "tasks": { "indexes": [{ "fields": ["title"], "unique": true }, "done"] } },
            "initial_data": { "tasks": [{ "title": "Begin", "done": false }] },
        }),
    )
}

async fn loaded() -> (Host, Plugin) {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let plugin = host.load(database()).await;
    (host, plugin)
}

async fn ask<T: serde::de::DeserializeOwned>(plugin: &Plugin, action: &str, payload: Value) -> T {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}({payload}): {error}"))
}

#[track_caller]
fn code(answer: Result<Value, InvokeError>) -> String {
    answer.expect_err("it cannot answer").code().to_owned()
}

fn thing() -> Value {
    json!({
        "key": KEY, "text": "a \"quoted\" ünïcode text\0with a zero", "country": "de", "small": 255,
        "large": -9_007_199_254_740_993_i64, "ratio": 0.1, "price": 12.5, "on": true,
        "meta": { "deep": [1, null] }, "tags": ["red", "50% off"], "bytes": [0, 255, 10],
        "day": "2026-11-21", "hour": "12:30", "moment": "2026-11-21T12:30:00Z", "at": 1_795_000_000_000_i64, "user": 1,
    })
}

fn with(mut object: Value, member: &str, value: Value) -> Value {
    object[member] = value;
    object
}
