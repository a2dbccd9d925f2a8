//! The plugin's cache: values with a time to live that the host may evict. Each plugin has a cache of its own.
//!
//! ```
//! use std::time::Duration;
//!
//! use plugbay_sdk::prelude::*;
//! use plugbay_sdk::cache;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Forecast {
//!     celsius: f64,
//! }
//!
//! fn ask_the_weather_service(city: &str) -> Result<Forecast> {
//! #   let _ = city;
//!     // …
//! #   Ok(Forecast { celsius: 21.5 })
//! }
//!
//! fn forecast(city: &str) -> Result<Forecast> {
//!     cache::get_or_set(&format!("forecast/{city}"), Duration::from_secs(600), || ask_the_weather_service(city))
//! }
//! # assert_eq!(forecast("Oslo").unwrap().celsius, 21.5);
//! # assert_eq!(cache::delete_pattern("forecast/*").unwrap(), 1);
//! ```
//!
//! The manifest requests it: `permissions: [{ resource: "cache.*" }]`, and the operator grants it. Values are anything
//! that serde can write as JSON, up to 1 MiB; keys are 1 to 512 bytes without control characters. If the cache is full
//! (8 MiB by default), the least recently used values are evicted first, and the host may evict any value at any time.
//!
//! The default time to live is five minutes. A time to live of zero has already expired: nothing is stored, and a value
//! under that key is removed, so `set_for(key, value, deadline.saturating_duration_since(now))` needs no special case.
//! [`set_forever`] sets a value without a time to live. Times are rounded up to whole milliseconds.
//!
//! # Errors
//!
//! All functions return `permission_denied` if the use of the key was not granted, `invalid_argument` if the key, the
//! value or the pattern is not valid, `limit_exceeded` if a limit was reached, and `unavailable` if the cache does not
//! respond.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result, error};
use crate::host;

/// The code of an error about a value that is not of the requested type.
const INVALID_DATA: &str = "invalid_data";

/// The value of a key, or `None` if it was not set, has expired or was evicted.
///
/// # Errors
/// Those of the [module](self), and `invalid_data` if the value is not a `T`.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    host::cache_get(key).map_err(|failure| about(failure, key))?.map(|json| read(key, &json)).transpose()
}

/// Sets a key for five minutes.
///
/// # Errors
/// Those of the [module](self).
pub fn set(key: &str, value: impl Serialize) -> Result<()> {
    write(key, &value, None)
}

/// Sets a key with a time to live. A time of zero removes the key.
///
/// # Errors
/// Those of the [module](self).
pub fn set_for(key: &str, value: impl Serialize, ttl: Duration) -> Result<()> {
    match ttl_ms(ttl) {
        None => delete(key).map(drop),
        ttl => write(key, &value, ttl),
    }
}

/// Sets a key without a time to live, so that it stays until it is removed or evicted.
///
/// # Errors
/// Those of the [module](self).
pub fn set_forever(key: &str, value: impl Serialize) -> Result<()> {
    write(key, &value, Some(FOREVER))
}

/// The value of a key. If there is none, calls `make` and stores its value with a time to live, unless that is zero.
///
/// Of two concurrent calls, both may call `make`, and both return the value that was stored first. A value that is not
/// a `T`, such as one that an older version of the plugin stored, is replaced.
///
/// # Errors
/// Those of the [module](self) and of `make`.
pub fn get_or_set<T>(key: &str, ttl: Duration, make: impl FnOnce() -> Result<T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    match get(key) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => {
            let value = make()?;
            let ttl @ Some(_) = ttl_ms(ttl) else { return Ok(value) };
            let json = serde_json::to_string(&value)?;
            let there = host::cache_get_or_set(key, &json, ttl).map_err(|failure| about(failure, key))?;
            read(key, &there)
        }
        Err(failure) if failure.code() == INVALID_DATA => {
            let value = make()?;
            set_for(key, &value, ttl)?;
            Ok(value)
        }
        Err(failure) => Err(failure),
    }
}

/// The values of these keys, in their order: at most 1,000.
///
/// # Errors
/// Those of [`get`].
pub fn mget<T: DeserializeOwned>(keys: impl IntoIterator<Item = impl Into<String>>) -> Result<Vec<Option<T>>> {
    let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
    let values = host::cache_get_many(&keys).map_err(|failure| failure.context("cache"))?;
    keys.iter().zip(values).map(|(key, json)| json.map(|json| read(key, &json)).transpose()).collect()
}

/// Sets all of these for five minutes or, if one is refused, none: at most 1,000.
///
/// # Errors
/// Those of the [module](self).
pub fn mset<K: Into<String>, V: Serialize>(entries: impl IntoIterator<Item = (K, V)>) -> Result<()> {
    write_many(entries, None)
}

/// Sets all of these with a time to live or, if one is refused, none: at most 1,000. A time of zero removes the keys,
/// one after another.
///
/// # Errors
/// Those of the [module](self).
pub fn mset_for<K: Into<String>, V: Serialize>(entries: impl IntoIterator<Item = (K, V)>, ttl: Duration) -> Result<()> {
    match ttl_ms(ttl) {
        None => entries.into_iter().try_for_each(|(key, _)| delete(&key.into()).map(drop)),
        ttl => write_many(entries, ttl),
    }
}

/// Removes a key. Returns whether it existed.
///
/// # Errors
/// Those of the [module](self).
pub fn delete(key: &str) -> Result<bool> {
    host::cache_delete(key).map_err(|failure| about(failure, key))
}

/// Removes the keys that match a pattern and that the plugin may write, and returns their number. `*` matches any run
/// of characters and `?` matches one; a backslash escapes them and itself.
///
/// # Errors
/// Those of the [module](self).
pub fn delete_pattern(pattern: &str) -> Result<u64> {
    host::cache_delete_pattern(pattern).map_err(|failure| about(failure, pattern))
}

/// Removes every key that the plugin may write, and returns their number.
///
/// # Errors
/// Those of the [module](self).
pub fn clear() -> Result<u64> {
    host::cache_clear().map_err(|failure| failure.context("cache"))
}

/// The value that means no time to live to the host.
const FOREVER: i64 = 0;

/// A time to live in milliseconds, rounded up; `None` for zero, which means no time to live to the host.
fn ttl_ms(ttl: Duration) -> Option<i64> {
    match ttl.as_nanos().div_ceil(1_000_000) {
        0 => None,
        milliseconds => Some(i64::try_from(milliseconds).unwrap_or(i64::MAX)),
    }
}

fn write(key: &str, value: &impl Serialize, ttl_ms: Option<i64>) -> Result<()> {
    host::cache_set(key, &serde_json::to_string(value)?, ttl_ms).map_err(|failure| about(failure, key))
}

fn write_many<K: Into<String>, V: Serialize>(
    entries: impl IntoIterator<Item = (K, V)>,
    ttl_ms: Option<i64>,
) -> Result<()> {
    let entries = entries
        .into_iter()
        .map(|(key, value)| Ok((key.into(), serde_json::to_string(&value)?)))
        .collect::<Result<Vec<(String, String)>>>()?;
    host::cache_set_many(&entries, ttl_ms).map_err(|failure| failure.context("cache"))
}

fn about(failure: Error, key: &str) -> Error {
    failure.context(format_args!("cache `{key}`"))
}

fn read<T: DeserializeOwned>(key: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|reason| {
        let wanted = std::any::type_name::<T>();
        about(error(format!("the value is not a `{wanted}`: {reason}")).with_code(INVALID_DATA), key)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_that_was_set_is_read_with_its_type() {
        assert_eq!(get::<u32>("n").expect("nothing there"), None);
        set("n", 8).expect("stored");
        set_forever("m", "text").expect("stored");
        assert_eq!(get::<u32>("n").expect("there"), Some(8));
        assert_eq!(get::<String>("n").expect_err("it is a number").code(), "invalid_data");
        assert_eq!(mget::<u32>(["n", "none"]).expect("readable"), [Some(8), None]);
        assert!(delete("n").expect("there"));
        assert!(!delete("n").expect("not there"));
        assert_eq!(clear().expect("cleared"), 1);
    }

    #[test]
    fn get_or_set_calls_make_only_if_the_key_is_missing() {
        let minute = Duration::from_secs(60);
        assert_eq!(get_or_set("a", minute, || Ok(1)).expect("computed"), 1);
        assert_eq!(get_or_set::<u32>("a", minute, || Err(error("not called"))).expect("there"), 1);
        let failed = get_or_set::<u32>("b", minute, || Err(error("no")));
        assert_eq!(failed.expect_err("it fails").message(), "no");
        assert_eq!(get_or_set("a", minute, || Ok("of another type".to_owned())).expect("replaced"), "of another type");
        assert_eq!(get::<String>("a").expect("there").as_deref(), Some("of another type"));
    }

    #[test]
    fn value_is_gone_after_its_time_to_live() {
        set_for("short", 1, Duration::from_nanos(1)).expect("stored");
        let stored = std::time::Instant::now();
        // It is rounded up to a millisecond.
        while stored.elapsed() <= Duration::from_millis(1) {}
        assert_eq!(get::<u32>("short").expect("readable"), None);
    }

    #[test]
    fn time_to_live_of_zero_removes_the_value() {
        mset([("a", 1), ("b", 2), ("c", 3)]).expect("set");
        set_for("a", 4, Duration::ZERO).expect("removed");
        mset_for([("b", 5), ("none", 6)], Duration::ZERO).expect("removed");
        assert_eq!(mget::<u32>(["a", "b", "c", "none"]).expect("readable"), [None, None, Some(3), None]);
        assert_eq!(get_or_set("a", Duration::ZERO, || Ok(7)).expect("computed"), 7);
        assert_eq!(get_or_set("c", Duration::ZERO, || Ok(7)).expect("there"), 3);
        assert_eq!(get::<u32>("a").expect("readable"), None);
        assert_eq!(set_for("", 1, Duration::ZERO).expect_err("no key").code(), "invalid_argument");
    }

    #[test]
    fn time_to_live_is_rounded_up() {
        let nanos = |nanos| ttl_ms(Duration::from_nanos(nanos));
        assert_eq!((nanos(0), nanos(1), nanos(1_000_000), nanos(1_000_001)), (None, Some(1), Some(1), Some(2)));
        assert_eq!(ttl_ms(Duration::MAX), Some(i64::MAX));
    }

    #[test]
    fn pattern_removes_the_keys_that_match() {
        mset([("user/1", 1), ("user/2", 2), ("user/*", 3), ("other", 4)]).expect("stored");
        assert_eq!(delete_pattern(r"user/\*").expect("readable"), 1);
        assert_eq!(delete_pattern("user/?").expect("readable"), 2);
        assert_eq!(delete_pattern("").expect_err("no pattern").code(), "invalid_argument");
        assert_eq!(clear().expect("cleared"), 1);
    }

    #[test]
    fn invalid_key_is_refused_without_setting_any() {
        for key in ["", "a\nb"] {
            assert_eq!(set(key, 1).expect_err("no key").code(), "invalid_argument");
        }
        assert_eq!(set(&"k".repeat(513), 1).expect_err("too long").code(), "limit_exceeded");
        mset([("a", 1), ("", 2)]).expect_err("the empty key is invalid");
        assert_eq!(get::<u32>("a").expect("readable"), None);
    }
}
