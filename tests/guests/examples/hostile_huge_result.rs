//! Answers as many bytes as it is told to.

plugbay_guests::attack!(|bytes| "x".repeat(bytes.as_u64().unwrap_or(64 << 20) as usize).into());
