//! `db` in a native build: there is none. A second SQL database that behaves nearly like the host's would only make
//! tests pass that should not.

use crate::db::{Changes, Rows, Value};
use crate::error::{Error, Result, error};

pub(crate) fn db_query(_sql: &str, _params: Vec<Value>) -> Result<Rows> {
    Err(no_database())
}

pub(crate) fn db_execute(_sql: &str, _params: Vec<Value>) -> Result<Changes> {
    Err(no_database())
}

pub(crate) fn db_execute_many(_sql: &str, _params: Vec<Vec<Value>>) -> Result<Changes> {
    Err(no_database())
}

pub(crate) fn db_begin() -> Result<Transaction> {
    Err(no_database())
}

/// Nothing begins a transaction here.
#[derive(Debug)]
pub(crate) enum Transaction {}

impl Transaction {
    pub(crate) fn query(&self, _sql: &str, _params: Vec<Value>) -> Result<Rows> {
        match *self {}
    }

    pub(crate) fn execute(&self, _sql: &str, _params: Vec<Value>) -> Result<Changes> {
        match *self {}
    }

    pub(crate) fn commit(self) -> Result<()> {
        match self {}
    }

    pub(crate) fn rollback(self) -> Result<()> {
        match self {}
    }
}

fn no_database() -> Error {
    let message = "a native test has no database: test this with the crate `plugbay-testing`, which runs the compiled \
                   plugin on a real one";
    error(message).with_code("unavailable")
}
