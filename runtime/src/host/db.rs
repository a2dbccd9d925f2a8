//! `plugbay:plugin/db` over the db service.
//!
//! Permissions are checked while SQLite prepares a statement, because only then the tables that it accesses are known.
//! The service reports them, and they are counted and audited here.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::HostState;
use super::bindings::plugbay::plugin::db as wit;
use crate::service::db::{OpenTransaction, SqlAnswer, SqlError, SqlStatement, SqlUse, SqlValue};

/// The guest's handle of a transaction. The transaction itself is in the store ([`OpenTransaction`]).
pub struct Transaction;

impl HostState {
    fn statement(&self, sql: String, wants_rows: bool) -> SqlStatement {
        let plugin = self.plugin.clone();
        let may = Arc::new(move |resource: &str, action| plugin.permissions.allows(resource, action));
        self.plugin.db.statement(sql, wants_rows, may, self.call.time_left())
    }

    /// Runs a statement outside a transaction.
    async fn run_statement(
        &mut self,
        sql: String,
        params: Vec<wit::Value>,
        wants_rows: bool,
    ) -> Result<SqlAnswer, wit::Error> {
        self.no_transaction()?;
        let statement = self.statement(sql, wants_rows);
        let ran = self.plugin.db.run(statement, values(params)).await;
        self.end_statement(ran).await
    }

    /// Refuses a statement outside the call's own open transaction, because it would wait for that transaction.
    fn no_transaction(&self) -> Result<(), wit::Error> {
        match self.transaction {
            None => Ok(()),
            Some(_) => Err(wit::Error::Busy(
                "this call has a transaction open: run the statement in it, or end it first".to_owned(),
            )),
        }
    }

    /// Ends a statement: counts its work, lets other tasks run, and converts its error for the guest.
    async fn end_statement<T: Moved>(&mut self, ran: Result<T, SqlError>) -> Result<T, wit::Error> {
        for used in ran.as_ref().map_or(&[][..], Moved::uses) {
            self.plugin.permissions.note_allowed(Some(&self.call.origin), &used.resource, used.action);
        }
        self.end_host_call(ran.as_ref().map_or(0, Moved::bytes)).await;
        ran.map_err(|error| match &error {
            // Checked again, so that the denial is counted, audited and worded like any other.
            SqlError::Denied(denied) => match self.check(&denied.resource, denied.action) {
                Err(denial) => wit::Error::Denied(denial.to_string()),
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
        let (open, ran) = self.take_transaction(named)?.run(statement, values(params)).await;
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
            wit::Value::Integer(number) => SqlValue::Integer(number),
            wit::Value::Real(number) => SqlValue::Real(number),
            wit::Value::Text(text) => SqlValue::Text(text),
            wit::Value::Blob(bytes) => SqlValue::Blob(bytes),
        }
    }
}

impl From<SqlValue> for wit::Value {
    fn from(value: SqlValue) -> Self {
        match value {
            SqlValue::Null => wit::Value::Null,
            SqlValue::Integer(number) => wit::Value::Integer(number),
            SqlValue::Real(number) => wit::Value::Real(number),
            SqlValue::Text(text) => wit::Value::Text(text),
            SqlValue::Blob(bytes) => wit::Value::Blob(bytes),
        }
    }
}

impl From<SqlError> for wit::Error {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Denied(_) => wit::Error::Denied(error.to_string()),
            SqlError::Invalid(text) => wit::Error::Invalid(text),
            SqlError::Constraint(text) => wit::Error::Constraint(text),
            SqlError::Limit(text) => wit::Error::Limit(text),
            SqlError::Interrupted(text) => wit::Error::Interrupted(text),
            SqlError::Busy(text) => wit::Error::Busy(text),
            SqlError::Unavailable(text) => wit::Error::Unavailable(text),
        }
    }
}

fn rows(answer: SqlAnswer) -> wit::Rows {
    let rows = answer.rows.into_iter().map(|row| row.into_iter().map(wit::Value::from).collect()).collect();
    wit::Rows { columns: answer.columns, rows }
}

fn changes(answer: &SqlAnswer) -> wit::Changes {
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
        let statement = self.statement(sql, false);
        let ran = self.plugin.db.run_many(statement, many.into_iter().map(values).collect()).await;
        self.end_statement(ran).await.map(|answer| changes(&answer))
    }

    async fn begin(&mut self) -> Result<Resource<Transaction>, wit::Error> {
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
    ) -> Result<wit::Rows, wit::Error> {
        let statement = self.statement(sql, true);
        let ran = self.run_inside(&named, statement, params).await;
        self.end_statement(ran).await.map(rows)
    }

    async fn execute(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Changes, wit::Error> {
        let statement = self.statement(sql, false);
        let ran = self.run_inside(&named, statement, params).await;
        self.end_statement(ran).await.map(|answer| changes(&answer))
    }

    async fn commit(&mut self, named: Resource<Transaction>) -> Result<(), wit::Error> {
        let ended = self.commit_transaction(&named).await;
        self.end_statement(ended).await
    }

    async fn rollback(&mut self, named: Resource<Transaction>) -> Result<(), wit::Error> {
        let ended = self.roll_back_transaction(&named).await;
        self.end_statement(ended).await
    }

    async fn drop(&mut self, named: Resource<Transaction>) -> wasmtime::Result<()> {
        // Rolls back, unless it ended before.
        drop(self.take_transaction(&named).ok());
        Ok(())
    }
}
