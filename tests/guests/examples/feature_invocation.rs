//! Returns the values that `invocation` provides about the call.

use plugbay_guests::{invocation, json};

plugbay_guests::actions!(|action, payload| match action {
    "about" => Ok(json!({
        "request_id": invocation::request_id(),
        "caller": invocation::caller(),
        "correlation_id": invocation::correlation_id(),
        "identity": invocation::identity(),
        "scopes": invocation::scopes(),
        "time_left_ms": invocation::time_left_ms(),
    })),
    "time_passes" => {
        let before = invocation::time_left_ms();
        std::thread::sleep(std::time::Duration::from_millis(payload.as_u64().unwrap_or(0)));
        Ok(json!([before, invocation::time_left_ms()]))
    }
    other => plugbay_guests::unknown(other),
});
