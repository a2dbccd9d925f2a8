//! `plugbay:plugin/db`: SQL with parameters, transactions, permissions, limits, and durability.

use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_last_denial};
use crate::harness::audit::RecordedAudit;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn rows_are_returned_unchanged() {
    let plugin = notes(&Host::with(allowing)).await;
    let values = json!([null, -5, 1.5, "it's; -- a \"text\"", { "blob": [0, 255] }]);
    let inserted = execute(&plugin, "INSERT INTO mixed (a, b, c, d, e) VALUES (?1, ?2, ?3, ?4, ?5)", values).await;
    assert_eq!(inserted, json!({ "insert_id": 1, "changes": 1 }));
    let rows = query(&plugin, "SELECT * FROM mixed", json!([])).await;
    let expected = json!({ "a": null, "b": -5, "c": 1.5, "d": "it's; -- a \"text\"", "e": { "blob": [0, 255] } });
    assert_eq!(rows, json!([expected]));
}

#[tokio::test]
async fn changes_hold_the_row_count_and_the_last_insert() {
    let plugin = notes(&Host::with(allowing)).await;
    let insert = "INSERT INTO notes (title) VALUES (?), (?)";
    assert_eq!(execute(&plugin, insert, json!(["a", "b"])).await, json!({ "insert_id": 2, "changes": 2 }));
    let update = execute(&plugin, "UPDATE notes SET title = title || '!'", json!([])).await;
    assert_eq!(update, json!({ "insert_id": null, "changes": 2 }));
    let nothing = execute(&plugin, "DELETE FROM notes WHERE id = 99", json!([])).await;
    assert_eq!(nothing, json!({ "insert_id": null, "changes": 0 }));
    let upsert = "INSERT INTO notes (id, title) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET title = 'y'";
    assert_eq!(execute(&plugin, upsert, json!([])).await, json!({ "insert_id": null, "changes": 1 }));
    let made = execute(&plugin, "CREATE TABLE other (x)", json!([])).await;
    assert_eq!(made, json!({ "insert_id": null, "changes": 0 }));
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
async fn transaction_keeps_only_what_it_commits() {
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

#[tokio::test]
async fn statement_outside_the_open_transaction_is_refused() {
    let plugin = notes(&Host::with(allowing)).await;
    let outside = json!({ "query": "SELECT 1" });
    let script = json!({ "steps": [], "end": "outside", "outside": outside });
    let answers: Value = plugin.call("transaction", &script).await.expect("it answers at once");
    for answer in answers.as_array().expect("a list") {
        assert_contains(&error(answer, "busy"), &["transaction open"]);
    }
}

#[tokio::test]
async fn failed_statement_leaves_its_transaction_open() {
    let plugin = notes(&Host::with(allowing)).await;
    let insert = |title: Value| json!({ "execute": "INSERT INTO notes (title) VALUES (?)", "params": [title] });
    let steps = json!([insert(json!("a")), insert(json!(null)), { "execute": "COMMIT" }, insert(json!("b"))]);
    let answers: Value =
        plugin.call("transaction", &json!({ "steps": steps, "end": "commit" })).await.expect("it answers");
    error(&answers[1], "constraint");
    assert_contains(&error(&answers[2], "invalid_sql"), &["`begin`"]);
    assert_eq!(titles(&plugin).await, json!(["a", "b"]));
}

#[tokio::test]
async fn transaction_ends_with_its_call_in_any_case() {
    let plugin = notes(&Host::with(allowing)).await;
    let insert = json!({ "execute": "INSERT INTO notes (title) VALUES ('lost')" });
    for end in ["keep", "trap", "hang"] {
        let script = json!({ "steps": [insert], "end": end });
        let ended: Result<Value, _> = plugin.call("transaction", &script).await;
        assert_eq!(ended.is_ok(), end == "keep", "{ended:?}");
        assert_eq!(titles(&plugin).await, json!([]), "{end}");
        let inserted = execute(&plugin, "UPDATE notes SET title = title", json!([])).await;
        assert_eq!(inserted["changes"], json!(0), "{end}: the next call can write");
    }
}

#[tokio::test]
async fn call_that_is_dropped_in_a_transaction_rolls_it_back() {
    let plugin = notes(&Host::with(allowing)).await;
    let endless = "INSERT INTO notes (title) WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0";
    let script =
        json!({ "steps": [{ "execute": "INSERT INTO notes (title) VALUES ('lost')" }, { "execute": endless }] });
    let call = plugin.call::<Value>("transaction", &script);
    let ended = tokio::time::timeout(std::time::Duration::from_millis(300), call).await;
    assert!(ended.is_err(), "it ended: {ended:?}");
    assert_eq!(titles(&plugin).await, json!([]));
    let inserted = execute(&plugin, "INSERT INTO notes (title) VALUES ('next')", json!([])).await;
    assert_eq!(inserted["changes"], json!(1), "the writer is free again");
}

#[tokio::test]
async fn instances_take_turns_writing_and_lose_no_update() {
    let data = tempfile::tempdir().expect("a directory");
    let host = Host::with(|builder| allowing(builder).data_dir(data.path()));
    let plugin = host.load(database().resource("instances", json!(4))).await;
    execute(&plugin, "CREATE TABLE counted (n INTEGER NOT NULL)", json!([])).await;
    execute(&plugin, "INSERT INTO counted VALUES (0)", json!([])).await;
    let read = json!({ "query": "SELECT n FROM counted" });
    let write = json!({ "execute": "UPDATE counted SET n = n + 1" });
    let script = json!({ "steps": [read, write, read], "end": "commit" });
    let calls = (0..20).map(|_| {
        let (plugin, script) = (plugin.clone(), script.clone());
        tokio::spawn(async move { plugin.call::<Value>("transaction", &script).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let answers = call.await.expect("no panic").expect("it answers");
        let (before, after) = (answers[0][0]["n"].as_i64(), answers[2][0]["n"].as_i64());
        assert_eq!(after, before.map(|n| n + 1), "{answers}");
    }
    assert_eq!(query(&plugin, "SELECT n FROM counted", json!([])).await, json!([{ "n": 20 }]));
}

#[tokio::test]
async fn table_without_both_grants_is_denied_with_the_line_to_add() {
    let grants = |text: &str| Policy::default().allow(text).expect("readable");
    let asked = json!([{ "resource": "db.*", "actions": ["read", "write"] }, { "resource": "log" }]);
    let host = Host::with(|builder| builder.policy(grants("db.notes:read,write")));
    let plugin = host.load(database().manifest("permissions", asked)).await;
    execute(&plugin, "CREATE TABLE notes (title TEXT)", json!([])).await;
    let denied = execute(&plugin, "CREATE TABLE other (x)", json!([])).await;
    assert_contains(&error(&denied, "permission_denied"), &["write", "`db.other`"]);
    assert_last_denial(&host.runtime, "db.other", "write");
    assert_eq!(plugin.metrics().denials, 1);

    let asked = json!([{ "resource": "db.notes", "actions": ["read"] }]);
    let host = Host::with(allowing);
    let plugin = host.load(database().manifest("permissions", asked)).await;
    let denied = execute(&plugin, "CREATE TABLE notes (title TEXT)", json!([])).await;
    assert_contains(&error(&denied, "permission_denied"), &["write `db.notes`", "manifest"]);
    assert_last_denial(&host.runtime, "db.notes", "write");
}

#[tokio::test]
async fn denied_table_is_denied_in_any_spelling() {
    let rules = Policy::default().deny("db.users").and_then(|policy| policy.allow("db.*")).expect("readable");
    let host = Host::with(|builder| builder.policy(rules));
    let plugin = host.load(database()).await;
    for name in ["users", "USERS", "Users", "[uSERS]"] {
        let denied = execute(&plugin, &format!("CREATE TABLE {name} (x)"), json!([])).await;
        assert_contains(&error(&denied, "permission_denied"), &["operator's rule about `db.users`"]);
    }
    execute(&plugin, "CREATE TABLE user (x)", json!([])).await;
}

#[tokio::test]
async fn denial_inside_a_transaction_keeps_its_other_changes() {
    let host = Host::with(|builder| builder.policy(Policy::default().allow("db.notes").expect("readable")));
    let plugin = host.load(database()).await;
    execute(&plugin, "CREATE TABLE notes (title TEXT NOT NULL, id INTEGER PRIMARY KEY)", json!([])).await;
    let steps =
        json!([{ "execute": "INSERT INTO notes (title) VALUES ('a')" }, { "execute": "CREATE TABLE other (x)" }]);
    let answers: Value =
        plugin.call("transaction", &json!({ "steps": steps, "end": "commit" })).await.expect("it answers");
    assert_contains(&error(&answers[1], "permission_denied"), &["`db.other`"]);
    assert_eq!(titles(&plugin).await, json!(["a"]));
}

#[tokio::test]
async fn acknowledged_changes_survive_in_a_new_runtime() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| allowing(builder).data_dir(data.path()));
    let first = host();
    let plugin = notes(&first).await;
    execute(&plugin, "INSERT INTO notes (title) VALUES ('kept')", json!([])).await;
    drop((plugin, first));
    let second = host();
    let plugin = second.load(database()).await;
    assert_eq!(titles(&plugin).await, json!(["kept"]));
    #[cfg(unix)]
    for file in ["feature_db", "feature_db/db.sqlite3", "feature_db/db.sqlite3-wal"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(data.path().join(file)).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is open to others");
    }
}

#[tokio::test]
async fn two_runtimes_on_one_directory_see_each_others_changes() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| allowing(builder).data_dir(data.path()));
    let (first, second) = (host(), host());
    let one = notes(&first).await;
    let two = second.load(database()).await;
    for (plugin, title) in [(&one, "a"), (&two, "b"), (&one, "c")] {
        execute(plugin, "INSERT INTO notes (title) VALUES (?)", json!([title])).await;
    }
    assert_eq!((titles(&one).await, titles(&two).await), (json!(["a", "b", "c"]), json!(["a", "b", "c"])));
    execute(&one, "ALTER TABLE notes ADD COLUMN more DEFAULT 5", json!([])).await;
    let rows = query(&two, "SELECT * FROM notes WHERE id = 1", json!([])).await;
    assert_eq!(rows, json!([{ "id": 1, "title": "a", "more": 5 }]), "with the schema that the other runtime set");
}

#[tokio::test]
async fn database_without_a_data_directory_ends_with_the_plugin() {
    let host = Host::with(allowing);
    let plugin = notes(&host).await;
    execute(&plugin, "INSERT INTO notes (title) VALUES ('a')", json!([])).await;
    host.runtime.reload(database().package()).await.expect("it reloads");
    assert_eq!(titles(&plugin).await, json!(["a"]), "a reload keeps it");
    assert!(host.runtime.unload("feature_db").await);
    drop(plugin);
    let plugin = host.load(database()).await;
    let answer = query(&plugin, "SELECT title FROM notes", json!([])).await;
    assert_contains(&error(&answer, "invalid_sql"), &["no such table"]);
}

#[tokio::test]
async fn repeated_query_sees_changed_tables() {
    let data = tempfile::tempdir().expect("a directory");
    let host = Host::with(|builder| allowing(builder).data_dir(data.path()));
    let plugin = notes(&host).await;
    execute(&plugin, "INSERT INTO notes (title) VALUES ('a')", json!([])).await;
    let all = "SELECT * FROM notes";
    for _ in 0..3 {
        assert_eq!(query(&plugin, all, json!([])).await, json!([{ "id": 1, "title": "a" }]));
    }
    execute(&plugin, "ALTER TABLE notes ADD COLUMN more DEFAULT 5", json!([])).await;
    assert_eq!(query(&plugin, all, json!([])).await, json!([{ "id": 1, "title": "a", "more": 5 }]));
    execute(&plugin, "DROP TABLE notes", json!([])).await;
    let gone = query(&plugin, all, json!([])).await;
    assert_contains(&error(&gone, "invalid_sql"), &["no such table: notes"]);
}

#[tokio::test]
async fn query_that_takes_longer_than_expected_still_answers() {
    let plugin = notes(&Host::with(allowing)).await;
    let many =
        json!({ "execute_many": "INSERT INTO notes (title) VALUES (?)", "many": vec![["x".repeat(9_000)]; 300] });
    let by_id = "SELECT length(title) AS n FROM notes WHERE id <= ? ORDER BY id DESC LIMIT 1";
    let scan = "SELECT count(*) AS n FROM notes WHERE title LIKE ?";
    for _ in 0..2 {
        assert_eq!(query(&plugin, by_id, json!([1])).await, json!([]));
        assert_eq!(query(&plugin, scan, json!(["%x"])).await, json!([{ "n": 0 }]));
    }
    run(&plugin, many).await;
    for _ in 0..2 {
        assert_eq!(query(&plugin, by_id, json!([1])).await, json!([{ "n": 9_000 }]));
        assert_eq!(query(&plugin, scan, json!(["%x"])).await, json!([{ "n": 300 }]));
    }
}

#[tokio::test]
async fn damaged_file_is_an_error_of_its_plugin_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let host = || Host::with(|builder| allowing(builder).data_dir(data.path()));
    let file = data.path().join("feature_db").join("db.sqlite3");
    {
        let host = host();
        let plugin = notes(&host).await;
        let many =
            json!({ "execute_many": "INSERT INTO notes (title) VALUES (?)", "many": vec![["x".repeat(900)]; 100] });
        run(&plugin, many).await;
        assert!(host.runtime.unload("feature_db").await);
    }
    wait_for(|| !file.with_file_name("db.sqlite3-wal").exists()).await;
    let whole = std::fs::read(&file).expect("it exists");
    let half_page = whole[..whole.len() / 2 + 100].to_vec();
    let mut overwritten = whole.clone();
    overwritten[4096..4096 * 12].fill(0xA5);
    let garbage = b"no database at all ".repeat(1000);
    for (name, bytes) in [("half a page", half_page), ("overwritten", overwritten), ("garbage", garbage)] {
        std::fs::write(&file, bytes).expect("written");
        let host = host();
        let plugin = host.load(database()).await;
        let neighbour = host.load(database().manifest("name", json!("neighbour"))).await;
        execute(&neighbour, "CREATE TABLE IF NOT EXISTS fine (x)", json!([])).await;
        for sql in ["SELECT sum(length(title)) FROM notes", "INSERT INTO notes (title) VALUES ('more')"] {
            let text = error(&query(&plugin, sql, json!([])).await, "unavailable");
            assert_contains(&text, &["`db.sqlite3`", "`feature_db`", "damaged", "backup"]);
            assert!(!text.contains(data.path().to_str().expect("a string")), "{name}: a host path in {text}");
        }
        assert_eq!(query(&neighbour, "SELECT * FROM fine", json!([])).await, json!([]), "{name}");
    }
    std::fs::write(&file, whole).expect("written");
    let host = host();
    let plugin = host.load(database()).await;
    assert_eq!(query(&plugin, "SELECT count(*) AS n FROM notes", json!([])).await, json!([{ "n": 100 }]));
}

async fn wait_for(done: impl Fn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !done() {
        assert!(std::time::Instant::now() < until, "the condition never held");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn use_of_a_table_is_recorded_once_with_its_caller() {
    let audit = RecordedAudit::of_everything();
    let host = Host::with(|builder| allowing(builder).audit_sink(audit.clone()));
    let plugin = notes(&host).await;
    let before = audit.lines().len();
    // The first run prepares the statement on another thread, and the second runs on the caller's.
    for _ in 0..2 {
        query(&plugin, "SELECT title FROM notes", json!([])).await;
    }
    let read = format!("permission.allow {} read db.notes host", plugin.name());
    assert_eq!(audit.lines()[before..], [read.clone(), read]);
}

async fn notes(host: &Host) -> Plugin {
    let plugin = host.load(database()).await;
    for sql in
        ["CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL)", "CREATE TABLE mixed (a, b, c, d, e)"]
    {
        let made = execute(&plugin, sql, json!([])).await;
        assert_eq!(made, json!({ "insert_id": null, "changes": 0 }));
    }
    plugin
}

/// A plugin that requests every table.
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
