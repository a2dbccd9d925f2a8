//! The tables that a manifest declares: created when the plugin first loads, rebuilt when the declaration changes.
//!
//! A declared table is an ordinary `STRICT` table of that name. A column's kind determines its type, and so the values
//! that a plugin binds and receives:
//!
//! | kind | SQLite | value |
//! |---|---|---|
//! | `id` | `INTEGER PRIMARY KEY AUTOINCREMENT` | integer, never given twice |
//! | `text`, `varchar(n)`, `char(n)` | `TEXT`, at most or exactly n characters | text |
//! | `integer` | `INTEGER` | integer |
//! | `real` | `REAL` | real; an integer that is bound becomes a real |
//! | `numeric` | `ANY`, an integer or a real | as it was bound |
//! | `boolean` | `INTEGER`, 0 or 1 | integer |
//! | `json`, and text among `json_columns` | `TEXT`, valid JSON | text: the JSON |
//! | `enum` | `TEXT`, one of its words | text |
//! | `blob` | `BLOB` | blob |
//! | `date` | `TEXT`, `YYYY-MM-DD` | text |
//! | `time` | `TEXT`, `HH:MM`, `HH:MM:SS` or with a fraction | text |
//! | `datetime` | `TEXT`, ISO 8601: `YYYY-MM-DD`, `T` or a blank, a time, with or without zone | text |
//! | `timestamp` | `INTEGER` | integer: milliseconds since the Unix epoch |
//! | `uuid` | `TEXT`, 36 characters with dashes | text |
//! | `foreign_key` | the type of the column that it refers to, `REFERENCES … ON DELETE …` | as there |
//! | `created_at`, `updated_at` | `INTEGER NOT NULL`, set by the host's clock | integer: as for `timestamp` |
//!
//! `created_at` may be given on insert and is filled in where it is not; `updated_at` changes with every update. A
//! column's `default` is a constant of its kind, `true` being 1, and a `json` default being the text of the JSON.
//!
//! A declaration that changed rebuilds the table: a new one is created as declared, the rows are copied and the old one
//! is dropped, all in the transaction of `declare.rs`. Any change is possible that all rows fit, such as a further
//! column, a longer `varchar`, another default or a kind to which every value converts. If a row does not fit, the load
//! fails and the old table stays. A column that is no longer declared stays with its values, without its constraints.
//! So do indexes and triggers that the plugin created itself.

use std::fmt::Write;

use plugbay_manifest::{Column, ColumnKind, OnDelete, Table};
use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use crate::service::db::store::SqlError;

/// The prefix of the new table's name until the old one is dropped.
pub(super) const NEW_PREFIX: &str = "plugbay_new_";

/// A column of an existing table: its name and its type, as a strict table may have it.
struct Existing {
    name: String,
    strict_type: String,
}

/// Creates the table, or rebuilds the existing one.
pub(super) fn make(sqlite: &Connection, table: &Table, all: &[Table]) -> rusqlite::Result<()> {
    let existing = existing_columns(sqlite, &table.name)?;
    if existing.is_empty() {
        sqlite.execute_batch(&create_sql(table, &table.name, all, &[]))?;
    } else {
        rebuild(sqlite, table, all, &existing)?;
    }
    sqlite.execute_batch(&beside_sql(table))
}

/// Checks the declaration for mistakes that SQLite would report less clearly.
pub(super) fn check(table: &Table, all: &[Table]) -> Result<(), SqlError> {
    let keys: Vec<&str> = table.columns.iter().filter(|c| is_key(c)).map(|column| column.name.as_str()).collect();
    let ids = table.columns.iter().filter(|column| column.kind == ColumnKind::Id).count();
    if ids > 1 || (ids == 1 && keys.len() > 1) {
        let keys = keys.join("`, `");
        return Err(SqlError::Invalid(format!("table `{}` has more than one key: `{keys}`", table.name)));
    }
    for column in &table.columns {
        let Some(reference) = &column.references else { continue };
        let target = target(column, all);
        let alone = target.is_some_and(|(table, column)| {
            column.unique || is_key(column) && table.columns.iter().filter(|column| is_key(column)).count() == 1
        });
        if !alone {
            return Err(SqlError::Invalid(format!(
                "`{}.{}` refers to `{}.{}`, which has to be its table's key or unique",
                table.name, column.name, reference.table, reference.column
            )));
        }
    }
    Ok(())
}

fn is_key(column: &Column) -> bool {
    column.primary_key || column.kind == ColumnKind::Id
}

/// The column that a foreign key refers to, with its table.
fn target<'a>(column: &Column, all: &'a [Table]) -> Option<(&'a Table, &'a Column)> {
    let reference = column.references.as_ref()?;
    let table = all.iter().find(|table| table.name.eq_ignore_ascii_case(&reference.table))?;
    Some((table, table.columns.iter().find(|column| column.name == reference.column)?))
}

fn existing_columns(sqlite: &Connection, table: &str) -> rusqlite::Result<Vec<Existing>> {
    let mut columns = sqlite.prepare("SELECT name, upper(type) FROM pragma_table_xinfo(?1)")?;
    let columns = columns.query_map([table], |row| {
        let strict = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];
        let declared: String = row.get(1)?;
        let strict_type = if strict.contains(&declared.as_str()) { declared } else { "ANY".to_owned() };
        Ok(Existing { name: row.get(0)?, strict_type })
    })?;
    columns.collect()
}

fn rebuild(sqlite: &Connection, table: &Table, all: &[Table], existing: &[Existing]) -> rusqlite::Result<()> {
    let declared = |name: &str| table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    let undeclared: Vec<&Existing> = existing.iter().filter(|column| declared(&column.name).is_none()).collect();
    let (mut to, mut from) = (Vec::new(), Vec::new());
    for column in existing {
        let name = quoted(&column.name);
        from.push(match declared(&column.name).and_then(|column| Some((column, default_sql(column)?))) {
            Some((column, default)) if column.not_null || fills_itself(column) => {
                format!("coalesce({name}, {default})")
            }
            _ => name.clone(),
        });
        to.push(name);
    }
    let (new_name, name) = (format!("{NEW_PREFIX}{}", table.name), &table.name);
    let own = own_objects(sqlite, name)?;
    let last_id: Option<i64> = match has_sequences(sqlite)? {
        true => sqlite
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE", [name], |row| row.get(0))
            .optional()?,
        false => None,
    };
    sqlite.execute_batch(&format!(
        "{}; INSERT INTO {new} ({}) SELECT {} FROM {old}; DROP TABLE {old}; ALTER TABLE {new} RENAME TO {old}",
        create_sql(table, &new_name, all, &undeclared),
        to.join(", "),
        from.join(", "),
        new = quoted(&new_name),
        old = quoted(name),
    ))?;
    // An id is never given twice, though its row be gone.
    if let Some(last_id) = last_id.filter(|_| table.columns.iter().any(|column| column.kind == ColumnKind::Id)) {
        sqlite.execute("DELETE FROM sqlite_sequence WHERE name = ?1 COLLATE NOCASE", [name])?;
        sqlite.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (name, last_id))?;
    }
    own.iter().try_for_each(|sql| sqlite.execute_batch(sql))
}

fn has_sequences(sqlite: &Connection) -> rusqlite::Result<bool> {
    sqlite.query_row("SELECT count(*) > 0 FROM sqlite_schema WHERE name = 'sqlite_sequence'", (), |row| row.get(0))
}

/// How the plugin made its own indexes and triggers on the table.
fn own_objects(sqlite: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut objects = sqlite.prepare(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE AND type IN ('index', 'trigger') \
         AND sql IS NOT NULL AND name NOT LIKE 'plugbay\\_%' ESCAPE '\\'",
    )?;
    objects.query_map([table], |row| row.get(0))?.collect()
}

fn create_sql(table: &Table, name: &str, all: &[Table], undeclared: &[&Existing]) -> String {
    let keys: Vec<String> = table.columns.iter().filter(|column| column.primary_key).map(|c| quoted(&c.name)).collect();
    let has_id = table.columns.iter().any(|column| column.kind == ColumnKind::Id);
    let mut parts: Vec<String> = table.columns.iter().map(|column| column_sql(table, column, all)).collect();
    parts.extend(undeclared.iter().map(|column| format!("{} {}", quoted(&column.name), column.strict_type)));
    if !keys.is_empty() && !has_id {
        parts.push(format!("PRIMARY KEY ({})", keys.join(", ")));
    }
    format!("CREATE TABLE {} ({}) STRICT", quoted(name), parts.join(", "))
}

fn column_sql(table: &Table, column: &Column, all: &[Table]) -> String {
    let mut sql = format!("{} {}", quoted(&column.name), storage(column.kind, column, all));
    if column.kind == ColumnKind::Id {
        sql.push_str(" PRIMARY KEY AUTOINCREMENT");
        return sql;
    }
    if column.not_null || column.primary_key || fills_itself(column) {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = default_sql(column) {
        let _ = write!(sql, " DEFAULT ({default})");
    }
    if let Some(check) = check_sql(table, column) {
        let _ = write!(sql, " CHECK ({check})");
    }
    if let Some(reference) = &column.references {
        let rule = match reference.on_delete {
            OnDelete::Restrict => "RESTRICT",
            OnDelete::Cascade => "CASCADE",
            OnDelete::SetNull => "SET NULL",
        };
        let (table, column) = (quoted(&reference.table), quoted(&reference.column));
        let _ = write!(sql, " REFERENCES {table} ({column}) ON DELETE {rule}");
    }
    sql
}

fn storage(kind: ColumnKind, column: &Column, all: &[Table]) -> &'static str {
    match kind {
        ColumnKind::Id
        | ColumnKind::Integer
        | ColumnKind::Boolean
        | ColumnKind::Timestamp
        | ColumnKind::CreatedAt
        | ColumnKind::UpdatedAt => "INTEGER",
        ColumnKind::Real => "REAL",
        ColumnKind::Numeric => "ANY",
        ColumnKind::Blob => "BLOB",
        ColumnKind::ForeignKey => match target(column, all) {
            Some((_, target)) if target.kind != ColumnKind::ForeignKey => storage(target.kind, target, all),
            _ => "ANY",
        },
        ColumnKind::Text
        | ColumnKind::Varchar
        | ColumnKind::Char
        | ColumnKind::Json
        | ColumnKind::Enum
        | ColumnKind::Date
        | ColumnKind::Datetime
        | ColumnKind::Time
        | ColumnKind::Uuid => "TEXT",
    }
}

fn fills_itself(column: &Column) -> bool {
    matches!(column.kind, ColumnKind::CreatedAt | ColumnKind::UpdatedAt)
}

fn default_sql(column: &Column) -> Option<String> {
    if fills_itself(column) {
        return Some("plugbay_now()".to_owned());
    }
    let default = column.default.as_ref()?;
    Some(match (column.kind, default) {
        (ColumnKind::Json, value) => text(&value.to_string()),
        (ColumnKind::Blob, Value::String(bytes)) => format!("CAST({} AS BLOB)", text(bytes)),
        (_, Value::Bool(yes)) => i32::from(*yes).to_string(),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::String(value)) => text(value),
        (_, other) => text(&other.to_string()),
    })
}

fn check_sql(table: &Table, column: &Column) -> Option<String> {
    let name = quoted(&column.name);
    Some(match column.kind {
        ColumnKind::Varchar => format!("length({name}) <= {}", column.length?),
        ColumnKind::Char => format!("length({name}) = {}", column.length?),
        ColumnKind::Numeric => format!("typeof({name}) IN ('integer', 'real', 'null')"),
        ColumnKind::Boolean => format!("{name} IN (0, 1)"),
        ColumnKind::Enum => {
            let words: Vec<String> = column.values.iter().map(|word| text(word)).collect();
            format!("{name} IN ({})", words.join(", "))
        }
        // The pattern comes first: it keeps `now` from the functions, which may not see it in a check.
        ColumnKind::Date => format!("{name} IS NULL OR {name} GLOB '{DAY}' AND date({name}) IS {name}"),
        ColumnKind::Time => {
            format!("{name} IS NULL OR {name} GLOB '[0-9][0-9]:[0-9][0-9]*' AND time({name}) IS NOT NULL")
        }
        ColumnKind::Datetime => {
            format!("{name} IS NULL OR {name} GLOB '{DAY}[T ][0-9][0-9]:[0-9][0-9]*' AND datetime({name}) IS NOT NULL")
        }
        ColumnKind::Uuid => format!(
            "length({name}) = 36 AND {name} GLOB '????????-????-????-????-????????????' \
             AND {name} NOT GLOB '*[^-0-9a-fA-F]*'"
        ),
        ColumnKind::Json => format!("json_valid({name})"),
        ColumnKind::Text if table.json_columns.contains(&column.name) => format!("json_valid({name})"),
        _ => return None,
    })
}

const DAY: &str = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]";

/// What stands beside the table: unique columns, the columns that foreign keys are looked up by, and what keeps
/// `updated_at`.
fn beside_sql(table: &Table) -> String {
    let mut sql = String::new();
    for column in &table.columns {
        let unique = if column.unique { "UNIQUE " } else { "" };
        if column.unique || column.kind == ColumnKind::ForeignKey {
            let index = quoted(&format!("plugbay_{}.{}", table.name, column.name));
            let _ = write!(sql, "CREATE {unique}INDEX {index} ON {} ({});", quoted(&table.name), quoted(&column.name));
        }
        if column.kind == ColumnKind::UpdatedAt {
            sql.push_str(&updated_at_sql(&table.name, &column.name, |name| {
                table.columns.iter().any(|column| column.name.eq_ignore_ascii_case(name))
            }));
        }
    }
    sql
}

/// The trigger that keeps the moment of the last change.
pub(super) fn updated_at_sql(table: &str, column: &str, is_column: impl Fn(&str) -> bool) -> String {
    // A column may have one of the names that the row's own number has.
    let rowid = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !is_column(name)).unwrap_or("rowid");
    format!(
        "CREATE TRIGGER {trigger} AFTER UPDATE ON {table} FOR EACH ROW BEGIN \
         UPDATE {table} SET {column} = plugbay_now() WHERE {rowid} = new.{rowid}; END;",
        trigger = quoted(&format!("plugbay_{table}.{column}")),
        table = quoted(table),
        column = quoted(column),
    )
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it. A NUL would end the statement: it cannot stand in a manifest's default.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''").replace('\0', ""))
}
