//! One statement of a plugin, from its text to its answer: prepared, checked against the grants, bound, and run within
//! its limits.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use plugbay_sqlite_memory::StatementMemory;
use rusqlite::Statement;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::columns::{self, Stored};
use super::connection::Conn;
use super::database::About;
use super::facts::{self, Facts, FactsError, Inserts, object};
use super::problem::{self, limit};
use super::text;
use super::watch::{Origin, Stop, Until};
use crate::limits::{
    DB_LOG_BYTES_MAX, DB_PREPARED_BYTES_MAX, DB_PREPARED_MAX, DB_RESULT_BYTES_MAX, DB_ROWS_MAX,
    DB_STATEMENT_MEMORY_BYTES_MAX, DB_VALUE_BYTES_HERE_MAX, DB_VALUE_BYTES_MAX, DB_WAIT_MAX,
};
use crate::service::db::store::{SqlAnswer, SqlColumn, SqlError, SqlStatement, SqlValue};

/// A statement that ran.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) answer: SqlAnswer,
    /// Whether a table was created, altered or dropped, so that other connections have to forget their prepared
    /// statements.
    pub(super) changed_schema: bool,
}

/// The reason why a statement did not run.
pub(super) enum NotRun {
    Failed(SqlError),
    /// The tables that it uses have changed since it was prepared: it has to be prepared again.
    Stale,
    /// It takes longer than the caller's thread may spend: it has to run on a thread that may block.
    TooLongHere,
}

impl From<SqlError> for NotRun {
    fn from(error: SqlError) -> Self {
        NotRun::Failed(error)
    }
}

impl From<NotRun> for SqlError {
    fn from(reason: NotRun) -> Self {
        match reason {
            NotRun::Failed(error) => error,
            NotRun::Stale | NotRun::TooLongHere => {
                SqlError::Busy("the tables change while the statement runs: try again".to_owned())
            }
        }
    }
}

/// A statement with everything that running it takes.
pub(super) struct SqlCall {
    /// Without spaces around its text, by which it is found again.
    pub(super) statement: SqlStatement,
    pub(super) about: Arc<About>,
}

impl SqlCall {
    /// Whether it looks like a query. A statement that is not a query is recognised before it runs.
    pub(super) fn may_be_query(&self) -> bool {
        let word = self.statement.sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        ["select", "with", "values", "explain"].iter().any(|reads| word.eq_ignore_ascii_case(reads))
    }

    /// The bounds of its run on a thread that may block.
    pub(super) fn until(&self, cancelled: Arc<AtomicBool>) -> Until {
        Until::Deadline { deadline: self.statement.deadline, cancelled }
    }

    /// Runs it once for these parameters, on a thread that may block.
    pub(super) fn run(&self, conn: &mut Conn, params: &[SqlValue], until: &Until) -> Result<Ran, NotRun> {
        let mut ran = self.run_as_known(conn, params, until);
        if let Err(NotRun::Stale) = ran {
            conn.forget_statements();
            ran = self.run_as_known(conn, params, until);
        }
        if matches!(&ran, Ok(ran) if ran.changed_schema) {
            conn.forget_statements();
        }
        ran
    }

    /// Runs it on the caller's thread: only a query that was prepared before, and only for a short time.
    pub(super) fn run_here(&self, conn: &Conn, params: &[SqlValue]) -> Result<Ran, NotRun> {
        let facts = conn.known.get(&*self.statement.sql).ok_or(NotRun::TooLongHere)?;
        self.try_run(conn, facts, params, &Until::Soon)
    }

    fn run_as_known(&self, conn: &mut Conn, params: &[SqlValue], until: &Until) -> Result<Ran, NotRun> {
        let facts = self.facts(conn, until)?;
        self.try_run(conn, &facts, params, until)
    }

    fn try_run(&self, conn: &Conn, facts: &Facts, params: &[SqlValue], until: &Until) -> Result<Ran, NotRun> {
        self.check(facts)?;
        let here = matches!(until, Until::Soon);
        if !facts.is_read_only {
            if here {
                return Err(NotRun::TooLongHere);
            }
            check_log_size(conn)?;
        }
        let answers_changes = self.statement.wants_rows && !facts.is_read_only;
        if answers_changes {
            // SQLite makes all changes before it returns the first row: if there are too many rows, they must be
            // undone.
            self.by_host(conn, "SAVEPOINT plugbay_answer")?;
        }
        conn.watch.record().begin(Origin::Running(facts.accesses.clone()), until);
        let mut ran = self.step(conn, facts, params, here);
        conn.watch.record().origin = Origin::Host;
        if answers_changes && conn.is_in_transaction() {
            match &ran {
                Ok(_) => self.by_host(conn, "RELEASE plugbay_answer")?,
                Err(_) => self.by_host(conn, "ROLLBACK TO plugbay_answer; RELEASE plugbay_answer")?,
            }
        }
        if let Ok(ran) = &mut ran {
            ran.answer.uses = facts.needs.clone();
        }
        // A failure on this thread may not happen on a thread that may block.
        if here { ran.map_err(|_| NotRun::TooLongHere) } else { ran }
    }

    /// Runs SQL of the host.
    fn by_host(&self, conn: &Conn, sql: &str) -> Result<(), SqlError> {
        conn.watch.record().origin = Origin::Host;
        conn.wait_for_locks(DB_WAIT_MAX)
            .and_then(|()| conn.sqlite.execute_batch(sql))
            .map_err(|error| problem::of_statement(&error).unwrap_or_else(|| self.about.problem(&error)))
    }

    /// The facts of the statement, from an earlier run or by preparing it.
    pub(super) fn facts(&self, conn: &mut Conn, until: &Until) -> Result<Arc<Facts>, NotRun> {
        let sql = &*self.statement.sql;
        if let Some(facts) = conn.known.get(sql) {
            return Ok(facts.clone());
        }
        text::check_one_statement(sql).map_err(|what| SqlError::Invalid(what.to_owned()))?;
        let prepared = self.prepared(conn, sql, until).map_err(|error| self.problem(conn, &error))?;
        let facts = Arc::new(Facts::new(conn, prepared).map_err(|error| match error {
            FactsError::Refused(why) => NotRun::Failed(SqlError::Invalid(why)),
            FactsError::Sql(error) => self.problem(conn, &error),
        })?);
        if sql.len() <= DB_PREPARED_BYTES_MAX && !facts.changes_schema {
            if conn.known.len() >= DB_PREPARED_MAX {
                conn.forget_statements();
            }
            conn.known.insert(sql.into(), facts.clone());
        }
        Ok(facts)
    }

    /// What SQLite reports about the statement after preparing it.
    fn prepared(&self, conn: &Conn, sql: &str, until: &Until) -> rusqlite::Result<facts::Prepared> {
        // Makes SQLite read the schema again if another connection has changed it.
        object(conn, "")?;
        conn.watch.record().begin(Origin::Preparing, until);
        let _memory = StatementMemory::at_most(DB_STATEMENT_MEMORY_BYTES_MAX);
        let statement = prepare(conn, sql)?;
        let (is_read_only, sources, places) =
            (statement.readonly(), columns::sources(&statement), facts::places(&statement));
        drop(statement);
        let mut record = conn.watch.record();
        record.origin = Origin::Host;
        Ok(facts::Prepared { wanted: std::mem::take(&mut record.wanted), is_read_only, sources, places })
    }

    fn check(&self, facts: &Facts) -> Result<(), SqlError> {
        for needed in &*facts.needs {
            if !(self.statement.may)(&needed.resource, needed.action) {
                return Err(SqlError::Denied(needed.clone()));
            }
        }
        Ok(())
    }

    fn step(&self, conn: &Conn, facts: &Facts, params: &[SqlValue], here: bool) -> Result<Ran, NotRun> {
        let problem = |error: rusqlite::Error| self.problem(conn, &error);
        let _memory = StatementMemory::at_most(DB_STATEMENT_MEMORY_BYTES_MAX);
        let mut statement = prepare(conn, &self.statement.sql).map_err(problem)?;
        let (length_max, wait) =
            if here { (DB_VALUE_BYTES_HERE_MAX, Duration::ZERO) } else { (DB_VALUE_BYTES_MAX, DB_WAIT_MAX) };
        conn.sqlite.set_limit(Limit::SQLITE_LIMIT_LENGTH, length_max).map_err(problem)?;
        conn.wait_for_locks(wait).map_err(problem)?;
        bind(&mut statement, &facts.places, params, problem)?;
        let before = conn.sqlite.last_insert_rowid();
        let mut answer = self.collect(&mut statement, facts, problem)?;
        if !facts.is_read_only && !facts.changes_schema {
            answer.changes = conn.sqlite.changes();
            let last = conn.sqlite.last_insert_rowid();
            let inserted = match facts.inserts {
                Inserts::No => false,
                Inserts::Yes => answer.changes > 0,
                Inserts::Perhaps => last != before,
            };
            answer.insert_id = inserted.then_some(SqlValue::Integer(last));
        }
        Ok(Ran { answer, changed_schema: facts.changes_schema })
    }

    fn collect(
        &self,
        statement: &mut Statement<'_>,
        facts: &Facts,
        problem: impl Fn(rusqlite::Error) -> NotRun,
    ) -> Result<SqlAnswer, NotRun> {
        let mut answer = SqlAnswer::default();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(&problem)? {
            if !self.statement.wants_rows {
                continue;
            }
            if answer.rows.len() == DB_ROWS_MAX {
                return Err(limit("rows of an answer (ask page by page, with LIMIT)", DB_ROWS_MAX, "more").into());
            }
            let columns = row.as_ref().column_count();
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                let stored = facts.columns.get(column).map_or(Stored::Plain, |column| column.stored);
                let value = stored.value(row.get_ref(column).map_err(&problem)?);
                answer.bytes += value.answer_bytes();
                values.push(value);
            }
            if answer.bytes > DB_RESULT_BYTES_MAX {
                let name = "bytes of an answer (ask for less, or page by page with LIMIT)";
                return Err(limit(name, DB_RESULT_BYTES_MAX, "more").into());
            }
            answer.rows.push(values);
        }
        drop(rows);
        // Only now: if the schema has changed since it was prepared, SQLite notices when it runs.
        if self.statement.wants_rows {
            let kinds = facts.columns.iter().map(|column| column.kind.as_str()).chain(std::iter::repeat(""));
            let column = |(name, kind): (&str, &str)| SqlColumn { name: name.to_owned(), kind: kind.to_owned() };
            answer.columns = statement.column_names().zip(kinds).map(column).collect();
        }
        Ok(answer)
    }

    /// The reason why SQLite did not run it.
    fn problem(&self, conn: &Conn, error: &rusqlite::Error) -> NotRun {
        let (stopped, refused, origin) = {
            let mut record = conn.watch.record();
            (record.stopped.take(), record.refused.take(), std::mem::take(&mut record.origin))
        };
        match problem::code(error) {
            Some(rusqlite::ErrorCode::OperationInterrupted) => return interrupted(stopped),
            Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) => {
                return match (refused, origin) {
                    (Some(why), _) => SqlError::Invalid(why).into(),
                    (None, Origin::Running(_)) => NotRun::Stale,
                    (None, _) => SqlError::Invalid(problem::text(error)).into(),
                };
            }
            _ => {}
        }
        // SQLite runs some statements as several, and refuses the inner ones with a text of its own.
        if let Some(why) = refused {
            return SqlError::Invalid(why).into();
        }
        problem::of_statement(error).unwrap_or_else(|| self.about.problem(error)).into()
    }
}

fn interrupted(stopped: Option<Stop>) -> NotRun {
    match stopped {
        Some(Stop::Log(bytes)) => log_is_full(bytes).into(),
        Some(Stop::TooLongHere) => NotRun::TooLongHere,
        Some(Stop::Cancelled) => {
            SqlError::Interrupted("the statement was stopped because its call ended".to_owned()).into()
        }
        Some(Stop::Deadline) | None => SqlError::interrupted().into(),
    }
}

/// Checks the size of the write-ahead log, after copying it into the file if it has become too long for SQLite to do so
/// by itself.
pub(super) fn check_log_size(conn: &Conn) -> Result<(), SqlError> {
    let is_full = || conn.watch.record().log_is_full();
    if is_full().is_none() {
        return Ok(());
    }
    if !conn.is_in_transaction() {
        conn.watch.record().origin = Origin::Host;
        let moved = conn.sqlite.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        tracing::debug!("a long write-ahead log was moved: {moved:?}");
    }
    match is_full() {
        Some(Stop::Log(bytes)) => Err(log_is_full(bytes)),
        _ => Ok(()),
    }
}

fn log_is_full(bytes: u64) -> SqlError {
    let name = "bytes of changes that are not in the file yet (a query that still runs keeps them out of it)";
    limit(name, DB_LOG_BYTES_MAX, bytes)
}

/// A prepared statement, which returns to the cache if it came from there.
enum Prepared<'c> {
    Cached(rusqlite::CachedStatement<'c>),
    Once(Statement<'c>),
}

impl<'c> std::ops::Deref for Prepared<'c> {
    type Target = Statement<'c>;

    fn deref(&self) -> &Statement<'c> {
        match self {
            Prepared::Cached(statement) => statement,
            Prepared::Once(statement) => statement,
        }
    }
}

impl std::ops::DerefMut for Prepared<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Prepared::Cached(statement) => statement,
            Prepared::Once(statement) => statement,
        }
    }
}

fn prepare<'c>(conn: &'c Conn, sql: &str) -> rusqlite::Result<Prepared<'c>> {
    if sql.len() <= DB_PREPARED_BYTES_MAX {
        conn.sqlite.prepare_cached(sql).map(Prepared::Cached)
    } else {
        conn.sqlite.prepare(sql).map(Prepared::Once)
    }
}

fn bind(
    statement: &mut Statement<'_>,
    places: &[usize],
    params: &[SqlValue],
    problem: impl Fn(rusqlite::Error) -> NotRun,
) -> Result<(), NotRun> {
    let expected = places.iter().copied().max().unwrap_or_default();
    if expected != params.len() {
        let given = params.len();
        let text = format!("the statement has {expected} parameters, and {given} were given");
        return Err(SqlError::Invalid(text).into());
    }
    for (index, &place) in places.iter().enumerate() {
        let value = stored(&params[place - 1])
            .ok_or_else(|| SqlError::Invalid(format!("parameter {place} is not a number in decimal text")))?;
        statement.raw_bind_parameter(index + 1, ToSqlOutput::Borrowed(value)).map_err(&problem)?;
    }
    Ok(())
}

/// The value that SQLite stores; `None` for an exact number that is not one.
fn stored(value: &SqlValue) -> Option<ValueRef<'_>> {
    Some(match value {
        SqlValue::Null => ValueRef::Null,
        SqlValue::Boolean(truth) => ValueRef::Integer((*truth).into()),
        SqlValue::Integer(number) | SqlValue::TimestampMs(number) => ValueRef::Integer(*number),
        SqlValue::Real(number) => ValueRef::Real(*number),
        SqlValue::Numeric(text) => match text.parse() {
            Ok(integer) => ValueRef::Integer(integer),
            Err(_) => ValueRef::Real(text.parse().ok().filter(|real: &f64| real.is_finite())?),
        },
        SqlValue::Text(text) | SqlValue::Json(text) | SqlValue::Uuid(text) | SqlValue::Other(text) => {
            ValueRef::Text(text.as_bytes())
        }
        SqlValue::Blob(bytes) => ValueRef::Blob(bytes),
    })
}
