//! Stores more than its limit, or keeps the host busy with keys.

use plugbay_guests::{Value, data, json};

/// Sets values until the host refuses one.
fn fill(bytes: usize, at_once: usize) -> Value {
    let value = "1".repeat(bytes);
    for round in 0.. {
        let entries: Vec<_> = (0..at_once).map(|index| (format!("{round}/{index}"), value.clone())).collect();
        if let Err(why) = data::set_many(&entries) {
            return json!({ "rounds": round, "refused": why.message });
        }
    }
    Value::Null
}

plugbay_guests::attack!(|payload| {
    let long = "k".repeat(4 << 20);
    match payload["how"].as_str() {
        Some("fill") => fill(
            payload["bytes"].as_u64().unwrap_or_default() as usize,
            payload["at_once"].as_u64().unwrap_or_default() as usize,
        ),
        Some("ask_for_what_is_denied") => loop {
            let _ = data::get("../denied");
        },
        Some("ask_with_long_keys") => loop {
            let _ = data::get(&long);
        },
        Some("list") => loop {
            let _ = data::keys("", None, 1);
        },
        Some("read") => loop {
            let _ = data::get("large");
        },
        _ => json!("unknown"),
    }
});
