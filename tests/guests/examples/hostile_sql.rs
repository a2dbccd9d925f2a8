//! Attacks through its database. `{"attack": name, …}` returns the outcome of each statement.

use plugbay_guests::sql::{self, db};
use plugbay_guests::{Value, json};

const ROWS: &str = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)";

fn run_all<S: AsRef<str>>(statements: &[S]) -> Value {
    statements.iter().map(|sql| sql::run(&json!({ "query": sql.as_ref() }))).collect()
}

/// Binds hostile input as a parameter, as a careful plugin does.
fn injection(input: &Value) -> Value {
    let run = |step: Value| sql::run(&step);
    run(json!({ "execute": "CREATE TABLE IF NOT EXISTS notes (title TEXT)" }));
    run(json!({ "execute": "INSERT INTO notes (title) VALUES (?)", "params": [input] }));
    run(json!({ "query": "SELECT title FROM notes WHERE title = ?", "params": [input] }))
}

fn hang() -> ! {
    loop {
        std::hint::black_box(());
    }
}

/// Begins a transaction, changes a row in it and never returns.
fn begin_and_hang() -> Value {
    sql::run(&json!({ "execute": "CREATE TABLE IF NOT EXISTS held (x)" }));
    match db::begin() {
        Ok(transaction) => {
            let inserted = transaction.execute("INSERT INTO held VALUES (1)", &[]);
            if inserted.is_ok() { hang() } else { json!("not inserted") }
        }
        Err(error) => sql::error(error),
    }
}

/// Writes the same rows repeatedly in one transaction: the file does not grow, but its log may.
fn endless_transaction() -> Value {
    let transaction = match db::begin() {
        Ok(transaction) => transaction,
        Err(error) => return sql::error(error),
    };
    let run = |sql: &str| transaction.execute(sql, &[]);
    let made: Result<(), plugbay_guests::Failure> = run("CREATE TABLE again (x)").and_then(|_| {
        run(&format!("INSERT INTO again {ROWS} SELECT zeroblob(900000) FROM c LIMIT 20"))?;
        loop {
            run("UPDATE again SET x = randomblob(900000)")?;
        }
    });
    made.map_or_else(sql::error, |()| json!("it ended"))
}

/// Changes the same rows repeatedly, each time in its own transaction, until the host refuses.
fn churn() -> Value {
    let insert = format!("INSERT INTO churned {ROWS} SELECT zeroblob(900000) FROM c LIMIT 50");
    loop {
        for sql in ["DELETE FROM churned", &insert] {
            let answer = sql::run(&json!({ "execute": sql }));
            if !answer["error"].is_null() {
                return answer;
            }
        }
    }
}

/// Fills the database until the host refuses.
fn fill() -> Value {
    sql::run(&json!({ "execute": "CREATE TABLE filled (x)" }));
    let insert = format!("INSERT INTO filled {ROWS} SELECT zeroblob(900000) FROM c LIMIT 50");
    loop {
        let answer = sql::run(&json!({ "execute": insert }));
        if !answer["error"].is_null() {
            return answer;
        }
    }
}

plugbay_guests::attack!(|payload| match payload["attack"].as_str().unwrap_or_default() {
    "injection" => injection(&payload["input"]),
    "statements" => {
        let statements: Vec<&str> = payload["sql"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        run_all(&statements)
    }
    "endless query" => run_all(&[format!("{ROWS} SELECT count(*) FROM c")]),
    "endless change" => {
        sql::run(&json!({ "execute": "CREATE TABLE endless (x)" }));
        run_all(&[format!("INSERT INTO endless {ROWS} SELECT n FROM c WHERE n < 0")])
    }
    "cross join" => {
        // A hundred rows to the sixth power.
        let rows = format!("{ROWS} SELECT n FROM c LIMIT 100");
        run_all(&[format!("WITH r AS ({rows}) SELECT count(*) FROM r, r AS r2, r AS r3, r AS r4, r AS r5, r AS r6")])
    }
    "begin and hang" => begin_and_hang(),
    "begin and trap" => match db::begin() {
        Ok(transaction) => {
            let made = transaction.execute("CREATE TABLE held (x)", &[]);
            panic!("after {made:?}")
        }
        Err(error) => sql::error(error),
    },
    "endless transaction" => endless_transaction(),
    "fill" => fill(),
    "endless reading" => {
        run_all(&[
            "WITH RECURSIVE c(n) AS (SELECT count(*) FROM churned UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c",
        ])
    }
    "churn" => churn(),
    other => json!(other),
});
