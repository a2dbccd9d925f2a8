//! Answers a failure that its caller made up: `{"code", "message", "details", "status"}`, `details` as a JSON text.

use plugbay_guests::{Failure, Value};

plugbay_guests::actions!(|action, payload| match action {
    "fail" => {
        let text = |member: &str| payload[member].as_str().map(str::to_owned);
        Err(Failure {
            code: text("code").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
            details: text("details"),
            status_code: payload["status"].as_u64().map(|status| status as u16),
        })
    }
    "succeed" => Ok(Value::Null),
    other => plugbay_guests::unknown(other),
});
