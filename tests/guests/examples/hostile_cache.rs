//! Fills its cache beyond its bound, searches it with a costly pattern, or clears it forever.

use plugbay_guests::{Value, cache, json};

fn fill(bytes: usize, count: u64) -> Value {
    let value = "1".repeat(bytes);
    for index in 0..count {
        if let Err(why) = cache::set(&format!("{index}"), &value, Some(0)) {
            return json!(why.message);
        }
    }
    json!("filled")
}

/// Sets keys that nearly match a pattern at every position, and deletes by that pattern.
fn search() -> Value {
    let key = "a".repeat(500);
    for index in 0..20_000 {
        if let Err(why) = cache::set(&format!("{key}{index}"), "1", None) {
            return json!(why.message);
        }
    }
    let pattern = format!("*{}b", "a".repeat(250)).repeat(4);
    match cache::delete_pattern(&pattern) {
        Ok(count) => json!(count),
        Err(refused) if refused.code == "limit_exceeded" => json!({ "limit": refused.message }),
        Err(why) => json!(why.message),
    }
}

plugbay_guests::attack!(|payload| match payload["how"].as_str() {
    Some("fill") =>
        fill(payload["bytes"].as_u64().unwrap_or_default() as usize, payload["count"].as_u64().unwrap_or_default()),
    Some("search") => search(),
    _ => loop {
        let _ = cache::clear();
    },
});
