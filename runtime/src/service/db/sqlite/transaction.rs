//! A transaction across several calls of the host: it holds the plugin's writing connection until it ends.
//!
//! Dropping it rolls back what was not committed, on another thread.

use std::sync::Arc;

use super::connection::Conn;
use super::database::{About, Database, Held};
use super::problem;
use super::statement::{NotRun, SqlCall, check_log_size};
use crate::limits::DB_WAIT_MAX;
use crate::service::db::store::{SqlAnswer, SqlError, SqlFuture, SqlStatement, SqlTransaction, SqlValue};
use crate::store_future::StoreFuture;

/// An open transaction.
pub(super) struct SqliteTransaction {
    database: Arc<Database>,
    /// `None` while a statement runs, and after the transaction was rolled back.
    held: Option<Held>,
    /// Whether a table was created, altered or dropped.
    changed_schema: bool,
}

/// Takes the write lock at once: a transaction that reads first could later be unable to write.
pub(super) fn begin(conn: &mut Conn, about: &About) -> Result<(), SqlError> {
    let begun = conn.wait_for_locks(DB_WAIT_MAX).and_then(|()| conn.sqlite.execute_batch("BEGIN IMMEDIATE"));
    begun.map_err(|error| about.problem(&error))
}

/// Commits. Everything is rolled back if that fails.
pub(super) fn commit(conn: &mut Conn, about: &About) -> Result<(), SqlError> {
    let committed = conn.sqlite.execute_batch("COMMIT");
    committed.map_err(|error| {
        let problem = problem::of_statement(&error).unwrap_or_else(|| about.problem(&error));
        conn.roll_back();
        problem
    })
}

/// Whether the transaction cannot go on after this error.
fn is_over(conn: &Conn, error: &NotRun) -> bool {
    let interrupted = matches!(error, NotRun::Failed(SqlError::Interrupted(_)));
    !conn.is_in_transaction() || interrupted || check_log_size(conn).is_err()
}

impl SqliteTransaction {
    /// Begins a transaction as soon as no other one writes.
    pub(super) async fn begin(database: Arc<Database>) -> Result<Self, SqlError> {
        let (held, about) = (database.writer().await?, database.about.clone());
        let (held, begun) = held.run(move |conn, _| begin(conn, &about)).await?;
        begun?;
        Ok(SqliteTransaction { database, held: Some(held), changed_schema: false })
    }

    async fn run_inside(&mut self, call: SqlCall, params: Vec<SqlValue>) -> Result<SqlAnswer, SqlError> {
        let Some(held) = self.held.take() else { return Err(rolled_back()) };
        let run = move |conn: &mut Conn, cancelled| {
            let ran = call.run(conn, &params, &call.until(cancelled));
            let over = ran.as_ref().is_err_and(|error| is_over(conn, error));
            if over {
                conn.roll_back();
            }
            (ran, over)
        };
        let (held, (ran, over)) = held.run(run).await?;
        self.held = (!over).then_some(held);
        let ran = ran?;
        self.changed_schema |= ran.changed_schema;
        Ok(ran.answer)
    }

    /// Ends on a thread that may block.
    async fn end(
        self,
        end: impl FnOnce(&mut Conn, &About) -> Result<(), SqlError> + Send + 'static,
    ) -> Result<(), SqlError> {
        let Some(held) = self.held else { return Err(rolled_back()) };
        let about = self.database.about.clone();
        let (held, ended) = held.run(move |conn, _| end(conn, &about)).await?;
        drop(held);
        if self.changed_schema {
            self.database.schema_changed();
        }
        ended
    }
}

fn rolled_back() -> SqlError {
    SqlError::Invalid("this transaction has ended: it was rolled back".to_owned())
}

impl SqlTransaction for SqliteTransaction {
    fn run(&mut self, statement: SqlStatement, params: Vec<SqlValue>) -> SqlFuture<'_, SqlAnswer> {
        let call = self.database.call(statement);
        StoreFuture::new(self.run_inside(call, params))
    }

    fn is_open(&self) -> bool {
        self.held.is_some()
    }

    fn commit(self: Box<Self>) -> SqlFuture<'static, ()> {
        StoreFuture::new(self.end(commit))
    }

    fn roll_back(self: Box<Self>) -> SqlFuture<'static, ()> {
        StoreFuture::new(self.end(|conn, _| {
            conn.roll_back();
            Ok(())
        }))
    }
}
