//! SQL databases in SQLite: a file for each plugin in a directory, or databases in memory.
//!
//! The SQL is untrusted. A statement passes these checks, in this order: one statement only (`text.rs`), nothing that
//! is refused to all plugins (`authorizer.rs`, `functions.rs`), every table granted (`facts.rs`, `statement.rs`), and
//! while it runs its time (`watch.rs`), its rows and bytes (`statement.rs`), and the size of the database
//! (`connection.rs`). `database.rs` lends the connections of a database, `transaction.rs` has transactions, and
//! `declare.rs` creates what a manifest declares (`tables.rs`, `collections.rs`).

mod authorizer;
mod collections;
mod columns;
mod connection;
mod database;
mod declare;
mod facts;
mod functions;
mod problem;
mod slices;
mod statement;
mod tables;
mod text;
mod transaction;
mod watch;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use self::connection::Conn;
use self::database::{Database, FILE, Held};
use self::statement::{NotRun, Ran, SqlCall};
use self::watch::Until;
use super::store::{
    SqlAnswer, SqlDeclaration, SqlError, SqlFuture, SqlStatement, SqlStore, SqlStoreProvider, SqlTransaction, SqlValue,
};
use crate::clock::Clock;
use crate::limits::DB_STATEMENTS_AT_ONCE_MAX;
use crate::sqlite::remove_files;
use crate::store_future::StoreFuture;

/// A backend for `db` in SQLite files, `<directory>/<plugin>/db.sqlite3`, which only this user can read, or in memory.
/// In files, a change is on disk when it is acknowledged. In memory, the tables of a plugin last until its last store
/// is dropped, which is when the plugin is unloaded.
///
/// At most 32 statements of all plugins together run at once; others wait.
pub struct SqliteDatabases {
    directory: Option<PathBuf>,
    /// The databases in memory that are open, by plugin name.
    in_memory: Mutex<HashMap<String, Weak<Database>>>,
    turns: Arc<Semaphore>,
}

impl SqliteDatabases {
    /// A backend that stores in this directory. Directories and files are created when they are needed.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        SqliteDatabases::at(Some(directory.into()))
    }

    /// A backend that stores in memory.
    pub fn in_memory() -> Self {
        SqliteDatabases::at(None)
    }

    fn at(directory: Option<PathBuf>) -> Self {
        let turns = Arc::new(Semaphore::new(DB_STATEMENTS_AT_ONCE_MAX));
        SqliteDatabases { directory, in_memory: Mutex::default(), turns }
    }

    /// The database of a plugin, which need not be open.
    fn database(&self, plugin: &str, clock: Arc<dyn Clock>) -> Arc<Database> {
        let path = self.directory.as_ref().map(|directory| directory.join(plugin).join(FILE));
        if path.is_some() {
            return Arc::new(Database::new(plugin.into(), path, clock, self.turns.clone()));
        }
        let mut all = self.in_memory.lock();
        if let Some(database) = all.get(plugin).and_then(Weak::upgrade) {
            return database;
        }
        all.retain(|_, database| database.strong_count() > 0);
        let database = Arc::new(Database::new(plugin.into(), None, clock, self.turns.clone()));
        all.insert(plugin.to_owned(), Arc::downgrade(&database));
        database
    }

    async fn remove_of(&self, plugin: &str) -> Result<bool, SqlError> {
        let Some(directory) = self.directory.as_ref().map(|directory| directory.join(plugin)) else {
            let removed = self.in_memory.lock().remove(plugin);
            return Ok(removed.is_some_and(|database| database.strong_count() > 0));
        };
        remove_files(directory, FILE, &[]).await.map_err(|error| {
            tracing::error!(plugin, %error, "its database cannot be removed");
            SqlError::Unavailable(format!(
                "the database of plugin `{plugin}` cannot be removed; the host's log says why"
            ))
        })
    }
}

impl SqlStoreProvider for SqliteDatabases {
    fn open<'a>(&'a self, plugin: &'a str, clock: Arc<dyn Clock>) -> SqlFuture<'a, Arc<dyn SqlStore>> {
        // The file is opened by the first statement, and each reason why it cannot be is logged once.
        StoreFuture::ready(Ok(Arc::new(SqliteStore(self.database(plugin, clock)))))
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> SqlFuture<'a, bool> {
        StoreFuture::new(self.remove_of(plugin))
    }

    fn dialect(&self) -> &'static str {
        "sqlite"
    }
}

/// The database of one plugin.
struct SqliteStore(Arc<Database>);

impl SqlStore for SqliteStore {
    fn declare(&self, declaration: SqlDeclaration) -> SqlFuture<'_, ()> {
        StoreFuture::new(self.0.declare(declaration))
    }

    /// Runs a short query that is known here and now, and everything else on a thread that may block.
    fn run(&self, statement: SqlStatement, params: Vec<SqlValue>) -> SqlFuture<'_, SqlAnswer> {
        let call = self.0.call(statement);
        if let Some(conn) = self.0.reader_now() {
            match call.run_here(&conn, &params) {
                Err(NotRun::TooLongHere | NotRun::Stale) => {}
                Err(NotRun::Failed(error)) => return StoreFuture::ready(Err(error)),
                Ok(ran) => return StoreFuture::ready(Ok(ran.answer)),
            }
        }
        StoreFuture::new(self.0.run(call, params))
    }

    fn run_many(&self, statement: SqlStatement, many: Vec<Vec<SqlValue>>) -> SqlFuture<'_, SqlAnswer> {
        StoreFuture::new(self.0.run_many(self.0.call(statement), many))
    }

    fn begin(&self) -> SqlFuture<'_, Box<dyn SqlTransaction>> {
        StoreFuture::new(async {
            let transaction = transaction::SqliteTransaction::begin(self.0.clone()).await?;
            Ok(Box::new(transaction) as Box<dyn SqlTransaction>)
        })
    }
}

impl Database {
    /// Runs one statement on a thread that may block.
    async fn run(&self, call: SqlCall, params: Vec<SqlValue>) -> Result<SqlAnswer, SqlError> {
        let is_query = call.may_be_query();
        let held = if is_query { self.reader().await? } else { self.writer().await? };
        let (call, params) = (Arc::new(call), Arc::new(params));
        match self.run_on(held, call.clone(), params.clone(), is_query).await {
            Err(NotRun::TooLongHere) => Ok(self.run_on(self.writer().await?, call, params, false).await?),
            ran => Ok(ran?),
        }
    }

    /// Returns [`NotRun::TooLongHere`] if the connection is for queries and the statement is not a query.
    async fn run_on(
        &self,
        held: Held,
        call: Arc<SqlCall>,
        params: Arc<Vec<SqlValue>>,
        only_query: bool,
    ) -> Result<SqlAnswer, NotRun> {
        let run = move |conn: &mut Conn, cancelled| {
            let until = call.until(cancelled);
            if only_query && !call.facts(conn, &until)?.is_read_only {
                return Err(NotRun::TooLongHere);
            }
            call.run(conn, &params, &until)
        };
        let (_held, ran) = held.run(run).await?;
        self.ended(ran)
    }

    /// Makes the other connection forget its prepared statements if a table was created, altered or dropped.
    fn ended(&self, ran: Result<Ran, NotRun>) -> Result<SqlAnswer, NotRun> {
        let ran = ran?;
        if ran.changed_schema {
            self.schema_changed();
        }
        Ok(ran.answer)
    }

    /// Runs one statement once for each list of parameters, all of them or none.
    async fn run_many(&self, call: SqlCall, many: Vec<Vec<SqlValue>>) -> Result<SqlAnswer, SqlError> {
        let held = self.writer().await?;
        let run = move |conn: &mut Conn, cancelled| run_many(conn, &call, &many, &call.until(cancelled));
        let (_held, ran) = held.run(run).await?;
        Ok(self.ended(ran)?)
    }
}

/// If this fails, the connection rolls back what is not committed when it is returned.
fn run_many(conn: &mut Conn, call: &SqlCall, many: &[Vec<SqlValue>], until: &Until) -> Result<Ran, NotRun> {
    transaction::begin(conn, &call.about)?;
    let mut sum = Ran::default();
    for params in many {
        let Ran { answer, changed_schema } = call.run(conn, params, until)?;
        sum.answer.add(answer);
        sum.changed_schema |= changed_schema;
    }
    transaction::commit(conn, &call.about)?;
    Ok(sum)
}

#[cfg(test)]
mod tests;
