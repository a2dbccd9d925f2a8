//! The rules of a backend for `db`: `plugbay::store::SqlStoreProvider`, `SqlStore` and `SqlTransaction`.
//!
//! The statements are simple enough for any dialect with recursive common table expressions and `RETURNING`.

mod declaration;
mod transaction;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plugbay::clock::SystemClock;
use plugbay::manifest::PermissionAction;
use plugbay::store::{SqlAnswer, SqlError, SqlStatement, SqlStore, SqlStoreProvider, SqlUse, SqlValue};

use crate::harness::limits::{DB_RESULT_BYTES_MAX, DB_ROWS_MAX};

/// Checks every rule.
///
/// # Panics
/// If the backend breaks one.
pub(crate) async fn check(provider: &dyn SqlStoreProvider) {
    macro_rules! check {
        ($($rule:path)*) => {
            $($rule(&Backend::fresh(provider, stringify!($rule)).await).await;)*
        };
    }
    check! {
        values_are_returned_as_they_were_bound
        answer_has_columns_rows_bytes_and_changes
        stores_of_one_name_share_tables
        plugins_share_no_tables
        every_table_needs_permission
        denied_statement_has_no_effect
        permission_is_asked_each_time
        views_and_triggers_need_permission_for_their_tables
        statement_ends_at_its_deadline
        dropped_statement_ends
        answer_is_bounded
        invalid_statement_has_a_reason
        files_and_settings_are_out_of_reach
        violated_constraint_undoes_the_statement
        many_statements_run_all_or_none
        transaction::transaction_is_seen_when_it_is_committed
        transaction::transaction_that_is_not_committed_is_undone
        transaction::failed_statement_leaves_its_transaction_open
        transaction::interrupted_statement_ends_its_transaction
        declaration::declaration_creates_tables_and_collections
        declaration::declaration_that_fails_changes_nothing
        declaration::declared_column_returns_its_kind
        provider_removes_the_tables_of_one_plugin
    }
}

/// Longer than any statement here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The backend, with the names of two plugins that have no tables.
struct Backend<'a> {
    provider: &'a dyn SqlStoreProvider,
    plugin: String,
    other: String,
}

impl<'a> Backend<'a> {
    async fn fresh(provider: &'a dyn SqlStoreProvider, rule: &str) -> Self {
        let rule = rule.rsplit("::").next().unwrap_or(rule).trim();
        let (plugin, other) = (format!("conformance-{rule}"), format!("conformance-other-{rule}"));
        for name in [&plugin, &other] {
            provider.remove(name).await.expect("removed");
        }
        Backend { provider, plugin, other }
    }

    async fn open(&self) -> Arc<dyn SqlStore> {
        self.provider.open(&self.plugin, Arc::new(SystemClock)).await.expect("it opens")
    }

    async fn open_other(&self) -> Arc<dyn SqlStore> {
        self.provider.open(&self.other, Arc::new(SystemClock)).await.expect("it opens")
    }
}

fn statement(sql: &str) -> SqlStatement {
    SqlStatement {
        sql: sql.to_owned(),
        wants_rows: true,
        deadline: Instant::now() + PATIENCE,
        may: Arc::new(|_, _| true),
    }
}

fn allowing(sql: &str, may: impl Fn(&str, PermissionAction) -> bool + Send + Sync + 'static) -> SqlStatement {
    SqlStatement { may: Arc::new(may), ..statement(sql) }
}

/// A statement that runs far longer than any test waits.
fn endless() -> String {
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) SELECT count(*) FROM n"
        .to_owned()
}

async fn try_run(store: &dyn SqlStore, sql: &str) -> Result<SqlAnswer, SqlError> {
    store.run(statement(sql), vec![]).await
}

async fn run(store: &dyn SqlStore, sql: &str) -> SqlAnswer {
    try_run(store, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The first value of each row.
async fn values(store: &dyn SqlStore, sql: &str) -> Vec<SqlValue> {
    run(store, sql).await.rows.into_iter().map(|row| row.into_iter().next().expect("a column")).collect()
}

async fn titles(store: &dyn SqlStore) -> Vec<String> {
    let text = |value| match value {
        SqlValue::Text(text) => text,
        other => panic!("{other:?}"),
    };
    values(store, "SELECT title FROM notes ORDER BY id").await.into_iter().map(text).collect()
}

/// The table `notes` with these titles.
async fn notes(store: &dyn SqlStore, titles: &[&str]) {
    run(store, "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE)").await;
    for title in titles {
        let insert = statement("INSERT INTO notes (title) VALUES (?)");
        store.run(insert, vec![SqlValue::Text((*title).to_owned())]).await.expect("inserted");
    }
}

fn reading(table: &str) -> SqlUse {
    SqlUse { resource: format!("db.{table}"), action: PermissionAction::Read }
}

fn writing(table: &str) -> SqlUse {
    SqlUse { resource: format!("db.{table}"), action: PermissionAction::Write }
}

async fn values_are_returned_as_they_were_bound(backend: &Backend<'_>) {
    let store = backend.open().await;
    let values = [
        SqlValue::Null,
        SqlValue::Integer(i64::MIN),
        SqlValue::Real(1.5e300),
        SqlValue::Text("it's; -- a \"text\" ü\u{10ffff}".to_owned()),
        SqlValue::Blob(vec![0, 255, 39]),
    ];
    for value in values {
        let answer = store.run(statement("SELECT ?"), vec![value.clone()]).await.expect("it runs");
        assert_eq!(answer.rows, [[value]]);
    }
    for sql in ["SELECT ?2 - ?1", "SELECT $2 - $1", "SELECT $2 - $1 + 0 * $2"] {
        let swapped = vec![SqlValue::Integer(1), SqlValue::Integer(2)];
        let answer = store.run(statement(sql), swapped).await.expect("it runs");
        assert_eq!(answer.rows, [[SqlValue::Integer(1)]], "{sql}");
    }
}

async fn answer_has_columns_rows_bytes_and_changes(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &[]).await;
    let answer = run(&*store, "INSERT INTO notes (title) VALUES ('a'), ('b')").await;
    assert_eq!((answer.changes, answer.insert_id, answer.rows), (2, Some(SqlValue::Integer(2)), vec![]));
    let answer = run(&*store, "UPDATE notes SET title = title || '!'").await;
    assert_eq!((answer.changes, answer.insert_id), (2, None));
    let answer = run(&*store, "SELECT id, title AS name FROM notes ORDER BY id").await;
    assert_eq!(answer.columns.iter().map(|column| &*column.name).collect::<Vec<_>>(), ["id", "name"]);
    let row = |id, title: &str| vec![SqlValue::Integer(id), SqlValue::Text(title.to_owned())];
    assert_eq!(answer.rows, [row(1, "a!"), row(2, "b!")]);
    assert_eq!(answer.bytes, answer.rows.iter().flatten().map(SqlValue::answer_bytes).sum::<usize>());
    assert_eq!((answer.changes, answer.insert_id), (0, None));
    let none = SqlStatement { wants_rows: false, ..statement("SELECT title FROM notes") };
    assert!(store.run(none, vec![]).await.expect("it runs").rows.is_empty());
    let returning = run(&*store, "INSERT INTO notes (title) VALUES ('c') RETURNING id").await;
    assert_eq!(returning.rows, [[SqlValue::Integer(3)]]);
}

async fn stores_of_one_name_share_tables(backend: &Backend<'_>) {
    let (one, other) = (backend.open().await, backend.open().await);
    notes(&*one, &["a"]).await;
    assert_eq!(titles(&*other).await, ["a"]);
    run(&*other, "INSERT INTO notes (title) VALUES ('b')").await;
    assert_eq!(titles(&*one).await, ["a", "b"]);
    run(&*one, "ALTER TABLE notes RENAME TO renamed").await;
    assert_eq!(values(&*other, "SELECT count(*) FROM renamed").await, [SqlValue::Integer(2)]);
}

async fn plugins_share_no_tables(backend: &Backend<'_>) {
    let (store, other) = (backend.open().await, backend.open_other().await);
    notes(&*store, &["a"]).await;
    let error = try_run(&*other, "SELECT * FROM notes").await.expect_err("there is no such table");
    assert!(matches!(error, SqlError::Invalid(_)), "{error:?}");
    notes(&*other, &["b"]).await;
    assert_eq!((titles(&*store).await, titles(&*other).await), (vec!["a".to_owned()], vec!["b".to_owned()]));
}

async fn every_table_needs_permission(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    run(&*store, "CREATE TABLE tags (note INTEGER, tag TEXT)").await;
    let cases = [
        ("SELECT count(*) FROM notes", vec![reading("notes")]),
        ("SELECT title FROM NOTES JOIN tags ON note = notes.id", vec![reading("notes"), reading("tags")]),
        ("INSERT INTO tags VALUES (1, 'x')", vec![writing("tags")]),
        ("INSERT INTO tags SELECT id, title FROM notes", vec![reading("notes"), writing("tags")]),
        ("DELETE FROM tags", vec![writing("tags")]),
        ("CREATE TABLE made (x INTEGER)", vec![writing("made")]),
        ("DROP TABLE made", vec![writing("made")]),
        ("SELECT 1", vec![]),
    ];
    for (sql, expected) in cases {
        let asked = Arc::new(Mutex::new(BTreeSet::new()));
        let recorded = asked.clone();
        let answer = store.run(
            allowing(sql, move |resource, action| {
                recorded.lock().expect("no panic").insert((resource.to_owned(), action.name()));
                true
            }),
            vec![],
        );
        let answer = answer.await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let asked = asked.lock().expect("no panic").clone();
        let expected: BTreeSet<_> = expected.into_iter().map(|used| (used.resource, used.action.name())).collect();
        assert_eq!(asked, expected, "{sql}");
        let uses: BTreeSet<_> = answer.uses.iter().map(|used| (used.resource.clone(), used.action.name())).collect();
        assert_eq!(uses, expected, "{sql}");
    }
}

async fn denied_statement_has_no_effect(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let readable = |_: &str, action| action == PermissionAction::Read;
    for sql in
        ["INSERT INTO notes (title) VALUES ('b')", "DELETE FROM notes", "DROP TABLE notes", "UPDATE notes SET id = 9"]
    {
        let denied = store.run(allowing(sql, readable), vec![]).await;
        assert_eq!(denied.map(drop), Err(SqlError::Denied(writing("notes"))), "{sql}");
    }
    let denied = store.run(allowing("SELECT title FROM notes", |_, _| false), vec![]).await;
    assert_eq!(denied.map(drop), Err(SqlError::Denied(reading("notes"))));
    let denied = store.run(allowing("CREATE TABLE made (x INTEGER)", readable), vec![]).await;
    assert_eq!(denied.map(drop), Err(SqlError::Denied(writing("made"))));
    assert!(try_run(&*store, "SELECT * FROM made").await.is_err());
    assert_eq!(titles(&*store).await, ["a"]);
}

async fn permission_is_asked_each_time(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    for _ in 0..3 {
        let sql = "SELECT title FROM notes";
        store.run(allowing(sql, |_, _| true), vec![]).await.expect("it is granted");
        let denied = store.run(allowing(sql, |_, _| false), vec![]).await;
        assert_eq!(denied.map(drop), Err(SqlError::Denied(reading("notes"))));
    }
}

async fn views_and_triggers_need_permission_for_their_tables(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    run(&*store, "CREATE TABLE secret (x TEXT)").await;
    run(&*store, "CREATE VIEW seen AS SELECT x FROM secret").await;
    let no_secret = |resource: &str, _| resource != "db.secret";
    let denied = store.run(allowing("SELECT x FROM seen", no_secret), vec![]).await;
    assert_eq!(denied.map(drop), Err(SqlError::Denied(reading("secret"))));
    run(&*store, "CREATE TRIGGER copies AFTER INSERT ON notes BEGIN INSERT INTO secret VALUES (new.title); END").await;
    let denied = store.run(allowing("INSERT INTO notes (title) VALUES ('b')", no_secret), vec![]).await;
    assert_eq!(denied.map(drop), Err(SqlError::Denied(writing("secret"))));
    assert_eq!(titles(&*store).await, ["a"]);
}

async fn statement_ends_at_its_deadline(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let soon = |sql: &str| SqlStatement { deadline: Instant::now() + Duration::from_millis(50), ..statement(sql) };
    let error = store.run(soon(&endless()), vec![]).await.expect_err("it is endless");
    assert!(matches!(error, SqlError::Interrupted(_)), "{error:?}");
    let writes = format!("INSERT INTO notes (title) {}", endless());
    let error = store.run(soon(&writes), vec![]).await.expect_err("it is endless");
    assert!(matches!(error, SqlError::Interrupted(_)), "{error:?}");
    assert_eq!(titles(&*store).await, ["a"]);
}

async fn dropped_statement_ends(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let writes = format!("INSERT INTO notes (title) {}", endless());
    let dropped = tokio::time::timeout(Duration::from_millis(50), store.run(statement(&writes), vec![])).await;
    assert!(dropped.is_err(), "it is endless");
    // It would wait forever for one that goes on.
    run(&*store, "INSERT INTO notes (title) VALUES ('b')").await;
    assert_eq!(titles(&*store).await, ["a", "b"]);
}

async fn answer_is_bounded(backend: &Backend<'_>) {
    let store = backend.open().await;
    let rows = |count: usize| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n")
    };
    assert_eq!(run(&*store, &rows(DB_ROWS_MAX)).await.rows.len(), DB_ROWS_MAX);
    let error = try_run(&*store, &rows(DB_ROWS_MAX + 1)).await.expect_err("one row too many");
    assert!(matches!(&error, SqlError::Limit(limit) if limit.to_string().contains("10000 allowed")), "{error:?}");
    let half = "x".repeat(500_000);
    let blobs = vec![SqlValue::Text(half); DB_RESULT_BYTES_MAX / 500_000 + 1];
    let sql = format!("SELECT {}", vec!["?"; blobs.len()].join(", "));
    let error = store.run(statement(&sql), blobs).await.expect_err("too many bytes");
    assert!(matches!(error, SqlError::Limit(_)), "{error:?}");

    notes(&*store, &["a"]).await;
    run(&*store, "CREATE TABLE numbers (i INTEGER)").await;
    run(&*store, &format!("INSERT INTO numbers {}", rows(DB_ROWS_MAX + 1))).await;
    let error = try_run(&*store, "DELETE FROM numbers RETURNING i").await.expect_err("one row too many");
    assert!(matches!(error, SqlError::Limit(_)), "{error:?}");
    let left = values(&*store, "SELECT count(*) FROM numbers").await;
    assert_eq!(left, [SqlValue::Integer(DB_ROWS_MAX as i64 + 1)], "it has had no effect");
}

async fn invalid_statement_has_a_reason(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    for (sql, params) in [
        ("SELEC 1", 0),
        ("", 0),
        ("SELECT * FROM missing", 0),
        ("SELECT missing FROM notes", 0),
        ("SELECT ?", 0),
        ("SELECT ?", 2),
        ("SELECT 1; SELECT 2", 0),
        ("INSERT INTO notes (title) VALUES ('b'); DELETE FROM notes", 0),
        ("BEGIN", 0),
        ("COMMIT", 0),
        ("ROLLBACK", 0),
        ("SAVEPOINT s", 0),
    ] {
        let error = store.run(statement(sql), vec![SqlValue::Null; params]).await.expect_err(sql);
        assert!(matches!(&error, SqlError::Invalid(text) if !text.is_empty()), "{sql}: {error:?}");
    }
    assert_eq!(titles(&*store).await, ["a"]);
}

/// In the dialects of SQLite and PostgreSQL.
async fn files_and_settings_are_out_of_reach(backend: &Backend<'_>) {
    let store = backend.open().await;
    let file = std::env::temp_dir().join("plugbay-conformance-must-not-exist");
    let path = file.display();
    for sql in [
        format!("ATTACH '{path}' AS a"),
        format!("VACUUM INTO '{path}'"),
        format!("SELECT load_extension('{path}')"),
        format!("SELECT readfile('{path}')"),
        format!("SELECT writefile('{path}', 'x')"),
        format!("COPY (SELECT 1) TO '{path}'"),
        format!("SELECT pg_read_file('{path}')"),
        "PRAGMA journal_mode = delete".to_owned(),
        "SET statement_timeout = 0".to_owned(),
    ] {
        let refused = try_run(&*store, &sql).await;
        assert!(matches!(refused, Err(SqlError::Invalid(_) | SqlError::Denied(_))), "{sql}: {refused:?}");
    }
    assert!(!file.exists());
}

async fn violated_constraint_undoes_the_statement(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    for sql in [
        "INSERT INTO notes (title) VALUES ('b'), ('a')",
        "INSERT INTO notes (title) VALUES ('b'), (NULL)",
        "UPDATE notes SET title = NULL",
    ] {
        let error = try_run(&*store, sql).await.expect_err(sql);
        assert!(matches!(error, SqlError::Constraint { .. }), "{sql}: {error:?}");
    }
    assert_eq!(titles(&*store).await, ["a"]);
}

async fn many_statements_run_all_or_none(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let many = async |titles: &[&str]| {
        let many = titles.iter().map(|title| vec![SqlValue::Text((*title).to_owned())]).collect();
        store.run_many(statement("INSERT INTO notes (title) VALUES (?)"), many).await
    };
    let error = many(&["b", "a"]).await.expect_err("the title is taken");
    assert!(matches!(error, SqlError::Constraint { .. }), "{error:?}");
    assert_eq!(titles(&*store).await, ["a"]);
    let answer = many(&["b", "c"]).await.expect("they run");
    assert_eq!((answer.changes, answer.insert_id), (2, Some(SqlValue::Integer(3))));
    let denied = store.run_many(allowing("DELETE FROM notes", |_, _| false), vec![vec![]]).await;
    assert_eq!(denied.map(drop), Err(SqlError::Denied(writing("notes"))));
    assert_eq!(titles(&*store).await, ["a", "b", "c"]);
}

async fn provider_removes_the_tables_of_one_plugin(backend: &Backend<'_>) {
    let (store, other) = (backend.open().await, backend.open_other().await);
    notes(&*store, &["a"]).await;
    notes(&*other, &["b"]).await;
    drop(store);
    backend.provider.remove(&backend.plugin).await.expect("removed");
    assert_eq!(backend.provider.remove(&backend.plugin).await, Ok(false), "nothing is left");
    assert!(try_run(&*backend.open().await, "SELECT * FROM notes").await.is_err());
    assert_eq!(titles(&*other).await, ["b"]);
}

/// Checks that tables outlive their stores, which a backend in memory need not do.
///
/// # Panics
/// If they do not.
pub(crate) async fn check_tables_outlive_stores(provider: &dyn SqlStoreProvider) {
    let backend = Backend::fresh(provider, "tables-outlive-stores").await;
    notes(&*backend.open().await, &["a"]).await;
    assert_eq!(titles(&*backend.open().await).await, ["a"]);
    assert_eq!(provider.remove(&backend.plugin).await, Ok(true));
}
