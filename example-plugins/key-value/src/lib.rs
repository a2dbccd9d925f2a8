//! A key-value store over `wasi:keyvalue`: the standard alone, without the SDK.
//!
//! The component imports the standard's three interfaces and none of Plugbay's own, and exports the contract's
//! `actions`. The host maps the bucket without a name to the plugin's `data`, which persists across restarts, is
//! private to the plugin, and needs the permission `data.<key>`.

mod bindings {
    //! The code that `wit-bindgen` generates.
    #![allow(
        missing_docs,
        unreachable_pub,
        unsafe_code,
        reason = "generated: calls across the sandbox boundary are unsafe"
    )]

    wit_bindgen::generate!({
        inline: "
            package example:key-value;
            world key-value {
                import wasi:keyvalue/store@0.2.0-draft2;
                import wasi:keyvalue/atomics@0.2.0-draft2;
                include plugbay:plugin/action-provider@0.2.0;
            }
        ",
        path: "../../wit",
        generate_all,
    });

    #[cfg(target_family = "wasm")]
    export!(KeyValue with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::KeyValue;
}

use bindings::exports::plugbay::plugin::actions::Guest;
use bindings::plugbay::plugin::types::Failure;
use bindings::wasi::keyvalue0_2_0_draft2::{atomics, store};
use serde::Deserialize;
use serde_json::{Value, json};

/// The plugin, all of whose state is in the bucket.
#[derive(Debug)]
pub struct KeyValue;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    value: Value,
}

/// An action with its parsed payload.
#[derive(Debug, PartialEq)]
enum Request {
    Set(Entry),
    Get(String),
    Delete(String),
    List,
    Count(String),
}

impl Request {
    fn read(action: &str, payload: &str) -> Result<Self, Failure> {
        let key = || serde_json::from_str(payload).map_err(|error| invalid(&error));
        Ok(match action {
            "set" => Request::Set(serde_json::from_str(payload).map_err(|error| invalid(&error))?),
            "get" => Request::Get(key()?),
            "delete" => Request::Delete(key()?),
            "list" => Request::List,
            "count" => Request::Count(key()?),
            other => return Err(failure("unknown_action", format!("the plugin has no action `{other}`"))),
        })
    }

    fn answer(self) -> Result<Value, Failure> {
        let bucket = store::open("")?;
        Ok(match self {
            Request::Set(Entry { key, value }) => {
                bucket.set(&key, value.to_string().as_bytes())?;
                json!({ "key": key })
            }
            Request::Get(key) => match bucket.get(&key)? {
                Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| invalid(&error))?,
                None => return Err(failure("not_found", format!("the key `{key}` has no value"))),
            },
            Request::Delete(key) => {
                let was_there = bucket.exists(&key)?;
                bucket.delete(&key)?;
                json!(was_there)
            }
            Request::List => {
                let mut page = bucket.list_keys(None)?;
                let mut keys = page.keys;
                while page.cursor.is_some() {
                    page = bucket.list_keys(page.cursor.as_deref())?;
                    keys.append(&mut page.keys);
                }
                json!(keys)
            }
            Request::Count(key) => json!(atomics::increment(&bucket, &key, 1)?),
        })
    }
}

impl Guest for KeyValue {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        Request::read(&action, &payload)?.answer().map(|value| value.to_string())
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NoSuchStore => failure("unavailable", "the host has no store"),
            store::Error::AccessDenied => {
                failure("permission_denied", "this use of the key was not granted: grant `data.<key>`")
            }
            store::Error::Other(text) => failure("store_error", text),
        }
    }
}

fn invalid(error: &serde_json::Error) -> Failure {
    failure("validation_error", error.to_string())
}

fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), details: None, status_code: None }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Request};
    use serde_json::json;

    fn read(action: &str, payload: &str) -> Result<Request, String> {
        Request::read(action, payload).map_err(|failure| failure.code)
    }

    #[test]
    fn payloads_are_parsed_for_each_action() {
        let entry = Entry { key: "a".to_owned(), value: json!([1]) };
        assert_eq!(read("set", r#"{"key": "a", "value": [1]}"#), Ok(Request::Set(entry)));
        assert_eq!(read("get", "\"a\""), Ok(Request::Get("a".to_owned())));
        assert_eq!(read("list", "null"), Ok(Request::List));
    }

    #[test]
    fn wrong_payload_and_unknown_action_are_errors() {
        assert_eq!(read("get", "7"), Err("validation_error".to_owned()));
        assert_eq!(read("set", r#"{"key": "a"}"#), Err("validation_error".to_owned()));
        assert_eq!(read("drop", "null"), Err("unknown_action".to_owned()));
    }
}
