//! Schedules jobs and contains the actions that they run. It returns an error of the host as
//! `{"error": {code: message}}`.

use std::cell::RefCell;

use plugbay_guests::{Failure, Value, error, failure, invocation, json, log, scheduler};

thread_local! {
    /// The payloads and callers of the jobs that this instance has run.
    static RUNS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

fn text<'a>(payload: &'a Value, member: &str) -> &'a str {
    payload[member].as_str().unwrap_or_default()
}

/// Parses `{"interval_ms": n}`, `{"date_ms": n}`, `{"cron": "* * * * *", "time_zone": "UTC"}`; anything else is a
/// schedule that no host knows.
fn schedule(payload: &Value) -> scheduler::Schedule {
    if let Some(ms) = payload["interval_ms"].as_u64() {
        scheduler::Schedule::IntervalMs(ms)
    } else if let Some(ms) = payload["date_ms"].as_u64() {
        scheduler::Schedule::DateMs(ms)
    } else if let Some(expression) = payload["cron"].as_str() {
        let time_zone = text(payload, "time_zone").to_owned();
        scheduler::Schedule::Cron(scheduler::Cron { expression: expression.to_owned(), time_zone })
    } else {
        scheduler::Schedule::Other(payload["other"].to_string())
    }
}

fn add(payload: &Value) -> Result<Option<u64>, Failure> {
    let action = payload["action"].as_str().unwrap_or("work");
    let args = payload["args_text"].as_str().map_or_else(|| payload["args"].to_string(), str::to_owned);
    scheduler::add(text(payload, "id"), action, &args, &schedule(payload), payload["replace"] == true)
}

/// A job or an outcome.
fn shown(json: String) -> Value {
    value(&json)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({ "not_json": text }))
}

/// Schedules `count` jobs one by one, and logs each as soon as the host has acknowledged it.
fn acknowledge(payload: &Value) -> Value {
    let number = |member: &str| payload[member].as_u64().unwrap_or_default();
    for index in number("first")..number("first") + number("count") {
        let schedule = scheduler::Schedule::IntervalMs(3_600_000 + index);
        if let Err(why) = scheduler::add(&format!("job/{index}"), "work", &index.to_string(), &schedule, true) {
            return error(why);
        }
        log::write(log::Level::Info, "", &format!("kept {index}"), &[]);
    }
    json!("all kept")
}

/// Returns the jobs of [`acknowledge`] that are stored, and those that differ from what was added.
fn kept() -> Value {
    let jobs = match scheduler::jobs() {
        Ok(jobs) => jobs,
        Err(why) => return error(why),
    };
    let (mut kept, mut wrong) = (Vec::new(), Vec::new());
    for job in jobs.into_iter().map(shown) {
        let id = text(&job, "id");
        let index = id.strip_prefix("job/").and_then(|index| index.parse::<u64>().ok());
        let as_added = |index: u64| {
            job["action"] == "work" && job["args"] == index && job["schedule"]["interval_ms"] == 3_600_000 + index
        };
        match index.filter(|index| as_added(*index)) {
            Some(index) => kept.push(index),
            None => wrong.push(id.to_owned()),
        }
    }
    json!({ "kept": kept, "wrong": wrong })
}

plugbay_guests::actions!(|action, payload| {
    let id = payload.as_str().unwrap_or_default();
    Ok(match action {
        "add" => add(&payload).map_or_else(error, |next| json!({ "next_ms": next })),
        "add_long" => {
            let bytes = payload["bytes"].as_u64().unwrap_or_default() as usize;
            let args = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
            let every = scheduler::Schedule::IntervalMs(60_000);
            scheduler::add(text(&payload, "id"), "work", &args, &every, false).map_or_else(error, |_| json!("added"))
        }
        "acknowledge" => acknowledge(&payload),
        "kept" => kept(),
        "get" => scheduler::get(id).map_or_else(error, |job| job.map_or(Value::Null, shown)),
        "jobs" => scheduler::jobs().map_or_else(error, |jobs| jobs.into_iter().map(shown).collect()),
        "pause" => scheduler::pause(id).map_or_else(error, Value::Bool),
        "resume" => scheduler::resume(id).map_or_else(error, Value::Bool),
        "remove" => scheduler::remove(id).map_or_else(error, Value::Bool),
        "outcomes" => scheduler::outcomes(id, 1_000).map_or_else(error, |all| all.into_iter().map(shown).collect()),
        "outcomes_limited" => scheduler::outcomes(text(&payload, "id"), payload["limit"].as_u64().unwrap_or(1) as u32)
            .map_or_else(error, |all| all.into_iter().map(shown).collect()),

        // Actions that jobs run.
        "work" => {
            RUNS.with_borrow_mut(|runs| runs.push(json!({ "payload": payload, "caller": invocation::caller() })));
            json!({ "worked": true })
        }
        "worked" => RUNS.with_borrow(|runs| json!(runs)),
        "again" => {
            // This job schedules itself again immediately, forever.
            let next = json!({ "id": payload["job"], "action": "again", "date_ms": 0, "replace": true });
            RUNS.with_borrow_mut(|runs| runs.push(payload));
            add(&next).map_or_else(error, |next| json!({ "next_ms": next }))
        }
        "fail" => return Err(failure("not_today", "this job always fails")),
        "trap" => panic!("this job panics"),
        "hang" => {
            log::write(log::Level::Info, "", "hanging", &[]);
            loop {
                std::hint::black_box(0);
            }
        }
        "answer_much" => json!("x".repeat(100_000)),
        other => return plugbay_guests::unknown(other),
    })
});
