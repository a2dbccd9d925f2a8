//! Fails with texts of the lengths in its payload: `{"code", "message", "details"}`, in bytes.

use plugbay_guests::Failure;

plugbay_guests::actions!(|action, payload| match action {
    "attack" => {
        let text = |member: &str| "x".repeat(payload[member].as_u64().unwrap_or(1) as usize);
        Err(Failure {
            code: text("code"),
            message: text("message"),
            details: Some(format!("\"{}\"", text("details"))),
            status_code: Some(u16::MAX),
        })
    }
    other => plugbay_guests::unknown(other),
});
