//! The collections of documents that a manifest declares (`database`), with their indexes and initial documents.
//!
//! A collection is an ordinary table of that name, of which the permission is `db.<collection>`:
//!
//! ```sql
//! CREATE TABLE <collection> (
//!     id INTEGER PRIMARY KEY AUTOINCREMENT,
//!     doc TEXT NOT NULL CHECK (json_valid(doc) AND json_type(doc) = 'object'),
//!     created_at INTEGER NOT NULL DEFAULT (plugbay_now()), -- milliseconds since the Unix epoch
//!     updated_at INTEGER NOT NULL DEFAULT (plugbay_now())  -- the same, set by a trigger
//! ) STRICT
//! ```
//!
//! `doc` is the document as JSON text. `id` is the host's key and no part of it: a document may have an `id` of its
//! own. A field `a.b` is `json_extract(doc, '$."a"."b"')`, and its index is over exactly that expression, so that
//! queries written like this use it. A unique index holds for documents that have the field.
//!
//! `initial_data` is inserted in the transaction that creates the collection, and never again.

use plugbay_manifest::{Collection, Index};
use rusqlite::Connection;
use serde_json::Value;

use super::tables::{quoted, text, updated_at_sql};

/// Creates the collection with its initial documents.
pub(super) fn make(sqlite: &Connection, name: &str, initial: &[Value]) -> rusqlite::Result<()> {
    sqlite.execute_batch(&format!(
        "CREATE TABLE {table} (id INTEGER PRIMARY KEY AUTOINCREMENT, \
         doc TEXT NOT NULL CHECK (json_valid(doc) AND json_type(doc) = 'object'), \
         created_at INTEGER NOT NULL DEFAULT (plugbay_now()), \
         updated_at INTEGER NOT NULL DEFAULT (plugbay_now())) STRICT; {}",
        updated_at_sql(name, "updated_at", |_| false),
        table = quoted(name),
    ))?;
    let mut insert = sqlite.prepare(&format!("INSERT INTO {} (doc) VALUES (?1)", quoted(name)))?;
    initial.iter().try_for_each(|document| insert.execute([document.to_string()]).map(drop))
}

/// Creates the declared indexes, and drops those that the host created for an older declaration.
pub(super) fn index(sqlite: &Connection, name: &str, collection: &Collection) -> rusqlite::Result<()> {
    let wanted: Vec<(String, String)> = collection.indexes.iter().map(|index| index_sql(name, index)).collect();
    let mut found = sqlite.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE \
         AND name LIKE 'plugbay\\_%' ESCAPE '\\'",
    )?;
    let found: Vec<(String, String)> =
        found.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (index, _) in found.iter().filter(|index| !wanted.contains(index)) {
        sqlite.execute_batch(&format!("DROP INDEX {}", quoted(index)))?;
    }
    for (_, sql) in wanted.iter().filter(|index| !found.contains(index)) {
        sqlite.execute_batch(sql)?;
    }
    Ok(())
}

/// The name of an index and the SQL that creates it.
fn index_sql(collection: &str, index: &Index) -> (String, String) {
    let name = format!("plugbay_{collection}.{}", index.fields.join("+"));
    let unique = if index.unique { "UNIQUE " } else { "" };
    let fields: Vec<String> = index.fields.iter().map(|field| field_sql(field)).collect();
    let sql = format!("CREATE {unique}INDEX {} ON {} ({})", quoted(&name), quoted(collection), fields.join(", "));
    (name, sql)
}

/// A field as an expression: `json_extract(doc, '$."a"."b"')`.
fn field_sql(field: &str) -> String {
    let path: String = field.split('.').map(|part| format!(".\"{part}\"")).collect();
    format!("json_extract(doc, {})", text(&format!("${path}")))
}
