//! A plugin whose actions call one host function as often as the payload says, to measure the cost of host calls.

#[path = "../../guest/src/job.rs"]
mod job;

wit_bindgen::generate!({
    path: "../../wit",
    inline: "package plugbay:bench-guest; world guest {
        import plugbay:plugin/config@0.2.0;
        import plugbay:plugin/data@0.2.0;
        import plugbay:plugin/cache@0.2.0;
        import plugbay:plugin/db@0.2.0;
        import plugbay:plugin/events@0.2.0;
        include plugbay:plugin/action-provider@0.2.0;
        include plugbay:plugin/event-subscriber@0.2.0;
    }",
    world: "guest",
    generate_all,
});

use exports::plugbay::plugin::actions::{Failure, Guest};
use exports::plugbay::plugin::event_handler;
use plugbay::plugin::{cache, config, data, db, events};

/// The value that all services return.
const VALUE: &str = "\"thirty bytes of any text, quoted\"";
const SELECT: &str = "SELECT value FROM entries WHERE key = ?1";

/// A query that counts for a long time.
const SLOW_SELECT: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

struct Plugin;

impl Guest for Plugin {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        match action.as_str() {
            "echo" => return echo(&payload),
            "spin" | "grow" | "log" | "publish" | "query" => hostile(&action),
            _ => {}
        }
        let calls: u32 = payload.parse().map_err(|_| failure("the payload must be a number of calls"))?;
        match action.as_str() {
            "prepare" => prepare()?,
            "emit" => repeat(calls, || events::emit("service.unheard", "null", None).is_ok())?,
            "config" => repeat(calls, || config::get("key").is_ok_and(|value| value.is_some()))?,
            "cache" => repeat(calls, || cache::get("key").is_ok_and(|value| value.is_some()))?,
            "data" => repeat(calls, || data::get("key").is_ok_and(|value| value.is_some()))?,
            "data-set" => repeat(calls, || data::set("key", VALUE).is_ok())?,
            "db" => {
                let key = [db::Value::Text("key".to_owned())];
                repeat(calls, || db::query(SELECT, &key).is_ok_and(|found| found.rows.len() == 1))?;
            }
            _ => return Err(failure("no such action")),
        }
        Ok("null".to_owned())
    }
}

impl event_handler::Guest for Plugin {
    fn on_event(event: &events::Event) -> Result<(), Failure> {
        echo(&event.data()).map(drop)
    }
}

fn echo(payload: &str) -> Result<String, Failure> {
    job::run("echo", payload).ok_or_else(|| failure("the payload must be JSON"))
}

/// Works until the host ends it.
fn hostile(action: &str) -> ! {
    let mut held = Vec::new();
    for number in 0_u64.. {
        match action {
            "grow" => held.push(vec![1_u8; 1 << 20]),
            "log" => println!("line {number}"),
            "publish" => drop(events::publish("service.unheard", "null", None)),
            "query" => drop(db::query(SLOW_SELECT, &[])),
            _ => drop(std::hint::black_box(number)),
        }
    }
    unreachable!("the numbers do not end")
}

/// Stores the values that the other actions read.
fn prepare() -> Result<(), Failure> {
    cache::set("key", VALUE, Some(0)).map_err(|error| failure(&error.to_string()))?;
    data::set("key", VALUE).map_err(|error| failure(&error.to_string()))?;
    let value = [db::Value::Text("key".to_owned()), db::Value::Text(VALUE.to_owned())];
    for (sql, parameters) in [
        ("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID", &[][..]),
        ("INSERT OR REPLACE INTO entries VALUES (?1, ?2)", &value[..]),
    ] {
        db::execute(sql, parameters).map_err(|error| failure(&error.to_string()))?;
    }
    Ok(())
}

fn repeat(calls: u32, call: impl Fn() -> bool) -> Result<(), Failure> {
    for _ in 0..calls {
        if !call() {
            return Err(failure("a host call did not return the stored value"));
        }
    }
    Ok(())
}

fn failure(message: &str) -> Failure {
    Failure { code: "bench".to_owned(), message: message.to_owned(), details: None, status_code: None }
}

export!(Plugin);
