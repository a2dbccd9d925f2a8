//! `plugbay:plugin/db` over the db service.
//!
//! Permissions are checked while SQLite prepares a statement, because only then the tables that it accesses are known.
//! The service reports them, and they are counted and audited here.

use std::sync::Arc;

use plugbay_manifest::PermissionAction;
use wasmtime::component::Resource;

use super::HostState;
use super::bindings::plugbay::plugin::db as wit;
use crate::service::db::{Answer, DbError, OpenTransaction, SqlCall, Value};

/// The guest's handle of a transaction. The transaction itself is in the store ([`OpenTransaction`]).
pub struct Transaction;

impl HostState {
    fn statement(&self, sql: String, keep_rows: bool) -> SqlCall {
        let plugin = self.plugin.clone();
        let may = Arc::new(move |resource: &str, action| plugin.permissions.allows(resource, action));
        self.plugin.db.statement(sql, keep_rows, may, self.call.time_left())
    }

    /// Runs a statement outside a transaction.
    async fn run_statement(
        &mut self,
        sql: String,
        params: Vec<wit::Value>,
        keep_rows: bool,
    ) -> Result<Answer, wit::Error> {
        self.no_transaction()?;
        let job = self.statement(sql, keep_rows);
        let ran = self.plugin.db.run(job, values(params)).await;
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
    async fn end_statement<T: Moved>(&mut self, ran: Result<T, DbError>) -> Result<T, wit::Error> {
        for (resource, action) in ran.as_ref().map_or(&[][..], Moved::uses) {
            self.plugin.permissions.note_allowed(Some(&self.call.origin), resource, *action);
        }
        self.end_host_call(ran.as_ref().map_or(0, Moved::bytes)).await;
        ran.map_err(|problem| match problem {
            // Checked again, so that the denial is counted, audited and worded like any other.
            DbError::Denied(ref resource, action) => match self.check(resource, action) {
                Err(denial) => wit::Error::Denied(denial.to_string()),
                Ok(()) => problem.into(),
            },
            other => other.into(),
        })
    }

    /// Takes the transaction that the guest names out of the store.
    fn take_transaction(&mut self, named: &Resource<Transaction>) -> Result<OpenTransaction, DbError> {
        self.transaction.take_if(|open| open.number == named.rep()).ok_or_else(|| {
            DbError::Invalid("this transaction has ended: it was rolled back, by a limit or with its call".to_owned())
        })
    }

    /// Runs a statement in the transaction, which is rolled back if it cannot continue.
    async fn run_inside(
        &mut self,
        named: &Resource<Transaction>,
        job: SqlCall,
        params: Vec<wit::Value>,
    ) -> Result<Answer, DbError> {
        let (open, ran) = self.take_transaction(named)?.run(job, values(params)).await;
        self.transaction = open;
        ran
    }

    async fn commit_transaction(&mut self, named: &Resource<Transaction>) -> Result<(), DbError> {
        let open = self.take_transaction(named)?;
        open.commit(self.statement(String::new(), false)).await
    }

    async fn roll_back_transaction(&mut self, named: &Resource<Transaction>) -> Result<(), DbError> {
        self.take_transaction(named)?.roll_back().await
    }
}

/// The cost of an answer: the bytes moved and the resources used.
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
        Answer::uses(self)
    }
}

/// A transaction's number.
struct Begun(u32);

impl Moved for Begun {}

impl Moved for () {}

fn values(params: Vec<wit::Value>) -> Vec<Value> {
    params.into_iter().map(Value::from).collect()
}

impl From<wit::Value> for Value {
    fn from(value: wit::Value) -> Self {
        match value {
            wit::Value::Null => Value::Null,
            wit::Value::Integer(number) => Value::Integer(number),
            wit::Value::Real(number) => Value::Real(number),
            wit::Value::Text(text) => Value::Text(text),
            wit::Value::Blob(bytes) => Value::Blob(bytes),
        }
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => wit::Value::Null,
            Value::Integer(number) => wit::Value::Integer(number),
            Value::Real(number) => wit::Value::Real(number),
            Value::Text(text) => wit::Value::Text(text),
            Value::Blob(bytes) => wit::Value::Blob(bytes),
        }
    }
}

impl From<DbError> for wit::Error {
    fn from(problem: DbError) -> Self {
        match problem {
            DbError::Denied(resource, action) => {
                wit::Error::Denied(format!("permission to {} `{resource}` is missing", action.name()))
            }
            DbError::Invalid(text) => wit::Error::Invalid(text),
            DbError::Constraint(text) => wit::Error::Constraint(text),
            DbError::Limit(text) => wit::Error::Limit(text),
            DbError::Interrupted(text) => wit::Error::Interrupted(text),
            DbError::Busy(text) => wit::Error::Busy(text),
            DbError::Unavailable(text) => wit::Error::Unavailable(text),
            DbError::Stale | DbError::TooLongHere => {
                wit::Error::Busy("the tables change while the statement runs: try again".to_owned())
            }
        }
    }
}

fn rows(answer: Answer) -> wit::Rows {
    let rows = answer.rows.into_iter().map(|row| row.into_iter().map(wit::Value::from).collect()).collect();
    wit::Rows { columns: answer.columns, rows }
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
        let job = self.statement(sql, false);
        let ran = self.plugin.db.run_many(job, many.into_iter().map(values).collect()).await;
        self.end_statement(ran).await.map(|answer| changes(&answer))
    }

    async fn begin(&mut self) -> Result<Resource<Transaction>, wit::Error> {
        self.no_transaction()?;
        let job = self.statement(String::new(), false);
        let begun = match self.plugin.db.begin(job).await {
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

impl wit::HostTransaction for HostState {
    async fn query(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Rows, wit::Error> {
        let job = self.statement(sql, true);
        let ran = self.run_inside(&named, job, params).await;
        self.end_statement(ran).await.map(rows)
    }

    async fn execute(
        &mut self,
        named: Resource<Transaction>,
        sql: String,
        params: Vec<wit::Value>,
    ) -> Result<wit::Changes, wit::Error> {
        let job = self.statement(sql, false);
        let ran = self.run_inside(&named, job, params).await;
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
