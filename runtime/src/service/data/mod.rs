//! The persistent values of a plugin.
//!
//! `store.rs` has the interface of backends, `sqlite.rs` and `memory.rs` the backends that are built in. A plugin's
//! store is opened at its first use, so that a plugin that stores nothing costs nothing. A key is opaque: it is looked
//! up, compared with permissions, and never part of a path.
//!
//! The standard `wasi:keyvalue` reads and writes the same values as bytes: those of the JSON text of a value that was
//! set through `data`. Bytes that were set through the standard can be read through `data` if they are JSON.

mod memory;
mod sqlite;
mod store;

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

pub use self::memory::MemoryData;
pub use self::sqlite::SqliteData;
pub use self::store::{
    DataChange, DataError, DataFuture, DataLimits, DataStore, DataStoreProvider, DataTotals, DataUpdate, DataValue,
    EntriesPage, EntriesQuery,
};
use super::limit::ReachedLimit;
use crate::limits::{DATA_BATCH_KEYS_MAX, DATA_KEY_BYTES_MAX, DATA_VALUE_BYTES_MAX};

/// The data service of one loaded plugin.
pub(crate) struct PluginData {
    plugin: Arc<str>,
    provider: Arc<dyn DataStoreProvider>,
    store: OnceCell<Arc<dyn DataStore>>,
}

impl PluginData {
    /// The service of the plugin of this name.
    pub(crate) fn new(plugin: Arc<str>, provider: Arc<dyn DataStoreProvider>) -> Self {
        PluginData { plugin, provider, store: OnceCell::new() }
    }

    /// The plugin's store, opened at its first use.
    ///
    /// # Errors
    /// Those of [`DataStoreProvider::open`]; the next use tries again.
    pub(crate) async fn store(&self) -> Result<&dyn DataStore, DataError> {
        if let Some(store) = self.store.get() {
            return Ok(&**store);
        }
        let open = || self.provider.open(&self.plugin, DataLimits::default());
        // Boxed: every other use would carry the size of its future.
        Ok(&**Box::pin(self.store.get_or_try_init(open)).await?)
    }

    /// Replaces a value atomically, as [`DataStore::update`] does. `replace` returns the new value, and an answer that
    /// this returns.
    ///
    /// # Errors
    /// Those of `replace` and of the store; the value is then unchanged.
    pub(crate) async fn replace<T: Send + 'static>(
        &self,
        key: &str,
        mut replace: impl FnMut(Option<&DataValue>) -> Result<(DataValue, T), DataError> + Send + 'static,
    ) -> Result<T, DataError> {
        let answer = Arc::new(Mutex::new(None));
        let update = {
            let answer = answer.clone();
            move |old: Option<&DataValue>| {
                let (value, made) = replace(old)?;
                *answer.lock() = Some(made);
                Ok(DataChange::Set(value))
            }
        };
        self.store().await?.update(key, Box::new(update)).await?;
        let made = answer.lock().take();
        made.ok_or_else(|| DataError::Unavailable("the backend of `data` did not change the value".to_owned()))
    }
}

/// Checks a key: 1 to [`DATA_KEY_BYTES_MAX`] bytes without control characters.
///
/// # Errors
/// [`DataError::Invalid`] or [`DataError::Limit`], with what is wrong.
pub(crate) fn check_key(key: &str) -> Result<(), DataError> {
    if key.is_empty() {
        return Err(DataError::Invalid("the key is empty".to_owned()));
    }
    if key.len() > DATA_KEY_BYTES_MAX {
        return Err(DataError::Limit(ReachedLimit::new("data_key_bytes", DATA_KEY_BYTES_MAX, key.len())));
    }
    match key.chars().find(|c| c.is_control()) {
        Some(found) => Err(DataError::Invalid(format!("the key has a control character ({})", found.escape_unicode()))),
        None => Ok(()),
    }
}

/// Checks the number of keys that one call names.
///
/// # Errors
/// [`DataError::Limit`].
pub(crate) fn check_batch(keys: usize) -> Result<(), DataError> {
    if keys > DATA_BATCH_KEYS_MAX {
        return Err(DataError::Limit(ReachedLimit::new("data_batch_keys", DATA_BATCH_KEYS_MAX, keys)));
    }
    Ok(())
}

/// Checks the size of a value.
///
/// # Errors
/// [`DataError::Limit`].
pub(crate) fn check_size(value: &[u8]) -> Result<(), DataError> {
    if value.len() > DATA_VALUE_BYTES_MAX {
        return Err(DataError::Limit(ReachedLimit::new("data_value_bytes", DATA_VALUE_BYTES_MAX, value.len())));
    }
    Ok(())
}

/// A JSON text as a value to store.
///
/// # Errors
/// [`DataError::Limit`] or [`DataError::Invalid`].
pub(crate) fn json(key: &str, text: String) -> Result<DataValue, DataError> {
    check_size(text.as_bytes())?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|error| DataError::Invalid(format!("{key}: the value is not JSON: {error}")))?;
    Ok(DataValue::Json(text))
}

/// A stored value as JSON text.
///
/// # Errors
/// [`DataError::Invalid`] if the value is not JSON.
pub(crate) fn text(key: &str, value: DataValue) -> Result<String, DataError> {
    match value {
        DataValue::Json(text) => Ok(text),
        DataValue::Bytes(_) => Err(not_json(key)),
    }
}

fn not_json(key: &str) -> DataError {
    DataError::Invalid(format!("{key}: the value is not JSON: it was set through `wasi:keyvalue`"))
}

/// The sum of a stored integer and another; a key without a value counts as 0.
///
/// # Errors
/// [`DataError::Invalid`] if the value is not an integer or the sum is too large for one.
pub(crate) fn sum(key: &str, old: Option<&DataValue>, by: i64) -> Result<i64, DataError> {
    let old = match old {
        None => 0,
        Some(DataValue::Bytes(_)) => return Err(not_json(key)),
        Some(DataValue::Json(text)) => {
            text.parse().map_err(|_| DataError::Invalid(format!("{key}: the value is not an integer of 64 bits")))?
        }
    };
    let over = || DataError::Invalid(format!("{key}: {old} and {by} are more than an integer of 64 bits can hold"));
    i64::checked_add(old, by).ok_or_else(over)
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
        let raw = DataValue::Bytes(vec![0xff]);
        assert!(text("k", raw).expect_err("bytes").to_string().contains("wasi:keyvalue"));
    }
}
