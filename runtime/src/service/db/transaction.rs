//! A transaction across several calls of the host: it holds the plugin's writing connection until it ends.
//!
//! It belongs to the call that began it, and there is one for each plugin at a time. However the call ends, by an answer, a
//! trap, at its deadline, or because nobody waits any more, what was not committed is rolled back: dropping
//! [`OpenTransaction`] does that, on another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::component::Resource;

use super::super::bindings::plugbay::plugin::db as wit;
use super::connection::Conn;
use super::database::{Database, Held};
use super::problem::Problem;
use super::statement::{Answer, Job, room_in_log};
use super::{Transaction, changes, rows};
use crate::limits::DB_WAIT_MAX;
use crate::plugin::state::HostState;

/// The transaction of the call that runs.
pub(crate) struct OpenTransaction {
    /// How the guest names it: no two transactions of a process have the same number soon.
    pub(super) number: u32,
    held: Held,
    /// Whether it changed the tables' shape.
    changed_schema: bool,
}

impl Database {
    /// Begins a transaction, as soon as nobody else writes.
    pub(super) async fn begin(&self, job: Job) -> Result<OpenTransaction, Problem> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let held = self.writer().await?;
        let (held, begun) = held.run(job.until.cancelled.clone(), move |conn| begin(conn, &job)).await?;
        begun?;
        Ok(OpenTransaction { number: NUMBER.fetch_add(1, Ordering::Relaxed), held, changed_schema: false })
    }
}

/// Takes the write lock: a transaction that reads first and writes later could find that it may not.
pub(super) fn begin(conn: &mut Conn, job: &Job) -> Result<(), Problem> {
    let begun = conn.sqlite.busy_timeout(DB_WAIT_MAX).and_then(|()| conn.sqlite.execute_batch("BEGIN IMMEDIATE"));
    begun.map_err(|error| job.about.problem(&error))
}

/// What is not on disk after this is undone.
pub(super) fn commit(conn: &mut Conn, job: &Job) -> Result<(), Problem> {
    let committed = conn.sqlite.execute_batch("COMMIT");
    committed.map_err(|error| {
        let problem = super::problem::of_statement(&error).unwrap_or_else(|| job.about.problem(&error));
        conn.roll_back();
        problem
    })
}

/// Whether the transaction cannot go on after this.
fn is_over(conn: &Conn, problem: &Problem) -> bool {
    !conn.is_in_transaction() || matches!(problem, Problem::Interrupted(_)) || room_in_log(conn).is_err()
}

impl HostState {
    /// Takes the transaction that the guest names out of the store.
    fn take_transaction(&mut self, named: &Resource<Transaction>) -> Result<OpenTransaction, Problem> {
        self.transaction.take_if(|open| open.number == named.rep()).ok_or_else(|| {
            Problem::Invalid("this transaction has ended: it was rolled back, by a limit or with its call".to_owned())
        })
    }

    /// Runs a statement inside the transaction. Where the transaction cannot go on, it is rolled back.
    async fn run_inside(
        &mut self,
        named: &Resource<Transaction>,
        job: Job,
        params: Vec<wit::Value>,
    ) -> Result<Answer, Problem> {
        let open = self.take_transaction(named)?;
        let cancelled = job.until.cancelled.clone();
        let run = move |conn: &mut Conn| {
            let ran = job.run(conn, &params);
            let over = ran.as_ref().is_err_and(|problem| is_over(conn, problem));
            if over {
                conn.roll_back();
            }
            (ran, over)
        };
        let (held, (ran, over)) = open.held.run(cancelled, run).await?;
        let changed_schema = open.changed_schema | matches!(&ran, Ok(answer) if answer.changed_schema);
        if !over {
            self.transaction = Some(OpenTransaction { held, changed_schema, ..open });
        }
        ran
    }

    /// Ends the transaction on a thread that may wait.
    async fn end_transaction(
        &mut self,
        named: &Resource<Transaction>,
        end: fn(&mut Conn, &Job) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let open = self.take_transaction(named)?;
        let job = self.job(String::new(), false);
        let changed_schema = open.changed_schema;
        let (held, ended) = open.held.run(Arc::default(), move |conn| end(conn, &job)).await?;
        drop(held);
        if changed_schema {
            self.plugin.db.database.schema_changed();
        }
        ended
    }
}

impl wit::HostTransaction for HostState {
    async fn query(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Rows, wit::Error> {
        let job = self.job(sql, true);
        let ran = self.run_inside(&named, job, params).await;
        self.end_statement(ran).await.map(rows)
    }

    async fn execute(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Changes, wit::Error> {
        let job = self.job(sql, false);
        let ran = self.run_inside(&named, job, params).await;
        self.end_statement(ran).await.map(|answer| changes(&answer))
    }

    async fn commit(&mut self, named: Resource<Transaction>) -> Result<(), wit::Error> {
        let ended = self.end_transaction(&named, commit).await;
        self.end_statement(ended).await
    }

    async fn rollback(&mut self, named: Resource<Transaction>) -> Result<(), wit::Error> {
        let roll_back = |conn: &mut Conn, _: &Job| {
            conn.roll_back();
            Ok(())
        };
        let ended = self.end_transaction(&named, roll_back).await;
        self.end_statement(ended).await
    }

    async fn drop(&mut self, named: Resource<Transaction>) -> wasmtime::Result<()> {
        // Rolls back, unless it ended before.
        drop(self.take_transaction(&named).ok());
        Ok(())
    }
}
