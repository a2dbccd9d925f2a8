//! Answers with a text of the length in its payload, in bytes.

plugbay_guests::attack!(|bytes| "x".repeat(bytes.as_u64().unwrap_or(64 << 20) as usize).into());
