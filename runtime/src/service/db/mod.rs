//! A SQL database (SQLite) of the plugin's own, in a file of its own.
//!
//! The SQL is a stranger's. A statement goes through these hands, in this order: one statement only (`text.rs`),
//! nothing that is refused to all plugins (`authorizer.rs`, `functions.rs`), every table granted (`facts.rs`,
//! `statement.rs`), and while it runs its time (`watch.rs`), rows and bytes (`statement.rs`), and room
//! (`connection.rs`). Waiting, holding and letting go of the database is `database.rs`; transactions are
//! `transaction.rs`; what a manifest declares is `tables.rs` and `collections.rs`.

mod authorizer;
mod collections;
mod connection;
mod database;
mod declare;
mod facts;
mod functions;
mod problem;
mod statement;
mod tables;
mod text;
mod transaction;
mod value;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use plugbay_sqlite_memory::SqliteInUse;

use self::connection::Conn;
use self::database::Database;
use self::watch::Until;
use crate::scope::PluginScope;

pub(crate) use self::database::Databases;
pub(crate) use self::declare::NotMade;
pub(crate) use self::problem::DbError;
pub(crate) use self::statement::{Answer, May, SqlCall};
pub(crate) use self::transaction::OpenTransaction;
pub(crate) use self::value::Value;

/// The db service of one loaded plugin.
pub(crate) struct PluginDb {
    database: Arc<Database>,
}

impl PluginDb {
    /// A statement that is ready to run. `may` decides whether the plugin was granted what the statement needs;
    /// `time_left` is the rest of its call's time, `None` if that is unlimited. Rows are only collected if `keep_rows`.
    pub(crate) fn statement(&self, sql: String, keep_rows: bool, may: May, time_left: Option<Duration>) -> SqlCall {
        let until = Until { deadline: Some(database::deadline(time_left)), ..Until::default() };
        SqlCall { may, about: self.database.about.clone(), sql, until, keep_rows }
    }

    /// Runs one statement by itself.
    ///
    /// # Errors
    /// Why it did not run to its end; it has then changed nothing.
    pub(crate) async fn run(&self, job: SqlCall, params: Vec<Value>) -> Result<Answer, DbError> {
        self.database.run(job, params).await
    }

    /// Runs one statement once for each list of parameters, all of them or none.
    ///
    /// # Errors
    /// As [`PluginDb::run`].
    pub(crate) async fn run_many(&self, job: SqlCall, many: Vec<Vec<Value>>) -> Result<Answer, DbError> {
        self.database.run_many(job, many).await
    }

    /// Begins a transaction as soon as no other one writes.
    ///
    /// # Errors
    /// [`DbError::Busy`] and what the database itself reports.
    pub(crate) async fn begin(&self, job: SqlCall) -> Result<OpenTransaction, DbError> {
        self.database.begin(job).await
    }

    pub(crate) fn new(databases: &Databases, scope: &PluginScope) -> Self {
        PluginDb { database: databases.of(scope) }
    }
}

/// Bounds the memory that one SQL statement of a plugin may allocate, to 64 MiB
/// ([`DB_STATEMENT_MEMORY_BYTES_MAX`](crate::limits::DB_STATEMENT_MEMORY_BYTES_MAX)). Call it at the beginning of
/// `main` if untrusted plugins may use a database; `plugbay-node` and the command do.
///
/// It gives SQLite a counting allocator for the whole process; the application's own statements are not counted.
/// Without it, SQLite keeps its allocator, and a hostile statement can allocate gigabytes until its deadline stops it;
/// a warning is logged when the first plugin uses a database. Later calls return the same result.
///
/// # Errors
/// [`SqliteInUse`] if SQLite was used before in this process. It then keeps its allocator.
pub fn bound_sql_memory() -> Result<(), SqliteInUse> {
    plugbay_sqlite_memory::install()
}

impl Database {
    /// Runs one statement by itself: here and now if it is a short query that is known, else on a thread that may wait.
    async fn run(&self, job: SqlCall, params: Vec<Value>) -> Result<Answer, DbError> {
        if let Some(mut held) = self.reader_now()
            && let Some(conn) = held.conn()
        {
            match job.run_here(conn, &params) {
                Err(DbError::TooLongHere | DbError::Stale) => {}
                ran => return ran,
            }
        }
        let held = if job.may_be_query() { self.reader().await? } else { self.writer().await? };
        let (job, params) = (Arc::new(job), Arc::new(params));
        let ran = self.run_on(held, job.clone(), params.clone(), job.may_be_query()).await;
        match ran {
            Err(DbError::TooLongHere) => self.run_on(self.writer().await?, job, params, false).await,
            ran => ran,
        }
    }

    /// Answers [`DbError::TooLongHere`] where the connection is for queries and this is none.
    async fn run_on(
        &self,
        held: database::Held,
        job: Arc<SqlCall>,
        params: Arc<Vec<Value>>,
        only_query: bool,
    ) -> Result<Answer, DbError> {
        let cancelled = job.until.cancelled.clone();
        let run = move |conn: &mut Conn| {
            if only_query && !job.facts(conn)?.is_read_only {
                return Err(DbError::TooLongHere);
            }
            job.run(conn, &params)
        };
        let (_held, ran) = held.run(cancelled, run).await?;
        self.ended(ran)
    }

    /// Makes the other connection forget what it knows, where the tables have another shape now.
    fn ended(&self, ran: Result<Answer, DbError>) -> Result<Answer, DbError> {
        if matches!(&ran, Ok(answer) if answer.changed_schema) {
            self.schema_changed();
        }
        ran
    }

    /// Runs one statement once for each list of parameters, all of them or none.
    async fn run_many(&self, job: SqlCall, many: Vec<Vec<Value>>) -> Result<Answer, DbError> {
        let held = self.writer().await?;
        let (_held, ran) = held.run(job.until.cancelled.clone(), move |conn| run_many(conn, &job, &many)).await?;
        self.ended(ran)
    }
}

/// What is not committed is rolled back when the connection is let go.
fn run_many(conn: &mut Conn, job: &SqlCall, many: &[Vec<Value>]) -> Result<Answer, DbError> {
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

#[cfg(test)]
mod tests;
