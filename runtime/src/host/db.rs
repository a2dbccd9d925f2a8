//! `plugbay:plugin/db` over the db service.
//!
//! Permissions are checked while SQLite prepares a statement, because only then the tables that it accesses are known.
//! The service reports them, and they are counted and audited here.

use serde_json::json;
use tracing::Instrument;
use wasmtime::component::Resource;

use super::HostState;
use super::bindings::plugbay::plugin::db as wit;
use super::failure::{Failure, UNAVAILABLE, failure, with_details};
use crate::service::db::{OpenTransaction, SqlAnswer, SqlColumn, SqlError, SqlStatement, SqlUse, SqlValue};

/// The guest's handle of a transaction. The transaction itself is in the store ([`OpenTransaction`]).
pub struct Transaction;

impl HostState {
    fn statement(&self, sql: String, wants_rows: bool) -> SqlStatement {
        self.plugin.db.statement(sql, wants_rows, self.plugin.may_use_table.clone(), self.call.time_left())
    }

    /// The span of an operation in the trace of its call. It has no SQL, which may contain values.
    fn db_span(&self, operation: &'static str) -> tracing::Span {
        tracing::debug_span!(target: "plugbay::trace", "db", otel.name = operation, plugin = &*self.plugin.name)
    }

    /// Runs a statement outside a transaction.
    async fn run_statement(
        &mut self,
        sql: String,
        params: Vec<wit::Value>,
        wants_rows: bool,
    ) -> Result<SqlAnswer, Failure> {
        self.no_transaction()?;
        let statement = self.statement(sql, wants_rows);
        let span = self.db_span(if wants_rows { "db.query" } else { "db.execute" });
        let ran = self.plugin.db.run(statement, values(params)).instrument(span).await;
        self.end_statement(ran).await
    }

    /// Refuses a statement outside the call's own open transaction, because it would wait for that transaction.
    fn no_transaction(&self) -> Result<(), Failure> {
        match self.transaction {
            None => Ok(()),
            Some(_) => Err(failure(BUSY, "this call has a transaction open: run the statement in it, or end it first")),
        }
    }

    /// Ends a statement: counts its work, lets other tasks run, and converts its error for the guest.
    async fn end_statement<T: Moved>(&mut self, ran: Result<T, SqlError>) -> Result<T, Failure> {
        for used in ran.as_ref().map_or(&[][..], Moved::uses) {
            self.plugin.permissions.note_allowed(Some(&self.call.origin), &used.resource, used.action);
        }
        self.end_host_call(ran.as_ref().map_or(0, Moved::bytes)).await;
        ran.map_err(|error| match &error {
            // Checked again, so that the denial is counted, audited and worded like any other.
            SqlError::Denied(denied) => match self.check(&denied.resource, denied.action) {
                Err(denial) => denial.into(),
                Ok(()) => error.into(),
            },
            _ => error.into(),
        })
    }

    /// Takes the transaction that the guest names out of the store.
    fn take_transaction(&mut self, named: &Resource<Transaction>) -> Result<OpenTransaction, SqlError> {
        self.transaction.take_if(|open| open.number == named.rep()).ok_or_else(|| {
            SqlError::Invalid("this transaction has ended: it was rolled back, by a limit or with its call".to_owned())
        })
    }

    /// Runs a statement in the transaction, which is rolled back if it cannot continue.
    async fn run_inside(
        &mut self,
        named: &Resource<Transaction>,
        statement: SqlStatement,
        params: Vec<wit::Value>,
    ) -> Result<SqlAnswer, SqlError> {
        let span = self.db_span("db.statement");
        let (open, ran) = self.take_transaction(named)?.run(statement, values(params)).instrument(span).await;
        self.transaction = open;
        ran
    }

    async fn commit_transaction(&mut self, named: &Resource<Transaction>) -> Result<(), SqlError> {
        self.take_transaction(named)?.commit().await
    }

    async fn roll_back_transaction(&mut self, named: &Resource<Transaction>) -> Result<(), SqlError> {
        self.take_transaction(named)?.roll_back().await
    }
}

/// The cost of an answer: the bytes moved and the resources used.
trait Moved {
    fn bytes(&self) -> usize {
        0
    }

    fn uses(&self) -> &[SqlUse] {
        &[]
    }
}

impl Moved for SqlAnswer {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn uses(&self) -> &[SqlUse] {
        &self.uses
    }
}

/// A transaction's number.
struct Begun(u32);

impl Moved for Begun {}

impl Moved for () {}

fn values(params: Vec<wit::Value>) -> Vec<SqlValue> {
    params.into_iter().map(SqlValue::from).collect()
}

impl From<wit::Value> for SqlValue {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Null => SqlValue::Null,
            wit::Value::Boolean(truth) => SqlValue::Boolean(truth),
            wit::Value::Integer(number) => SqlValue::Integer(number),
            wit::Value::Real(number) => SqlValue::Real(number),
            wit::Value::Numeric(text) => SqlValue::Numeric(text),
            wit::Value::Text(text) => SqlValue::Text(text),
            wit::Value::Blob(bytes) => SqlValue::Blob(bytes),
            wit::Value::Json(text) => SqlValue::Json(text),
            wit::Value::TimestampMs(ms) => SqlValue::TimestampMs(ms),
            wit::Value::Uuid(text) => SqlValue::Uuid(text),
            wit::Value::Other(text) => SqlValue::Other(text),
        }
    }
}

impl From<SqlValue> for wit::Value {
    fn from(value: SqlValue) -> Self {
        match value {
            SqlValue::Null => wit::Value::Null,
            SqlValue::Boolean(truth) => wit::Value::Boolean(truth),
            SqlValue::Integer(number) => wit::Value::Integer(number),
            SqlValue::Real(number) => wit::Value::Real(number),
            SqlValue::Numeric(text) => wit::Value::Numeric(text),
            SqlValue::Text(text) => wit::Value::Text(text),
            SqlValue::Blob(bytes) => wit::Value::Blob(bytes),
            SqlValue::Json(text) => wit::Value::Json(text),
            SqlValue::TimestampMs(ms) => wit::Value::TimestampMs(ms),
            SqlValue::Uuid(text) => wit::Value::Uuid(text),
            SqlValue::Other(text) => wit::Value::Other(text),
        }
    }
}

/// The code of a statement that is not valid.
const INVALID_SQL: &str = "invalid_sql";
/// The code of a database that is in use.
const BUSY: &str = "busy";

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Denied(SqlUse { ref resource, action }) => {
                let details = json!({ "resource": resource, "action": action.name() });
                with_details(failure("permission_denied", error.to_string()), &details)
            }
            SqlError::Invalid(text) => failure(INVALID_SQL, text),
            SqlError::Constraint { text, sqlstate: None } => failure("constraint", text),
            SqlError::Constraint { text, sqlstate: Some(state) } => {
                with_details(failure("constraint", text), &json!({ "sqlstate": state }))
            }
            SqlError::Conflict(text) => failure("conflict", text),
            SqlError::Limit(limit) => limit.into(),
            SqlError::Interrupted(text) => failure("interrupted", text),
            SqlError::Busy(text) => failure(BUSY, text),
            SqlError::Unavailable(text) => failure(UNAVAILABLE, text),
        }
    }
}

fn rows(answer: SqlAnswer) -> wit::Rows {
    let rows = answer.rows.into_iter().map(|row| row.into_iter().map(wit::Value::from).collect()).collect();
    let columns = answer.columns.into_iter().map(|SqlColumn { name, kind }| wit::Column { name, kind }).collect();
    wit::Rows { columns, rows }
}

fn changes(answer: SqlAnswer) -> wit::Changes {
    wit::Changes { insert_id: answer.insert_id.map(wit::Value::from), changes: answer.changes }
}

impl wit::Host for HostState {
    async fn dialect(&mut self) -> String {
        self.plugin.db.dialect().to_owned()
    }

    async fn query(&mut self, sql: String, params: Vec<wit::Value>) -> Result<wit::Rows, Failure> {
        self.run_statement(sql, params, true).await.map(rows)
    }

    async fn execute(&mut self, sql: String, params: Vec<wit::Value>) -> Result<wit::Changes, Failure> {
        self.run_statement(sql, params, false).await.map(changes)
    }

    async fn execute_many(&mut self, sql: String, many: Vec<Vec<wit::Value>>) -> Result<wit::Changes, Failure> {
        self.no_transaction()?;
        let statement = self.statement(sql, false);
        let ran = self.plugin.db.run_many(statement, many.into_iter().map(values).collect()).await;
        self.end_statement(ran).await.map(changes)
    }

    async fn begin(&mut self) -> Result<Resource<Transaction>, Failure> {
        self.no_transaction()?;
        let begun = match self.plugin.db.begin(self.call.time_left()).await {
            Ok(open) => {
                let number = open.number;
                self.transaction = Some(open);
                Ok(Begun(number))
            }
            Err(error) => Err(error),
        };
        let Begun(number) = self.end_statement(begun).await?;
        Ok(Resource::new_own(number))
    }
}

impl wit::HostTransaction for HostState {
    async fn query(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Rows, Failure> {
        let statement = self.statement(sql, true);
        let ran = self.run_inside(&named, statement, params).await;
        self.end_statement(ran).await.map(rows)
    }

    async fn execute(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Changes, Failure> {
        let statement = self.statement(sql, false);
        let ran = self.run_inside(&named, statement, params).await;
        self.end_statement(ran).await.map(changes)
    }

    async fn execute_many(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        many: Vec<Vec<wit::Value>>,
    ) -> Result<wit::Changes, Failure> {
        let statement = self.statement(sql, false);
        let ran = match self.take_transaction(&named) {
            Ok(open) => {
                let (open, ran) = open.run_many(&statement, many.into_iter().map(values).collect()).await;
                self.transaction = open;
                ran
            }
            Err(error) => Err(error),
        };
        self.end_statement(ran).await.map(changes)
    }

    async fn commit(&mut self, named: Resource<Transaction>) -> Result<(), Failure> {
        let ended = self.commit_transaction(&named).await;
        self.end_statement(ended).await
    }

    async fn rollback(&mut self, named: Resource<Transaction>) -> Result<(), Failure> {
        let ended = self.roll_back_transaction(&named).await;
        self.end_statement(ended).await
    }

    async fn drop(&mut self, named: Resource<Transaction>) -> wasmtime::Result<()> {
        // Rolls back, unless it ended before.
        drop(self.take_transaction(&named).ok());
        Ok(())
    }
}
