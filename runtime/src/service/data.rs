//! `plugbay:plugin/data`: values that a plugin keeps.
//!
//! A database of the plugin's own, opened at its first use, so that a plugin that keeps nothing costs nothing. A key is a
//! key: it is looked up, compared with permissions, and never part of a path.
//!
//! The standard `wasi:keyvalue` reaches the same values , as bytes. What is set through `data` are the
//! bytes of its JSON text. What is set through the standard is any bytes, and `data` answers those of them that are JSON.

mod kept;

use std::fmt;

use plugbay_manifest::PermissionAction;
use tokio::sync::OnceCell;

pub(crate) use self::kept::Value;
use self::kept::{KeptData, STEPS};
use super::bindings::plugbay::plugin::data as wit;
use super::sqlite::{Database, Unavailable};
use super::{PluginHome, over_limit};
use crate::limits::{
    DATA_BATCH_KEYS_MAX, DATA_ENTRIES_BYTES_MAX, DATA_KEY_BYTES_MAX, DATA_PAGE_KEYS_MAX, DATA_VALUE_BYTES_MAX,
};
use crate::plugin::state::HostState;

/// The data service of one loaded plugin.
pub(crate) struct PluginData {
    home: PluginHome,
    /// Boxed, because most plugins keep nothing: each that is loaded would carry its room.
    kept: OnceCell<Box<KeptData>>,
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
    pub(crate) fn new(home: PluginHome) -> Self {
        PluginData { home, kept: OnceCell::new() }
    }

    /// What is kept, opened by whoever comes first.
    pub(crate) async fn kept(&self) -> Result<&KeptData, DataError> {
        let open = || async {
            Database::open(&self.home, "data.sqlite3", STEPS).await.map(|file| Box::new(KeptData::new(file)))
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

/// Whether a call may name so many keys.
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

/// A JSON text as a value to keep.
fn json(key: &str, text: String) -> Result<Value, DataError> {
    check_size(text.as_bytes())?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|error| DataError::Invalid(format!("{key}: the value is not JSON: {error}")))?;
    Ok(Value { bytes: text.into_bytes(), is_json: true })
}

/// A kept value as JSON text.
fn text(key: &str, value: Value) -> Result<String, DataError> {
    let not_json = || DataError::Invalid(format!("{key}: the value is not JSON: it was set through `wasi:keyvalue`"));
    if !value.is_json {
        return Err(not_json());
    }
    String::from_utf8(value.bytes).map_err(|_| not_json())
}

/// The sum of a stored integer and another; a key without a value counts as 0.
fn sum(key: &str, old: Option<Value>, by: i64) -> Result<i64, DataError> {
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

impl From<DataError> for wit::Error {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Invalid(text) => wit::Error::Invalid(text),
            DataError::Limit(text) => wit::Error::Limit(text),
            DataError::Unavailable(unavailable) => wit::Error::Unavailable(unavailable.to_string()),
        }
    }
}

impl HostState {
    fn may_use_data(&self, key: &str, action: PermissionAction) -> Result<(), wit::Error> {
        check_key(key)?;
        self.check(&format!("data.{key}"), action).map_err(|denial| wit::Error::Denied(denial.to_string()))
    }

    async fn data_get(&mut self, key: String) -> Result<Option<String>, wit::Error> {
        self.may_use_data(&key, PermissionAction::Read)?;
        let value = self.plugin.data.kept().await?.get(key.clone()).await?;
        Ok(value.map(|value| text(&key, value)).transpose()?)
    }

    async fn data_set(&mut self, entries: Vec<(String, String)>) -> Result<(), wit::Error> {
        check_batch(entries.len())?;
        let mut checked = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.may_use_data(&key, PermissionAction::Write)?;
            let value = json(&key, value)?;
            checked.push((key, value));
        }
        Ok(self.plugin.data.kept().await?.set(checked).await?)
    }

    async fn data_get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<String>>, wit::Error> {
        check_batch(keys.len())?;
        for key in &keys {
            self.may_use_data(key, PermissionAction::Read)?;
        }
        let values = self.plugin.data.kept().await?.get_many(keys.clone()).await?;
        let texts = keys.iter().zip(values).map(|(key, value)| value.map(|value| text(key, value)).transpose());
        Ok(texts.collect::<Result<_, DataError>>()?)
    }

    async fn data_increment(&mut self, key: String, by: i64) -> Result<i64, wit::Error> {
        self.may_use_data(&key, PermissionAction::Read)?;
        self.may_use_data(&key, PermissionAction::Write)?;
        let name = key.clone();
        let add = move |old: Option<Value>| {
            let sum = sum(&name, old, by)?;
            Ok((Value { bytes: sum.to_string().into_bytes(), is_json: true }, sum))
        };
        Ok(self.plugin.data.kept().await?.update(key, add).await?)
    }

    async fn data_swap(
        &mut self,
        key: String,
        expected: Option<String>,
        new: Option<String>,
    ) -> Result<bool, wit::Error> {
        self.may_use_data(&key, PermissionAction::Read)?;
        self.may_use_data(&key, PermissionAction::Write)?;
        let expected = expected.map(|text| Value { bytes: text.into_bytes(), is_json: true });
        let new = new.map(|text| json(&key, text)).transpose()?;
        Ok(self.plugin.data.kept().await?.swap(key, expected, new).await?)
    }

    /// A page of the entries that the plugin may read. The cursor is a key of the page, so that it reveals no other.
    async fn data_entries(
        &mut self,
        prefix: String,
        mut after: Option<String>,
        limit: usize,
    ) -> Result<wit::EntriesPage, wit::Error> {
        let plugin = self.plugin.clone();
        let kept = plugin.data.kept().await?;
        loop {
            let reader = plugin.clone();
            let readable = move |key: &str| reader.grants.check(&format!("data.{key}"), PermissionAction::Read).is_ok();
            let (found, more) = kept.entries(prefix.clone(), after, limit, DATA_ENTRIES_BYTES_MAX, readable).await?;
            self.end_host_call(found.iter().map(|(key, value)| key.len() + value.bytes.len()).sum()).await;
            if found.is_empty() && more.is_some() {
                // A policy that hides most of the keys makes this look at many of them: others run in between.
                after = more;
                continue;
            }
            let cursor = more.and_then(|_| found.last().map(|(key, _)| key.clone()));
            let entries = found.into_iter().map(|(key, value)| text(&key, value).map(|json| (key, json)));
            return Ok(wit::EntriesPage { entries: entries.collect::<Result<_, DataError>>()?, cursor });
        }
    }

    async fn data_delete(&mut self, key: String) -> Result<bool, wit::Error> {
        self.may_use_data(&key, PermissionAction::Write)?;
        Ok(self.plugin.data.kept().await?.delete(vec![key]).await? > 0)
    }

    /// A page of the keys that the plugin may read. The cursor is a key that it was told, so that it learns of no other.
    pub(crate) async fn data_keys(
        &mut self,
        prefix: &str,
        mut after: Option<String>,
        limit: usize,
    ) -> Result<wit::Page, DataError> {
        let plugin = self.plugin.clone();
        let kept = plugin.data.kept().await?;
        let readable = |key: &String| plugin.grants.check(&format!("data.{key}"), PermissionAction::Read).is_ok();
        let mut keys: Vec<String> = Vec::new();
        loop {
            let found = kept.keys(prefix.to_owned(), after.clone(), DATA_PAGE_KEYS_MAX).await?;
            let is_last = found.len() < DATA_PAGE_KEYS_MAX;
            after = found.last().cloned();
            // A policy that hides most of the keys makes this look at many of them: others run in between.
            self.end_host_call(found.iter().map(String::len).sum()).await;
            keys.extend(found.into_iter().filter(readable).take(limit + 1 - keys.len()));
            if keys.len() > limit {
                keys.truncate(limit);
                return Ok(wit::Page { cursor: keys.last().cloned(), keys });
            }
            if is_last {
                return Ok(wit::Page { keys, cursor: None });
            }
        }
    }
}

impl wit::Host for HostState {
    async fn get(&mut self, key: String) -> Result<Option<String>, wit::Error> {
        let got = self.data_get(key).await;
        self.end_host_call(got.iter().flatten().map(String::len).sum()).await;
        got
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), wit::Error> {
        self.set_many(vec![(key, value)]).await
    }

    async fn set_many(&mut self, entries: Vec<(String, String)>) -> Result<(), wit::Error> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        let set = self.data_set(entries).await;
        self.end_host_call(bytes).await;
        set
    }

    async fn get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<String>>, wit::Error> {
        let asked: usize = keys.iter().map(String::len).sum();
        let got = self.data_get_many(keys).await;
        self.end_host_call(asked + got.iter().flatten().flatten().map(String::len).sum::<usize>()).await;
        got
    }

    async fn increment(&mut self, key: String, by: i64) -> Result<i64, wit::Error> {
        let bytes = key.len();
        let sum = self.data_increment(key, by).await;
        self.end_host_call(bytes).await;
        sum
    }

    async fn compare_and_swap(
        &mut self,
        key: String,
        expected: Option<String>,
        value: Option<String>,
    ) -> Result<bool, wit::Error> {
        let bytes = key.len() + [&expected, &value].into_iter().flatten().map(String::len).sum::<usize>();
        let swapped = self.data_swap(key, expected, value).await;
        self.end_host_call(bytes).await;
        swapped
    }

    async fn entries(
        &mut self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
    ) -> Result<wit::EntriesPage, wit::Error> {
        let limit = (limit as usize).min(DATA_PAGE_KEYS_MAX);
        if limit == 0 {
            self.end_host_call(0).await;
            return Err(wit::Error::Invalid("the limit is 0: ask for at least one key".to_owned()));
        }
        self.data_entries(prefix, cursor, limit).await
    }

    async fn delete(&mut self, key: String) -> Result<bool, wit::Error> {
        let bytes = key.len();
        let deleted = self.data_delete(key).await;
        self.end_host_call(bytes).await;
        deleted
    }

    async fn keys(&mut self, prefix: String, cursor: Option<String>, limit: u32) -> Result<wit::Page, wit::Error> {
        let limit = (limit as usize).min(DATA_PAGE_KEYS_MAX);
        if limit == 0 {
            self.end_host_call(0).await;
            return Err(wit::Error::Invalid("the limit is 0: ask for at least one key".to_owned()));
        }
        Ok(self.data_keys(&prefix, cursor, limit).await?)
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
