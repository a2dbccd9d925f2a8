//! Queries for the rows of a table.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use super::column::Column;
use super::condition::{Condition, Conditions, Sql, conditions, quoted};
use super::connection::Connection;
use super::declare::Kind;
use super::failure::not_found;
use super::rows::Rows;
use super::table::{Row, Table, column_of};
use super::value::Value;
use crate::error::{Error, Result};

/// A query for rows of the table `T`, which are returned as `R`.
#[derive(Debug)]
#[must_use = "a query does nothing until `all`, `first`, `one` or `count` is called"]
pub struct Select<'a, T, R = T> {
    connection: Connection<'a>,
    columns: Vec<(&'static str, Kind)>,
    conditions: Conditions,
    order: String,
    limit: Option<u64>,
    offset: u64,
    failure: Option<Error>,
    of: PhantomData<fn() -> (T, R)>,
}

/// Marks a query for some columns, whose rows are JSON objects.
#[derive(Debug)]
pub enum Objects {}

/// The type of the rows that a [`Select`] returns.
pub trait Answered<T> {
    /// One row.
    type Row;

    #[doc(hidden)]
    fn read(rows: Rows, kinds: &[Kind]) -> Result<Vec<Self::Row>>;
}

impl<T: Table> Answered<T> for T {
    type Row = T;

    fn read(rows: Rows, _kinds: &[Kind]) -> Result<Vec<T>> {
        rows.rows.into_iter().map(|values| T::from_row(&mut Row::new::<T>(values))).collect()
    }
}

impl<T> Answered<T> for Objects {
    type Row = serde_json::Value;

    fn read(rows: Rows, kinds: &[Kind]) -> Result<Vec<serde_json::Value>> {
        rows.into_kinds(kinds)
    }
}

impl<'a, T: Table> Select<'a, T> {
    pub(super) fn new(connection: Connection<'a>) -> Self {
        Select::with(connection, T::COLUMNS.to_vec(), None)
    }
}

impl<'a, T: Table> Select<'a, T, Objects> {
    pub(super) fn of_columns<N: AsRef<str>>(connection: Connection<'a>, columns: impl IntoIterator<Item = N>) -> Self {
        let (mut found, mut failure) = (Vec::new(), None);
        for name in columns {
            match name.as_ref() {
                "*" => found.extend_from_slice(T::COLUMNS),
                name => match column_of::<T>(name) {
                    Ok(column) => found.push(column),
                    Err(why) => failure = failure.or(Some(why)),
                },
            }
        }
        if found.is_empty() {
            found = T::COLUMNS.to_vec();
        }
        Select::with(connection, found, failure)
    }
}

impl<'a, T: Table, R: Answered<T>> Select<'a, T, R> {
    fn with(connection: Connection<'a>, columns: Vec<(&'static str, Kind)>, failure: Option<Error>) -> Self {
        let (conditions, order) = (Conditions::default(), String::new());
        Select { connection, columns, conditions, order, limit: None, offset: 0, failure, of: PhantomData }
    }

    conditions!(Self);

    fn add(mut self, word: &str, condition: Result<Condition<T>>) -> Self {
        self.conditions.add(word, condition);
        self
    }

    /// Sorts by a column in ascending order, after the columns that were named before.
    pub fn order_by(self, column: impl Named<T>) -> Self {
        self.ordered(column, "")
    }

    /// Sorts by a column in descending order, after the columns that were named before.
    pub fn order_by_desc(self, column: impl Named<T>) -> Self {
        self.ordered(column, " DESC")
    }

    fn ordered(mut self, column: impl Named<T>, direction: &str) -> Self {
        match column.named() {
            Ok(name) => {
                self.order.push_str(if self.order.is_empty() { " ORDER BY " } else { ", " });
                self.order.push_str(&quoted(name));
                self.order.push_str(direction);
            }
            Err(why) => self.failure = self.failure.or(Some(why)),
        }
        self
    }

    /// Limits the number of rows.
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Skips the first rows, for the next page. Sort the rows too, or the pages may overlap.
    pub fn offset(mut self, rows: u64) -> Self {
        self.offset = rows;
        self
    }

    /// The rows.
    ///
    /// # Errors
    /// `permission_denied` without `read` on `db.<table>`, `invalid_argument` if a named column does not exist,
    /// `limit_exceeded` if there are more rows than the host returns, `invalid_data` if a row does not match the type,
    /// and the others of [`db`](super).
    pub fn all(self) -> Result<Vec<R::Row>> {
        let kinds: Vec<Kind> = self.columns.iter().map(|(_, kind)| *kind).collect();
        R::read(self.rows()?, &kinds)
    }

    /// The rows as another type, whose fields are matched with columns by name; JSON columns are parsed.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    pub fn all_as<O: DeserializeOwned>(self) -> Result<Vec<O>> {
        let kinds: Vec<Kind> = self.columns.iter().map(|(_, kind)| *kind).collect();
        self.rows()?.into_kinds(&kinds)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    pub fn first(self) -> Result<Option<R::Row>> {
        Ok(self.limit(1).all()?.pop())
    }

    /// The first row.
    ///
    /// # Errors
    /// `not_found` if there is none, and those of [`Select::all`].
    pub fn one(self) -> Result<R::Row> {
        self.first()?.ok_or_else(|| not_found(format!("no row of `{}` matches the conditions", T::NAME)))
    }

    /// The number of rows that match the conditions, regardless of the limit.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    pub fn count(self) -> Result<u64> {
        let mut sql = Sql::new(format!("SELECT count(*) FROM {}", quoted(T::NAME)), Vec::new());
        sql.push(self.conditions.sql()?);
        let rows = self.connection.query(&sql.text, sql.values)?;
        super::first(rows)?.ok_or_else(super::no_row)
    }

    /// Whether any row matches the conditions.
    ///
    /// # Errors
    /// Those of [`Select::all`].
    pub fn exists(self) -> Result<bool> {
        Ok(!self.limit(1).rows()?.rows.is_empty())
    }

    /// The SQL and its parameters.
    ///
    /// # Errors
    /// `invalid_argument` if a named column does not exist.
    pub fn to_sql(&self) -> Result<(String, Vec<Value>)> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let columns: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        let mut sql = Sql::new(format!("SELECT {} FROM {}", columns.join(", "), quoted(T::NAME)), Vec::new());
        sql.push(self.conditions.sql()?);
        sql.text.push_str(&self.order);
        sql.push(limit(self.limit, self.offset));
        Ok((sql.text, sql.values))
    }

    fn rows(self) -> Result<Rows> {
        let (sql, values) = self.to_sql()?;
        self.connection.query(&sql, values)
    }
}

/// ` LIMIT … OFFSET …`, or nothing.
pub(super) fn limit(limit: Option<u64>, offset: u64) -> Sql {
    // A number beyond 63 bits exceeds any number of rows.
    let rows = |rows: u64| Value::Integer(i64::try_from(rows).unwrap_or(i64::MAX));
    match (limit, offset) {
        (None, 0) => Sql::default(),
        (Some(limit), 0) => Sql::new(" LIMIT ?", vec![rows(limit)]),
        // SQLite has no offset without a limit; -1 means no limit.
        (limit, offset) => Sql::new(" LIMIT ? OFFSET ?", vec![limit.map_or(Value::Integer(-1), rows), rows(offset)]),
    }
}

/// A reference to a column of `T`: the column itself, or its name, which is looked up when the query runs.
pub trait Named<T> {
    #[doc(hidden)]
    fn named(self) -> Result<&'static str>;
}

impl<T: Table, V, C> Named<T> for Column<T, V, C> {
    fn named(self) -> Result<&'static str> {
        column_of::<T>(self.name()).map(|(name, _)| name)
    }
}

impl<T: Table> Named<T> for &str {
    fn named(self) -> Result<&'static str> {
        column_of::<T>(self).map(|(name, _)| name)
    }
}
