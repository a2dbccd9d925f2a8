//! A SQL database for each plugin, which no other plugin can access.
//!
//! `store.rs` has the interface of backends, and `sqlite/` the backend that is built in. A plugin's database is opened
//! at its first use, or when the plugin is loaded if its manifest declares tables.

mod sqlite;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use plugbay_manifest::{Database, Table};
use plugbay_sqlite_memory::SqliteInUse;
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::limits::{DB_DECLARE_TIME_MAX, DB_STATEMENT_TIME_MAX, DB_TIME_TO_ANSWER};
use crate::scope::PluginScope;

pub use self::sqlite::SqliteDatabases;
pub use self::store::{
    SqlAnswer, SqlColumn, SqlDeclaration, SqlError, SqlFuture, SqlPermission, SqlStatement, SqlStore, SqlStoreProvider,
    SqlTransaction, SqlUse, SqlValue,
};

/// One plugin's database, opened at its first use.
struct PluginDatabase {
    plugin: Arc<str>,
    clock: Arc<dyn Clock>,
    provider: Arc<dyn SqlStoreProvider>,
    store: OnceCell<Arc<dyn SqlStore>>,
}

/// The db service of one loaded plugin. Its revisions have clones, which share one database.
#[derive(Clone)]
pub(crate) struct PluginDb(Arc<PluginDatabase>);

/// The declared tables and collections cannot be created, or those that exist cannot be changed to them.
pub(crate) struct NotDeclared(pub(crate) String);

impl PluginDb {
    /// The service of the plugin of this scope. Nothing is opened or created before the first use.
    pub(crate) fn new(scope: &PluginScope, provider: Arc<dyn SqlStoreProvider>) -> Self {
        let (plugin, clock) = (scope.name.clone(), scope.clock.clone());
        PluginDb(Arc::new(PluginDatabase { plugin, clock, provider, store: OnceCell::new() }))
    }

    /// A statement that is ready to run. `may` decides whether the plugin was granted a use of a table; `time_left` is
    /// the rest of its call's time, `None` if that is unlimited.
    pub(crate) fn statement(
        &self,
        sql: String,
        wants_rows: bool,
        may: SqlPermission,
        time_left: Option<Duration>,
    ) -> SqlStatement {
        SqlStatement { sql, wants_rows, deadline: deadline(time_left), may }
    }

    async fn store(&self) -> Result<&dyn SqlStore, SqlError> {
        if let Some(store) = self.0.store.get() {
            return Ok(&**store);
        }
        let open = || self.0.provider.open(&self.0.plugin, self.0.clock.clone());
        // Boxed: every other use would carry the size of its future.
        Ok(&**Box::pin(self.0.store.get_or_try_init(open)).await?)
    }

    /// Returns the name of the SQL dialect.
    pub(crate) fn dialect(&self) -> &'static str {
        self.0.provider.dialect()
    }

    /// Runs one statement by itself.
    ///
    /// # Errors
    /// The reason why it did not run to its end; it has then changed nothing.
    pub(crate) async fn run(&self, statement: SqlStatement, params: Vec<SqlValue>) -> Result<SqlAnswer, SqlError> {
        let deadline = statement.deadline;
        let store = self.store().await?;
        until(deadline, store.run(statement, params)).await
    }

    /// Runs one statement once for each list of parameters, all of them or none.
    ///
    /// # Errors
    /// As [`PluginDb::run`].
    pub(crate) async fn run_many(
        &self,
        statement: SqlStatement,
        many: Vec<Vec<SqlValue>>,
    ) -> Result<SqlAnswer, SqlError> {
        let deadline = statement.deadline;
        let store = self.store().await?;
        until(deadline, store.run_many(statement, many)).await
    }

    /// Begins a transaction as soon as no other one writes. `time_left` is as of [`PluginDb::statement`].
    ///
    /// # Errors
    /// [`SqlError::Busy`], [`SqlError::Interrupted`] and [`SqlError::Unavailable`].
    pub(crate) async fn begin(&self, time_left: Option<Duration>) -> Result<OpenTransaction, SqlError> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let deadline = deadline(time_left);
        let store = self.store().await?;
        let transaction = until(deadline, store.begin()).await?;
        Ok(OpenTransaction { number: NUMBER.fetch_add(1, Ordering::Relaxed), transaction })
    }

    /// Creates the declared tables and collections, and changes those that exist to what is declared now.
    ///
    /// # Errors
    /// The part of the declaration that cannot be created; everything is then unchanged. A database that cannot be
    /// opened or read is not an error here: the plugin loads, and each use of the database fails with the reason.
    pub(crate) async fn declare(&self, tables: &[Table], collections: Option<&Database>) -> Result<(), NotDeclared> {
        let declaration =
            SqlDeclaration { tables: tables.to_vec(), collections: collections.cloned().unwrap_or_default() };
        if declaration.is_empty() {
            return Ok(());
        }
        let declared = tokio::time::timeout(DB_DECLARE_TIME_MAX, async {
            let store = self.store().await?;
            store.declare(declaration).await
        });
        match declared.await {
            // The operator finds the reason in the log.
            Ok(Ok(()) | Err(SqlError::Unavailable(_))) => Ok(()),
            Ok(Err(error)) => Err(NotDeclared(error.to_string())),
            Err(_) => {
                let seconds = DB_DECLARE_TIME_MAX.as_secs();
                Err(NotDeclared(format!("the database has not created the declared tables for {seconds} s")))
            }
        }
    }
}

/// Bounds the memory that one SQL statement of a plugin may allocate, to 64 MiB. Call it at the beginning of `main` if
/// untrusted plugins may use a database; `plugbay-node` and the command do.
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

/// The transaction of the call that runs. It belongs to the call that began it, and there is one for each plugin at a
/// time. However the call ends, by an answer, a trap, at its deadline or by cancellation, what was not committed is
/// rolled back: dropping this does that.
pub(crate) struct OpenTransaction {
    /// Its number. Two transactions of a process have the same one only after 2³² others.
    pub(crate) number: u32,
    transaction: Box<dyn SqlTransaction>,
}

impl OpenTransaction {
    /// Runs a statement inside. Returns the transaction with the outcome, unless it cannot go on and was rolled back.
    pub(crate) async fn run(
        mut self,
        statement: SqlStatement,
        params: Vec<SqlValue>,
    ) -> (Option<Self>, Result<SqlAnswer, SqlError>) {
        let deadline = statement.deadline;
        let ran = until(deadline, self.transaction.run(statement, params)).await;
        let is_open = self.transaction.is_open();
        (is_open.then_some(self), ran)
    }

    /// Runs a statement inside once for each list of parameters, in their order, until one fails. The answer has the
    /// sum of the changes and the last id. Returns the transaction as [`OpenTransaction::run`] does.
    pub(crate) async fn run_many(
        self,
        statement: &SqlStatement,
        many: Vec<Vec<SqlValue>>,
    ) -> (Option<Self>, Result<SqlAnswer, SqlError>) {
        let (mut transaction, mut sum) = (self, SqlAnswer::default());
        for params in many {
            match transaction.run(statement.clone(), params).await {
                (Some(open), Ok(answer)) => {
                    transaction = open;
                    sum.add(answer);
                }
                (open, ran) => return (open, ran),
            }
        }
        (Some(transaction), Ok(sum))
    }

    /// Makes all changes permanent.
    ///
    /// # Errors
    /// The reason why they were rolled back instead.
    pub(crate) async fn commit(self) -> Result<(), SqlError> {
        self.transaction.commit().await
    }

    /// Undoes all changes.
    ///
    /// # Errors
    /// [`SqlError::Busy`] or [`SqlError::Unavailable`]; they are undone all the same.
    pub(crate) async fn roll_back(self) -> Result<(), SqlError> {
        self.transaction.roll_back().await
    }
}

/// When a statement has to stop: a little before the call, so that its plugin can still answer.
fn deadline(call_time_left: Option<Duration>) -> Instant {
    let left = call_time_left.unwrap_or(DB_STATEMENT_TIME_MAX);
    let left = left.saturating_sub(DB_TIME_TO_ANSWER.min(left / 10));
    Instant::now() + left.min(DB_STATEMENT_TIME_MAX)
}

/// Waits until the deadline of a statement, at which the store should have stopped it. No timer is made for a statement
/// that has run already.
async fn until<T>(deadline: Instant, ran: SqlFuture<'_, T>) -> Result<T, SqlError> {
    match ran.into_ready() {
        Ok(ran) => ran,
        Err(running) => {
            // Boxed: a statement that has run already would carry the size of the timer.
            let ran = Box::pin(tokio::time::timeout_at(deadline.into(), running)).await;
            ran.unwrap_or_else(|_| Err(SqlError::interrupted()))
        }
    }
}
