//! Answers with its payload.

plugbay_guests::actions!(|action, payload| match action {
    "echo" => Ok(payload),
    "length" => Ok(plugbay_guests::json!(payload.as_str().map(str::len))),
    "repeat" => Ok(plugbay_guests::json!("x".repeat(payload.as_u64().unwrap_or(0) as usize))),
    other => plugbay_guests::unknown(other),
});
