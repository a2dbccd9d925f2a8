//! `db` in a native build, which has no database. A second SQL database that behaves almost like the host's would let
//! tests pass that should fail.

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

/// A transaction, which cannot exist here.
#[derive(Debug)]
pub(crate) enum Transaction {}

impl Transaction {
    pub(crate) fn query(&self, _sql: &str, _params: Vec<Value>) -> Result<Rows> {
        match *self {}
    }

    pub(crate) fn execute(&self, _sql: &str, _params: Vec<Value>) -> Result<Changes> {
        match *self {}
    }

    pub(crate) fn execute_many(&self, _sql: &str, _params: Vec<Vec<Value>>) -> Result<Changes> {
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
    let message = "native tests have no database; test this with the crate `plugbay-testing`, which runs the compiled \
                   plugin on a real one";
    error(message).with_code("unavailable")
}
