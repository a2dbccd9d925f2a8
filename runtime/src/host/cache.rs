//! `plugbay:plugin/cache` over the cache service.

use plugbay_manifest::PermissionAction;

use super::HostState;
use super::bindings::plugbay::plugin::cache as wit;
use super::failure::{Failure, INVALID_ARGUMENT, UNAVAILABLE, failure};
use crate::capability::{Pattern, resource};
use crate::limits::CACHE_PATTERN_BYTES_MAX;
use crate::service::cache::{CacheError, CacheFuture, CacheValue, check_batch, check_key, json, text, ttl};
use crate::service::limit::ReachedLimit;
use crate::store_future::StoreFuture;

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Invalid(text) => failure(INVALID_ARGUMENT, text),
            CacheError::Limit(limit) => limit.into(),
            CacheError::Unavailable(text) => failure(UNAVAILABLE, text),
        }
    }
}

impl HostState {
    fn may_use_cache(&self, key: &str, action: PermissionAction) -> Result<(), Failure> {
        check_key(key)?;
        Ok(self.check(&resource("cache", key), action)?)
    }

    fn cache_get<'a>(&'a self, key: &'a str) -> Result<CacheFuture<'a, Option<CacheValue>>, Failure> {
        self.may_use_cache(key, PermissionAction::Read)?;
        Ok(self.plugin.cache.get(key))
    }

    async fn cache_get_many(&mut self, keys: &[String]) -> Result<Vec<Option<String>>, Failure> {
        check_batch(keys.len())?;
        keys.iter().try_for_each(|key| self.may_use_cache(key, PermissionAction::Read))?;
        let values = self.plugin.cache.store().await?.get_many(keys).await?;
        values.iter().for_each(|value| self.plugin.metrics.cache_read(value.is_some()));
        let texts = keys.iter().zip(values).map(|(key, value)| value.map(|value| text(key, &value)).transpose());
        Ok(texts.collect::<Result<_, CacheError>>()?)
    }

    async fn cache_set(&mut self, entries: Vec<(String, String)>, ttl_ms: Option<i64>) -> Result<(), Failure> {
        check_batch(entries.len())?;
        let mut checked = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.may_use_cache(&key, PermissionAction::Write)?;
            let value = json(&key, &value)?;
            checked.push((key, value));
        }
        Ok(self.plugin.cache.store().await?.set_many(checked, ttl(ttl_ms)).await?)
    }

    /// The plugin gets the present value, so reading must be granted as well.
    async fn cache_get_or_set(&mut self, key: &str, value: &str, ttl_ms: Option<i64>) -> Result<String, Failure> {
        self.may_use_cache(key, PermissionAction::Write)?;
        self.may_use_cache(key, PermissionAction::Read)?;
        let value = json(key, value)?;
        let value = self.plugin.cache.store().await?.get_or_set(key, value, ttl(ttl_ms)).await?;
        Ok(text(key, &value)?)
    }

    async fn cache_delete(&mut self, key: &String) -> Result<bool, Failure> {
        self.may_use_cache(key, PermissionAction::Write)?;
        Ok(self.plugin.cache.store().await?.delete(std::slice::from_ref(key)).await? > 0)
    }

    /// Removes the keys that match the pattern and may be written. A plugin that may write nothing of its cache is
    /// denied.
    async fn cache_delete_all(&mut self, pattern: Pattern) -> Result<u64, Failure> {
        let plugin = self.plugin.clone();
        plugin.permissions.check_any(&self.call.origin, "cache.*", PermissionAction::Write)?;
        let may = plugin.permissions.filter(PermissionAction::Write);
        let selects = Box::new(move |key: &str| pattern.matches(key) && may(&resource("cache", key)));
        Ok(plugin.cache.store().await?.delete_selected(selects).await?)
    }
}

impl wit::Host for HostState {
    async fn get(&mut self, key: String) -> Result<Option<String>, Failure> {
        let got = match self.cache_get(&key).map(StoreFuture::into_ready) {
            Ok(Ok(value)) => value.map_err(Failure::from),
            Ok(Err(waiting)) => waiting.await.map_err(Failure::from),
            Err(denied) => Err(denied),
        };
        if let Ok(value) = &got {
            self.plugin.metrics.cache_read(value.is_some());
        }
        let got = got.and_then(|value| Ok(value.map(|value| text(&key, &value)).transpose()?));
        self.end_host_call(got.iter().flatten().map(String::len).sum()).await;
        got
    }

    async fn set(&mut self, key: String, value: String, ttl_ms: Option<i64>) -> Result<(), Failure> {
        self.set_many(vec![(key, value)], ttl_ms).await
    }

    async fn get_or_set(&mut self, key: String, value: String, ttl_ms: Option<i64>) -> Result<String, Failure> {
        let got = self.cache_get_or_set(&key, &value, ttl_ms).await;
        self.end_host_call(value.len() + got.as_ref().map_or(0, String::len)).await;
        got
    }

    async fn delete(&mut self, key: String) -> Result<bool, Failure> {
        let deleted = self.cache_delete(&key).await;
        self.end_host_call(key.len()).await;
        deleted
    }

    async fn get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<String>>, Failure> {
        let got = self.cache_get_many(&keys).await;
        let values = got.iter().flatten().flatten().map(String::len).sum::<usize>();
        self.end_host_call(values + keys.iter().map(String::len).sum::<usize>()).await;
        got
    }

    async fn set_many(&mut self, entries: Vec<(String, String)>, ttl_ms: Option<i64>) -> Result<(), Failure> {
        let bytes = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        let set = self.cache_set(entries, ttl_ms).await;
        self.end_host_call(bytes).await;
        set
    }

    async fn delete_pattern(&mut self, pattern: String) -> Result<u64, Failure> {
        let bytes = pattern.len();
        let deleted = match bytes {
            0 => Err(failure(INVALID_ARGUMENT, "the pattern is empty")),
            1..=CACHE_PATTERN_BYTES_MAX => self.cache_delete_all(Pattern::new(pattern)).await,
            _ => Err(ReachedLimit::new("cache_pattern_bytes", CACHE_PATTERN_BYTES_MAX, bytes).into()),
        };
        self.end_host_call(bytes).await;
        deleted
    }

    async fn clear(&mut self) -> Result<u64, Failure> {
        let deleted = self.cache_delete_all(Pattern::new("*")).await;
        self.end_host_call(0).await;
        deleted
    }
}
