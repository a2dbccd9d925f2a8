//! Updates and deletes of rows. Neither runs without a condition, because it would affect all rows.

use std::marker::PhantomData;

use super::column::{Codec, Column, Operand};
use super::condition::{Condition, Conditions, Sql, conditions, quoted};
use super::connection::Connection;
use super::failure::invalid;
use super::insert::{self, Assignment};
use super::table::Table;
use super::value::Value;
use crate::error::{Error, Result};

/// The state of an update or a delete without a condition, which cannot run.
#[derive(Clone, Copy, Debug)]
pub enum Unfiltered {}

/// The state of an update or a delete with a condition.
#[derive(Clone, Copy, Debug)]
pub enum Filtered {}

/// An update of rows.
///
/// ```compile_fail
/// # use plugbay_sdk::db::Table;
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Table)] #[table(name = "notes")] struct Note { #[column(id)] id: i64, pinned: bool }
/// // Without a condition there is no `run`.
/// fn unpin() -> Result<u64> { Note::update().set(Note::pinned, false).run() }
/// ```
#[derive(Debug)]
#[must_use = "an update does nothing until it has a condition and `run` is called"]
pub struct Update<'a, T, State> {
    connection: Connection<'a>,
    assignments: Vec<Assignment<T>>,
    conditions: Conditions,
    failure: Option<Error>,
    of: PhantomData<State>,
}

impl<'a, T: Table> Update<'a, T, Unfiltered> {
    pub(super) fn new(connection: Connection<'a>) -> Self {
        let (assignments, conditions) = (Vec::new(), Conditions::default());
        Update { connection, assignments, conditions, failure: None, of: PhantomData }
    }
}

impl<'a, T: Table, State> Update<'a, T, State> {
    conditions!(Update<'a, T, Filtered>);

    fn add(mut self, word: &str, condition: Result<Condition<T>>) -> Update<'a, T, Filtered> {
        self.conditions.add(word, condition);
        let Update { connection, assignments, conditions, failure, of: _ } = self;
        Update { connection, assignments, conditions, failure, of: PhantomData }
    }

    /// Sets a column; `None` is null.
    pub fn set<V, C: Codec<V>>(mut self, column: Column<T, V, C>, value: impl Operand<V>) -> Self {
        self.assignments.push(column.to(value));
        self
    }

    pub(super) fn set_all(mut self, assignments: impl IntoIterator<Item = Assignment<T>>) -> Self {
        self.assignments.extend(assignments);
        self
    }

    /// Sets the columns that are fields of a struct, a map or a JSON object, and leaves the others unchanged.
    pub fn set_from(mut self, fields: impl serde::Serialize) -> Self {
        match insert::assignments_of(&fields) {
            Ok(assignments) => self.assignments.extend(assignments),
            Err(why) => self.failure = self.failure.or(Some(why)),
        }
        self
    }

    /// The SQL and its parameters.
    ///
    /// # Errors
    /// `invalid_argument` if no column is set, or a named column does not exist.
    pub fn to_sql(&self) -> Result<(String, Vec<Value>)> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let (columns, values) = insert::take(self.assignments.iter().cloned())?;
        if columns.is_empty() {
            return Err(invalid(format!("the update of `{}` sets no column", T::NAME)));
        }
        let set: Vec<String> = columns.iter().map(|name| format!("{} = ?", quoted(name))).collect();
        let mut sql = Sql::new(format!("UPDATE {} SET {}", quoted(T::NAME), set.join(", ")), values);
        sql.push(self.conditions.sql()?);
        Ok((sql.text, sql.values))
    }
}

impl<T: Table> Update<'_, T, Filtered> {
    /// Updates the rows and returns their number.
    ///
    /// # Errors
    /// `invalid_argument` if no column is set or a named column does not exist, `permission_denied` without `write` on
    /// `db.<table>`, `constraint` if a constraint of the table is violated, and the others of [`db`](super).
    pub fn run(self) -> Result<u64> {
        let (sql, values) = self.to_sql()?;
        Ok(self.connection.execute(&sql, values)?.changes)
    }
}

/// A delete of rows.
///
/// ```compile_fail
/// # use plugbay_sdk::db::Table;
/// # use plugbay_sdk::prelude::*;
/// # #[derive(Table)] #[table(name = "notes")] struct Note { #[column(id)] id: i64 }
/// // Without a condition there is no `run`.
/// fn clear() -> Result<u64> { Note::delete().run() }
/// ```
#[derive(Debug)]
#[must_use = "a delete does nothing until it has a condition and `run` is called"]
pub struct Delete<'a, T, State> {
    connection: Connection<'a>,
    conditions: Conditions,
    of: PhantomData<(fn() -> T, State)>,
}

impl<'a, T: Table> Delete<'a, T, Unfiltered> {
    pub(super) fn new(connection: Connection<'a>) -> Self {
        Delete { connection, conditions: Conditions::default(), of: PhantomData }
    }
}

impl<'a, T: Table, State> Delete<'a, T, State> {
    conditions!(Delete<'a, T, Filtered>);

    fn add(mut self, word: &str, condition: Result<Condition<T>>) -> Delete<'a, T, Filtered> {
        self.conditions.add(word, condition);
        Delete { connection: self.connection, conditions: self.conditions, of: PhantomData }
    }

    /// The SQL and its parameters.
    ///
    /// # Errors
    /// `invalid_argument` if a named column does not exist.
    pub fn to_sql(&self) -> Result<(String, Vec<Value>)> {
        let mut sql = Sql::new(format!("DELETE FROM {}", quoted(T::NAME)), Vec::new());
        sql.push(self.conditions.sql()?);
        Ok((sql.text, sql.values))
    }
}

impl<T: Table> Delete<'_, T, Filtered> {
    /// Deletes the rows and returns their number.
    ///
    /// # Errors
    /// `invalid_argument` if a named column does not exist, `permission_denied` without `write` on
    /// `db.<table>`, `constraint` if another row refers to one of these, and the others of [`db`](super).
    pub fn run(self) -> Result<u64> {
        let (sql, values) = self.to_sql()?;
        Ok(self.connection.execute(&sql, values)?.changes)
    }
}
