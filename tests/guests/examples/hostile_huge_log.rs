//! Logs one line whose given part has the given length: `{"bytes", "part"}`.

use plugbay_guests::{Value, log};

plugbay_guests::attack!(|payload| {
    let bytes = payload["bytes"].as_u64().unwrap_or(64 << 20) as usize;
    let long = "x".repeat(bytes);
    match payload["part"].as_str() {
        Some("target") => log::write(log::Level::Info, &long, "", &[]),
        Some("field") => log::write(log::Level::Info, "", "", &[("field".to_owned(), format!("\"{long}\""))]),
        // Many short fields: each takes twelve bytes in the guest, and far more in a careless host.
        Some("fields") => {
            let fields = vec![("f".to_owned(), "0".to_owned()); bytes / 32];
            log::write(log::Level::Info, "", "", &fields);
        }
        _ => log::write(log::Level::Info, "", &long, &[]),
    }
    Value::Null
});
