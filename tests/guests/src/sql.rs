//! Statements, rows and errors of `db` as JSON, for the guests that use it.

use serde_json::{Map, Value, json};

pub use crate::actions_only::plugbay::plugin::db;

pub use crate::error;

/// Converts rows to JSON objects.
pub fn rows(rows: db::Rows) -> Value {
    let row = |values: Vec<db::Value>| -> Value {
        rows.columns
            .iter()
            .map(|column| column.name.clone())
            .zip(values.into_iter().map(value))
            .collect::<Map<_, _>>()
            .into()
    };
    rows.rows.into_iter().map(row).collect()
}

pub fn changes(changes: db::Changes) -> Value {
    json!({ "insert_id": changes.insert_id.map(value), "changes": changes.changes })
}

fn value(value: db::Value) -> Value {
    match value {
        db::Value::Null => Value::Null,
        db::Value::Boolean(truth) => truth.into(),
        db::Value::Integer(number) => number.into(),
        db::Value::Real(number) => number.into(),
        db::Value::Text(text) => text.into(),
        db::Value::Blob(bytes) => json!({ "blob": bytes }),
        db::Value::Json(text) => serde_json::from_str(&text).unwrap_or_else(|_| json!({ "not_json": text })),
        db::Value::Numeric(text) => json!({ "numeric": text }),
        db::Value::TimestampMs(ms) => json!({ "timestamp_ms": ms }),
        db::Value::Uuid(text) => json!({ "uuid": text }),
        db::Value::Other(text) => json!({ "other": text }),
    }
}

/// Converts a JSON list to parameters. A blob is `{"blob": [bytes]}`; `json`, `numeric`, `uuid` and `timestamp_ms` are
/// written in the same way.
pub fn params(values: &Value) -> Vec<db::Value> {
    let param = |value: &Value| match value {
        Value::Null => db::Value::Null,
        Value::Bool(truth) => db::Value::Boolean(*truth),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| db::Value::Real(number.as_f64().unwrap_or_default()), db::Value::Integer)
        }
        Value::String(text) => db::Value::Text(text.clone()),
        other if other["json"] != Value::Null => db::Value::Json(other["json"].to_string()),
        other if other["numeric"] != Value::Null => {
            db::Value::Numeric(other["numeric"].as_str().unwrap_or_default().to_owned())
        }
        other if other["uuid"] != Value::Null => db::Value::Uuid(other["uuid"].as_str().unwrap_or_default().to_owned()),
        other if other["timestamp_ms"] != Value::Null => {
            db::Value::TimestampMs(other["timestamp_ms"].as_i64().unwrap_or_default())
        }
        other => db::Value::Blob(
            other["blob"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|byte| byte.as_u64().unwrap_or_default() as u8)
                .collect(),
        ),
    };
    values.as_array().into_iter().flatten().map(param).collect()
}

/// Runs `{"query": sql, "params": […]}`, `{"execute": sql, …}` or `{"execute_many": sql, "many": [[…]]}`.
pub fn run(step: &Value) -> Value {
    let answer = if let Some(sql) = step["query"].as_str() {
        db::query(sql, &params(&step["params"])).map(rows)
    } else if let Some(sql) = step["execute_many"].as_str() {
        let many: Vec<_> = step["many"].as_array().into_iter().flatten().map(params).collect();
        db::execute_many(sql, &many).map(changes)
    } else {
        db::execute(step["execute"].as_str().unwrap_or_default(), &params(&step["params"])).map(changes)
    };
    answer.unwrap_or_else(error)
}

/// Like [`run`], in a transaction.
pub fn run_inside(transaction: &db::Transaction, step: &Value) -> Value {
    let answer = if let Some(sql) = step["query"].as_str() {
        transaction.query(sql, &params(&step["params"])).map(rows)
    } else if let Some(sql) = step["execute_many"].as_str() {
        let many: Vec<_> = step["many"].as_array().into_iter().flatten().map(params).collect();
        transaction.execute_many(sql, &many).map(changes)
    } else {
        let sql = step["execute"].as_str().unwrap_or_default();
        transaction.execute(sql, &params(&step["params"])).map(changes)
    };
    answer.unwrap_or_else(error)
}
