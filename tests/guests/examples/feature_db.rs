//! Runs the SQL that it is given, by itself or in a transaction that ends in the way it is told.

use plugbay_guests::sql::{self, db};
use plugbay_guests::{Value, json};

/// `{"steps": […], "end": "commit" | "rollback" | "drop" | "keep" | "trap" | "hang" | "outside"}`: what each step answered.
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

plugbay_guests::actions!(|action, payload| match action {
    "run" => Ok(sql::run(&payload)),
    "run_all" => Ok(payload.as_array().into_iter().flatten().map(sql::run).collect()),
    "transaction" => Ok(transaction(&payload)),
    other => plugbay_guests::unknown(other),
});
