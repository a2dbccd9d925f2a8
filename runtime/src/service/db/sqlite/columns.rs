//! The columns of a result, with the kinds that the manifest declares for them.
//!
//! SQLite stores a boolean as an integer and JSON as text. The declarations that the host has stored beside the tables
//! say which column is which, so that a result has the same kinds of values on every backend.

use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Statement};
use serde_json::Value;

use super::connection::Conn;
use super::facts::object;
use crate::service::db::store::SqlValue;

/// Where a column of a result comes from.
pub(super) struct Source {
    /// The table and its column; `None` for an expression.
    from: Option<(String, String)>,
    /// The declared SQL type; empty for an expression.
    sql_type: String,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResultColumn {
    /// The kind in the manifest, or else the declared SQL type in lower case; empty for an expression.
    pub(super) kind: String,
    pub(super) stored: Stored,
}

/// How the values of a column are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// As they are.
    Plain,
    /// A boolean as 0 or 1.
    Boolean,
    /// A number as an integer or a real number.
    Numeric,
    /// JSON as text.
    Json,
    /// Milliseconds as an integer.
    Timestamp,
    /// A UUID as text.
    Uuid,
}

impl Stored {
    fn of_kind(kind: &str) -> Self {
        match kind {
            "boolean" => Stored::Boolean,
            "numeric" => Stored::Numeric,
            "json" => Stored::Json,
            "timestamp" | "created_at" | "updated_at" => Stored::Timestamp,
            "uuid" => Stored::Uuid,
            _ => Stored::Plain,
        }
    }

    /// A stored value as the plugin receives it. A value that is not of the declared kind, which a table that the
    /// plugin itself has created may have, is returned as it is stored.
    pub(super) fn value(self, stored: ValueRef<'_>) -> SqlValue {
        match (self, stored) {
            (Stored::Boolean, ValueRef::Integer(bit @ (0 | 1))) => SqlValue::Boolean(bit == 1),
            (Stored::Numeric, ValueRef::Integer(number)) => SqlValue::Numeric(number.to_string()),
            (Stored::Numeric, ValueRef::Real(number)) if number.is_finite() => SqlValue::Numeric(number.to_string()),
            (Stored::Timestamp, ValueRef::Integer(ms)) => SqlValue::TimestampMs(ms),
            (Stored::Json, ValueRef::Text(bytes)) => SqlValue::Json(text(bytes)),
            (Stored::Uuid, ValueRef::Text(bytes)) => SqlValue::Uuid(text(bytes).to_ascii_lowercase()),
            (_, ValueRef::Null) => SqlValue::Null,
            (_, ValueRef::Integer(number)) => SqlValue::Integer(number),
            (_, ValueRef::Real(number)) => SqlValue::Real(number),
            (_, ValueRef::Text(bytes)) => SqlValue::Text(text(bytes)),
            (_, ValueRef::Blob(bytes)) => SqlValue::Blob(bytes.to_vec()),
        }
    }
}

/// A stored text as UTF-8. Almost all texts are, and finding that out first is faster than looking for faults.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The sources of a prepared statement's columns.
pub(super) fn sources(statement: &Statement<'_>) -> Vec<Source> {
    let types = statement.columns().map(|column| column.decl_type().unwrap_or_default().to_ascii_lowercase());
    let from = statement.columns_with_metadata().map(|column| {
        let (table, name) = (column.table_name()?, column.origin_name()?);
        (column.database_name() == Some("main")).then(|| (table.to_owned(), name.to_owned()))
    });
    // Collected one after the other: each iterator reads the statement.
    let (types, from): (Vec<_>, Vec<_>) = (types.collect(), from.collect());
    types.into_iter().zip(from).map(|(sql_type, from)| Source { from, sql_type }).collect()
}

/// Looks up the declared kinds of these columns.
pub(super) fn declared(conn: &Conn, sources: Vec<Source>) -> rusqlite::Result<Vec<ResultColumn>> {
    let has_declarations =
        sources.iter().any(|source| source.from.is_some()) && object(conn, "plugbay_declared")?.is_some();
    let column = |Source { from, sql_type }: Source| {
        let kind = match from {
            Some((table, column)) if has_declarations => declared_kind(conn, &table, &column)?,
            _ => None,
        };
        let stored = kind.as_deref().map_or(Stored::Plain, Stored::of_kind);
        Ok(ResultColumn { kind: kind.unwrap_or(sql_type), stored })
    };
    sources.into_iter().map(column).collect()
}

/// The kind that the manifest declares for a column of a table or collection.
fn declared_kind(conn: &Conn, table: &str, column: &str) -> rusqlite::Result<Option<String>> {
    let mut find = conn.sqlite.prepare_cached("SELECT made FROM plugbay_declared WHERE name = ?1")?;
    let made: Option<String> = find.query_row([table], |row| row.get(0)).optional()?;
    Ok(made.and_then(|made| kind_in(&made, column)))
}

/// The kind of a column in a stored declaration: `"collection"`, or `[version, table]` as JSON.
fn kind_in(made: &str, column: &str) -> Option<String> {
    if made == "collection" {
        return Some(if column == "doc" { "json" } else { column }.to_owned()).filter(|kind| kind != "id");
    }
    let made: Value = serde_json::from_str(made).ok()?;
    let table = &made[1];
    let is_named = |name: &Value| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(column));
    if table["json_columns"].as_array().is_some_and(|columns| columns.iter().any(is_named)) {
        return Some("json".to_owned());
    }
    let found = table["columns"].as_array()?.iter().find(|declared| is_named(&declared["name"]))?;
    Some(found["type"].as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_kind_is_found_by_the_columns_name() {
        let made = r#"["1",{"name":"t","columns":[{"name":"Done","type":"boolean"},{"name":"a","type":"text"}],
            "json_columns":["a"]}]"#;
        let check = |made: &str, column: &str, expected: Option<&str>| {
            assert_eq!(kind_in(made, column).as_deref(), expected, "{column}");
        };
        check(made, "done", Some("boolean"));
        check(made, "a", Some("json"));
        check(made, "other", None);
        check("collection", "doc", Some("json"));
        check("collection", "created_at", Some("created_at"));
        check("collection", "id", None);
    }

    #[test]
    fn value_of_another_kind_is_returned_as_stored() {
        assert_eq!(Stored::Boolean.value(ValueRef::Integer(1)), SqlValue::Boolean(true));
        assert_eq!(Stored::Boolean.value(ValueRef::Integer(2)), SqlValue::Integer(2));
        assert_eq!(Stored::Json.value(ValueRef::Null), SqlValue::Null);
        assert_eq!(Stored::Numeric.value(ValueRef::Real(12.5)), SqlValue::Numeric("12.5".into()));
        assert_eq!(Stored::Uuid.value(ValueRef::Text(b"AB")), SqlValue::Uuid("ab".into()));
    }
}
