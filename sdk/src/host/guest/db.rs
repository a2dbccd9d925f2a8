//! `plugbay:plugin/db`.

use crate::bindings::imports::plugbay::plugin::db as wit;
use crate::db::{Changes, Rows, Value};
use crate::error::{Error, INTERNAL_ERROR, Result, error};

pub(crate) fn db_query(sql: &str, params: Vec<Value>) -> Result<Rows> {
    wit::query(sql, &to_wit(params)).map(from_wit).map_err(failure)
}

pub(crate) fn db_execute(sql: &str, params: Vec<Value>) -> Result<Changes> {
    wit::execute(sql, &to_wit(params)).map(changes).map_err(failure)
}

pub(crate) fn db_execute_many(sql: &str, params: Vec<Vec<Value>>) -> Result<Changes> {
    let params: Vec<Vec<wit::Value>> = params.into_iter().map(to_wit).collect();
    wit::execute_many(sql, &params).map(changes).map_err(failure)
}

pub(crate) fn db_begin() -> Result<Transaction> {
    wit::begin().map(Transaction).map_err(failure)
}

/// A transaction of the host. It is rolled back if it is dropped.
#[derive(Debug)]
pub(crate) struct Transaction(wit::Transaction);

impl Transaction {
    pub(crate) fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows> {
        self.0.query(sql, &to_wit(params)).map(from_wit).map_err(failure)
    }

    pub(crate) fn execute(&self, sql: &str, params: Vec<Value>) -> Result<Changes> {
        self.0.execute(sql, &to_wit(params)).map(changes).map_err(failure)
    }

    pub(crate) fn commit(self) -> Result<()> {
        wit::Transaction::commit(self.0).map_err(failure)
    }

    pub(crate) fn rollback(self) -> Result<()> {
        wit::Transaction::rollback(self.0).map_err(failure)
    }
}

fn to_wit(values: Vec<Value>) -> Vec<wit::Value> {
    let value = |value| match value {
        Value::Null => wit::Value::Null,
        Value::Integer(integer) => wit::Value::Integer(integer),
        Value::Real(real) => wit::Value::Real(real),
        Value::Text(text) => wit::Value::Text(text),
        Value::Blob(bytes) => wit::Value::Blob(bytes),
    };
    values.into_iter().map(value).collect()
}

fn from_wit(rows: wit::Rows) -> Rows {
    let value = |value| match value {
        wit::Value::Null => Value::Null,
        wit::Value::Integer(integer) => Value::Integer(integer),
        wit::Value::Real(real) => Value::Real(real),
        wit::Value::Text(text) => Value::Text(text),
        wit::Value::Blob(bytes) => Value::Blob(bytes),
    };
    let row = |values: Vec<wit::Value>| values.into_iter().map(value).collect();
    Rows { columns: rows.columns, rows: rows.rows.into_iter().map(row).collect() }
}

fn changes(changes: wit::Changes) -> Changes {
    Changes { insert_id: changes.insert_id, changes: changes.changes }
}

fn failure(why: wit::Error) -> Error {
    match why {
        wit::Error::Denied(text) => error(text).with_code("permission_denied"),
        wit::Error::Invalid(text) => error(text).with_code("invalid_sql"),
        wit::Error::Constraint(text) => error(text).with_code("constraint"),
        wit::Error::Limit(text) => error(text).with_code("limit_exceeded"),
        wit::Error::Interrupted(text) => error(text).with_code("interrupted"),
        wit::Error::Busy(text) => error(text).with_code("busy"),
        wit::Error::Unavailable(text) => error(text).with_code("unavailable"),
        wit::Error::Other(text) => error(text).with_code(INTERNAL_ERROR),
    }
}
