//! The tables of a plugin, as its operator reads them. Nothing is changed, and no permission of the plugin is needed.

use std::sync::Arc;

use plugbay_manifest::{ColumnKind, Manifest, PermissionAction};

use super::Plugin;
use crate::service::db::{SqlAnswer, SqlError, SqlValue};

impl Plugin {
    /// Reads rows of a table or collection that the plugin's manifest declares: at most `limit` after the first
    /// `offset`, by their primary key if the table has one. Returns `None` if the manifest declares no such table.
    ///
    /// # Errors
    /// [`SqlError`] if the database cannot be read, or the rows exceed 4 MiB.
    pub async fn table_rows(&self, table: &str, offset: u64, limit: u32) -> Result<Option<SqlAnswer>, SqlError> {
        let plugin = self.current.get();
        let Some(sql) = select(&plugin.manifest, table) else { return Ok(None) };
        let may = Arc::new(|_: &str, action| action == PermissionAction::Read);
        let db = &plugin.context.db;
        let params =
            vec![SqlValue::Integer(limit.into()), SqlValue::Integer(i64::try_from(offset).unwrap_or(i64::MAX))];
        db.run(db.statement(sql, true, may, None), params).await.map(Some)
    }
}

/// The statement that reads a declared table, whose name is one of the manifest and not the caller's text.
fn select(manifest: &Manifest, name: &str) -> Option<String> {
    let declared = manifest.tables.iter().find(|table| table.name == name);
    let collections = manifest.database.iter().flat_map(|database| database.collections.keys());
    let (name, keys) = match declared {
        Some(table) => {
            let keys = table.columns.iter().filter(|column| column.primary_key || column.kind == ColumnKind::Id);
            (&table.name, keys.map(|column| quoted(&column.name)).collect())
        }
        None => (collections.into_iter().find(|collection| *collection == name)?, vec![quoted("id")]),
    };
    let order = if keys.is_empty() { String::new() } else { format!(" ORDER BY {}", keys.join(", ")) };
    Some(format!("SELECT * FROM {}{order} LIMIT ?1 OFFSET ?2", quoted(name)))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
