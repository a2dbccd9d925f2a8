//! Uses `cache`, and returns an error of the host as `{"error": {code: message}}`.

use plugbay_guests::{Failure, Value, cache, error, json};

fn text<'a>(payload: &'a Value, member: &str) -> &'a str {
    payload[member].as_str().unwrap_or_default()
}

fn number(payload: &Value, member: &str) -> usize {
    payload[member].as_u64().unwrap_or_default() as usize
}

fn value(json: Option<String>) -> Value {
    match json {
        Some(text) => serde_json::from_str(&text).unwrap_or_else(|_| json!({ "not_json": text })),
        None => json!({ "absent": true }),
    }
}

fn done(result: Result<(), Failure>) -> Value {
    result.map_or_else(error, |()| json!("set"))
}

fn count(result: Result<u64, Failure>) -> Value {
    result.map_or_else(error, |count| json!(count))
}

plugbay_guests::actions!(|action, payload| Ok(match action {
    "get" => cache::get(payload.as_str().unwrap_or_default()).map_or_else(error, value),
    "get_many" => {
        let keys: Vec<String> = serde_json::from_value(payload).unwrap_or_default();
        cache::get_many(&keys).map_or_else(error, |values| values.into_iter().map(value).collect())
    }
    "get_repeatedly" => {
        let keys = vec![text(&payload, "key").to_owned(); number(&payload, "count")];
        cache::get_many(&keys).map_or_else(error, |values| json!(values.len()))
    }
    "set" => done(cache::set(text(&payload, "key"), &payload["value"].to_string(), payload["ttl_ms"].as_i64())),
    "set_raw" => done(cache::set(text(&payload, "key"), text(&payload, "value"), None)),
    "set_many" => {
        let entries = payload.as_object().into_iter().flatten();
        done(cache::set_many(&entries.map(|(key, value)| (key.clone(), value.to_string())).collect::<Vec<_>>(), None))
    }
    "set_count" => {
        let value = "1".repeat(number(&payload, "bytes"));
        let keys = (0..number(&payload, "count")).map(|index| format!("{}{index}", text(&payload, "prefix")));
        done(cache::set_many(&keys.map(|key| (key, value.clone())).collect::<Vec<_>>(), None))
    }
    "set_and_trap" => {
        let set = done(cache::set("trapped", "1", None));
        panic!("{set}")
    }
    "get_or_set" => {
        let set = cache::get_or_set(text(&payload, "key"), &payload["value"].to_string(), payload["ttl_ms"].as_i64());
        set.map_or_else(error, |json| value(Some(json)))
    }
    "delete" => cache::delete(payload.as_str().unwrap_or_default()).map_or_else(error, |there| json!(there)),
    "delete_pattern" => count(cache::delete_pattern(payload.as_str().unwrap_or_default())),
    "clear" => count(cache::clear()),
    other => return plugbay_guests::unknown(other),
}));
