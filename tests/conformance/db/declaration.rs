//! The rules of declared tables and collections.

use plugbay::manifest::{Format, Layer, Manifest};
use plugbay::store::{SqlDeclaration, SqlError, SqlValue};

use super::{Backend, run, statement, try_run, values};

fn declared(tables: &str) -> SqlDeclaration {
    let text = format!("{{\"name\": \"p\", \"version\": \"1.0.0\", {tables}}}");
    let layer = Layer::parse("test", &text, Format::Json).expect("it can be read");
    let manifest = Manifest::from_layers(&[layer]).expect("it is a manifest");
    SqlDeclaration { tables: manifest.tables, collections: *manifest.database.unwrap_or_default() }
}

const TABLES: &str =
    r#""tables": { "t": { "columns": { "id": "id", "title": { "type": "text", "not_null": true } } } }"#;

pub(super) async fn declaration_creates_tables_and_collections(backend: &Backend<'_>) {
    let store = backend.open().await;
    let collections = r#""database": { "collections": { "items": {} }, "initial_data": { "items": [{ "a": 1 }] } }"#;
    let declaration = declared(&format!("{TABLES}, {collections}"));
    for _ in 0..2 {
        store.declare(declaration.clone()).await.expect("it is created");
    }
    run(&*store, "INSERT INTO t (title) VALUES ('a')").await;
    assert!(matches!(try_run(&*store, "INSERT INTO t (title) VALUES (NULL)").await, Err(SqlError::Constraint { .. })));
    let documents = values(&*store, "SELECT doc FROM items").await;
    assert_eq!(documents, [SqlValue::Json("{\"a\":1}".to_owned())], "the initial documents are inserted once");

    let more = r#""tables": { "t": { "columns": { "id": "id", "title": "text", "done": { "type": "boolean", "default": true } } } }"#;
    store.declare(declared(more)).await.expect("it is changed");
    assert_eq!(values(&*store, "SELECT title FROM t WHERE done").await, [SqlValue::Text("a".to_owned())]);
    run(&*store, "INSERT INTO t (title) VALUES (NULL)").await;
}

/// A value of each kind that a declared column returns, in the order of the columns.
fn one_of_each_kind() -> [(&'static str, SqlValue); 8] {
    [
        ("boolean", SqlValue::Boolean(true)),
        ("integer", SqlValue::Integer(7)),
        ("numeric", SqlValue::Numeric("12.5".to_owned())),
        ("json", SqlValue::Json("{\"a\":[1]}".to_owned())),
        ("timestamp", SqlValue::TimestampMs(1_767_225_600_000)),
        ("uuid", SqlValue::Uuid("0190a5a8-5b2c-7def-8123-456789abcdef".to_owned())),
        ("date", SqlValue::Text("2026-02-28".to_owned())),
        ("text", SqlValue::Text("a".to_owned())),
    ]
}

pub(super) async fn declared_column_returns_its_kind(backend: &Backend<'_>) {
    let store = backend.open().await;
    let kinds = one_of_each_kind().map(|(kind, _)| kind);
    let columns: Vec<String> = kinds.iter().map(|kind| format!("\"c_{kind}\": \"{kind}\"")).collect();
    store
        .declare(declared(&format!("\"tables\": {{ \"t\": {{ \"columns\": {{ {} }} }} }}", columns.join(", "))))
        .await
        .expect("it is created");
    let names = kinds.map(|kind| format!("c_{kind}")).join(", ");
    let places = (1..=kinds.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let params = one_of_each_kind().map(|(_, value)| value);
    let insert = format!("INSERT INTO t ({names}) VALUES ({places})");
    store.run(statement(&insert), params.to_vec()).await.expect("it is inserted");
    let answer = run(&*store, &format!("SELECT {names}, 1 FROM t")).await;
    assert_eq!(answer.rows[0][..kinds.len()], params);
    let returned: Vec<&str> = answer.columns.iter().map(|column| &*column.kind).collect();
    assert_eq!(returned[..kinds.len()], kinds, "an expression has no kind: {returned:?}");
    assert_eq!(values(&*store, "SELECT c_json FROM (SELECT * FROM t) AS u").await, [params[3].clone()]);
}

pub(super) async fn declaration_that_fails_changes_nothing(backend: &Backend<'_>) {
    let store = backend.open().await;
    store.declare(declared(TABLES)).await.expect("it is created");
    run(&*store, "INSERT INTO t (title) VALUES ('a')").await;
    let wrong = r#""tables": { "also": { "columns": { "id": "id" } },
        "t": { "columns": { "id": "id", "title": "integer" } } }"#;
    store.declare(declared(wrong)).await.expect_err("the title is not an integer");
    assert_eq!(values(&*store, "SELECT title FROM t").await, [SqlValue::Text("a".to_owned())]);
    assert!(try_run(&*store, "SELECT * FROM also").await.is_err());
}
