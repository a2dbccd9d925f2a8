//! Fails as its payload specifies: `{"code", "message", "details", "status"}`, with `details` as JSON text.
//!
//! `fail_first` fails the first `times` times, and then answers with the number of calls.

use std::cell::Cell;

use plugbay_guests::{Failure, Value, json};

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn made_up(payload: &Value) -> Failure {
    let text = |member: &str| payload[member].as_str().map(str::to_owned);
    Failure {
        code: text("code").unwrap_or_default(),
        message: text("message").unwrap_or_default(),
        details: text("details"),
        status_code: payload["status"].as_u64().map(|status| status as u16),
    }
}

plugbay_guests::actions!(|action, payload| match action {
    "fail" => Err(made_up(&payload)),
    "fail_first" => {
        CALLS.set(CALLS.get() + 1);
        if Some(CALLS.get()) <= payload["times"].as_u64() { Err(made_up(&payload)) } else { Ok(json!(CALLS.get())) }
    }
    "succeed" => Ok(Value::Null),
    other => plugbay_guests::unknown(other),
});
