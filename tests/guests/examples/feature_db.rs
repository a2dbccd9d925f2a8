//! Runs SQL from its payload, alone or in a transaction that ends as the payload specifies.

use plugbay_guests::sql::{self, db};
use plugbay_guests::{Value, json};

/// Runs `{"steps": […], "end": "commit" | "rollback" | "drop" | "keep" | "trap" | "hang" | "outside"}`, and returns
/// the answer of each step.
fn transaction(script: &Value) -> Value {
    let transaction = match db::begin() {
        Ok(transaction) => transaction,
        Err(error) => return sql::error(error),
    };
    let mut answers: Vec<Value> = Vec::new();
    for step in script["steps"].as_array().into_iter().flatten() {
        answers.push(sql::run_inside(&transaction, step));
    }
    let ended = match script["end"].as_str().unwrap_or_default() {
        "commit" => db::Transaction::commit(transaction),
        "rollback" => db::Transaction::rollback(transaction),
        "drop" => {
            drop(transaction);
            Ok(())
        }
        "keep" => {
            std::mem::forget(transaction);
            Ok(())
        }
        "outside" => {
            answers.push(sql::run(&script["outside"]));
            answers.push(db::begin().map_or_else(sql::error, |_| json!("begun twice")));
            Ok(())
        }
        "trap" => panic!("in the middle of a transaction"),
        _ => loop {
            std::hint::black_box(());
        },
    };
    answers.extend(ended.err().map(sql::error));
    json!(answers)
}

/// Inserts numbers one by one, each into two tables in one transaction, and logs each as soon as the host has
/// acknowledged the commit.
fn acknowledge(first: u64, count: u64) -> Result<Value, plugbay_guests::Failure> {
    for table in ["kept", "kept_too"] {
        db::execute(&format!("CREATE TABLE IF NOT EXISTS {table} (n INTEGER PRIMARY KEY, padding TEXT)"), &[])?;
    }
    for number in first..first + count {
        let row = [db::Value::Integer(number as i64), db::Value::Text("x".repeat(number as usize % 500))];
        let transaction = db::begin()?;
        transaction.execute("INSERT INTO kept (n, padding) VALUES (?, ?)", &row)?;
        transaction.execute("INSERT INTO kept_too (n, padding) VALUES (?, ?)", &row)?;
        db::Transaction::commit(transaction)?;
        plugbay_guests::log::write(plugbay_guests::log::Level::Info, "", &format!("kept {number}"), &[]);
    }
    Ok(json!(count))
}

/// Returns the numbers that are in both tables, and those that are in only one.
fn kept() -> Result<Value, plugbay_guests::Failure> {
    let numbers = |sql: &str| -> Result<Vec<Value>, plugbay_guests::Failure> {
        let rows = sql::rows(db::query(sql, &[])?);
        Ok(rows.as_array().into_iter().flatten().map(|row| row["n"].clone()).collect())
    };
    let half = "SELECT n FROM kept EXCEPT SELECT n FROM kept_too UNION SELECT n FROM kept_too WHERE n NOT IN (SELECT n FROM kept)";
    Ok(json!({ "kept": numbers("SELECT n FROM kept ORDER BY n")?, "wrong": numbers(half)? }))
}

plugbay_guests::actions!(|action, payload| match action {
    "run" => Ok(sql::run(&payload)),
    "run_all" => Ok(payload.as_array().into_iter().flatten().map(sql::run).collect()),
    "transaction" => Ok(transaction(&payload)),
    "acknowledge" => {
        let number = |name: &str| payload[name].as_u64().unwrap_or_default();
        Ok(acknowledge(number("first"), number("count")).unwrap_or_else(sql::error))
    }
    "kept" => Ok(kept().unwrap_or_else(sql::error)),
    other => plugbay_guests::unknown(other),
});
