//! The targets of statements: the database itself, or a transaction.

use super::rows::Rows;
use super::table::{Table, TableRef};
use super::value::{Params, Value};
use super::{Changes, Collection};
use crate::error::{Error, Result};
use crate::host;

/// A running transaction, which [`transaction`](super::transaction()) passes to its function.
///
/// Its methods correspond to the functions of [`db`](super) and run inside the transaction. During the transaction,
/// those functions return `busy`.
#[derive(Debug)]
pub struct Transaction(host::Transaction);

impl Transaction {
    pub(super) fn begin() -> Result<Transaction> {
        host::db_begin().map(Transaction)
    }

    pub(super) fn commit(self) -> Result<()> {
        self.0.commit()
    }

    pub(super) fn rollback(self) -> Result<()> {
        self.0.rollback()
    }

    /// As [`query`](super::query()).
    ///
    /// # Errors
    /// Those of [`query`](super::query()).
    pub fn query<R: serde::de::DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<Vec<R>> {
        self.query_rows(sql, params)?.into_typed()
    }

    /// As [`query_one`](super::query_one()).
    ///
    /// # Errors
    /// Those of [`query_one`](super::query_one()).
    pub fn query_one<R: serde::de::DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<R> {
        self.query_optional(sql, params)?.ok_or_else(super::no_row)
    }

    /// As [`query_optional`](super::query_optional()).
    ///
    /// # Errors
    /// Those of [`query_optional`](super::query_optional()).
    pub fn query_optional<R: serde::de::DeserializeOwned>(&self, sql: &str, params: impl Params) -> Result<Option<R>> {
        super::first(self.query_rows(sql, params)?)
    }

    /// As [`query_rows`](super::query_rows()).
    ///
    /// # Errors
    /// Those of [`query_rows`](super::query_rows()).
    pub fn query_rows(&self, sql: &str, params: impl Params) -> Result<Rows> {
        Connection::from(self).query(sql, params.into_values()?)
    }

    /// As [`execute`](super::execute()).
    ///
    /// # Errors
    /// Those of [`execute`](super::execute()).
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<Changes> {
        Connection::from(self).execute(sql, params.into_values()?)
    }

    /// As [`execute_many`](super::execute_many()).
    ///
    /// # Errors
    /// Those of [`execute_many`](super::execute_many()).
    pub fn execute_many<P: Params>(&self, sql: &str, params: impl IntoIterator<Item = P>) -> Result<Changes> {
        Connection::from(self).execute_many(sql, super::all_values(params)?)
    }

    /// As [`table`](super::table()).
    pub fn table<T: Table>(&self) -> TableRef<'_, T> {
        TableRef::new(self.into())
    }

    /// As [`collection`](super::collection()).
    pub fn collection<T>(&self, name: &str) -> Collection<'_, T> {
        Collection::new(self.into(), name)
    }
}

/// The target of a statement, for code that works on both.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connection<'a> {
    Database,
    Transaction(&'a Transaction),
}

impl<'a> From<&'a Transaction> for Connection<'a> {
    fn from(transaction: &'a Transaction) -> Self {
        Connection::Transaction(transaction)
    }
}

impl Connection<'_> {
    pub(super) fn query(self, sql: &str, params: Vec<Value>) -> Result<Rows> {
        match self {
            Connection::Database => host::db_query(sql, params),
            Connection::Transaction(transaction) => transaction.0.query(sql, params),
        }
    }

    pub(super) fn execute(self, sql: &str, params: Vec<Value>) -> Result<Changes> {
        match self {
            Connection::Database => host::db_execute(sql, params),
            Connection::Transaction(transaction) => transaction.0.execute(sql, params),
        }
    }

    pub(super) fn execute_many(self, sql: &str, params: Vec<Vec<Value>>) -> Result<Changes> {
        match self {
            Connection::Database => host::db_execute_many(sql, params),
            Connection::Transaction(transaction) => transaction.0.execute_many(sql, params),
        }
    }

    /// Runs statements atomically: in the current transaction, or in a new one.
    pub(super) fn together<T>(self, work: impl FnOnce(Connection<'_>) -> Result<T>) -> Result<T> {
        match self {
            Connection::Database => super::transaction(|transaction| work(transaction.into())),
            Connection::Transaction(_) => work(self),
        }
    }
}

/// Rolls back the transaction of failed work, and returns the error.
pub(super) fn undone(failure: Error, transaction: Transaction) -> Error {
    // The rollback fails if the host has already rolled back, such as at a deadline. That changes nothing.
    drop(transaction.rollback());
    failure
}
