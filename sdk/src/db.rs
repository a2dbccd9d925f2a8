//! The plugin's own SQL database: statements, tables as structs, collections of documents.
//!
//! ```no_run
//! use plugbay_sdk::db::{self, Table, params};
//! use plugbay_sdk::prelude::*;
//!
//! #[derive(Table, Serialize, Schema)]
//! #[table(name = "notes")]
//! struct Note {
//!     #[column(id)]
//!     id: i64,
//!     title: String,
//!     pinned: bool,
//!     #[column(json)]
//!     tags: Vec<String>,
//! }
//!
//! #[derive(Default)]
//! struct Notes;
//!
//! #[plugin(tables(Note), permissions("db.notes:read,write"))]
//! impl Notes {
//!     #[action]
//!     fn add(&mut self, title: String) -> Result<i64> {
//!         let note = Note { id: 0, title, pinned: false, tags: vec!["new".to_owned()] };
//!         Ok(Note::insert(&note)?.insert_id)
//!     }
//!
//!     #[action]
//!     fn pinned(&self) -> Result<Vec<Note>> {
//!         Note::select().filter(Note::pinned.eq(true)).order_by(Note::title).limit(50).all()
//!     }
//!
//!     #[action]
//!     fn longest(&self) -> Result<Option<i64>> {
//!         db::query_one("SELECT max(length(title)) FROM notes WHERE pinned = ?", params![true])
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! The manifest requests each table, as `db.<table>` with `read` or `write`, and the operator grants it.
//!
//! # Errors
//!
//! | Code | Meaning |
//! |---|---|
//! | `permission_denied` | the use of a table in the statement was not granted |
//! | `invalid_sql` | a syntax error, an unknown table, or a construct that is refused to all plugins |
//! | `constraint` | a constraint was violated: not null, unique, foreign key or check |
//! | `limit_exceeded` | a limit was reached: rows, bytes, size on disk |
//! | `interrupted` | the statement ran until the call's deadline |
//! | `busy` | another transaction of this plugin holds the database |
//! | `unavailable` | the host could not open, read or write the database |
//! | `invalid_argument` | the request is not valid, such as an unknown column; it was not sent to the host |
//! | `invalid_data` | a value in the database does not match the Rust type |
//! | `not_found` | [`query_one`] or [`Select::one`] found no row |
//!
//! The plugin's own native tests have no database, so all functions return `unavailable` there. Test code that uses the
//! database with the crate `plugbay-testing`, which runs the compiled plugin on a real one.

mod change;
mod collection;
mod column;
mod condition;
mod connection;
mod declare;
mod failure;
mod filter;
mod insert;
mod read;
mod rows;
mod select;
mod table;
mod value;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

pub use crate::macros::Table;
pub use crate::{create_tables, params};
pub use change::{Delete, Filtered, Unfiltered, Update};
pub use collection::{Collection, Document, Find};
pub use column::{AsJson, AsWord, Codec, Column, ColumnType, Nullable, Operand, Plain, Untyped};
pub use condition::{Comparable, Condition, Textual, escape_like};
pub use connection::Transaction;
pub use declare::{ColumnDeclaration, Declaration, Kind};
pub use filter::{Field, Filter, field};
pub use insert::Assignment;
pub use rows::Rows;
pub use select::{Answered, Named, Objects, Select};
pub use table::{Keyed, Table, TableRef, column};
pub use value::{Json, Params, ToValue, Value};

/// For the code that `#[derive(Table)]` writes. Not part of the API.
#[doc(hidden)]
pub mod __private {
    pub use super::table::{Row, given, new_id, or_default};
}

use connection::Connection;

/// The effect of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, crate::Schema)]
pub struct Changes {
    /// The id of the last row that it inserted; 0 if it inserted none.
    pub insert_id: i64,
    /// The number of rows that it inserted, changed or deleted.
    pub changes: u64,
}

impl Changes {
    fn add(&mut self, other: Changes) {
        self.changes += other.changes;
        if other.insert_id != 0 {
            self.insert_id = other.insert_id;
        }
    }
}

/// Runs a statement that returns rows, and reads them as structs, maps, tuples or, for a single column, plain values;
/// see [`Rows::into_typed`].
///
/// Parameters are written `?` or `?1` and passed with [`params!`]. Never put values into the SQL itself.
///
/// # Errors
/// Those of [`db`](self), and `invalid_data` if a row is not an `R`.
pub fn query<R: DeserializeOwned>(sql: &str, params: impl Params) -> Result<Vec<R>> {
    query_rows(sql, params)?.into_typed()
}

/// The first row of a query.
///
/// # Errors
/// Those of [`query`], and `not_found` if it returns no row.
pub fn query_one<R: DeserializeOwned>(sql: &str, params: impl Params) -> Result<R> {
    query_optional(sql, params)?.ok_or_else(no_row)
}

/// The first row of a query, if there is one.
///
/// # Errors
/// Those of [`query`].
pub fn query_optional<R: DeserializeOwned>(sql: &str, params: impl Params) -> Result<Option<R>> {
    first(query_rows(sql, params)?)
}

/// Runs a statement that returns rows, and returns them as the database stores them.
///
/// # Errors
/// Those of [`db`](self).
pub fn query_rows(sql: &str, params: impl Params) -> Result<Rows> {
    Connection::Database.query(sql, params.into_values()?)
}

/// Runs a statement for its effect, which is on disk when this returns.
///
/// # Errors
/// Those of [`db`](self).
pub fn execute(sql: &str, params: impl Params) -> Result<Changes> {
    Connection::Database.execute(sql, params.into_values()?)
}

/// Runs a statement once for each set of parameters: all of them, or none.
///
/// # Errors
/// Those of [`db`](self).
pub fn execute_many<P: Params>(sql: &str, params: impl IntoIterator<Item = P>) -> Result<Changes> {
    Connection::Database.execute_many(sql, all_values(params)?)
}

/// Runs a function in a transaction. Its statements are committed if it returns `Ok`, and rolled back if it returns an
/// error, panics, or is stopped by the host.
///
/// ```no_run
/// use plugbay_sdk::db::{self, params};
/// use plugbay_sdk::prelude::*;
///
/// fn move_money(from: i64, to: i64, amount: i64) -> Result<()> {
///     db::transaction(|tx| {
///         let sql = "UPDATE accounts SET amount = amount + ?2 WHERE id = ?1 AND amount + ?2 >= 0";
///         for (account, amount) in [(from, -amount), (to, amount)] {
///             let changes = tx.execute(sql, params![account, amount])?.changes;
///             ensure!(changes == 1, code = "not_enough", "account {account} does not have {amount}");
///         }
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
/// Those of the function, and those of [`db`](self).
pub fn transaction<T>(work: impl FnOnce(&Transaction) -> Result<T>) -> Result<T> {
    let transaction = Transaction::begin()?;
    match work(&transaction) {
        Ok(value) => transaction.commit().map(|()| value),
        Err(failure) => Err(connection::undone(failure, transaction)),
    }
}

/// The table whose rows are values of `T`, for queries, inserts, updates and deletes.
pub fn table<T: Table>() -> TableRef<'static, T> {
    TableRef::new(Connection::Database)
}

/// A collection of documents that the manifest declares under `database.collections`.
pub fn collection<T>(name: &str) -> Collection<'static, T> {
    Collection::new(Connection::Database, name)
}

fn all_values<P: Params>(params: impl IntoIterator<Item = P>) -> Result<Vec<Vec<Value>>> {
    params.into_iter().map(Params::into_values).collect()
}

fn first<R: DeserializeOwned>(mut rows: Rows) -> Result<Option<R>> {
    rows.rows.truncate(1);
    Ok(rows.into_typed()?.pop())
}

fn no_row() -> Error {
    failure::not_found("the query found no row")
}
