//! The persistent values of a plugin.
//!
//! A database of the plugin's own, opened at its first use, so that a plugin that keeps nothing costs nothing. A key is
//! a key: it is looked up, compared with permissions, and never part of a path.
//!
//! The standard `wasi:keyvalue` reaches the same values, as bytes. What is set through `data` are the bytes of its JSON
//! text. What is set through the standard is any bytes, and `data` answers those of them that are JSON.

mod data_db;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::{Mutex, OnceCell};

pub(crate) use self::data_db::Value;
use self::data_db::{DataDb, STEPS};
use super::over_limit;
use crate::limits::{DATA_BATCH_KEYS_MAX, DATA_KEY_BYTES_MAX, DATA_VALUE_BYTES_MAX};
use crate::scope::PluginScope;
use crate::sqlite::{Database, Unavailable};

/// The data service of one loaded plugin.
pub(crate) struct PluginData {
    scope: PluginScope,
    in_memory: Arc<DataInMemory>,
    /// Behind a pointer, because most plugins store nothing.
    kept: OnceCell<Arc<DataDb>>,
}

/// The values of plugins without a data directory, by plugin name. They outlive reloads and unloading.
#[derive(Default)]
pub(crate) struct DataInMemory(Mutex<HashMap<Arc<str>, Arc<DataDb>>>);

impl DataInMemory {
    /// Removes the values of a plugin. Returns whether there were any.
    pub(crate) async fn forget(&self, name: &str) -> bool {
        self.0.lock().await.remove(name).is_some()
    }

    async fn open(&self, scope: &PluginScope) -> Result<Arc<DataDb>, Unavailable> {
        let mut all = self.0.lock().await;
        if let Some(kept) = all.get(&scope.name) {
            return Ok(kept.clone());
        }
        let kept = open(scope).await?;
        all.insert(scope.name.clone(), kept.clone());
        Ok(kept)
    }
}

async fn open(scope: &PluginScope) -> Result<Arc<DataDb>, Unavailable> {
    Database::open(scope, "data.sqlite3", STEPS).await.map(|database| Arc::new(DataDb::new(database)))
}

/// Why a use of the data was refused, or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DataError {
    /// The key or value cannot be taken as it is.
    Invalid(String),
    /// A bound was reached.
    Limit(String),
    /// The host cannot read or keep it.
    Unavailable(Unavailable),
}

impl PluginData {
    pub(crate) fn new(scope: PluginScope, in_memory: Arc<DataInMemory>) -> Self {
        PluginData { scope, in_memory, kept: OnceCell::new() }
    }

    /// The stored values, opened at their first use.
    pub(crate) async fn kept(&self) -> Result<&DataDb, DataError> {
        let open = || async {
            match self.scope.directory {
                Some(_) => open(&self.scope).await,
                None => self.in_memory.open(&self.scope).await,
            }
        };
        Ok(self.kept.get_or_try_init(open).await?)
    }
}

/// Whether a text can be a key: 1 to [`DATA_KEY_BYTES_MAX`] bytes without control characters.
///
/// # Errors
/// [`DataError::Invalid`] or [`DataError::Limit`], with what is wrong.
pub(crate) fn check_key(key: &str) -> Result<(), DataError> {
    if key.is_empty() {
        return Err(DataError::Invalid("the key is empty".to_owned()));
    }
    if key.len() > DATA_KEY_BYTES_MAX {
        return Err(DataError::Limit(over_limit("data_key_bytes", DATA_KEY_BYTES_MAX, key.len())));
    }
    match key.chars().find(|c| c.is_control()) {
        Some(found) => Err(DataError::Invalid(format!("the key has a control character ({})", found.escape_unicode()))),
        None => Ok(()),
    }
}

/// Whether a call may name this many keys.
///
/// # Errors
/// [`DataError::Limit`].
pub(crate) fn check_batch(keys: usize) -> Result<(), DataError> {
    if keys > DATA_BATCH_KEYS_MAX {
        return Err(DataError::Limit(over_limit("data_batch_keys", DATA_BATCH_KEYS_MAX, keys)));
    }
    Ok(())
}

/// Whether a value is as short as it must be.
///
/// # Errors
/// [`DataError::Limit`].
pub(crate) fn check_size(value: &[u8]) -> Result<(), DataError> {
    if value.len() > DATA_VALUE_BYTES_MAX {
        return Err(DataError::Limit(over_limit("data_value_bytes", DATA_VALUE_BYTES_MAX, value.len())));
    }
    Ok(())
}

/// A JSON text as a value to store.
///
/// # Errors
/// [`DataError::Limit`] or [`DataError::Invalid`].
pub(crate) fn json(key: &str, text: String) -> Result<Value, DataError> {
    check_size(text.as_bytes())?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|error| DataError::Invalid(format!("{key}: the value is not JSON: {error}")))?;
    Ok(Value { bytes: text.into_bytes(), is_json: true })
}

/// A stored value as JSON text.
///
/// # Errors
/// [`DataError::Invalid`] if the value is not JSON.
pub(crate) fn text(key: &str, value: Value) -> Result<String, DataError> {
    let not_json = || DataError::Invalid(format!("{key}: the value is not JSON: it was set through `wasi:keyvalue`"));
    if !value.is_json {
        return Err(not_json());
    }
    String::from_utf8(value.bytes).map_err(|_| not_json())
}

/// The sum of a stored integer and another; a key without a value counts as 0.
///
/// # Errors
/// [`DataError::Invalid`] if the value is not an integer or the sum is too large for one.
pub(crate) fn sum(key: &str, old: Option<Value>, by: i64) -> Result<i64, DataError> {
    let old = match old {
        None => 0,
        Some(value) => text(key, value)?
            .parse()
            .map_err(|_| DataError::Invalid(format!("{key}: the value is not an integer of 64 bits")))?,
    };
    let over = || DataError::Invalid(format!("{key}: {old} and {by} are more than an integer of 64 bits can hold"));
    i64::checked_add(old, by).ok_or_else(over)
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::Invalid(text) | DataError::Limit(text) => f.write_str(text),
            DataError::Unavailable(unavailable) => unavailable.fmt(f),
        }
    }
}

impl From<Unavailable> for DataError {
    fn from(unavailable: Unavailable) -> Self {
        DataError::Unavailable(unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_tricks_are_keys_like_others() {
        for key in ["a", "../x", "/etc/passwd", "a.b.*", "..", "C:\\x", "ü", " ", &"x".repeat(DATA_KEY_BYTES_MAX)] {
            assert_eq!(check_key(key), Ok(()), "{key}");
        }
    }

    #[test]
    fn key_that_is_empty_or_has_a_control_character_is_invalid() {
        for key in ["", "a\0b", "a\nb", "\u{7f}", "\u{85}"] {
            assert!(matches!(check_key(key), Err(DataError::Invalid(_))), "{key:?}");
        }
    }

    #[test]
    fn long_key_names_the_limit_with_its_numbers() {
        let error = check_key(&"x".repeat(DATA_KEY_BYTES_MAX + 1)).expect_err("it is too long").to_string();
        assert!(error.contains("data_key_bytes") && error.contains("512") && error.contains("513"), "{error}");
    }

    #[test]
    fn value_that_is_not_json_is_invalid_either_way() {
        assert!(matches!(json("k", "{".to_owned()), Err(DataError::Invalid(_))));
        assert!(matches!(json("k", String::new()), Err(DataError::Invalid(_))));
        let raw = Value { bytes: vec![0xff], is_json: false };
        assert!(text("k", raw).expect_err("bytes").to_string().contains("wasi:keyvalue"));
    }
}
