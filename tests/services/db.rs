//! `plugbay:plugin/db`: SQL with parameters and transactions, permissions, what is refused to all, limits, what is kept.

use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn rows_come_back_as_they_went_in() {
    let plugin = notes(&Host::with(allowing)).await;
    let values = json!([null, -5, 1.5, "it's; -- a \"text\"", { "blob": [0, 255] }]);
    let inserted = execute(&plugin, "INSERT INTO mixed (a, b, c, d, e) VALUES (?1, ?2, ?3, ?4, ?5)", values).await;
    assert_eq!(inserted, json!({ "insert_id": 1, "changes": 1 }));
    let rows = query(&plugin, "SELECT * FROM mixed", json!([])).await;
    let expected = json!({ "a": null, "b": -5, "c": 1.5, "d": "it's; -- a \"text\"", "e": { "blob": [0, 255] } });
    assert_eq!(rows, json!([expected]));
}

#[tokio::test]
async fn changes_tell_rows_and_the_last_insert() {
    let plugin = notes(&Host::with(allowing)).await;
    let insert = "INSERT INTO notes (title) VALUES (?), (?)";
    assert_eq!(execute(&plugin, insert, json!(["a", "b"])).await, json!({ "insert_id": 2, "changes": 2 }));
    let update = execute(&plugin, "UPDATE notes SET title = title || '!'", json!([])).await;
    assert_eq!(update, json!({ "insert_id": 0, "changes": 2 }));
    let nothing = execute(&plugin, "DELETE FROM notes WHERE id = 99", json!([])).await;
    assert_eq!(nothing, json!({ "insert_id": 0, "changes": 0 }));
    let upsert = "INSERT INTO notes (id, title) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET title = 'y'";
    assert_eq!(execute(&plugin, upsert, json!([])).await, json!({ "insert_id": 0, "changes": 1 }));
    let made = execute(&plugin, "CREATE TABLE other (x)", json!([])).await;
    assert_eq!(made, json!({ "insert_id": 0, "changes": 0 }));
    let returned = query(&plugin, "INSERT INTO notes (title) VALUES ('c') RETURNING id", json!([])).await;
    assert_eq!(returned, json!([{ "id": 3 }]));
}

#[tokio::test]
async fn execute_many_does_all_or_nothing() {
    let plugin = notes(&Host::with(allowing)).await;
    let many = |titles: Value| json!({ "execute_many": "INSERT INTO notes (title) VALUES (?)", "many": titles });
    assert_eq!(run(&plugin, many(json!([["a"], ["b"]]))).await, json!({ "insert_id": 2, "changes": 2 }));
    let failed = run(&plugin, many(json!([["c"], [null]]))).await;
    assert_contains(&error(&failed, "constraint"), &["NOT NULL", "notes.title"]);
    assert_eq!(titles(&plugin).await, json!(["a", "b"]));
}

#[tokio::test]
async fn transaction_keeps_what_it_commits_and_nothing_else() {
    let plugin = notes(&Host::with(allowing)).await;
    for (end, kept) in [("rollback", false), ("drop", false), ("keep", false), ("commit", true)] {
        let insert = json!({ "execute": "INSERT INTO notes (title) VALUES (?)", "params": [end] });
        let count = json!({ "query": "SELECT count(*) AS n FROM notes" });
        let script = json!({ "steps": [insert, count], "end": end });
        let answers: Value = plugin.call("transaction", &script).await.expect("it answers");
        assert_eq!(answers[1], json!([{ "n": 1 }]), "{end}: it sees its own changes");
        assert_eq!(titles(&plugin).await, if kept { json!([end]) } else { json!([]) }, "{end}");
    }
}

async fn notes(host: &Host) -> Plugin {
    let plugin = host.load(database()).await;
    for sql in
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL)", "CREATE TABLE mixed (a, b, c, d, e)"]
    {
        let made = execute(&plugin, sql, json!([])).await;
        assert_eq!(made, json!({ "insert_id": 0, "changes": 0 }));
    }
    plugin
}

/// A plugin that asks for every table.
fn database() -> TestPlugin {
    TestPlugin::from(feature::DB).manifest("permissions", json!([{ "resource": "db.*" }]))
}

fn allowing(builder: plugbay::RuntimeBuilder) -> plugbay::RuntimeBuilder {
    builder.policy(Policy::allow_all())
}

async fn run(plugin: &Plugin, step: Value) -> Value {
    plugin.call("run", &step).await.expect("it answers")
}

async fn query(plugin: &Plugin, sql: &str, params: Value) -> Value {
    run(plugin, json!({ "query": sql, "params": params })).await
}

async fn execute(plugin: &Plugin, sql: &str, params: Value) -> Value {
    run(plugin, json!({ "execute": sql, "params": params })).await
}

async fn titles(plugin: &Plugin) -> Value {
    let rows = query(plugin, "SELECT title FROM notes ORDER BY id", json!([])).await;
    rows.as_array().unwrap_or_else(|| panic!("no rows: {rows}")).iter().map(|row| row["title"].clone()).collect()
}

/// The text of an error of this kind.
#[track_caller]
fn error(answer: &Value, kind: &str) -> String {
    let text = answer["error"][kind].as_str();
    text.unwrap_or_else(|| panic!("not {kind}: {answer}")).to_owned()
}
