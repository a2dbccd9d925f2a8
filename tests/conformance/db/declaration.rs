//! The rules of declared tables and collections.

use plugbay::manifest::{Format, Layer, Manifest};
use plugbay::store::{SqlDeclaration, SqlError, SqlValue};

use super::{Backend, run, try_run, values};

fn declared(tables: &str) -> SqlDeclaration {
    let text = format!("{{\"name\": \"p\", \"version\": \"1.0.0\", {tables}}}");
    let layer = Layer::parse("test", &text, Format::Json).expect("it can be read");
    let manifest = Manifest::from_layers(&[layer]).expect("it is a manifest");
    SqlDeclaration { tables: manifest.tables, collections: manifest.database.unwrap_or_default() }
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
    assert!(matches!(try_run(&*store, "INSERT INTO t (title) VALUES (NULL)").await, Err(SqlError::Constraint(_))));
    let documents = values(&*store, "SELECT doc FROM items").await;
    assert_eq!(documents, [SqlValue::Text("{\"a\":1}".to_owned())], "the initial documents are inserted once");

    let more = r#""tables": { "t": { "columns": { "id": "id", "title": "text", "done": { "type": "boolean", "default": true } } } }"#;
    store.declare(declared(more)).await.expect("it is changed");
    assert_eq!(values(&*store, "SELECT title FROM t WHERE done").await, [SqlValue::Text("a".to_owned())]);
    run(&*store, "INSERT INTO t (title) VALUES (NULL)").await;
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
