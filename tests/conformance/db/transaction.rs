//! The rules of a transaction.

use std::time::{Duration, Instant};

use plugbay::store::{SqlAnswer, SqlError, SqlStatement, SqlTransaction, SqlValue};

use super::{Backend, allowing, endless, notes, run, statement, titles, try_run, writing};

async fn inside(transaction: &mut dyn SqlTransaction, sql: &str) -> Result<SqlAnswer, SqlError> {
    transaction.run(statement(sql), vec![]).await
}

pub(super) async fn transaction_is_seen_when_it_is_committed(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let mut transaction = store.begin().await.expect("it begins");
    inside(&mut *transaction, "INSERT INTO notes (title) VALUES ('b')").await.expect("inserted");
    let answer = inside(&mut *transaction, "SELECT count(*) FROM notes").await.expect("counted");
    assert_eq!(answer.rows, [[SqlValue::Integer(2)]], "it sees its own change");
    assert!(transaction.is_open());
    transaction.commit().await.expect("committed");
    assert_eq!(titles(&*store).await, ["a", "b"]);
    assert_eq!(titles(&*backend.open().await).await, ["a", "b"]);
}

pub(super) async fn transaction_that_is_not_committed_is_undone(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    for rolls_back in [true, false] {
        let mut transaction = store.begin().await.expect("it begins");
        inside(&mut *transaction, "DELETE FROM notes").await.expect("deleted");
        inside(&mut *transaction, "CREATE TABLE made (x INTEGER)").await.expect("created");
        if rolls_back {
            transaction.roll_back().await.expect("rolled back");
        } else {
            drop(transaction);
        }
        // Waits until the transaction has ended.
        run(&*store, "UPDATE notes SET title = 'a'").await;
        assert_eq!(titles(&*store).await, ["a"]);
        assert!(try_run(&*store, "SELECT * FROM made").await.is_err());
    }
}

pub(super) async fn failed_statement_leaves_its_transaction_open(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let mut transaction = store.begin().await.expect("it begins");
    inside(&mut *transaction, "INSERT INTO notes (title) VALUES ('b')").await.expect("inserted");
    for sql in ["INSERT INTO notes (title) VALUES ('c'), ('a')", "SELEC 1", "COMMIT", "ROLLBACK"] {
        inside(&mut *transaction, sql).await.expect_err(sql);
        assert!(transaction.is_open(), "{sql}");
    }
    let denied = transaction.run(allowing("DELETE FROM notes", |_, _| false), vec![]).await;
    assert_eq!(denied.map(drop), Err(SqlError::Denied(writing("notes"))));
    inside(&mut *transaction, "INSERT INTO notes (title) VALUES ('d')").await.expect("inserted");
    transaction.commit().await.expect("committed");
    assert_eq!(titles(&*store).await, ["a", "b", "d"]);
}

pub(super) async fn interrupted_statement_ends_its_transaction(backend: &Backend<'_>) {
    let store = backend.open().await;
    notes(&*store, &["a"]).await;
    let mut transaction = store.begin().await.expect("it begins");
    inside(&mut *transaction, "DELETE FROM notes").await.expect("deleted");
    let deadline = Instant::now() + Duration::from_millis(50);
    let soon = SqlStatement { deadline, ..statement(&endless()) };
    let error = transaction.run(soon, vec![]).await.expect_err("it is endless");
    assert!(matches!(error, SqlError::Interrupted(_)), "{error:?}");
    assert!(!transaction.is_open());
    assert!(inside(&mut *transaction, "SELECT 1").await.is_err());
    assert!(transaction.commit().await.is_err());
    assert_eq!(titles(&*store).await, ["a"]);
}
