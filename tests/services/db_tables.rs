//! Tables and collections that a manifest declares: they are created, migrated and filled once, and never lose a row.

use plugbay::{LoadError, Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin};

#[tokio::test]
async fn every_kind_of_column_accepts_its_values_only() {
    let scene = Scene::new();
    let plugin = scene.load("tables", every_kind()).await.expect("it loads");
    insert(&plugin, json!({})).await.expect("every column may be null or has a default");
    for (column, good, bad) in [
        ("words", json!(["any", 5.5]), json!([{ "blob": [1] }])),
        ("short", json!(["abc", "äöü"]), json!(["abcd"])),
        ("code", json!(["ab"]), json!(["a", "abc"])),
        ("number", json!([5, "6"]), json!(["x", 1.5])),
        ("ratio", json!([1, 1.5]), json!(["x"])),
        ("price", json!([1, 1.5]), json!(["1.5"])),
        ("done", json!([0, 1, true]), json!([2, "yes"])),
        ("data", json!(["{\"a\": [1]}", "null"]), json!(["{", ""])),
        ("tags", json!(["[]"]), json!(["a,b"])),
        ("colour", json!(["red", "it's"]), json!(["blue", ""])),
        ("bytes", json!([{ "blob": [0, 1] }]), json!(["text", 5])),
        ("day", json!(["2026-02-28"]), json!(["2026-02-30", "now", "28.2.2026", ""])),
        ("at", json!(["2026-02-28T10:00:00Z", "2026-02-28 10:00"]), json!(["now", "2026-02-28", "10:00"])),
        ("clock", json!(["10:00", "10:00:30.5"]), json!(["now", "25:00", "ten"])),
        ("moment", json!([1_767_225_600_000_i64]), json!(["2026-01-01"])),
        (
            "key",
            json!(["0190a5a8-5b2c-7def-8123-456789abcdef"]),
            json!(["0190a5a8", "0190a5a8-5b2c-7def-8123-456789abcdeg"]),
        ),
        ("parent", json!([1]), json!([99])),
    ] {
        for value in good.as_array().expect("a list") {
            insert(&plugin, json!({ column: value })).await.unwrap_or_else(|error| panic!("{column} {value}: {error}"));
        }
        for value in bad.as_array().expect("a list") {
            let error = insert(&plugin, json!({ column: value })).await.expect_err(&format!("{column} {value}"));
            assert!(error["error"]["constraint"].is_string(), "{column} {value}: {error}");
        }
    }
}

#[tokio::test]
async fn defaults_keys_and_timestamps_are_filled_in() {
    let scene = Scene::new();
    let columns = json!({
        "id": "id", "title": { "type": "text", "not_null": true, "unique": true },
        "done": { "type": "boolean", "default": false }, "data": { "type": "json", "default": { "it's": [1] } },
        "made": "created_at", "changed": "updated_at",
    });
    let plugin = scene.load("tables", json!({ "t": { "columns": columns } })).await.expect("it loads");
    let before = now_ms();
    run(&plugin, "INSERT INTO t (title) VALUES ('a')").await;
    let row = first(&plugin, "SELECT * FROM t").await;
    assert_eq!((&row["id"], &row["done"], &row["data"]), (&json!(1), &json!(false), &json!({ "it's": [1] })));
    let made = moment(&row["made"]).expect("a moment");
    assert!(made >= before && made <= now_ms() && row["changed"] == row["made"], "{row}");

    run(&plugin, "UPDATE t SET changed = 5, done = 1").await;
    let row = first(&plugin, "SELECT * FROM t").await;
    assert!(moment(&row["changed"]) >= Some(made) && moment(&row["made"]) == Some(made), "the host sets it: {row}");

    let twice = try_run(&plugin, "INSERT INTO t (title) VALUES ('a')").await;
    assert_contains(twice["error"]["constraint"].as_str().expect("a constraint"), &["UNIQUE", "t.title"]);
    run(&plugin, "DELETE FROM t").await;
    let inserted = run(&plugin, "INSERT INTO t (title) VALUES ('b')").await;
    assert_eq!(inserted["insert_id"], json!(2), "an id is never given twice");
}

/// Every default that the manifest accepts must be a value that the column accepts: the two are checked in different
/// places.
#[tokio::test]
async fn default_of_every_kind_is_a_valid_value_of_its_column() {
    let scene = Scene::new();
    let defaults = json!({
        "words": { "type": "text", "default": "it's" }, "short": { "type": "varchar", "length": 3, "default": "äöü" },
        "code": { "type": "char", "length": 2, "default": "ab" }, "number": { "type": "integer", "default": -3 },
        "ratio": { "type": "real", "default": 0.5 }, "price": { "type": "numeric", "default": 5 },
        "done": { "type": "boolean", "default": true }, "data": { "type": "json", "default": [1] },
        "tags": { "type": "text", "default": "[]" },
        "colour": { "type": "enum", "values": ["red", "it's"], "default": "it's" },
        "day": { "type": "date", "default": "2024-02-29" }, "at": { "type": "datetime", "default": "2026-01-31T08:30:00.5+02:00" },
        "clock": { "type": "time", "default": "23:59Z" }, "moment": { "type": "timestamp", "default": 1_767_225_600_000_i64 },
        "key": { "type": "uuid", "default": "67e55044-10b1-426f-9247-bb680e5fe0c8" },
        "parent": {
            "type": "foreign_key", "default": "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "references": { "table": "parents", "column": "key" },
        },
    });
    let parents = json!({ "columns": { "key": { "type": "uuid", "primary_key": true } } });
    let tables = json!({ "t": { "columns": defaults, "json_columns": ["tags"] }, "parents": parents });
    let plugin = scene.load("tables", tables).await.expect("it loads");
    run(&plugin, "INSERT INTO parents VALUES ('67e55044-10b1-426f-9247-bb680e5fe0c8')").await;
    let inserted = try_run(&plugin, "INSERT INTO t DEFAULT VALUES").await;
    assert_eq!(inserted["changes"], json!(1), "{inserted}");
    let row = first(&plugin, "SELECT * FROM t").await;
    assert_eq!((moment(&row["moment"]), &row["day"]), (Some(1_767_225_600_000), &json!("2024-02-29")), "{row}");
}

#[tokio::test]
async fn declared_columns_reach_a_guest_without_the_sdk_in_their_kinds() {
    let scene = Scene::new();
    let columns = json!({
        "id": "id", "done": "boolean", "price": "numeric", "data": "json", "at": "timestamp", "key": "uuid",
        "tags": "text", "plain": "text",
    });
    let tables = json!({ "t": { "columns": columns, "json_columns": ["tags"] } });
    let plugin = scene.load("tables", tables).await.expect("it loads");
    let row = json!({
        "done": true, "price": { "numeric": "12.5" }, "data": { "a": [1] }, "at": { "timestamp_ms": 5 },
        "key": { "uuid": "0190a5a8-5b2c-7def-8123-456789abcdef" }, "tags": ["x"], "plain": "[1]",
    });
    let params = json!([
        row["done"], row["price"], { "json": row["data"] }, row["at"], row["key"], { "json": row["tags"] }, row["plain"],
    ]);
    let sql = "INSERT INTO t (done, price, data, at, key, tags, plain) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let step = json!({ "execute": sql, "params": params });
    let inserted: Value = plugin.call("run", &step).await.expect("it answers");
    assert_eq!(inserted, json!({ "insert_id": 1, "changes": 1 }));
    let select = "SELECT done, price, data, at, key, tags, plain FROM t";
    assert_eq!(first(&plugin, select).await, row);
    let computed = first(&plugin, "SELECT data ->> '$.a' AS a, NOT done AS todo FROM t").await;
    assert_eq!(computed, json!({ "a": "[1]", "todo": 0 }), "an expression has the kind of its value");
}

#[tokio::test]
async fn foreign_keys_are_enforced_as_declared() {
    let scene = Scene::new();
    let child = |rule: &str| json!({ "id": "id", "p": { "type": "foreign_key", "references": { "table": "parents", "on_delete": rule } } });
    let tables = json!({
        "parents": { "columns": { "id": "id" } },
        "kept": { "columns": child("restrict") },
        "gone": { "columns": child("cascade") },
        "loose": { "columns": child("set_null") },
    });
    let plugin = scene.load("tables", tables).await.expect("it loads");
    for sql in [
        "INSERT INTO parents VALUES (1), (2)",
        "INSERT INTO kept (p) VALUES (1)",
        "INSERT INTO gone (p) VALUES (2)",
        "INSERT INTO loose (p) VALUES (2)",
    ] {
        run(&plugin, sql).await;
    }
    let refused = try_run(&plugin, "DELETE FROM parents WHERE id = 1").await;
    assert!(refused["error"]["constraint"].is_string(), "{refused}");
    run(&plugin, "DELETE FROM parents WHERE id = 2").await;
    let left = first(&plugin, "SELECT (SELECT count(*) FROM gone) AS gone, (SELECT p FROM loose) AS loose").await;
    assert_eq!(left, json!({ "gone": 0, "loose": null }));
}

#[tokio::test]
async fn existing_table_keeps_its_rows_through_changes_that_fit() {
    let scene = Scene::new();
    let tables = |columns: Value| json!({ "t": { "columns": columns } });
    let first_shape = tables(json!({
        "id": "id", "title": { "type": "varchar", "length": 5, "not_null": true }, "old": { "type": "text", "not_null": true },
        "kind": { "type": "enum", "values": ["a", "b"] }, "number": "text",
    }));
    let plugin = scene.load("tables", first_shape.clone()).await.expect("it loads");
    run(&plugin, "INSERT INTO t (title, old, kind, number) VALUES ('one', 'x', 'a', '7'), ('two', 'y', 'b', '8')")
        .await;
    run(&plugin, "DELETE FROM t WHERE id = 2").await;
    run(&plugin, "CREATE INDEX own ON t (old)").await;
    run(&plugin, "CREATE VIEW seen AS SELECT title FROM t").await;
    drop(plugin);

    let second_shape = tables(json!({
        "id": "id", "title": { "type": "text", "unique": true, "not_null": true },
        "kind": { "type": "enum", "values": ["a", "b", "c"], "default": "c", "not_null": true }, "number": "integer",
        "more": { "type": "text", "not_null": true, "default": "new" }, "made": "created_at", "changed": "updated_at",
    }));
    for round in 0..2 {
        let plugin = scene.load("tables", second_shape.clone()).await.expect("the rows fit");
        let row = first(&plugin, "SELECT * FROM t").await;
        assert_eq!(
            (&row["title"], &row["old"], &row["kind"], &row["number"], &row["more"]),
            (&json!("one"), &json!("x"), &json!("a"), &json!(7), &json!("new")),
            "{round}: {row}"
        );
        assert!(moment(&row["made"]) > Some(1_700_000_000_000), "{row}");
        assert_eq!(first(&plugin, "SELECT title FROM seen").await, json!({ "title": "one" }));
        assert_eq!(
            first(&plugin, "SELECT count(*) AS n FROM sqlite_master WHERE name = 'own'").await,
            json!({ "n": 1 })
        );
    }
    let plugin = scene.load("tables", second_shape).await.expect("it loads");
    let inserted = run(&plugin, "INSERT INTO t (title) VALUES ('a much longer title')").await;
    assert_eq!(
        inserted["insert_id"],
        json!(3),
        "ids continue, and columns that are no longer declared are not required"
    );
    drop(plugin);

    let back = scene.load("tables", first_shape).await.expect_err("the new title does not fit the old shape");
    assert_load_error(&back, "feature_db", "invalid_table");
    assert_contains(&back.to_string(), &["table `t`", "as declared"]);
}

#[tokio::test]
async fn change_that_a_row_does_not_fit_fails_without_effect() {
    let scene = Scene::new();
    let shape =
        |value: Value| json!({ "t": { "columns": { "id": "id", "v": value } }, "u": { "columns": { "id": "id" } } });
    let plugin = scene.load("tables", shape(json!("text"))).await.expect("it loads");
    run(&plugin, "INSERT INTO t (v) VALUES ('many'), ('many'), (NULL)").await;
    drop(plugin);
    for value in [
        json!("integer"),
        json!({ "type": "text", "unique": true }),
        json!({ "type": "text", "not_null": true }),
        json!({ "type": "varchar", "length": 3 }),
    ] {
        let error = scene.load("tables", shape(value.clone())).await.expect_err("the rows do not fit");
        assert_load_error(&error, "feature_db", "invalid_table");
        assert!(error.to_string().contains("table `t`"), "{value}: {error}");
    }
    let plugin = scene.load("tables", shape(json!("text"))).await.expect("it loads as before");
    assert_eq!(first(&plugin, "SELECT count(*) AS n FROM t").await, json!({ "n": 3 }));
}

#[tokio::test]
async fn table_made_by_the_plugin_is_adopted_with_its_rows() {
    let scene = Scene::new();
    let plugin = scene.load("tables", json!({})).await.expect("it loads");
    run(&plugin, "CREATE TABLE t (v TEXT, w)").await;
    run(&plugin, "INSERT INTO t VALUES ('a', 5)").await;
    drop(plugin);
    let declared = json!({ "t": { "columns": { "id": "id", "v": "text" } } });
    let plugin = scene.load("tables", declared).await.expect("the rows fit");
    assert_eq!(first(&plugin, "SELECT * FROM t").await, json!({ "id": 1, "v": "a", "w": 5 }));
}

#[tokio::test]
async fn declaration_that_cannot_be_created_is_an_error() {
    let scene = Scene::new();
    let plugin = scene.load("tables", json!({})).await.expect("it loads");
    run(&plugin, "CREATE VIEW seen AS SELECT 1").await;
    drop(plugin);
    for (tables, said) in [
        (json!({ "plugbay_x": { "columns": { "id": "id" } } }), "plugbay_x"),
        (json!({ "json_each": { "columns": { "id": "id" } } }), "json_each"),
        (json!({ "seen": { "columns": { "id": "id" } } }), "view"),
        (json!({ "t": { "columns": { "id": "id", "id2": "id" } } }), "more than one key"),
        (
            json!({ "p": { "columns": { "id": "id", "v": "text" } },
                    "t": { "columns": { "r": { "type": "foreign_key", "references": { "table": "p", "column": "v" } } } } }),
            "key or unique",
        ),
    ] {
        let error = scene.load("tables", tables.clone()).await.expect_err("it cannot be created");
        assert_load_error(&error, "feature_db", "invalid_table");
        assert!(error.to_string().contains(said), "{tables}: {error}");
    }
}

#[tokio::test]
async fn collection_is_filled_once_and_indexed_as_declared() {
    let scene = Scene::new();
    let database = |indexes: Value| {
        json!({ "collections": { "items": { "indexes": indexes } },
                "initial_data": { "items": [{ "name": "a", "in": { "n": 1 } }, { "name": "b" }], "config": { "on": true } } })
    };
    let declared = database(json!([{ "field": "name", "unique": true }, "in.n"]));
    let plugin = scene.load("collections", declared.clone()).await.expect("it loads");
    let items = query(&plugin, "SELECT id, doc FROM items ORDER BY id").await;
    assert_eq!(items[0]["doc"], json!({ "name": "a", "in": { "n": 1 } }));
    assert_eq!(first(&plugin, "SELECT count(*) AS n FROM config").await, json!({ "n": 1 }));

    let twice = try_run(&plugin, "INSERT INTO items (doc) VALUES ('{\"name\": \"a\"}')").await;
    assert!(twice["error"]["constraint"].is_string(), "{twice}");
    for doc in ["[]", "1", "{", "null"] {
        let refused = try_run(&plugin, &format!("INSERT INTO items (doc) VALUES ('{doc}')")).await;
        assert!(refused["error"]["constraint"].is_string(), "{doc}: {refused}");
    }
    run(&plugin, "INSERT INTO items (doc) VALUES ('{}'), ('{}')").await;
    let plan =
        query(&plugin, "EXPLAIN QUERY PLAN SELECT id FROM items WHERE json_extract(doc, '$.\"in\".\"n\"') = 1").await;
    assert_contains(&plan.to_string(), &["INDEX plugbay_items.in.n"]);
    run(&plugin, "DELETE FROM items").await;
    drop(plugin);

    let plugin = scene.load("collections", declared).await.expect("it loads again");
    assert_eq!(
        first(&plugin, "SELECT count(*) AS n FROM items").await,
        json!({ "n": 0 }),
        "deleted documents stay deleted"
    );
    drop(plugin);
    let plugin =
        scene.load("collections", database(json!(["name"]))).await.expect("an index less, one not unique any more");
    run(&plugin, "INSERT INTO items (doc) VALUES ('{\"name\": \"a\"}'), ('{\"name\": \"a\"}')").await;
    drop(plugin);
    let error = scene.load("collections", database(json!([{ "field": "name", "unique": true }]))).await;
    assert_load_error(&error.expect_err("two documents have the same name"), "feature_db", "invalid_table");
}

#[tokio::test]
async fn reload_migrates_tables_and_keeps_their_rows() {
    let host = Host::with(|builder| builder.policy(Policy::allow_all()));
    let shape = |columns: Value| plugin("tables", json!({ "t": { "columns": columns } }));
    let plugin = host.load(shape(json!({ "id": "id", "v": "text" }))).await;
    run(&plugin, "INSERT INTO t (v) VALUES ('kept')").await;
    let more = shape(json!({ "id": "id", "v": "text", "w": { "type": "integer", "default": 5 } }));
    host.runtime.reload(more.package()).await.expect("it reloads");
    assert_eq!(first(&plugin, "SELECT v, w FROM t").await, json!({ "v": "kept", "w": 5 }));
    let wrong = shape(json!({ "id": "id", "v": "integer" }));
    host.runtime.reload(wrong.package()).await.expect_err("the row does not fit");
    assert_eq!(first(&plugin, "SELECT v FROM t").await, json!({ "v": "kept" }), "the old revision goes on");
}

#[tokio::test]
async fn damaged_database_does_not_prevent_loading() {
    let scene = Scene::new();
    let directory = scene.data.path().join("feature_db");
    std::fs::create_dir_all(&directory).expect("created");
    std::fs::write(
        directory.join("db.sqlite3"),
        b"this is not a database, but long enough to be read as one".repeat(100),
    )
    .expect("written");
    let plugin = scene.load("tables", json!({ "t": { "columns": { "id": "id" } } })).await.expect("it still loads");
    let answer = try_run(&plugin, "SELECT * FROM t").await;
    let text = answer["error"]["unavailable"].as_str().unwrap_or_else(|| panic!("not unavailable: {answer}"));
    assert_contains(text, &["db.sqlite3", "damaged", "backup"]);
    assert!(!text.contains(scene.data.path().to_str().expect("a string")), "a host path in: {text}");
}

/// A data directory on which a plugin is loaded repeatedly, each time by a new runtime.
struct Scene {
    data: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        Scene { data: tempfile::tempdir().expect("a directory") }
    }

    async fn load(&self, what: &str, declared: Value) -> Result<Plugin, LoadError> {
        let host = Host::with(|builder| builder.policy(Policy::allow_all()).data_dir(self.data.path()));
        host.try_load(plugin(what, declared)).await
    }
}

/// A plugin that declares these `tables` or these `collections`.
fn plugin(what: &str, declared: Value) -> TestPlugin {
    let member = if what == "tables" { "tables" } else { "database" };
    TestPlugin::from(feature::DB).manifest("permissions", json!([{ "resource": "db.*" }])).manifest(member, declared)
}

fn every_kind() -> Value {
    json!({
        "parents": { "columns": { "id": "id" } },
        "t": {
            "columns": {
                "id": "id", "words": "text", "short": { "type": "varchar", "length": 3 }, "code": { "type": "char", "length": 2 },
                "number": "integer", "ratio": "real", "price": "numeric", "done": "boolean", "data": "json", "tags": "text",
                "colour": { "type": "enum", "values": ["red", "it's"] }, "bytes": "blob", "day": "date", "at": "datetime",
                "clock": "time", "moment": "timestamp", "key": "uuid",
                "parent": { "type": "foreign_key", "references": { "table": "t" } },
                "made": "created_at", "changed": "updated_at",
            },
            "json_columns": ["tags"],
        },
    })
}

/// Inserts one row into `t`.
async fn insert(plugin: &Plugin, row: Value) -> Result<Value, Value> {
    let row = row.as_object().expect("an object");
    let columns: Vec<&str> = row.keys().map(String::as_str).collect();
    let sql = match columns.is_empty() {
        true => "INSERT INTO t DEFAULT VALUES".to_owned(),
        false => format!("INSERT INTO t ({}) VALUES ({})", columns.join(", "), vec!["?"; columns.len()].join(", ")),
    };
    let params: Vec<&Value> = row.values().collect();
    let answer: Value = plugin.call("run", &json!({ "execute": sql, "params": params })).await.expect("it answers");
    if answer["error"].is_null() { Ok(answer) } else { Err(answer) }
}

async fn try_run(plugin: &Plugin, sql: &str) -> Value {
    plugin.call("run", &json!({ "execute": sql })).await.expect("it answers")
}

async fn run(plugin: &Plugin, sql: &str) -> Value {
    let answer = try_run(plugin, sql).await;
    assert!(answer["error"].is_null(), "{sql}: {answer}");
    answer
}

async fn query(plugin: &Plugin, sql: &str) -> Value {
    let answer: Value = plugin.call("run", &json!({ "query": sql })).await.expect("it answers");
    assert!(answer.is_array(), "{sql}: {answer}");
    answer
}

async fn first(plugin: &Plugin, sql: &str) -> Value {
    query(plugin, sql).await[0].clone()
}

/// The milliseconds of a column that is declared as a timestamp.
fn moment(value: &Value) -> Option<u64> {
    value["timestamp_ms"].as_u64()
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("in range")
}
