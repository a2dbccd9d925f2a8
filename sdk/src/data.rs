//! The plugin's persistent values: key-value pairs of its own, which survive restarts.
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
//! fn write(text: &str) -> Result<i64> {
//!     let id = data::increment("last_id", 1)?;
//!     data::set(&format!("note/{id}"), Note { text: text.to_owned() })?;
//!     Ok(id)
//! }
//!
//! fn all() -> Result<Vec<Note>> {
//!     data::scan("note/").map(|entry| entry.map(|(_, note)| note)).collect()
//! }
//!
//! fn remember_search(words: &str) -> Result<Vec<String>> {
//!     data::update("recent_searches", |recent: Option<Vec<String>>| {
//!         let mut recent = recent.unwrap_or_default();
//!         recent.insert(0, words.to_owned());
//!         recent.truncate(10);
//!         Ok(recent)
//!     })
//! }
//! # assert_eq!((write("first").unwrap(), write("second").unwrap()), (1, 2));
//! # assert_eq!(all().unwrap()[1].text, "second");
//! # assert_eq!(remember_search("tea").unwrap(), ["tea"]);
//! # assert_eq!(remember_search("cups").unwrap(), ["cups", "tea"]);
//! ```
//!
//! The manifest requests it: `permissions: [{ resource: "data.*" }]`, and the operator grants it. Values are anything
//! that serde can write as JSON, up to 1 MiB; keys are 1 to 512 bytes without control characters. A value that was set
//! is on disk when the call returns.
//!
//! # Sharing
//!
//! All instances of a plugin (`instances: N` in the manifest) and all processes with the same data directory share the
//! same values. Each function here is atomic, but a sequence of calls is not: [`get`], a computation and [`set`]
//! overwrite a value that another instance has set in between. Change a value that depends on the old one with
//! [`increment`], [`update`] or [`compare_and_swap`].
//!
//! # Errors
//!
//! All functions return `permission_denied` if the use of the key was not granted, `invalid_argument` if the key or the
//! value is not acceptable, `limit_exceeded` if a limit was reached, and `unavailable` if the host cannot
//! read or store the value.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result, error};
use crate::host;

/// The number of attempts of [`update`]. A failed attempt means that another instance changed the key, and many in a
/// row mean that the key changes constantly.
const UPDATE_ATTEMPTS_MAX: u32 = 100;

/// The value of a key, or `None` if nothing was set.
///
/// # Errors
/// Those of the [module](self), and `invalid_data` if the value is not a `T`.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    host::data_get(key).map_err(|failure| about(failure, key))?.map(|json| read(key, &json)).transpose()
}

/// The values of these keys, in their order: at most 1,000, and 8 MiB of values.
///
/// # Errors
/// Those of [`get`].
pub fn get_many<T: DeserializeOwned>(keys: impl IntoIterator<Item = impl Into<String>>) -> Result<Vec<Option<T>>> {
    let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
    let values = host::data_get_many(&keys).map_err(|failure| failure.context("data"))?;
    keys.iter().zip(values).map(|(key, json)| json.map(|json| read(key, &json)).transpose()).collect()
}

/// The value of a key, or `default` if nothing was set.
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

/// Sets all of these or, if one fails, none: at most 1,000.
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

/// Adds to the integer under a key, which is 0 if nothing was set, and returns the sum. Concurrent increments all
/// count.
///
/// # Errors
/// Those of the [module](self), and `invalid_argument` if the value is not an integer or the sum exceeds 64 bits; the
/// value is then unchanged. The plugin needs `read` and `write`.
pub fn increment(key: &str, by: i64) -> Result<i64> {
    host::data_increment(key, by).map_err(|failure| about(failure, key))
}

/// Replaces the value of a key by what `change` returns for it, and returns the new value. The old one is `None` if the
/// key was not set.
///
/// If another instance sets the key in between, `change` runs again with that value, up to 100 times, so it must not
/// have side effects. Its error leaves the value unchanged.
///
/// # Errors
/// Those of the [module](self) and of `change`, `invalid_data` if the value is not a `T`, and `busy` if the key changed
/// each time. The plugin needs `read` and `write`.
pub fn update<T, U: Serialize>(key: &str, mut change: impl FnMut(Option<T>) -> Result<U>) -> Result<U>
where
    T: DeserializeOwned,
{
    for _ in 0..UPDATE_ATTEMPTS_MAX {
        let old = host::data_get(key).map_err(|failure| about(failure, key))?;
        let new = change(old.as_deref().map(|json| read(key, json)).transpose()?)?;
        let json = serde_json::to_string(&new)?;
        if host::data_swap(key, old.as_deref(), Some(&json)).map_err(|failure| about(failure, key))? {
            return Ok(new);
        }
    }
    let text =
        format!("the value was changed by others during each of {UPDATE_ATTEMPTS_MAX} attempts; try again later");
    Err(about(error(text).with_code("busy"), key))
}

/// Sets a key to `new` if its value is still `expected`, and returns whether it was. If `expected` is `None`, the key
/// must not exist; if `new` is `None`, the key is removed.
///
/// Values are compared as the stored JSON text. Equal values of the same type compare equal, unless they contain a
/// `HashMap`, whose order changes; [`update`] has no such exception.
///
/// # Errors
/// Those of the [module](self). The plugin needs `read` and `write`.
pub fn compare_and_swap<T: Serialize>(key: &str, expected: Option<&T>, new: Option<&T>) -> Result<bool> {
    let text = |value: Option<&T>| value.map(serde_json::to_string).transpose();
    let (expected, new) = (text(expected)?, text(new)?);
    host::data_swap(key, expected.as_deref(), new.as_deref()).map_err(|failure| about(failure, key))
}

/// Removes a key. Returns whether it existed.
///
/// # Errors
/// Those of the [module](self).
pub fn delete(key: &str) -> Result<bool> {
    host::data_delete(key).map_err(|failure| about(failure, key))
}

/// The keys that begin with `prefix` and that the plugin may read, in byte order.
///
/// The iterator fetches the keys page by page. It ends after an error.
pub fn keys(prefix: &str) -> Keys {
    Keys(Pages::new(prefix))
}

/// The keys that begin with `prefix` and that the plugin may read, with their values, in the byte order of the keys.
///
/// The iterator fetches the entries page by page, so it sees values that are set while it runs. It ends after an error
/// of the host; a value that is not a `T` is an error of its entry alone, with the code `invalid_data`.
pub fn scan<T: DeserializeOwned>(prefix: &str) -> Scan<T> {
    Scan { pages: Pages::new(prefix), of: PhantomData }
}

/// The iterator of [`keys`].
#[derive(Debug)]
pub struct Keys(Pages<String>);

impl Iterator for Keys {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(host::data_keys)
    }
}

/// The iterator of [`scan`].
#[derive(Debug)]
pub struct Scan<T> {
    pages: Pages<(String, String)>,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Iterator for Scan<T> {
    type Item = Result<(String, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.pages.next(host::data_entries)?;
        Some(entry.and_then(|(key, json)| read(&key, &json).map(|value| (key, value))))
    }
}

/// Items that are fetched page by page.
#[derive(Debug)]
struct Pages<T> {
    prefix: String,
    page: std::vec::IntoIter<T>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    From(String),
    Nothing,
}

/// The number of keys in a page. Most plugins store fewer.
const PAGE_KEYS: u32 = 200;

impl<T> Pages<T> {
    fn new(prefix: &str) -> Pages<T> {
        Pages { prefix: prefix.to_owned(), page: Vec::new().into_iter(), next: Next::First }
    }

    fn next(
        &mut self,
        page: impl Fn(&str, Option<&str>, u32) -> Result<(Vec<T>, Option<String>)>,
    ) -> Option<Result<T>> {
        loop {
            if let Some(item) = self.page.next() {
                return Some(Ok(item));
            }
            let cursor = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::First => None,
                Next::From(cursor) => Some(cursor),
                Next::Nothing => return None,
            };
            match page(&self.prefix, cursor.as_deref(), PAGE_KEYS) {
                Ok((items, cursor)) => {
                    self.page = items.into_iter();
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
        set("n", 8).expect("stored");
        assert_eq!(get_or("n", 7).expect("there"), 8);
        let failure = get::<String>("n").expect_err("it is a number");
        assert_eq!(failure.code(), "invalid_data");
        assert!(failure.message().starts_with("data `n`: "), "{failure}");
        assert!(delete("n").expect("there"));
        assert!(!delete("n").expect("not there"));
    }

    #[test]
    fn keys_come_in_order_over_several_pages() {
        set_many((0..450).map(|index| (format!("k/{index:03}"), index))).expect("stored");
        set("other", 1).expect("stored");
        let keys: Vec<String> = keys("k/").collect::<Result<_>>().expect("they are there");
        assert_eq!((keys.len(), &*keys[0], &*keys[449]), (450, "k/000", "k/449"));
    }

    #[test]
    fn increment_adds_and_refuses_a_value_that_is_not_an_integer() {
        assert_eq!((increment("n", 5).expect("set"), increment("n", -7).expect("set")), (5, -2));
        assert_eq!(get::<i64>("n").expect("readable"), Some(-2));
        set("text", "a").expect("set");
        set("most", i64::MAX).expect("set");
        for key in ["text", "most"] {
            assert_eq!(increment(key, 1).expect_err("no sum").code(), "invalid_argument");
        }
        assert_eq!(get::<i64>("most").expect("readable"), Some(i64::MAX), "unchanged");
    }

    #[test]
    fn compare_and_swap_needs_the_current_value() {
        assert!(compare_and_swap("k", None, Some(&1)).expect("new"));
        assert!(!compare_and_swap("k", None, Some(&2)).expect("taken"));
        assert!(!compare_and_swap("k", Some(&2), Some(&3)).expect("another"));
        assert!(compare_and_swap("k", Some(&1), Some(&2)).expect("the same"));
        assert!(compare_and_swap("k", Some(&2), None).expect("removed"));
        assert_eq!(get::<u32>("k").expect("readable"), None);
    }

    #[test]
    fn update_runs_again_if_the_value_changed_meanwhile() {
        let mut attempts = 0;
        let add = |old: Option<u32>| {
            attempts += 1;
            if attempts == 1 {
                set("k", 10)?;
            }
            Ok(old.unwrap_or_default() + 1)
        };
        assert_eq!(update("k", add).expect("set"), 11);
        assert_eq!((attempts, get::<u32>("k").expect("readable")), (2, Some(11)));
        let refused = update("k", |_: Option<u32>| -> Result<u32> { Err(error("no").with_code("refused")) });
        assert_eq!(refused.expect_err("its own error").code(), "refused");
        let contended = update("k", |old: Option<u32>| set("k", old.map_or(0, |old| old + 1)).map(|()| 0));
        assert_eq!(contended.expect_err("always changed").code(), "busy");
    }

    #[test]
    fn scan_and_get_many_read_keys_with_their_values() {
        set_many((0..450).map(|index| (format!("k/{index:03}"), index))).expect("set");
        let found: Vec<(String, u32)> = scan("k/").collect::<Result<_>>().expect("they are there");
        assert_eq!((found.len(), &found[449]), (450, &("k/449".to_owned(), 449)));
        assert_eq!(get_many::<u32>(["k/001", "none", "k/000"]).expect("readable"), [Some(1), None, Some(0)]);
        set("k/100", "text").expect("set");
        let failures: Vec<_> = scan::<u32>("k/").filter_map(Result::err).collect();
        assert_eq!((failures.len(), failures[0].code()), (1, "invalid_data"));
    }

    #[test]
    fn invalid_key_is_an_invalid_argument() {
        for key in ["", "a\nb"] {
            assert_eq!(set(key, 1).expect_err("no key").code(), "invalid_argument");
        }
        assert_eq!(set(&"k".repeat(513), 1).expect_err("too long").code(), "limit_exceeded");
        set_many([("a", 1), ("", 2)]).expect_err("the empty key is invalid");
        assert_eq!(get::<u32>("a").expect("readable"), None, "all or none");
    }
}
