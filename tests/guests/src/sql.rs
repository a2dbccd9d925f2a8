//! Statements, rows and errors of `db` as JSON, for the guests that use it.

use serde_json::{Map, Value, json};

pub use crate::actions_only::plugbay::plugin::db;

/// Converts an error to `{"error": {kind: text}}`.
pub fn error(error: db::Error) -> Value {
    let (kind, text) = match error {
        db::Error::Denied(text) => ("denied", text),
        db::Error::Invalid(text) => ("invalid", text),
        db::Error::Constraint(text) => ("constraint", text),
        db::Error::Limit(text) => ("limit", text),
        db::Error::Interrupted(text) => ("interrupted", text),
        db::Error::Busy(text) => ("busy", text),
        db::Error::Unavailable(text) => ("unavailable", text),
        db::Error::Other(text) => ("other", text),
    };
    json!({ "error": { kind: text } })
}

/// Converts rows to JSON objects.
pub fn rows(rows: db::Rows) -> Value {
    let row = |values: Vec<db::Value>| -> Value {
        rows.columns.iter().cloned().zip(values.into_iter().map(value)).collect::<Map<_, _>>().into()
    };
    rows.rows.into_iter().map(row).collect()
}

pub fn changes(changes: db::Changes) -> Value {
    json!({ "insert_id": changes.insert_id, "changes": changes.changes })
}

fn value(value: db::Value) -> Value {
    match value {
        db::Value::Null => Value::Null,
        db::Value::Integer(number) => number.into(),
        db::Value::Real(number) => number.into(),
        db::Value::Text(text) => text.into(),
        db::Value::Blob(bytes) => json!({ "blob": bytes }),
    }
}

/// Converts a JSON list to parameters; a blob is `{"blob": [bytes]}`.
pub fn params(values: &Value) -> Vec<db::Value> {
    let param = |value: &Value| match value {
        Value::Null => db::Value::Null,
        Value::Bool(yes) => db::Value::Integer((*yes).into()),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| db::Value::Real(number.as_f64().unwrap_or_default()), db::Value::Integer)
        }
        Value::String(text) => db::Value::Text(text.clone()),
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
    let answer = match step["query"].as_str() {
        Some(sql) => transaction.query(sql, &params(&step["params"])).map(rows),
        None => {
            let sql = step["execute"].as_str().unwrap_or_default();
            transaction.execute(sql, &params(&step["params"])).map(changes)
        }
    };
    answer.unwrap_or_else(error)
}
