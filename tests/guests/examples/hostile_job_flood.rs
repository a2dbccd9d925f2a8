//! Schedules a million jobs.

use plugbay_guests::{Value, json, scheduler};

/// Adds jobs one by one despite refusals. With `until_refused` it stops at the first refusal.
fn flood(payload: Value) -> Value {
    let every = scheduler::Schedule::IntervalMs(1_000);
    let mut added = 0;
    for number in 0..1_000_000 {
        match scheduler::add(&format!("job-{number}"), "ping", "null", &every, true) {
            Ok(_) => added += 1,
            Err(refused) if refused.code == "limit_exceeded" && payload["until_refused"] == true => {
                return json!({ "added": added, "limit": refused.message });
            }
            Err(refused) if refused.code == "limit_exceeded" => {}
            Err(error) => return json!({ "added": added, "error": format!("{error:?}") }),
        }
    }
    json!({ "added": added })
}

plugbay_guests::attack!(flood);
