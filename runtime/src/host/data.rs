//! `plugbay:plugin/data` over the data service.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::data as wit;
use super::failure::{Failure, INVALID_ARGUMENT, UNAVAILABLE, failure};
use crate::capability::resource;
use crate::limits::{DATA_ENTRIES_BYTES_MAX, DATA_PAGE_KEYS_MAX};
use crate::service::data::{DataChange, DataError, DataValue, EntriesQuery, check_batch, check_key, json, sum, text};

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error {
            DataError::Invalid(text) => failure(INVALID_ARGUMENT, text),
            DataError::Limit(limit) => limit.into(),
            DataError::Unavailable(text) => failure(UNAVAILABLE, text),
        }
    }
}

impl HostState {
    fn may_use_data(&self, key: &str, action: PermissionAction) -> Result<(), Failure> {
        check_key(key)?;
        Ok(self.check(&resource("data", key), action)?)
    }

    async fn data_get(&mut self, key: String) -> Result<Option<String>, Failure> {
        self.may_use_data(&key, PermissionAction::Read)?;
        let value = self.plugin.data.store().await?.get(&key).await?;
        Ok(value.map(|value| text(&key, value)).transpose()?)
    }

    async fn data_set(&mut self, entries: Vec<(String, String)>) -> Result<(), Failure> {
        check_batch(entries.len())?;
        let mut checked = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.may_use_data(&key, PermissionAction::Write)?;
            let value = json(&key, value)?;
            checked.push((key, value));
        }
        Ok(self.plugin.data.store().await?.set_many(checked).await?)
    }

    async fn data_get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<String>>, Failure> {
        check_batch(keys.len())?;
        for key in &keys {
            self.may_use_data(key, PermissionAction::Read)?;
        }
        let values = self.plugin.data.store().await?.get_many(&keys).await?;
        let texts = keys.iter().zip(values).map(|(key, value)| value.map(|value| text(key, value)).transpose());
        Ok(texts.collect::<Result<_, DataError>>()?)
    }

    async fn data_increment(&mut self, key: String, by: i64) -> Result<i64, Failure> {
        self.may_use_data(&key, PermissionAction::Read)?;
        self.may_use_data(&key, PermissionAction::Write)?;
        let name = key.clone();
        let add = move |old: Option<&DataValue>| {
            let sum = sum(&name, old, by)?;
            Ok((DataValue::Json(sum.to_string()), sum))
        };
        Ok(self.plugin.data.replace(&key, add).await?)
    }

    async fn data_swap(&mut self, key: String, expected: Option<String>, new: Option<String>) -> Result<bool, Failure> {
        self.may_use_data(&key, PermissionAction::Read)?;
        self.may_use_data(&key, PermissionAction::Write)?;
        let expected = expected.map(DataValue::Json);
        let new = new.map(|text| json(&key, text)).transpose()?;
        let swap = move |old: Option<&DataValue>| {
            if old != expected.as_ref() {
                return Ok(DataChange::Keep);
            }
            Ok(new.clone().map_or(DataChange::Remove, DataChange::Set))
        };
        Ok(self.plugin.data.store().await?.update(&key, Box::new(swap)).await?)
    }

    /// A page of the entries that the plugin may read. The cursor is a key of the page, so that it reveals no other.
    async fn data_entries(
        &mut self,
        prefix: String,
        mut after: Option<String>,
        limit: usize,
    ) -> Result<wit::EntriesPage, Failure> {
        let plugin = self.plugin.clone();
        let store = plugin.data.store().await?;
        loop {
            let reader = plugin.clone();
            let readable = move |key: &str| reader.permissions.holds(&resource("data", key), PermissionAction::Read);
            let wanted = Box::new(readable);
            let query =
                EntriesQuery { prefix: prefix.clone(), after, limit, bytes_max: DATA_ENTRIES_BYTES_MAX, wanted };
            let page = store.entries(query).await?;
            let (found, more) = (page.entries, page.last);
            self.end_host_call(found.iter().map(|(key, value)| key.len() + value.as_bytes().len()).sum()).await;
            if found.is_empty() && more.is_some() {
                // The policy hides all keys of this page.
                after = more;
                continue;
            }
            let cursor = more.and_then(|_| found.last().map(|(key, _)| key.clone()));
            let entries = found.into_iter().map(|(key, value)| text(&key, value).map(|json| (key, json)));
            return Ok(wit::EntriesPage { entries: entries.collect::<Result<_, DataError>>()?, cursor });
        }
    }

    async fn data_delete(&mut self, key: String) -> Result<bool, Failure> {
        self.may_use_data(&key, PermissionAction::Write)?;
        Ok(self.plugin.data.store().await?.delete(std::slice::from_ref(&key)).await? > 0)
    }

    /// A page of the keys that the plugin may read. The cursor is a key of the page, so that it reveals no other.
    pub(super) async fn data_keys(
        &mut self,
        prefix: &str,
        mut after: Option<String>,
        limit: usize,
    ) -> Result<wit::Page, DataError> {
        let plugin = self.plugin.clone();
        let store = plugin.data.store().await?;
        let readable = |key: &String| plugin.permissions.holds(&resource("data", key), PermissionAction::Read);
        let mut keys: Vec<String> = Vec::new();
        loop {
            let found = store.keys(prefix, after.as_deref(), DATA_PAGE_KEYS_MAX).await?;
            let is_last = found.len() < DATA_PAGE_KEYS_MAX;
            after = found.last().cloned();
            // If the policy hides most of the keys, this looks at many of them: other tasks run in between.
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
    async fn get(&mut self, key: String) -> Result<Option<String>, Failure> {
        let got = self.data_get(key).await;
        self.end_host_call(got.iter().flatten().map(String::len).sum()).await;
        got
    }

    async fn set(&mut self, key: String, value: String) -> Result<(), Failure> {
        self.set_many(vec![(key, value)]).await
    }

    async fn set_many(&mut self, entries: Vec<(String, String)>) -> Result<(), Failure> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        let set = self.data_set(entries).await;
        self.end_host_call(bytes).await;
        set
    }

    async fn get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<String>>, Failure> {
        let asked: usize = keys.iter().map(String::len).sum();
        let got = self.data_get_many(keys).await;
        self.end_host_call(asked + got.iter().flatten().flatten().map(String::len).sum::<usize>()).await;
        got
    }

    async fn increment(&mut self, key: String, by: i64) -> Result<i64, Failure> {
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
    ) -> Result<bool, Failure> {
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
    ) -> Result<wit::EntriesPage, Failure> {
        let limit = (limit as usize).min(DATA_PAGE_KEYS_MAX);
        if limit == 0 {
            self.end_host_call(0).await;
            return Err(failure(INVALID_ARGUMENT, "the limit is 0: ask for at least one key"));
        }
        self.data_entries(prefix, cursor, limit).await
    }

    async fn delete(&mut self, key: String) -> Result<bool, Failure> {
        let bytes = key.len();
        let deleted = self.data_delete(key).await;
        self.end_host_call(bytes).await;
        deleted
    }

    async fn keys(&mut self, prefix: String, cursor: Option<String>, limit: u32) -> Result<wit::Page, Failure> {
        let limit = (limit as usize).min(DATA_PAGE_KEYS_MAX);
        if limit == 0 {
            self.end_host_call(0).await;
            return Err(failure(INVALID_ARGUMENT, "the limit is 0: ask for at least one key"));
        }
        Ok(self.data_keys(&prefix, cursor, limit).await?)
    }
}
