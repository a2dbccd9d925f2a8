//! Backends of the embedder for `db`: they run the statements, and one that fails, hangs or panics fails one call.

use std::future::pending;
use std::sync::{Arc, Mutex};

use plugbay::clock::Clock;
use plugbay::store::{
    SqlAnswer, SqlDeclaration, SqlError, SqlFuture, SqlStatement, SqlStore, SqlStoreProvider, SqlTransaction, SqlValue,
    SqliteDatabases, StoreFuture,
};
use plugbay::{Plugin, Policy};
use serde_json::{Value, json};

use crate::harness::assert::assert_invoke_error;
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};

/// The text of a backend's error, which the plugin gets.
const DOWN: &str = "the database is down";

#[tokio::test]
async fn backend_of_the_embedder_runs_the_statements() {
    let backend = Backend::new(None);
    let host = host(backend.clone());
    let plugin = host.load(declaring()).await;
    let insert = "INSERT INTO notes (title) VALUES (?)";
    act(&plugin, "run", json!({ "execute": insert, "params": ["a"] })).await;
    act(&plugin, "run", json!({ "execute_many": insert, "many": [["b"], ["c"]] })).await;
    for (end, title) in [("commit", "d"), ("rollback", "e")] {
        let steps = json!([{ "execute": insert, "params": [title] }]);
        act(&plugin, "transaction", json!({ "steps": steps, "end": end })).await;
    }
    let rows = act(&plugin, "run", json!({ "query": "SELECT title FROM notes ORDER BY id" })).await;
    assert_eq!(rows, json!([{ "title": "a" }, { "title": "b" }, { "title": "c" }, { "title": "d" }]));
    let calls = ["open", "declare", "run", "run_many", "begin", "run", "commit", "begin", "run", "roll_back", "run"];
    assert_eq!(*backend.calls.lock().expect("no panic in here"), calls);
    let denied = act(&plugin, "run", json!({ "query": "SELECT * FROM other" })).await;
    assert!(denied["error"]["invalid_sql"].is_string(), "{denied}");
}

#[tokio::test]
async fn denial_of_a_backend_is_worded_and_counted_like_any_other() {
    let policy = Policy::default().allow("db.notes").expect("readable");
    let host = Host::with(|builder| builder.policy(policy).sql_store(Backend::new(None)));
    let plugin = host.load(database()).await;
    let answer = act(&plugin, "run", json!({ "execute": "CREATE TABLE secret (x)" })).await;
    let text = answer["error"]["permission_denied"].as_str().unwrap_or_else(|| panic!("not denied: {answer}"));
    assert_eq!(text, "permission to write `db.secret` is not allowed by the operator");
    assert_eq!(plugin.metrics().denials, 1);
}

#[tokio::test]
async fn backend_that_fails_is_unavailable_to_the_plugin() {
    let host = host(Backend::new(Some(Fault::Error)));
    let plugin = host.load(declaring()).await;
    for (action, payload) in actions() {
        let answer = act(&plugin, action, payload).await;
        assert_eq!(answer["error"]["unavailable"], DOWN, "{action}: {answer}");
    }
    assert_eq!(pings(&plugin).await, 1, "the same instance");
    assert!(host.runtime.unload("feature_db").await);
    let error = host.runtime.remove_data("feature_db").await.expect_err("the backend fails").to_string();
    assert!(error.contains("feature_db") && error.contains(DOWN), "{error}");
}

/// The statement ends a little before the call, so that the plugin can answer, if it manages to do so in time.
#[tokio::test]
async fn backend_that_hangs_is_ended_by_the_deadline_of_the_call() {
    let host = host(Backend::new(Some(Fault::Hang)));
    let neighbour = host.load(feature::ECHO.into()).await;
    let plugin = host.load(database().resource("timeout_seconds", json!(0.5))).await;
    for (action, payload) in actions() {
        let (hung, ()) = tokio::join!(plugin.call::<Value>(action, &payload), async {
            pings(&neighbour).await;
        });
        match hung {
            Ok(answer) => assert!(answer["error"]["interrupted"].is_string(), "{action}: {answer}"),
            Err(error) => assert_invoke_error(&error, "feature_db", "timeout"),
        }
    }
    pings(&plugin).await;
    assert!(host.runtime.unload("feature_db").await);
}

#[tokio::test]
async fn backend_that_panics_fails_the_call_alone() {
    let host = host(Backend::new(Some(Fault::Panic)));
    let plugin = host.load(database()).await;
    for (action, payload) in actions() {
        let error = plugin.call::<Value>(action, &payload).await.expect_err("the backend panics");
        assert_invoke_error(&error, "feature_db", "host_error");
        assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
    }
}

fn host(backend: Backend) -> Host {
    Host::with(|builder| builder.policy(Policy::allow_all()).sql_store(backend))
}

/// The guest, which requests every table.
fn database() -> TestPlugin {
    TestPlugin::from(feature::DB).manifest("permissions", json!([{ "resource": "db.*" }]))
}

/// The guest with a declared table.
fn declaring() -> TestPlugin {
    database().manifest("tables", json!({ "notes": { "columns": { "id": "id", "title": "text" } } }))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}

/// An action for each function of the interface.
fn actions() -> [(&'static str, Value); 4] {
    [
        ("run", json!({ "query": "SELECT 1" })),
        ("run", json!({ "execute": "CREATE TABLE t (x)" })),
        ("run", json!({ "execute_many": "INSERT INTO t VALUES (?)", "many": [[1]] })),
        ("transaction", json!({ "steps": [], "end": "commit" })),
    ]
}

#[derive(Clone, Copy)]
enum Fault {
    Error,
    Hang,
    Panic,
}

/// Databases in memory behind a backend that records its calls and has a fault in all methods of its stores.
#[derive(Clone)]
struct Backend {
    inner: Arc<SqliteDatabases>,
    fault: Option<Fault>,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Backend {
    fn new(fault: Option<Fault>) -> Self {
        Backend { inner: Arc::new(SqliteDatabases::in_memory()), fault, calls: Arc::default() }
    }

    fn pass<'a, T: Send + 'a>(&self, call: &'static str, go: impl FnOnce() -> SqlFuture<'a, T>) -> SqlFuture<'a, T> {
        self.calls.lock().expect("no panic in here").push(call);
        match self.fault {
            None => go(),
            Some(Fault::Error) => StoreFuture::ready(Err(SqlError::Unavailable(DOWN.to_owned()))),
            Some(Fault::Hang) => StoreFuture::new(pending()),
            Some(Fault::Panic) => StoreFuture::new(async { panic!("a broken backend") }),
        }
    }
}

impl SqlStoreProvider for Backend {
    fn open<'a>(&'a self, plugin: &'a str, clock: Arc<dyn Clock>) -> SqlFuture<'a, Arc<dyn SqlStore>> {
        self.calls.lock().expect("no panic in here").push("open");
        let backend = self.clone();
        StoreFuture::new(async move {
            let store = self.inner.open(plugin, clock).await?;
            Ok(Arc::new(Recorded { store, backend }) as Arc<dyn SqlStore>)
        })
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> SqlFuture<'a, bool> {
        self.pass("remove", || self.inner.remove(plugin))
    }

    fn dialect(&self) -> &'static str {
        "postgresql"
    }
}

struct Recorded {
    store: Arc<dyn SqlStore>,
    backend: Backend,
}

impl SqlStore for Recorded {
    fn declare(&self, declaration: SqlDeclaration) -> SqlFuture<'_, ()> {
        self.backend.pass("declare", || self.store.declare(declaration))
    }

    fn run(&self, statement: SqlStatement, params: Vec<SqlValue>) -> SqlFuture<'_, SqlAnswer> {
        self.backend.pass("run", || self.store.run(statement, params))
    }

    fn run_many(&self, statement: SqlStatement, many: Vec<Vec<SqlValue>>) -> SqlFuture<'_, SqlAnswer> {
        self.backend.pass("run_many", || self.store.run_many(statement, many))
    }

    fn begin(&self) -> SqlFuture<'_, Box<dyn SqlTransaction>> {
        let backend = self.backend.clone();
        self.backend.pass("begin", || {
            StoreFuture::new(async move {
                let transaction = self.store.begin().await?;
                Ok(Box::new(RecordedTransaction { transaction, backend }) as Box<dyn SqlTransaction>)
            })
        })
    }
}

struct RecordedTransaction {
    transaction: Box<dyn SqlTransaction>,
    backend: Backend,
}

impl SqlTransaction for RecordedTransaction {
    fn run(&mut self, statement: SqlStatement, params: Vec<SqlValue>) -> SqlFuture<'_, SqlAnswer> {
        let backend = self.backend.clone();
        backend.pass("run", || self.transaction.run(statement, params))
    }

    fn is_open(&self) -> bool {
        self.transaction.is_open()
    }

    fn commit(self: Box<Self>) -> SqlFuture<'static, ()> {
        let backend = self.backend.clone();
        backend.pass("commit", || self.transaction.commit())
    }

    fn roll_back(self: Box<Self>) -> SqlFuture<'static, ()> {
        let backend = self.backend.clone();
        backend.pass("roll_back", || self.transaction.roll_back())
    }
}
