//! The tables and collections of a plugin, read only.

use axum::Json;
use axum::extract::State;
use plugbay::store::{SqlError, SqlValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::AdminState;
use super::caller::Caller;
use super::error::AdminError;
use super::parameters::{Path, Query};
use crate::access::ScopeKind;

/// Rows that are returned at once.
const ROWS_MAX: u32 = 1_000;

/// `GET /plugins/{plugin}/tables`: those that the manifest declares.
pub(super) async fn tables(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    let manifest = plugin.manifest();
    let tables = manifest.tables.iter().map(|table| {
        let columns: Vec<_> = table.columns.iter().map(|it| json!({ "name": it.name, "type": it.kind })).collect();
        json!({ "name": table.name, "kind": "table", "columns": columns })
    });
    let collections = manifest.database.iter().flat_map(|database| database.collections.keys());
    let collections = collections.map(|name| json!({ "name": name, "kind": "collection" }));
    Ok(Json(json!({ "tables": tables.chain(collections).collect::<Vec<_>>() })))
}

/// The query of `GET /plugins/{plugin}/tables/{table}`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Rows {
    /// Rows that are left out at the beginning.
    #[serde(default)]
    offset: u64,
    /// At most this many rows; 1,000 at most.
    #[serde(default = "rows")]
    limit: u32,
}

fn rows() -> u32 {
    100
}

/// `GET /plugins/{plugin}/tables/{table}`: rows in the order of the primary key.
pub(super) async fn table(
    State(state): State<AdminState>,
    caller: Caller,
    Path((key, table)): Path<(String, String)>,
    Query(asked): Query<Rows>,
) -> Result<Json<Value>, AdminError> {
    let plugin = caller.plugin(&state, &key, ScopeKind::Manage).await?;
    let limit = asked.limit.clamp(1, ROWS_MAX);
    // One more shows whether there are further ones.
    let Some(mut answer) = plugin.table_rows(&table, asked.offset, limit + 1).await? else {
        let message = format!("the manifest of `{}` declares no table `{}`", plugin.name(), table.escape_debug());
        return Err(AdminError::not_found(message));
    };
    let more = answer.rows.len() > limit as usize;
    answer.rows.truncate(limit as usize);
    let columns: Vec<_> = answer.columns.iter().map(|it| json!({ "name": it.name, "type": it.kind })).collect();
    let rows: Vec<Vec<Value>> = answer.rows.into_iter().map(|row| row.into_iter().map(shown).collect()).collect();
    Ok(Json(json!({ "columns": columns, "rows": rows, "more": more })))
}

/// A value as JSON. Bytes are shown by their number.
fn shown(value: SqlValue) -> Value {
    match value {
        SqlValue::Null => Value::Null,
        SqlValue::Boolean(value) => value.into(),
        SqlValue::Integer(value) => value.into(),
        SqlValue::Real(value) => value.into(),
        SqlValue::Numeric(text) | SqlValue::Text(text) | SqlValue::Uuid(text) | SqlValue::Other(text) => text.into(),
        SqlValue::Blob(bytes) => json!({ "bytes": bytes.len() }),
        SqlValue::Json(text) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        SqlValue::TimestampMs(time) => timestamp(time).map_or_else(|| time.into(), Value::from),
    }
}

/// A time as RFC 3339, if it is one of the years 1970 to 9999.
fn timestamp(milliseconds: i64) -> Option<String> {
    const END: u64 = 253_402_300_800_000;
    let since = u64::try_from(milliseconds).ok().filter(|since| *since < END)?;
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(since);
    Some(humantime::format_rfc3339_millis(time).to_string())
}

impl From<SqlError> for AdminError {
    fn from(error: SqlError) -> Self {
        let (status, code) = match &error {
            SqlError::Busy(_) | SqlError::Unavailable(_) => (http::StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            SqlError::Limit(_) => (http::StatusCode::CONFLICT, "limit_exceeded"),
            _ => (http::StatusCode::UNPROCESSABLE_ENTITY, "invalid_statement"),
        };
        AdminError::new(status, code, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_read_them() {
        assert_eq!(shown(SqlValue::TimestampMs(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(SqlValue::TimestampMs(-1)), -1);
        assert_eq!(shown(SqlValue::TimestampMs(i64::MAX)), i64::MAX);
        assert_eq!(shown(SqlValue::Blob(vec![1, 2])), json!({ "bytes": 2 }));
        assert_eq!(shown(SqlValue::Json("{\"a\":1}".to_owned())), json!({ "a": 1 }));
    }
}
