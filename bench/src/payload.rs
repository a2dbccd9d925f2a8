//! The JSON payloads of `echo`: typical records of an application, in three sizes.

use serde_json::{Value, json};

/// A payload of about this length, as compact JSON. It is leaked, so that calls can borrow it.
pub fn json_of(bytes: usize) -> &'static str {
    let one = record(0).to_string().len() + 1;
    let value = match bytes / one {
        0 | 1 => record(0),
        count => Value::Array((0..count).map(record).collect()),
    };
    value.to_string().leak()
}

/// A record of about a hundred bytes, with integers, floats, texts, a boolean and a list.
fn record(n: usize) -> Value {
    json!({
        "id": 100_000 + n,
        "name": format!("item {n:06}"),
        "price": (n % 1_000) as f64 + 0.25,
        "active": n.is_multiple_of(2),
        "tags": ["blue", "new \"in\"", "sale"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_is_json_of_about_the_requested_size() {
        for bytes in [100, 10_000, 1_000_000] {
            let json = json_of(bytes);
            assert!(serde_json::from_str::<Value>(json).is_ok());
            assert!(json.len().abs_diff(bytes) * 10 < bytes, "{} for {bytes}", json.len());
        }
    }
}
