//! `db` through the command: rows that the next process reads, and refusals with their exit codes and reasons.

use serde_json::{Value, json};

use crate::harness::assert::assert_contains;
use crate::harness::command::{Plugbay, Ran, plugin_file};
use crate::harness::guest::feature;
use crate::harness::host::TestPlugin;

#[test]
fn rows_survive_a_new_process() {
    let data = tempfile::tempdir().expect("a directory");
    let path = data.path().to_str().expect("a string");
    let options = ["--data-dir", path, "--grant", "db.*"];
    for (sql, answer) in [
        ("CREATE TABLE notes (title TEXT)", json!({ "insert_id": null, "changes": 0 })),
        ("INSERT INTO notes VALUES ('one'), ('two')", json!({ "insert_id": 2, "changes": 2 })),
        ("DELETE FROM notes WHERE title = 'one'", json!({ "insert_id": null, "changes": 1 })),
    ] {
        assert_eq!(run(plugin(), &json!({ "execute": sql }), &options).exits_with(0).json(), answer);
    }
    let rows = run(plugin(), &json!({ "query": "SELECT * FROM notes" }), &options).exits_with(0).json();
    assert_eq!(rows, json!([{ "title": "two" }]));
}

#[test]
fn declared_tables_and_first_documents_exist() {
    let data = tempfile::tempdir().expect("a directory");
    let options = ["--data-dir", data.path().to_str().expect("a string"), "--grant", "db.*"];
    let plugin = || {
        plugin()
            .manifest("tables", json!({ "notes": { "columns": { "id": "id", "title": "text" } } }))
            .manifest("database", json!({ "initial_data": { "settings": [{ "theme": "dark" }] } }))
    };
    run(plugin(), &json!({ "execute": "INSERT INTO notes (title) VALUES ('one')" }), &options).exits_with(0);
    let sql = "SELECT notes.title, settings.doc FROM notes, settings";
    let rows = run(plugin(), &json!({ "query": sql }), &options).exits_with(0).json();
    assert_eq!(rows, json!([{ "title": "one", "doc": { "theme": "dark" } }]));

    let changed = plugin().manifest("tables", json!({ "notes": { "columns": { "id": "id", "title": "integer" } } }));
    let ran = run(changed, &json!({ "query": sql }), &options).exits_with(3);
    assert_contains(&ran.stderr, &["feature_db", "table `notes`", "as declared"]);
}

#[test]
fn import_without_a_grant_exits_with_the_line_to_add() {
    let ran = run(plugin(), &json!({ "query": "SELECT 1" }), &[]).exits_with(4);
    assert_contains(&ran.stderr, &["plugbay:plugin/db", "db.*", "read", "--grant 'db.*:"]);
}

#[test]
fn table_without_a_grant_is_denied_with_the_line_to_add() {
    let sql = json!({ "execute": "CREATE TABLE secret (x)" });
    let ran = run(plugin(), &sql, &["--grant", "db.notes"]).exits_with(0);
    let denied =
        |ran: &Ran| ran.json()["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("{ran:?}")).to_owned();
    assert_contains(&denied(&ran), &["write", "`db.secret`"]);
    assert_contains(&ran.advice(), &["--grant db.secret:write"]);
    let ran = run(asking(json!([{ "resource": "db.notes" }])), &sql, &["--grant", "db.*"]).exits_with(0);
    assert_contains(&denied(&ran), &["write", "`db.secret`", "manifest"]);
    assert_contains(&ran.advice(), &["{resource: \"db.secret\", actions: [write]}", "manifest"]);
}

#[test]
fn answer_over_a_limit_is_refused_with_its_name() {
    let sql = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c";
    let answer = run(plugin(), &json!({ "query": sql }), &["--grant", "db.*"]).exits_with(0).json();
    let text = answer["error"]["limit_exceeded"].as_str().unwrap_or_else(|| panic!("not over a limit: {answer}"));
    assert_contains(text, &["rows of an answer", "10000 allowed", "LIMIT"]);
}

fn plugin() -> TestPlugin {
    asking(json!([{ "resource": "db.*" }]))
}

fn asking(permissions: Value) -> TestPlugin {
    TestPlugin::from(feature::DB).manifest("permissions", permissions)
}

fn run(plugin: TestPlugin, step: &Value, options: &[&str]) -> Ran {
    let file = plugin_file(plugin);
    let step = step.to_string();
    let arguments = ["run", file.path().to_str().expect("a string"), "run", &step];
    Plugbay::new(arguments.iter().chain(options)).run()
}
