//! `plugbay:plugin/db`: a SQL database (SQLite) of the plugin's own, in a file of its own.
//!
//! The SQL is a stranger's. A statement goes through these hands, in this order: one statement only (`text.rs`), nothing that
//! is refused to all plugins (`authorizer.rs`, `functions.rs`), every table granted (`facts.rs`, `statement.rs`), and while it runs its
//! time (`watch.rs`), rows and bytes (`statement.rs`), and room (`connection.rs`). Waiting, holding and letting go of the
//! database is `database.rs`; transactions are `transaction.rs`; what a manifest declares is `tables.rs` and
//! `collections.rs`.

mod authorizer;
mod collections;
mod connection;
mod database;
mod declare;
mod facts;
mod functions;
mod memory;
mod problem;
mod statement;
mod tables;
mod text;
mod transaction;
mod watch;

use std::sync::Arc;

use plugbay_manifest::PermissionAction;
use wasmtime::component::Resource;

use self::connection::Conn;
use self::database::Database;
use self::problem::Problem;
use self::statement::{Answer, Job};
use self::watch::Until;
use super::PluginHome;
use super::bindings::plugbay::plugin::db as wit;
use crate::plugin::state::HostState;

pub(crate) use self::database::Databases;
pub(crate) use self::declare::NotMade;
pub(crate) use self::memory::count_memory;
pub(crate) use self::transaction::OpenTransaction;

/// The db service of one loaded plugin.
pub(crate) struct PluginDb {
    database: Arc<Database>,
}

impl PluginDb {
    pub(crate) fn new(databases: &Databases, home: &PluginHome) -> Self {
        PluginDb { database: databases.of(home) }
    }
}

/// A transaction as the guest holds it: a number. What it stands for is in the store ([`OpenTransaction`]).
pub struct Transaction;

impl HostState {
    fn job(&self, sql: String, keep_rows: bool) -> Job {
        let plugin = self.plugin.clone();
        Job {
            may: Arc::new(move |resource, action| plugin.allows(resource, action)),
            about: self.plugin.db.database.about.clone(),
            sql,
            until: Until { deadline: Some(database::deadline(self.call.time_left())), ..Until::default() },
            keep_rows,
        }
    }

    /// Runs one statement by itself.
    async fn run_statement(
        &mut self,
        sql: String,
        params: Vec<wit::Value>,
        keep_rows: bool,
    ) -> Result<Answer, wit::Error> {
        self.no_transaction()?;
        let job = self.job(sql, keep_rows);
        let ran = self.plugin.db.database.run(job, params).await;
        self.end_statement(ran).await
    }

    /// While the call holds the database in a transaction, it would wait for itself.
    fn no_transaction(&self) -> Result<(), wit::Error> {
        match self.transaction {
            None => Ok(()),
            Some(_) => Err(wit::Error::Busy(
                "this call has a transaction open: run the statement in it, or end it first".to_owned(),
            )),
        }
    }

    /// Counts what was used, lets others run, and tells the plugin what went wrong.
    async fn end_statement<T: Moved>(&mut self, ran: Result<T, Problem>) -> Result<T, wit::Error> {
        for (resource, action) in ran.as_ref().map_or(&[][..], Moved::uses) {
            self.plugin.audit.allow(resource, *action, Some(&self.call));
        }
        self.end_host_call(ran.as_ref().map_or(0, Moved::bytes)).await;
        ran.map_err(|problem| match problem {
            // Asked once more, so that the denial is counted, audited and worded as everywhere.
            Problem::Denied(ref resource, action) => match self.check(resource, action) {
                Err(denial) => wit::Error::Denied(denial.to_string()),
                Ok(()) => problem.into_wit(),
            },
            other => other.into_wit(),
        })
    }
}

/// What an answer moved and used.
trait Moved {
    fn bytes(&self) -> usize {
        0
    }

    fn uses(&self) -> &[(String, PermissionAction)] {
        &[]
    }
}

impl Moved for Answer {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn uses(&self) -> &[(String, PermissionAction)] {
        self.facts.as_ref().map_or(&[], |facts| &facts.needs)
    }
}

/// A transaction's number.
struct Begun(u32);

impl Moved for Begun {}

impl Moved for () {}

impl Database {
    /// Runs one statement by itself: here and now if it is a short query that is known, else on a thread that may wait.
    async fn run(&self, job: Job, params: Vec<wit::Value>) -> Result<Answer, Problem> {
        if let Some(mut held) = self.reader_now()
            && let Some(conn) = held.conn()
        {
            match job.run_here(conn, &params) {
                Err(Problem::TooLongHere | Problem::Stale) => {}
                ran => return ran,
            }
        }
        let held = if job.may_be_query() { self.reader().await? } else { self.writer().await? };
        let (job, params) = (Arc::new(job), Arc::new(params));
        let ran = self.run_on(held, job.clone(), params.clone(), job.may_be_query()).await;
        match ran {
            Err(Problem::TooLongHere) => self.run_on(self.writer().await?, job, params, false).await,
            ran => ran,
        }
    }

    /// Answers [`Problem::TooLongHere`] where the connection is for queries and this is none.
    async fn run_on(
        &self,
        held: database::Held,
        job: Arc<Job>,
        params: Arc<Vec<wit::Value>>,
        only_query: bool,
    ) -> Result<Answer, Problem> {
        let cancelled = job.until.cancelled.clone();
        let run = move |conn: &mut Conn| {
            if only_query && !job.facts(conn)?.is_read_only {
                return Err(Problem::TooLongHere);
            }
            job.run(conn, &params)
        };
        let (_held, ran) = held.run(cancelled, run).await?;
        self.ended(ran)
    }

    /// Makes the other connection forget what it knows, where the tables have another shape now.
    fn ended(&self, ran: Result<Answer, Problem>) -> Result<Answer, Problem> {
        if matches!(&ran, Ok(answer) if answer.changed_schema) {
            self.schema_changed();
        }
        ran
    }

    /// Runs one statement once for each list of parameters, all of them or none.
    async fn run_many(&self, job: Job, many: Vec<Vec<wit::Value>>) -> Result<Answer, Problem> {
        let held = self.writer().await?;
        let (_held, ran) = held.run(job.until.cancelled.clone(), move |conn| run_many(conn, &job, &many)).await?;
        self.ended(ran)
    }
}

/// What is not committed is rolled back when the connection is let go.
fn run_many(conn: &mut Conn, job: &Job, many: &[Vec<wit::Value>]) -> Result<Answer, Problem> {
    transaction::begin(conn, job)?;
    let mut sum = Answer::default();
    for params in many {
        let answer = job.run(conn, params)?;
        sum.insert_id = if answer.insert_id == 0 { sum.insert_id } else { answer.insert_id };
        sum.changes += answer.changes;
        sum.changed_schema |= answer.changed_schema;
        sum.facts = answer.facts;
    }
    transaction::commit(conn, job)?;
    Ok(sum)
}

fn rows(answer: Answer) -> wit::Rows {
    wit::Rows { columns: answer.columns, rows: answer.rows }
}

fn changes(answer: &Answer) -> wit::Changes {
    wit::Changes { insert_id: answer.insert_id, changes: answer.changes }
}

impl wit::Host for HostState {
    async fn query(&mut self, sql: String, params: Vec<wit::Value>) -> Result<wit::Rows, wit::Error> {
        self.run_statement(sql, params, true).await.map(rows)
    }

    async fn execute(&mut self, sql: String, params: Vec<wit::Value>) -> Result<wit::Changes, wit::Error> {
        self.run_statement(sql, params, false).await.map(|answer| changes(&answer))
    }

    async fn execute_many(&mut self, sql: String, many: Vec<Vec<wit::Value>>) -> Result<wit::Changes, wit::Error> {
        self.no_transaction()?;
        let job = self.job(sql, false);
        let ran = self.plugin.db.database.run_many(job, many).await;
        self.end_statement(ran).await.map(|answer| changes(&answer))
    }

    async fn begin(&mut self) -> Result<Resource<Transaction>, wit::Error> {
        self.no_transaction()?;
        let job = self.job(String::new(), false);
        let begun = match self.plugin.db.database.begin(job).await {
            Ok(open) => {
                let number = open.number;
                self.transaction = Some(open);
                Ok(Begun(number))
            }
            Err(problem) => Err(problem),
        };
        let Begun(number) = self.end_statement(begun).await?;
        Ok(Resource::new_own(number))
    }
}

#[cfg(test)]
mod tests;
