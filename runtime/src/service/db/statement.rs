//! One statement of a plugin, from its text to its answer: prepared, checked against the grants, bound, run within its
//! bounds.

use std::sync::Arc;
use std::time::Duration;

use plugbay_manifest::PermissionAction;
use plugbay_sqlite_memory::StatementMemory;
use rusqlite::Statement;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::authorizer::Access;
use super::connection::Conn;
use super::database::About;
use super::facts::{Facts, Inserts, NoFacts, object};
use super::problem::{self, DbError};
use super::text;
use super::value::Value;
use super::watch::{Stop, Until, Whose};
use crate::limits::{
    DB_CELL_BYTES, DB_LOG_BYTES_MAX, DB_PREPARED_BYTES_MAX, DB_PREPARED_MAX, DB_RESULT_BYTES_MAX, DB_ROWS_MAX,
    DB_STATEMENT_MEMORY_BYTES_MAX, DB_STATEMENT_TIME_MAX, DB_VALUE_BYTES_HERE_MAX, DB_VALUE_BYTES_MAX, DB_WAIT_MAX,
};

/// What a statement answered.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
    pub(crate) bytes: usize,
    pub(crate) insert_id: i64,
    pub(crate) changes: u64,
    /// Whether it changed the tables' shape: what other connections know of statements is void.
    pub(super) changed_schema: bool,
    /// What the statement was.
    pub(super) facts: Option<Arc<Facts>>,
}

/// Whether a resource was granted for a use.
pub(crate) type May = Arc<dyn Fn(&str, PermissionAction) -> bool + Send + Sync>;

/// A statement with everything that running it takes.
pub(crate) struct SqlCall {
    /// Whether the plugin was granted this.
    pub(super) may: May,
    pub(super) about: Arc<About>,
    pub(super) sql: String,
    pub(super) until: Until,
    /// Whether rows are kept for the answer.
    pub(super) keep_rows: bool,
}

impl Answer {
    /// The resources that the statement used, with what for.
    pub(crate) fn uses(&self) -> &[(String, PermissionAction)] {
        self.facts.as_ref().map_or(&[], |facts| &facts.needs)
    }
}

impl SqlCall {
    /// Whether it looks like one that only reads. If it is not, it finds that out before it runs.
    pub(super) fn may_be_query(&self) -> bool {
        let word = self.sql.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        ["select", "with", "values", "explain"].iter().any(|reads| word.eq_ignore_ascii_case(reads))
    }

    /// Runs it once for these parameters, on a thread that may wait.
    pub(super) fn run(&self, conn: &mut Conn, params: &[Value]) -> Result<Answer, DbError> {
        let mut ran = self.try_run(conn, params, &self.until);
        if let Err(DbError::Stale) = ran {
            conn.forget();
            ran = self.try_run(conn, params, &self.until);
        }
        if matches!(&ran, Ok(answer) if answer.changed_schema) {
            conn.forget();
        }
        ran
    }

    /// Runs it in the caller's own thread: only a query that is known, and only for moments.
    pub(super) fn run_here(&self, conn: &mut Conn, params: &[Value]) -> Result<Answer, DbError> {
        if !conn.known.contains_key(self.sql.trim()) {
            return Err(DbError::TooLongHere);
        }
        self.try_run(conn, params, &Until { here: true, ..self.until.clone() })
    }

    fn try_run(&self, conn: &mut Conn, params: &[Value], until: &Until) -> Result<Answer, DbError> {
        let facts = self.facts(conn)?;
        self.check(&facts)?;
        if !facts.is_read_only {
            if until.here {
                return Err(DbError::TooLongHere);
            }
            room_in_log(conn)?;
        }
        let answers_changes = self.keep_rows && !facts.is_read_only;
        if answers_changes {
            // SQLite makes all changes before it answers the first row: too many rows must undo them.
            self.by_host(conn, "SAVEPOINT plugbay_answer")?;
        }
        conn.watch.book().begin(Whose::Running(facts.accesses.clone()), until);
        let mut ran = self.step(conn, &facts, params, until.here);
        conn.watch.book().whose = Whose::Host;
        if answers_changes && conn.is_in_transaction() {
            match &ran {
                Ok(_) => self.by_host(conn, "RELEASE plugbay_answer")?,
                Err(_) => self.by_host(conn, "ROLLBACK TO plugbay_answer; RELEASE plugbay_answer")?,
            }
        }
        if let Ok(answer) = &mut ran {
            answer.facts = Some(facts);
        }
        // Whatever stopped it here may not stop it there.
        if until.here { ran.map_err(|_| DbError::TooLongHere) } else { ran }
    }

    /// Runs SQL of the host's own.
    fn by_host(&self, conn: &Conn, sql: &str) -> Result<(), DbError> {
        conn.watch.book().whose = Whose::Host;
        conn.sqlite
            .busy_timeout(DB_WAIT_MAX)
            .and_then(|()| conn.sqlite.execute_batch(sql))
            .map_err(|error| problem::of_statement(&error).unwrap_or_else(|| self.about.problem(&error)))
    }

    /// What the statement needs: known, or found out by preparing it.
    pub(super) fn facts(&self, conn: &mut Conn) -> Result<Arc<Facts>, DbError> {
        let sql = self.sql.trim();
        if let Some(facts) = conn.known.get(sql) {
            return Ok(facts.clone());
        }
        text::check_one_statement(sql).map_err(|what| DbError::Invalid(what.to_owned()))?;
        let (wanted, is_read_only) = self.wanted(conn, sql).map_err(|error| self.problem(conn, &error))?;
        let facts = Arc::new(Facts::new(conn, wanted, is_read_only).map_err(|error| match error {
            NoFacts::Refused(why) => DbError::Invalid(why),
            NoFacts::Sql(error) => self.problem(conn, &error),
        })?);
        if sql.len() <= DB_PREPARED_BYTES_MAX && !facts.changes_schema {
            if conn.known.len() >= DB_PREPARED_MAX {
                conn.forget();
            }
            conn.known.insert(sql.into(), facts.clone());
        }
        Ok(facts)
    }

    /// What it wants to do, and whether it only reads, by preparing it.
    fn wanted(&self, conn: &Conn, sql: &str) -> rusqlite::Result<(Vec<Access>, bool)> {
        // Reads the tables' shape anew where another connection has changed it.
        object(conn, "")?;
        conn.watch.book().begin(Whose::Preparing, &self.until);
        let _memory = StatementMemory::at_most(DB_STATEMENT_MEMORY_BYTES_MAX);
        let is_read_only = prepare(conn, sql)?.readonly();
        let mut book = conn.watch.book();
        book.whose = Whose::Host;
        Ok((std::mem::take(&mut book.wanted), is_read_only))
    }

    fn check(&self, facts: &Facts) -> Result<(), DbError> {
        for (resource, action) in &facts.needs {
            if !(self.may)(resource, *action) {
                return Err(DbError::Denied(resource.clone(), *action));
            }
        }
        Ok(())
    }

    fn step(&self, conn: &Conn, facts: &Facts, params: &[Value], here: bool) -> Result<Answer, DbError> {
        let problem = |error: rusqlite::Error| self.problem(conn, &error);
        let _memory = StatementMemory::at_most(DB_STATEMENT_MEMORY_BYTES_MAX);
        let mut statement = prepare(conn, self.sql.trim()).map_err(problem)?;
        let (length_max, wait) =
            if here { (DB_VALUE_BYTES_HERE_MAX, Duration::ZERO) } else { (DB_VALUE_BYTES_MAX, DB_WAIT_MAX) };
        conn.sqlite.set_limit(Limit::SQLITE_LIMIT_LENGTH, length_max).map_err(problem)?;
        conn.sqlite.busy_timeout(wait).map_err(problem)?;
        bind(&mut statement, params, problem)?;
        let before = conn.sqlite.last_insert_rowid();
        let mut answer = self.collect(&mut statement, problem)?;
        if !facts.is_read_only && !facts.changes_schema {
            answer.changes = conn.sqlite.changes();
            let last = conn.sqlite.last_insert_rowid();
            let inserted = match facts.inserts {
                Inserts::No => false,
                Inserts::Yes => answer.changes > 0,
                Inserts::Perhaps => last != before,
            };
            answer.insert_id = if inserted { last } else { 0 };
        }
        answer.changed_schema = facts.changes_schema;
        Ok(answer)
    }

    fn collect(
        &self,
        statement: &mut Statement<'_>,
        problem: impl Fn(rusqlite::Error) -> DbError,
    ) -> Result<Answer, DbError> {
        let mut answer = Answer::default();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(&problem)? {
            if !self.keep_rows {
                continue;
            }
            if answer.rows.len() == DB_ROWS_MAX {
                return Err(DbError::limit("rows of an answer (ask page by page, with LIMIT)", DB_ROWS_MAX, "more"));
            }
            let columns = row.as_ref().column_count();
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                let value = value(row.get_ref(column).map_err(&problem)?);
                answer.bytes += DB_CELL_BYTES + bytes(&value);
                values.push(value);
            }
            if answer.bytes > DB_RESULT_BYTES_MAX {
                let name = "bytes of an answer (ask for less, or page by page with LIMIT)";
                return Err(DbError::limit(name, DB_RESULT_BYTES_MAX, "more"));
            }
            answer.rows.push(values);
        }
        drop(rows);
        // Not before: where the tables have changed since it was prepared, SQLite notices when it runs.
        if self.keep_rows {
            answer.columns = statement.column_names().map(str::to_owned).collect();
        }
        Ok(answer)
    }

    /// Why SQLite did not do it.
    fn problem(&self, conn: &Conn, error: &rusqlite::Error) -> DbError {
        let (stopped, refused, whose) = {
            let mut book = conn.watch.book();
            (book.stopped.take(), book.refused.take(), std::mem::take(&mut book.whose))
        };
        match problem::code(error) {
            Some(rusqlite::ErrorCode::OperationInterrupted) => return interrupted(stopped),
            Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) => {
                return match (refused, whose) {
                    (Some(why), _) => DbError::Invalid(why),
                    (None, Whose::Running(_)) => DbError::Stale,
                    (None, _) => DbError::Invalid(problem::text(error)),
                };
            }
            _ => {}
        }
        // A statement that SQLite runs in several: its inner ones are refused with a text of their own.
        if let Some(why) = refused {
            return DbError::Invalid(why);
        }
        problem::of_statement(error).unwrap_or_else(|| self.about.problem(error))
    }
}

fn interrupted(stopped: Option<Stop>) -> DbError {
    match stopped {
        Some(Stop::Log(bytes)) => log_is_full(bytes),
        Some(Stop::TooLongHere) => DbError::TooLongHere,
        Some(Stop::Cancelled) => DbError::Interrupted("the statement was stopped because its call ended".to_owned()),
        Some(Stop::Deadline) | None => DbError::Interrupted(format!(
            "the statement ran until the call's deadline, or for {} s, and was stopped",
            DB_STATEMENT_TIME_MAX.as_secs()
        )),
    }
}

/// Moves the write-ahead log into the file where it has become too long for that to happen by itself.
pub(super) fn room_in_log(conn: &Conn) -> Result<(), DbError> {
    let is_full = || conn.watch.book().log_is_full();
    if is_full().is_none() {
        return Ok(());
    }
    if !conn.is_in_transaction() {
        conn.watch.book().whose = Whose::Host;
        let moved = conn.sqlite.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        tracing::debug!("a long write-ahead log was moved: {moved:?}");
    }
    match is_full() {
        Some(Stop::Log(bytes)) => Err(log_is_full(bytes)),
        _ => Ok(()),
    }
}

fn log_is_full(bytes: u64) -> DbError {
    let name = "bytes of changes that are not in the file yet (a query that still runs keeps them out of it)";
    DbError::limit(name, DB_LOG_BYTES_MAX, bytes)
}

/// A statement that goes back to where it came from.
enum Prepared<'c> {
    Kept(rusqlite::CachedStatement<'c>),
    Once(Statement<'c>),
}

impl<'c> std::ops::Deref for Prepared<'c> {
    type Target = Statement<'c>;

    fn deref(&self) -> &Statement<'c> {
        match self {
            Prepared::Kept(statement) => statement,
            Prepared::Once(statement) => statement,
        }
    }
}

impl std::ops::DerefMut for Prepared<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Prepared::Kept(statement) => statement,
            Prepared::Once(statement) => statement,
        }
    }
}

fn prepare<'c>(conn: &'c Conn, sql: &str) -> rusqlite::Result<Prepared<'c>> {
    if sql.len() <= DB_PREPARED_BYTES_MAX {
        conn.sqlite.prepare_cached(sql).map(Prepared::Kept)
    } else {
        conn.sqlite.prepare(sql).map(Prepared::Once)
    }
}

fn bind(
    statement: &mut Statement<'_>,
    params: &[Value],
    problem: impl Fn(rusqlite::Error) -> DbError,
) -> Result<(), DbError> {
    let expected = statement.parameter_count();
    if expected != params.len() {
        let given = params.len();
        return Err(DbError::Invalid(format!("the statement has {expected} parameters, and {given} were given")));
    }
    for (index, value) in params.iter().enumerate() {
        let value = match value {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        };
        statement.raw_bind_parameter(index + 1, ToSqlOutput::Borrowed(value)).map_err(&problem)?;
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Blob(bytes) => bytes.len(),
        Value::Null | Value::Integer(_) | Value::Real(_) => 0,
    }
}
