//! Uses the standard interfaces and the contract's own, so that a test can check that both see the same values. It
//! returns an error of the host as `{"error": …}`.

use std::cell::RefCell;

use plugbay_guests::{Value, cache, data, json};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package plugbay:standards;
            world standards {
                include wasi:keyvalue/imports@0.2.0-draft2;
                include wasi:config/imports@0.2.0-rc.1;
                include wasi:logging/imports@0.1.0-draft;
            }
        ",
        path: "../../wit",
        generate_all,
    });
}

use bindings::wasi::config::store as config;
use bindings::wasi::keyvalue0_2_0_draft2::{atomics, batch, store};
use bindings::wasi::logging::logging;

thread_local! {
    /// A compare-and-swap that one call begins and another ends.
    static CAS: RefCell<Option<atomics::Cas>> = const { RefCell::new(None) };
}

fn text<'a>(payload: &'a Value, member: &str) -> &'a str {
    payload[member].as_str().unwrap_or_default()
}

fn error(error: store::Error) -> Value {
    match error {
        store::Error::NoSuchStore => json!({ "error": "no_such_store" }),
        store::Error::AccessDenied => json!({ "error": "access_denied" }),
        store::Error::Other(text) => json!({ "error": text }),
    }
}

fn config_error(error: config::Error) -> Value {
    match error {
        config::Error::Upstream(text) | config::Error::Io(text) => json!({ "error": text }),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        Value::Number(count) => vec![0xff; count.as_u64().unwrap_or_default() as usize],
        other => other.to_string().into_bytes(),
    }
}

/// Returns bytes as text, or as a list of numbers if they are not UTF-8.
fn shown(bytes: Option<Vec<u8>>) -> Value {
    bytes.map_or(Value::Null, |bytes| match String::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(not_text) => json!(not_text.into_bytes()),
    })
}

fn keys_of(payload: &Value) -> Vec<String> {
    payload["keys"].as_array().into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

fn keyvalue(action: &str, payload: &Value) -> Result<Value, store::Error> {
    let bucket = store::open(text(payload, "bucket"))?;
    let key = text(payload, "key");
    Ok(match action {
        "open" => json!("opened"),
        "get" => shown(bucket.get(key)?),
        "set" => json!(bucket.set(key, &bytes(&payload["value"]))?),
        "delete" => json!(bucket.delete(key)?),
        "exists" => json!(bucket.exists(key)?),
        "keys" => {
            let page = bucket.list_keys(payload["cursor"].as_str())?;
            json!({ "keys": page.keys, "cursor": page.cursor })
        }
        "increment" => json!(atomics::increment(&bucket, key, payload["delta"].as_i64().unwrap_or(1))?),
        "get_many" => {
            let pairs = batch::get_many(&bucket, &keys_of(payload))?;
            pairs
                .into_iter()
                .map(|pair| pair.map_or(Value::Null, |(key, value)| json!([key, shown(Some(value))])))
                .collect()
        }
        "set_many" => {
            let entries = keys_of(payload).into_iter().map(|key| (key, bytes(&payload["value"])));
            json!(batch::set_many(&bucket, &entries.collect::<Vec<_>>())?)
        }
        "delete_many" => json!(batch::delete_many(&bucket, &keys_of(payload))?),
        "look" => {
            let cas = atomics::Cas::new(&bucket, key)?;
            let now = shown(cas.current()?);
            CAS.replace(Some(cas));
            now
        }
        "swap" => match CAS.take() {
            None => json!("nothing was looked at"),
            Some(cas) => match atomics::swap(cas, &bytes(&payload["value"])) {
                Ok(()) => json!("swapped"),
                Err(atomics::CasError::StoreError(why)) => return Err(why),
                Err(atomics::CasError::CasFailed(newer)) => {
                    let now = shown(newer.current()?);
                    CAS.replace(Some(newer));
                    json!({ "now": now })
                }
            },
        },
        "many_handles" => {
            let mut handles = Vec::new();
            loop {
                handles.push(atomics::Cas::new(&bucket, key)?);
            }
        }
        other => json!({ "unknown": other }),
    })
}

fn level(name: &str) -> logging::Level {
    match name {
        "trace" => logging::Level::Trace,
        "debug" => logging::Level::Debug,
        "warn" => logging::Level::Warn,
        "error" => logging::Level::Error,
        "critical" => logging::Level::Critical,
        _ => logging::Level::Info,
    }
}

plugbay_guests::actions!(|action, payload| Ok(match action {
    "data_get" => match data::get(text(&payload, "key")) {
        Ok(value) => json!(value),
        Err(why) => json!({ "error": why.message }),
    },
    "data_set" => json!(data::set(text(&payload, "key"), &payload["value"].to_string()).is_ok()),
    "cache_get" => match cache::get(text(&payload, "key")) {
        Ok(value) => json!(value),
        Err(why) => json!({ "error": why.message }),
    },
    "cache_set" => json!(cache::set(text(&payload, "key"), &payload["value"].to_string(), None).is_ok()),
    "config_get" => config::get(text(&payload, "key")).map_or_else(config_error, |value| json!(value)),
    "config_all" => config::get_all().map_or_else(config_error, |all| all.into_iter().collect()),
    "log" => {
        logging::log(level(text(&payload, "level")), text(&payload, "context"), text(&payload, "message"));
        Value::Null
    }
    keyvalue_action => keyvalue(keyvalue_action, &payload).unwrap_or_else(error),
}));
