//! Inserts of rows.

use std::marker::PhantomData;

use serde::Serialize;

use super::Changes;
use super::column::{Codec, Column, Operand, operand};
use super::condition::quoted;
use super::connection::Connection;
use super::declare::Kind;
use super::failure::invalid;
use super::table::{Table, column_of};
use super::value::{ToValue, Value, kind_of};
use crate::error::Result;

/// A value for a column of `T`: `Note::title.to("Milk")`.
#[derive(Debug)]
#[must_use = "an assignment does nothing on its own"]
pub struct Assignment<T> {
    pub(super) column: &'static str,
    pub(super) value: Result<Value>,
    of: PhantomData<fn() -> T>,
}

impl<T> Assignment<T> {
    pub(super) fn new(column: &'static str, value: Result<Value>) -> Self {
        Assignment { column, value, of: PhantomData }
    }
}

impl<T> Clone for Assignment<T> {
    fn clone(&self) -> Self {
        Assignment::new(self.column, self.value.clone())
    }
}

impl<T: Table, V, C: Codec<V>> Column<T, V, C> {
    /// Assigns a value to the column, for an insert or an update; `None` is null.
    pub fn to(self, value: impl Operand<V>) -> Assignment<T> {
        Assignment::new(self.name(), operand::<V, C>(value))
    }
}

/// Inserts whole rows. Rows that leave the same columns to the database share one statement.
pub(super) fn rows<'r, T: Table + 'r>(
    connection: Connection<'_>,
    rows: impl IntoIterator<Item = &'r T>,
) -> Result<Changes> {
    let mut statements: Vec<(String, Vec<Vec<Value>>)> = Vec::new();
    for row in rows {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for ((name, _), value) in T::COLUMNS.iter().zip(row.to_values()?) {
            if let Some(value) = value {
                columns.push(*name);
                values.push(value);
            }
        }
        let sql = statement::<T>(&columns);
        match statements.last_mut() {
            Some((last, sets)) if *last == sql => sets.push(values),
            _ => statements.push((sql, vec![values])),
        }
    }
    let run = |connection: Connection<'_>, (sql, mut sets): (String, Vec<Vec<Value>>)| match sets.len() {
        1 => connection.execute(&sql, sets.remove(0)),
        _ => connection.execute_many(&sql, sets),
    };
    match statements.len() {
        0 => Ok(Changes::default()),
        1 => run(connection, statements.remove(0)),
        _ => connection.together(|connection| {
            let mut sum = Changes::default();
            for statement in statements {
                sum.add(run(connection, statement)?);
            }
            Ok(sum)
        }),
    }
}

/// Inserts a row with values for some columns.
pub(super) fn values<T: Table>(
    connection: Connection<'_>,
    assignments: impl IntoIterator<Item = Assignment<T>>,
) -> Result<Changes> {
    let (columns, values) = take(assignments)?;
    connection.execute(&statement::<T>(&columns), values)
}

fn statement<T: Table>(columns: &[&str]) -> String {
    let table = quoted(T::NAME);
    if columns.is_empty() {
        return format!("INSERT INTO {table} DEFAULT VALUES");
    }
    let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let placeholders = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {table} ({}) VALUES ({placeholders})", names.join(", "))
}

/// The columns and the values of assignments, each column once.
pub(super) fn take<T>(assignments: impl IntoIterator<Item = Assignment<T>>) -> Result<(Vec<&'static str>, Vec<Value>)> {
    let (mut columns, mut values) = (Vec::new(), Vec::new());
    for assignment in assignments {
        let column = assignment.column;
        if columns.contains(&column) {
            return Err(invalid(format!("the column `{column}` is given twice")));
        }
        columns.push(column);
        values.push(assignment.value.map_err(|why| why.context(format_args!("column `{column}`")))?);
    }
    Ok((columns, values))
}

/// The fields of a struct, a map or a JSON object as values for columns.
pub(super) fn assignments_of<T: Table>(fields: &impl Serialize) -> Result<Vec<Assignment<T>>> {
    match serde_json::to_value(fields) {
        Ok(serde_json::Value::Object(fields)) => fields.iter().map(|(name, value)| assignment(name, value)).collect(),
        Ok(_) => Err(invalid("the values of a row must be a JSON object: pass a struct or a map")),
        Err(why) => Err(invalid(format!("the values of a row cannot be read: {why}"))),
    }
}

fn assignment<T: Table>(name: &str, json: &serde_json::Value) -> Result<Assignment<T>> {
    let (column, kind) = column_of::<T>(name)?;
    let value = match (kind, json) {
        (_, serde_json::Value::Null) => Value::Null,
        (Kind::Json, json) => Value::Text(json.to_string()),
        (_, serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
            return Err(invalid(format!("the column `{column}` is {}, but the value is JSON", kind.name())));
        }
        (_, json) => json.to_value()?,
    };
    let fits = match kind {
        Kind::Boolean => json.is_boolean() || json.is_null(),
        Kind::Id | Kind::Integer => matches!(value, Value::Integer(_) | Value::Null) && !json.is_boolean(),
        Kind::Real | Kind::Numeric => json.is_number() || json.is_null(),
        Kind::Blob => json.is_null(),
        Kind::ForeignKey | Kind::Json => true,
        _ => matches!(value, Value::Text(_) | Value::Null),
    };
    match fits {
        true => Ok(Assignment::new(column, Ok(value))),
        false => {
            Err(invalid(format!("the column `{column}` is {}, but the value is {}", kind.name(), kind_of(&value))))
        }
    }
}
