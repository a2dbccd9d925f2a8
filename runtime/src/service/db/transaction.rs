//! A transaction across several calls of the host: it holds the plugin's writing connection until it ends.
//!
//! It belongs to the call that began it, and there is one for each plugin at a time. However the call ends, by an
//! answer, a trap, at its deadline, or by cancellation, what was not committed is rolled back: dropping
//! [`OpenTransaction`] does that, on another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::connection::Conn;
use super::database::{Database, Held};
use super::problem::DbError;
use super::statement::{Answer, SqlCall, room_in_log};
use super::value::Value;
use crate::limits::DB_WAIT_MAX;

/// The transaction of the call that runs.
pub(crate) struct OpenTransaction {
    /// Its number: no two transactions of a process have the same one soon.
    pub(crate) number: u32,
    database: Arc<Database>,
    held: Held,
    /// Whether it changed the tables' shape.
    changed_schema: bool,
}

impl Database {
    /// Begins a transaction, as soon as no other one writes.
    pub(super) async fn begin(self: &Arc<Self>, job: SqlCall) -> Result<OpenTransaction, DbError> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let held = self.writer().await?;
        let (held, begun) = held.run(job.until.cancelled.clone(), move |conn| begin(conn, &job)).await?;
        begun?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ok(OpenTransaction { number, database: self.clone(), held, changed_schema: false })
    }
}

/// Takes the write lock: a transaction that reads first and writes later could find that it may not.
pub(super) fn begin(conn: &mut Conn, job: &SqlCall) -> Result<(), DbError> {
    let begun = conn.sqlite.busy_timeout(DB_WAIT_MAX).and_then(|()| conn.sqlite.execute_batch("BEGIN IMMEDIATE"));
    begun.map_err(|error| job.about.problem(&error))
}

/// What is not on disk after this is undone.
pub(super) fn commit(conn: &mut Conn, job: &SqlCall) -> Result<(), DbError> {
    let committed = conn.sqlite.execute_batch("COMMIT");
    committed.map_err(|error| {
        let problem = super::problem::of_statement(&error).unwrap_or_else(|| job.about.problem(&error));
        conn.roll_back();
        problem
    })
}

/// Whether the transaction cannot go on after this.
fn is_over(conn: &Conn, problem: &DbError) -> bool {
    !conn.is_in_transaction() || matches!(problem, DbError::Interrupted(_)) || room_in_log(conn).is_err()
}

impl OpenTransaction {
    /// Runs a statement inside. Returns the transaction with the outcome, unless it cannot go on and was rolled back.
    pub(crate) async fn run(self, job: SqlCall, params: Vec<Value>) -> (Option<Self>, Result<Answer, DbError>) {
        let OpenTransaction { number, database, held, changed_schema } = self;
        let cancelled = job.until.cancelled.clone();
        let run = move |conn: &mut Conn| {
            let ran = job.run(conn, &params);
            let over = ran.as_ref().is_err_and(|problem| is_over(conn, problem));
            if over {
                conn.roll_back();
            }
            (ran, over)
        };
        let (held, (ran, over)) = match held.run(cancelled, run).await {
            Ok(ran) => ran,
            Err(problem) => return (None, Err(problem)),
        };
        let changed_schema = changed_schema | matches!(&ran, Ok(answer) if answer.changed_schema);
        let open = (!over).then_some(OpenTransaction { number, database, held, changed_schema });
        (open, ran)
    }

    /// Makes all changes permanent.
    ///
    /// # Errors
    /// Why they were rolled back instead.
    pub(crate) async fn commit(self, job: SqlCall) -> Result<(), DbError> {
        self.end(move |conn| commit(conn, &job)).await
    }

    /// Undoes all changes.
    ///
    /// # Errors
    /// [`DbError::Busy`] or [`DbError::Unavailable`]; they are undone all the same.
    pub(crate) async fn roll_back(self) -> Result<(), DbError> {
        let roll_back = |conn: &mut Conn| {
            conn.roll_back();
            Ok(())
        };
        self.end(roll_back).await
    }

    /// Ends on a thread that may wait.
    async fn end(self, end: impl FnOnce(&mut Conn) -> Result<(), DbError> + Send + 'static) -> Result<(), DbError> {
        let (held, ended) = self.held.run(Arc::default(), end).await?;
        drop(held);
        if self.changed_schema {
            self.database.schema_changed();
        }
        ended
    }
}
