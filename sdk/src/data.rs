//! Values that the plugin keeps: its own key-value store, seen by nobody else, kept across restarts.
//!
//! ```
//! use plugbay_sdk::data;
//! use plugbay_sdk::prelude::*;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Note {
//!     text: String,
//! }
//!
//! fn write(id: u64, text: &str) -> Result<u64> {
//!     data::set(&format!("note/{id}"), Note { text: text.to_owned() })?;
//!     let written = data::get_or("written", 0)? + 1;
//!     data::set("written", written)?;
//!     Ok(written)
//! }
//!
//! fn all() -> Result<Vec<Note>> {
//!     let mut notes = Vec::new();
//!     for key in data::keys("note/") {
//!         notes.extend(data::get(&key?)?);
//!     }
//!     Ok(notes)
//! }
//! # assert_eq!(write(1, "first").unwrap(), 1);
//! # assert_eq!(all().unwrap().len(), 1);
//! ```
//!
//! The manifest asks for it: `permissions: [{resource: "data.*"}]`, and the operator allows it. Values are anything that
//! serde can write as JSON, up to 1 MiB; keys are 1 to 512 bytes without control characters. A value that was set is on
//! disk when the call returns.
//!
//! # Errors
//!
//! All functions answer `permission_denied` where the use of the key was not granted, `invalid_argument` where the key or
//! the value cannot be taken as it is, `limit_exceeded` where a bound of the store was reached, and `unavailable` where the
//! host cannot read or keep the value.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result, error};
use crate::host;

/// The value of a key, or `None` where nothing was set.
///
/// # Errors
/// Those of the [module](self), and `invalid_data` where the value is not a `T`.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    host::data_get(key).map_err(|failure| about(failure, key))?.map(|json| read(key, &json)).transpose()
}

/// The value of a key, or `default` where nothing was set.
///
/// # Errors
/// Those of [`get`].
pub fn get_or<T: DeserializeOwned>(key: &str, default: T) -> Result<T> {
    Ok(get(key)?.unwrap_or(default))
}

/// Sets a key.
///
/// # Errors
/// Those of the [module](self).
pub fn set(key: &str, value: impl Serialize) -> Result<()> {
    host::data_set(key, &serde_json::to_string(&value)?).map_err(|failure| about(failure, key))
}

/// Sets all of these or, where one fails, none: at most 1,000.
///
/// # Errors
/// Those of the [module](self).
pub fn set_many<K: Into<String>, V: Serialize>(entries: impl IntoIterator<Item = (K, V)>) -> Result<()> {
    let entries = entries
        .into_iter()
        .map(|(key, value)| Ok((key.into(), serde_json::to_string(&value)?)))
        .collect::<Result<Vec<(String, String)>>>()?;
    host::data_set_many(&entries).map_err(|failure| failure.context("data"))
}

/// Removes a key. Answers whether it was there.
///
/// # Errors
/// Those of the [module](self).
pub fn delete(key: &str) -> Result<bool> {
    host::data_delete(key).map_err(|failure| about(failure, key))
}

/// The keys that begin with `prefix` and that the plugin may read, in the order of their bytes.
///
/// The host is asked for them page by page, while the iterator goes on. It ends after an error.
pub fn keys(prefix: &str) -> Keys {
    Keys { prefix: prefix.to_owned(), page: Vec::new().into_iter(), next: Next::First }
}

/// Keys, from [`keys`].
#[derive(Debug)]
pub struct Keys {
    prefix: String,
    page: std::vec::IntoIter<String>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    From(String),
    Nothing,
}

/// Keys that are asked for at once: most stores have fewer.
const PAGE_KEYS: u32 = 200;

impl Iterator for Keys {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.next() {
                return Some(Ok(key));
            }
            let cursor = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::First => None,
                Next::From(cursor) => Some(cursor),
                Next::Nothing => return None,
            };
            match host::data_keys(&self.prefix, cursor.as_deref(), PAGE_KEYS) {
                Ok((keys, cursor)) => {
                    self.page = keys.into_iter();
                    self.next = cursor.map_or(Next::Nothing, Next::From);
                }
                Err(failure) => return Some(Err(about(failure, &format!("{}*", self.prefix)))),
            }
        }
    }
}

fn about(failure: Error, key: &str) -> Error {
    failure.context(format_args!("data `{key}`"))
}

fn read<T: DeserializeOwned>(key: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|reason| {
        let wanted = std::any::type_name::<T>();
        about(error(format!("the value is not a `{wanted}`: {reason}")).with_code("invalid_data"), key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_that_was_set_is_read_with_its_type() {
        assert_eq!(get::<u32>("n").expect("nothing there"), None);
        assert_eq!(get_or("n", 7).expect("nothing there"), 7);
        set("n", 8).expect("kept");
        assert_eq!(get_or("n", 7).expect("there"), 8);
        let failure = get::<String>("n").expect_err("it is a number");
        assert_eq!(failure.code(), "invalid_data");
        assert!(failure.message().starts_with("data `n`: "), "{failure}");
        assert!(delete("n").expect("there"));
        assert!(!delete("n").expect("not there"));
    }

    #[test]
    fn keys_come_in_order_over_several_pages() {
        set_many((0..450).map(|index| (format!("k/{index:03}"), index))).expect("kept");
        set("other", 1).expect("kept");
        let keys: Vec<String> = keys("k/").collect::<Result<_>>().expect("they are there");
        assert_eq!((keys.len(), &*keys[0], &*keys[449]), (450, "k/000", "k/449"));
    }

    #[test]
    fn key_that_is_none_is_an_invalid_argument() {
        for key in ["", "a\nb"] {
            assert_eq!(set(key, 1).expect_err("no key").code(), "invalid_argument");
        }
        assert_eq!(set(&"k".repeat(513), 1).expect_err("too long").code(), "limit_exceeded");
        set_many([("a", 1), ("", 2)]).expect_err("one is no key");
        assert_eq!(get::<u32>("a").expect("readable"), None, "all or none");
    }
}
