//! The interface between `db` and its backends: the traits, plain values and rows, and the rules that a backend keeps.
//!
//! A backend knows plugins by their names and nothing else of them. It receives the plugin's SQL unchecked, and asks
//! for each table that a statement uses whether the plugin may use it. `tests/conformance/db/` checks every rule
//! below that can be checked in any dialect.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use plugbay_manifest::{Database, PermissionAction, Table};

use crate::clock::Clock;
use crate::limits::{DB_CELL_BYTES, DB_STATEMENT_TIME_MAX};
use crate::service::limit::ReachedLimit;
use crate::store_future::StoreFuture;

/// The future of a [`SqlStore`]'s method.
pub type SqlFuture<'a, T> = StoreFuture<'a, Result<T, SqlError>>;

/// Returns whether the plugin was granted a use of a resource: `db.<table>`.
pub type SqlPermission = Arc<dyn Fn(&str, PermissionAction) -> bool + Send + Sync>;

/// Opens the SQL databases of plugins, by their names: a backend for `db`.
pub trait SqlStoreProvider: Send + Sync + 'static {
    /// Opens the database of a plugin, at its first use and again after an error.
    ///
    /// All stores that are opened for one name share their tables, in this process and, if the backend stores them
    /// outside of it, in others. The tables of a backend that is not in memory outlive the stores. `clock` is the one
    /// by which the columns `created_at` and `updated_at` are set.
    fn open<'a>(&'a self, plugin: &'a str, clock: Arc<dyn Clock>) -> SqlFuture<'a, Arc<dyn SqlStore>>;

    /// Removes all tables of a plugin that is not loaded, and returns whether there were any. The other plugins keep
    /// theirs.
    fn remove<'a>(&'a self, plugin: &'a str) -> SqlFuture<'a, bool>;

    /// Returns the name of the SQL dialect, which plugins can ask for: `sqlite` or `postgresql`.
    fn dialect(&self) -> &'static str;
}

/// The SQL database of one plugin.
///
/// The SQL is the plugin's own, in the dialect of the backend. It may be hostile, so every backend guarantees:
///
/// - **Isolation.** A statement reaches the tables of its plugin only: no other plugin's, no file, no network, no
///   setting that outlives it, and no function that does any of that.
/// - **Permission.** Before a statement runs, [`SqlStatement::may`] has returned `true` for each table that it reads,
///   with [`PermissionAction::Read`], and for each table that it changes, creates or drops, with
///   [`PermissionAction::Write`], also if a view, a trigger or a foreign key does it. Otherwise it is
///   [`SqlError::Denied`] and has had no effect. A statement that is prepared once and run often is checked each time.
/// - **Time.** A statement ends at its [deadline](SqlStatement::deadline), and soon after its future is dropped. It is
///   then [`SqlError::Interrupted`] and has had no effect.
/// - **Bounds.** A statement that would exceed 10,000 rows or
///   4 MiB of an answer, or a bound of the backend for the
///   size of the database, of a statement or of a value, for memory or for nesting, is [`SqlError::Limit`] and has had
///   no effect.
/// - **One statement.** A text with more than one statement, or one that begins or ends a transaction, is
///   [`SqlError::Invalid`].
///
/// A change by itself, and the changes of a committed transaction, are durable when the future completes, as far as the
/// backend is durable. A statement takes effect as a whole or not at all.
pub trait SqlStore: Send + Sync {
    /// Creates the tables and collections that the plugin's manifest declares, and changes those that exist to what is
    /// declared now, in one transaction. Called before the first instance of a revision starts, if it declares any.
    ///
    /// # Errors
    /// The part of the declaration that cannot be created; everything is then unchanged.
    fn declare(&self, declaration: SqlDeclaration) -> SqlFuture<'_, ()>;

    /// Runs one statement by itself, with a value for each of its parameters.
    ///
    /// # Errors
    /// [`SqlError`]. The statement has had no effect.
    fn run(&self, statement: SqlStatement, params: Vec<SqlValue>) -> SqlFuture<'_, SqlAnswer>;

    /// Runs one statement once for each list of parameters, all of them or none. The answer has the sum of the changes
    /// and the last id.
    ///
    /// # Errors
    /// [`SqlError`]. The statements have had no effect.
    fn run_many(&self, statement: SqlStatement, many: Vec<Vec<SqlValue>>) -> SqlFuture<'_, SqlAnswer>;

    /// Begins a transaction. Waits for another transaction of the plugin at most
    /// 5 s.
    ///
    /// # Errors
    /// [`SqlError::Busy`] if the wait was in vain, and [`SqlError::Unavailable`].
    fn begin(&self) -> SqlFuture<'_, Box<dyn SqlTransaction>>;
}

/// A transaction. Its statements see its changes, and no others see them before it is committed. Dropping it rolls it
/// back.
pub trait SqlTransaction: Send {
    /// Runs one statement inside the transaction. A statement that fails has had no effect, and the transaction goes
    /// on, unless it cannot: then it was rolled back, and [`SqlTransaction::is_open`] returns `false`. That is so after
    /// [`SqlError::Interrupted`], and if the future is dropped.
    ///
    /// # Errors
    /// [`SqlError`].
    fn run(&mut self, statement: SqlStatement, params: Vec<SqlValue>) -> SqlFuture<'_, SqlAnswer>;

    /// Returns whether the transaction can go on.
    fn is_open(&self) -> bool;

    /// Makes all changes permanent.
    ///
    /// # Errors
    /// The reason why they were rolled back instead.
    fn commit(self: Box<Self>) -> SqlFuture<'static, ()>;

    /// Undoes all changes.
    ///
    /// # Errors
    /// [`SqlError::Busy`] or [`SqlError::Unavailable`]; they are undone all the same.
    fn roll_back(self: Box<Self>) -> SqlFuture<'static, ()>;
}

/// The tables and collections that a manifest declares.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlDeclaration {
    /// The tables.
    pub tables: Vec<Table>,
    /// The collections of documents, with their indexes and initial documents.
    pub collections: Database,
}

impl SqlDeclaration {
    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.collections.collections.is_empty()
    }
}

/// A statement to run.
#[derive(Clone)]
pub struct SqlStatement {
    /// The text. Its parameters are `?1`, `?2` or `?`, or `$1`, `$2`, in every dialect.
    pub sql: String,
    /// Whether the rows that it returns are wanted. If not, the answer has none.
    pub wants_rows: bool,
    /// When it has to end.
    pub deadline: Instant,
    /// Whether the plugin was granted a use of a table.
    pub may: SqlPermission,
}

impl fmt::Debug for SqlStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStatement")
            .field("sql", &self.sql)
            .field("wants_rows", &self.wants_rows)
            .finish_non_exhaustive()
    }
}

/// A value of a row or of a parameter.
///
/// A column that a plugin's manifest declares returns [`Boolean`](SqlValue::Boolean), [`Numeric`](SqlValue::Numeric),
/// [`Json`](SqlValue::Json), [`TimestampMs`](SqlValue::TimestampMs) (also for `created_at` and `updated_at`) or
/// [`Uuid`](SqlValue::Uuid) if that is its kind, and [`Text`](SqlValue::Text) in ISO 8601 for dates and times. The
/// column `doc` of a collection is JSON.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue {
    /// Null.
    Null,
    /// True or false.
    Boolean(bool),
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit floating point number.
    Real(f64),
    /// An exact number as decimal text, such as `12.50`.
    Numeric(String),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// A JSON text.
    Json(String),
    /// A moment in milliseconds since the Unix epoch.
    TimestampMs(i64),
    /// A UUID, in lower-case text form.
    Uuid(String),
    /// A value of another type of the backend, as text.
    Other(String),
}

impl SqlValue {
    /// The bytes that a value counts as in an answer.
    pub fn answer_bytes(&self) -> usize {
        DB_CELL_BYTES
            + match self {
                SqlValue::Text(text)
                | SqlValue::Numeric(text)
                | SqlValue::Json(text)
                | SqlValue::Uuid(text)
                | SqlValue::Other(text) => text.len(),
                SqlValue::Blob(bytes) => bytes.len(),
                SqlValue::Null
                | SqlValue::Boolean(_)
                | SqlValue::Integer(_)
                | SqlValue::Real(_)
                | SqlValue::TimestampMs(_) => 0,
            }
    }
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlColumn {
    /// The name.
    pub name: String,
    /// The kind that the manifest declares, such as `json`, or else the declared SQL type in lower case; empty for an
    /// expression.
    pub kind: String,
}

/// The answer of a statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SqlAnswer {
    /// The columns, if the rows are wanted.
    pub columns: Vec<SqlColumn>,
    /// The rows, if they are wanted.
    pub rows: Vec<Vec<SqlValue>>,
    /// The sum of [`SqlValue::answer_bytes`] of all values.
    pub bytes: usize,
    /// The key of the last row that it inserted; `None` if it inserted none, or if the backend reports keys only
    /// through `RETURNING`.
    pub insert_id: Option<SqlValue>,
    /// The number of rows that it inserted, changed or deleted.
    pub changes: u64,
    /// The uses for which it needed permission.
    pub uses: Arc<[SqlUse]>,
}

impl SqlAnswer {
    /// Adds the effect of another run of the same statement.
    pub(crate) fn add(&mut self, other: SqlAnswer) {
        self.insert_id = other.insert_id.or(self.insert_id.take());
        self.changes += other.changes;
        self.uses = other.uses;
    }
}

/// The use of a table by a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlUse {
    /// The resource: `db.<table>`.
    pub resource: String,
    /// Reading or writing.
    pub action: PermissionAction,
}

/// The reason why a statement did not run, or not to its end.
///
/// The plugin gets the text. It may quote the plugin's own SQL and tables, and names no path, address or password: a
/// backend logs those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlError {
    /// The plugin was not granted this use.
    Denied(SqlUse),
    /// The statement is not valid, or no plugin may run it.
    Invalid(String),
    /// A constraint of a table was violated.
    Constraint {
        /// What the plugin gets.
        text: String,
        /// The SQLSTATE of the violation, such as `23505`, if it is known.
        sqlstate: Option<&'static str>,
    },
    /// The transaction lost against a concurrent one and was rolled back.
    Conflict(String),
    /// A limit was reached.
    Limit(ReachedLimit),
    /// The statement ran until its deadline and was stopped.
    Interrupted(String),
    /// The database, or the capacity for statements, was in use for too long.
    Busy(String),
    /// The backend cannot be reached, or cannot read or write.
    Unavailable(String),
}

impl SqlError {
    /// The error of a statement that was stopped at its deadline.
    pub fn interrupted() -> Self {
        SqlError::Interrupted(format!(
            "the statement ran until the call's deadline, or for {} s, and was stopped",
            DB_STATEMENT_TIME_MAX.as_secs()
        ))
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlError::Denied(SqlUse { resource, action }) => {
                write!(f, "permission to {} `{resource}` is missing", action.name())
            }
            SqlError::Invalid(text)
            | SqlError::Constraint { text, .. }
            | SqlError::Conflict(text)
            | SqlError::Interrupted(text)
            | SqlError::Busy(text)
            | SqlError::Unavailable(text) => f.write_str(text),
            SqlError::Limit(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for SqlError {}
