//! `plugbay:plugin/db`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::db as wit;
use crate::db::{Changes, Rows, Value};
use crate::error::Result;

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

    pub(crate) fn execute_many(&self, sql: &str, params: Vec<Vec<Value>>) -> Result<Changes> {
        let params: Vec<Vec<wit::Value>> = params.into_iter().map(to_wit).collect();
        self.0.execute_many(sql, &params).map(changes).map_err(failure)
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
        Value::Boolean(truth) => wit::Value::Boolean(truth),
        Value::Integer(integer) => wit::Value::Integer(integer),
        Value::Real(real) => wit::Value::Real(real),
        Value::Numeric(text) => wit::Value::Numeric(text),
        Value::Text(text) => wit::Value::Text(text),
        Value::Blob(bytes) => wit::Value::Blob(bytes),
        Value::Json(text) => wit::Value::Json(text),
    };
    values.into_iter().map(value).collect()
}

fn from_wit(rows: wit::Rows) -> Rows {
    let columns = rows.columns.into_iter().map(|column| column.name).collect();
    let row = |values: Vec<wit::Value>| values.into_iter().map(read).collect();
    Rows { columns, rows: rows.rows.into_iter().map(row).collect() }
}

fn read(value: wit::Value) -> Value {
    match value {
        wit::Value::Null => Value::Null,
        wit::Value::Boolean(truth) => Value::Boolean(truth),
        wit::Value::Integer(integer) | wit::Value::TimestampMs(integer) => Value::Integer(integer),
        wit::Value::Real(real) => Value::Real(real),
        wit::Value::Numeric(text) => Value::Numeric(text),
        wit::Value::Text(text) | wit::Value::Uuid(text) | wit::Value::Other(text) => Value::Text(text),
        wit::Value::Blob(bytes) => Value::Blob(bytes),
        wit::Value::Json(text) => Value::Json(text),
    }
}

fn changes(changes: wit::Changes) -> Changes {
    let insert_id = match changes.insert_id {
        Some(wit::Value::Integer(id)) => id,
        _ => 0,
    };
    Changes { insert_id, changes: changes.changes }
}
