//! Uses `data`, and returns an error of the host as `{"error": {code: message}}`.

use plugbay_guests::{Failure, Value, data, error, json, log};

fn text<'a>(payload: &'a Value, member: &str) -> &'a str {
    payload[member].as_str().unwrap_or_default()
}

fn number(payload: &Value, member: &str) -> usize {
    payload[member].as_u64().unwrap_or_default() as usize
}

fn done(result: Result<(), Failure>) -> Value {
    result.map_or_else(error, |()| json!("set"))
}

/// Returns the value that is stored under a number.
fn numbered(index: usize) -> Value {
    json!({ "index": index, "padding": "x".repeat(index % 500) })
}

/// Sets `count` values one by one, and logs each as soon as the host has acknowledged it.
fn acknowledge(payload: &Value) -> Value {
    let first = number(payload, "first");
    for index in first..first + number(payload, "count") {
        if let Err(why) = data::set(&format!("value/{index}"), &numbered(index).to_string()) {
            return error(why);
        }
        log::write(log::Level::Info, "", &format!("kept {index}"), &[]);
    }
    Value::Null
}

/// Returns the numbers whose values are stored, and the keys whose values differ from those that were set.
fn kept() -> Result<Value, Failure> {
    let (mut kept, mut wrong, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page = data::keys("value/", cursor.as_deref(), 100)?;
        for key in page.keys {
            let value = data::get(&key)?.and_then(|text| serde_json::from_str::<Value>(&text).ok());
            match key.trim_start_matches("value/").parse::<usize>() {
                Ok(index) if value == Some(numbered(index)) => kept.push(index),
                _ => wrong.push(key),
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(json!({ "kept": kept, "wrong": wrong }));
        }
    }
}

plugbay_guests::actions!(|action, payload| Ok(match action {
    "get" => match data::get(payload.as_str().unwrap_or_default()) {
        Ok(Some(text)) => serde_json::from_str(&text).unwrap_or_else(|_| json!({ "not_json": text })),
        Ok(None) => json!({ "absent": true }),
        Err(why) => error(why),
    },
    "details" => match data::get(payload.as_str().unwrap_or_default()) {
        Ok(_) => json!("granted"),
        Err(why) => plugbay_guests::whole_error(why),
    },
    "get_raw" => data::get(payload.as_str().unwrap_or_default()).map_or_else(error, |text| json!(text)),
    "set" => done(data::set(text(&payload, "key"), &payload["value"].to_string())),
    "set_raw" => done(data::set(text(&payload, "key"), text(&payload, "value"))),
    "set_many" => {
        let entries = payload.as_object().into_iter().flatten();
        done(data::set_many(&entries.map(|(key, value)| (key.clone(), value.to_string())).collect::<Vec<_>>()))
    }
    "set_count" => {
        let value = "1".repeat(number(&payload, "bytes"));
        let keys = (0..number(&payload, "count")).map(|index| format!("{}{index}", text(&payload, "prefix")));
        done(data::set_many(&keys.map(|key| (key, value.clone())).collect::<Vec<_>>()))
    }
    "set_long_key" => done(data::set(&"k".repeat(payload.as_u64().unwrap_or_default() as usize), "1")),
    "delete" => data::delete(payload.as_str().unwrap_or_default()).map_or_else(error, |there| json!(there)),
    "keys" =>
        match data::keys(text(&payload, "prefix"), payload["cursor"].as_str(), number(&payload, "limit") as u32) {
            Ok(page) => json!({ "keys": page.keys, "cursor": page.cursor }),
            Err(why) => error(why),
        },
    "acknowledge" => acknowledge(&payload),
    "kept" => kept().unwrap_or_else(error),
    "set_and_trap" => {
        let set = done(data::set("trapped", "1"));
        panic!("{set}")
    }
    "set_for_ever" => {
        for index in 0u64.. {
            let _ = data::set_many(&[("one".to_owned(), index.to_string()), ("two".to_owned(), index.to_string())]);
        }
        json!("never")
    }
    other => return plugbay_guests::unknown(other),
}));
