//! The cache of a plugin: values that may be evicted.
//!
//! `store.rs` has the interface of backends, `memory.rs` the backend that is built in. A cache belongs to a plugin by
//! its name: it outlives instances and a reload, and is dropped with the plugin. Its store is opened at its first use.
//!
//! The standard `wasi:keyvalue` reads and writes the same values as bytes. Bytes that are JSON are cached as JSON, so
//! that `cache` can read them.

mod memory;
mod store;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::de::IgnoredAny;
use tokio::sync::OnceCell;

pub use self::memory::MemoryCache;
pub use self::store::{
    CacheChange, CacheError, CacheFuture, CacheKeyFilter, CacheLimits, CacheStore, CacheStoreProvider, CacheUpdate,
    CacheValue,
};
use super::limit::ReachedLimit;
use crate::limits::{CACHE_BATCH_KEYS_MAX, CACHE_KEY_BYTES_MAX, CACHE_TTL_DEFAULT, CACHE_VALUE_BYTES_MAX};
use crate::store_future::StoreFuture;

/// The cache service of one loaded plugin. Its revisions have clones, which share one store. It is open as long as one
/// of them lives, even if the newest has not used it yet.
#[derive(Clone)]
pub(crate) struct PluginCache {
    plugin: Arc<str>,
    provider: Arc<dyn CacheStoreProvider>,
    store: Arc<OnceCell<Arc<dyn CacheStore>>>,
}

impl PluginCache {
    /// The service of the plugin of this name.
    pub(crate) fn new(plugin: Arc<str>, provider: Arc<dyn CacheStoreProvider>) -> Self {
        PluginCache { plugin, provider, store: Arc::default() }
    }

    /// Returns the value of a key. If the store is open, this is its future: an asynchronous function in between would
    /// cost a value in memory a tenth of its time.
    pub(crate) fn get<'a>(&'a self, key: &'a str) -> CacheFuture<'a, Option<CacheValue>> {
        match self.store.get() {
            Some(store) => store.get(key),
            None => StoreFuture::new(async move { self.store().await?.get(key).await }),
        }
    }

    /// The plugin's store, opened at its first use.
    ///
    /// # Errors
    /// Those of [`CacheStoreProvider::open`]; the next use tries again.
    pub(crate) async fn store(&self) -> Result<&dyn CacheStore, CacheError> {
        if let Some(store) = self.store.get() {
            return Ok(&**store);
        }
        let open = || self.provider.open(&self.plugin, CacheLimits::default());
        // Boxed: every other use would carry the size of its future.
        Ok(&**Box::pin(self.store.get_or_try_init(open)).await?)
    }

    /// Replaces a value atomically, as [`CacheStore::update`] does. `replace` returns the new value, and an answer that
    /// this returns.
    ///
    /// # Errors
    /// Those of `replace` and of the store; the value is then unchanged.
    pub(crate) async fn replace<T: Send + 'static>(
        &self,
        key: &str,
        mut replace: impl FnMut(Option<&CacheValue>) -> Result<(CacheValue, T), CacheError> + Send + 'static,
    ) -> Result<T, CacheError> {
        let answer = Arc::new(Mutex::new(None));
        let update = {
            let answer = answer.clone();
            move |old: Option<&CacheValue>| {
                let (value, made) = replace(old)?;
                *answer.lock() = Some(made);
                Ok(CacheChange::Set(value))
            }
        };
        self.store().await?.update(key, Box::new(update), ttl(None)).await?;
        let made = answer.lock().take();
        made.ok_or_else(|| CacheError::Unavailable("the backend of `cache` did not change the value".to_owned()))
    }
}

/// The time to live of a value, from what a plugin asked for. `None` does not expire.
pub(crate) fn ttl(ttl_ms: Option<i64>) -> Option<Duration> {
    match ttl_ms {
        None => Some(CACHE_TTL_DEFAULT),
        Some(ms) => u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis),
    }
}

/// Checks a key: 1 to [`CACHE_KEY_BYTES_MAX`] bytes without control characters.
///
/// # Errors
/// [`CacheError::Invalid`] or [`CacheError::Limit`], with what is wrong.
pub(crate) fn check_key(key: &str) -> Result<(), CacheError> {
    if key.is_empty() {
        return Err(CacheError::Invalid("the key is empty".to_owned()));
    }
    if key.len() > CACHE_KEY_BYTES_MAX {
        return Err(CacheError::Limit(ReachedLimit::new("cache_key_bytes", CACHE_KEY_BYTES_MAX, key.len())));
    }
    match key.chars().find(|c| c.is_control()) {
        Some(found) => {
            Err(CacheError::Invalid(format!("the key has a control character ({})", found.escape_unicode())))
        }
        None => Ok(()),
    }
}

/// Checks the number of keys that one call names.
///
/// # Errors
/// [`CacheError::Limit`].
pub(crate) fn check_batch(keys: usize) -> Result<(), CacheError> {
    if keys > CACHE_BATCH_KEYS_MAX {
        return Err(CacheError::Limit(ReachedLimit::new("cache_batch_keys", CACHE_BATCH_KEYS_MAX, keys)));
    }
    Ok(())
}

/// A JSON text as a value to cache.
///
/// # Errors
/// [`CacheError::Limit`] or [`CacheError::Invalid`].
pub(crate) fn json(key: &str, value: &str) -> Result<CacheValue, CacheError> {
    if value.len() > CACHE_VALUE_BYTES_MAX {
        return Err(CacheError::Limit(ReachedLimit::new("cache_value_bytes", CACHE_VALUE_BYTES_MAX, value.len())));
    }
    match serde_json::from_str::<IgnoredAny>(value) {
        Ok(_) => Ok(CacheValue::Json(value.into())),
        Err(error) => Err(CacheError::Invalid(format!("{key}: the value is not JSON: {error}"))),
    }
}

/// Any bytes as a value to cache. Those that are JSON are cached as JSON.
pub(crate) fn bytes(bytes: &[u8]) -> CacheValue {
    match std::str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => CacheValue::Json(text.into()),
        _ => CacheValue::Bytes(bytes.into()),
    }
}

/// A cached value as JSON text.
///
/// # Errors
/// [`CacheError::Invalid`] if the value is not JSON.
pub(crate) fn text(key: &str, value: &CacheValue) -> Result<String, CacheError> {
    match value {
        CacheValue::Json(text) => Ok((**text).to_owned()),
        CacheValue::Bytes(_) => {
            Err(CacheError::Invalid(format!("{key}: the value is not JSON: it was set through `wasi:keyvalue`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn set(cache: &PluginCache, key: &str, value: &[u8]) {
        let entries = vec![(key.to_owned(), bytes(value))];
        cache.store().await.expect("opened").set_many(entries, None).await.expect("set");
    }

    async fn get(cache: &PluginCache, key: &str) -> Option<CacheValue> {
        cache.store().await.expect("opened").get(key).await.expect("read")
    }

    #[tokio::test]
    async fn revisions_of_a_plugin_share_its_cache_until_the_last_one_is_dropped() {
        let provider = Arc::new(MemoryCache::default());
        let cache = |plugin: &str| PluginCache::new(plugin.into(), provider.clone());
        let old = cache("one");
        let new = old.clone();
        set(&old, "a", b"1").await;
        drop(old);
        assert_eq!(get(&new, "a").await, Some(bytes(b"1")));
        assert_eq!(get(&cache("two"), "a").await, None);
        drop(new);
        assert_eq!(get(&cache("one"), "a").await, None);
    }

    #[test]
    fn unused_cache_is_not_opened() {
        let cache = PluginCache::new("one".into(), Arc::new(MemoryCache::default()));
        assert!(cache.store.get().is_none());
    }

    #[test]
    fn ttl_has_a_default_and_zero_or_less_is_forever() {
        assert_eq!(ttl(None), Some(Duration::from_secs(300)));
        assert_eq!(ttl(Some(1)), Some(Duration::from_millis(1)));
        assert_eq!([ttl(Some(0)), ttl(Some(-1)), ttl(Some(i64::MIN))], [None; 3]);
    }

    #[test]
    fn key_that_is_empty_has_control_characters_or_is_too_long_is_refused() {
        assert!(matches!(check_key(""), Err(CacheError::Invalid(_))));
        assert!(matches!(check_key("a\nb"), Err(CacheError::Invalid(_))));
        let Err(CacheError::Limit(limit)) = check_key(&"k".repeat(513)) else { panic!("it is too long") };
        let text = limit.to_string();
        assert!(["cache_key_bytes", "512", "513"].iter().all(|part| text.contains(part)), "{text}");
        assert!(check_key(&"k".repeat(512)).is_ok());
    }

    #[test]
    fn bytes_are_cached_as_json_if_they_are_json() {
        for json in ["{\"a\": 1}", "7", "[1, 2]", " null "] {
            assert_eq!(bytes(json.as_bytes()), CacheValue::Json(json.into()));
        }
        for other in [&b""[..], b"plain", &[0], &[0, 1, 127, 128, 255], "\0ü".as_bytes()] {
            let value = bytes(other);
            assert_eq!(value, CacheValue::Bytes(other.into()));
            assert!(text("k", &value).expect_err("bytes").to_string().contains("wasi:keyvalue"));
        }
    }
}
