//! The cache of a plugin: values that may be forgotten.
//!
//! A cache belongs to a plugin by its name: it outlives instances and a reload, and goes with the plugin. It is made
//! when it is first used. What keeps the values is [`Memory`]; this file is what may be done with it and how much of
//! it.

mod bytes;
mod memory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use serde::de::IgnoredAny;

use self::memory::{Memory, TooSlow, Total};
use super::over_limit;
use crate::clock::Clock;
use crate::limits::{
    CACHE_BATCH_BYTES_MAX, CACHE_BATCH_KEYS_MAX, CACHE_KEY_BYTES_MAX, CACHE_SCAN_TIME_MAX, CACHE_TTL_DEFAULT,
    CACHE_VALUE_BYTES_MAX,
};
use crate::scope::{PluginScope, forget_gone};

/// The caches of a runtime, by plugin.
#[derive(Default)]
pub(crate) struct Caches {
    all: Mutex<HashMap<Arc<str>, Weak<Room>>>,
    total: Arc<Total>,
}

/// Where one plugin's cache is, or will be.
struct Room {
    clock: Arc<dyn Clock>,
    total: Arc<Total>,
    memory: OnceLock<Arc<Memory>>,
}

impl Caches {
    /// Forgets the cache of a plugin: the plugin that is loaded next has an empty one.
    pub(crate) fn forget(&self, name: &str) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

/// The cache service of one loaded plugin.
pub(crate) struct PluginCache(Arc<Room>);

impl PluginCache {
    /// The cache that another revision of the plugin uses already, or a new one.
    pub(crate) fn new(caches: &Caches, scope: &PluginScope) -> Self {
        let mut all = caches.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = all.get(&scope.name).and_then(Weak::upgrade) {
            return PluginCache(room);
        }
        forget_gone(&mut all, |room| room.strong_count() > 0);
        let room = Arc::new(Room { clock: scope.clock.clone(), total: caches.total.clone(), memory: OnceLock::new() });
        all.insert(scope.name.clone(), Arc::downgrade(&room));
        PluginCache(room)
    }

    /// The JSON text under a key, if there is one.
    ///
    /// # Errors
    /// [`CacheError::Invalid`] if the value is not JSON: the standard can cache other bytes.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Arc<str>>, CacheError> {
        self.memory().get(key).map(|text| json(key, text)).transpose()
    }

    /// The values of these keys, in their order.
    ///
    /// # Errors
    /// As [`PluginCache::get`], or [`CacheError::Limit`] if they are longer together than one call may get.
    pub(crate) fn get_many(&self, keys: &[String]) -> Result<Vec<Option<String>>, CacheError> {
        let values: Vec<Option<Arc<str>>> = keys.iter().map(|key| self.get(key)).collect::<Result<_, _>>()?;
        // Counted before anything is copied: a thousand times the same key is a thousand values.
        let bytes = values.iter().flatten().map(|value| value.len()).sum::<usize>();
        if bytes > CACHE_BATCH_BYTES_MAX {
            return Err(CacheError::Limit(over_limit("cache_batch_bytes", CACHE_BATCH_BYTES_MAX, bytes)));
        }
        Ok(values.into_iter().map(|value| value.map(|value| value.to_string())).collect())
    }

    /// Sets a key to a JSON text that [`check_value`] has accepted.
    pub(crate) fn set(&self, key: &str, value: &str, ttl: Option<Duration>) {
        self.memory().set(key, value, ttl);
    }

    /// The value under a key, which is set to `value` if there is none.
    ///
    /// # Errors
    /// As [`PluginCache::get`].
    pub(crate) fn get_or_set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Result<Arc<str>, CacheError> {
        json(key, self.memory().get_or_set(key, value, ttl))
    }

    /// Forgets a key. Returns whether it was there.
    pub(crate) fn delete(&self, key: &str) -> bool {
        self.memory().delete(key)
    }

    /// Forgets every key that fits. Returns how many there were.
    ///
    /// # Errors
    /// [`CacheError::Limit`] if the scan takes longer than [`CACHE_SCAN_TIME_MAX`].
    pub(crate) async fn delete_all(&self, fits: impl Fn(&str) -> bool + Send + 'static) -> Result<u64, CacheError> {
        Ok(Memory::delete_all(self.memory().clone(), fits).await?)
    }

    fn memory(&self) -> &Arc<Memory> {
        self.0.memory.get_or_init(|| Memory::new(self.0.clock.clone(), &self.0.total))
    }
}

/// How long a value is cached, from what a plugin asked for; `None` is forever.
pub(crate) fn ttl(ttl_ms: Option<i64>) -> Option<Duration> {
    match ttl_ms {
        None => Some(CACHE_TTL_DEFAULT),
        Some(ms) => u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis),
    }
}

/// A use of the cache that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CacheError {
    /// The key or value cannot be taken as it is.
    Invalid(String),
    /// A bound was reached.
    Limit(String),
}

/// Whether a text can be a key: 1 to [`CACHE_KEY_BYTES_MAX`] bytes without control characters.
///
/// # Errors
/// [`CacheError::Invalid`] or [`CacheError::Limit`], with what is wrong.
pub(crate) fn check_key(key: &str) -> Result<(), CacheError> {
    if key.is_empty() {
        return Err(CacheError::Invalid("the key is empty".to_owned()));
    }
    if key.len() > CACHE_KEY_BYTES_MAX {
        return Err(CacheError::Limit(over_limit("cache_key_bytes", CACHE_KEY_BYTES_MAX, key.len())));
    }
    match key.chars().find(|c| c.is_control()) {
        Some(found) => {
            Err(CacheError::Invalid(format!("the key has a control character ({})", found.escape_unicode())))
        }
        None => Ok(()),
    }
}

/// Whether a value is JSON and as short as it must be.
///
/// # Errors
/// [`CacheError::Limit`] or [`CacheError::Invalid`].
pub(crate) fn check_value(key: &str, value: &str) -> Result<(), CacheError> {
    if value.len() > CACHE_VALUE_BYTES_MAX {
        return Err(CacheError::Limit(over_limit("cache_value_bytes", CACHE_VALUE_BYTES_MAX, value.len())));
    }
    match serde_json::from_str::<IgnoredAny>(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(CacheError::Invalid(format!("{key}: the value is not JSON: {error}"))),
    }
}

/// A cached text, if it is JSON.
fn json(key: &str, text: Arc<str>) -> Result<Arc<str>, CacheError> {
    if bytes::is_bytes(&text) {
        return Err(CacheError::Invalid(format!("{key}: the value is not JSON: it was set through `wasi:keyvalue`")));
    }
    Ok(text)
}

impl From<TooSlow> for CacheError {
    fn from(TooSlow(observed): TooSlow) -> Self {
        CacheError::Limit(over_limit("cache_scan_time", format!("{CACHE_SCAN_TIME_MAX:?}"), format!("{observed:?}")))
    }
}

/// Whether one call may name this many keys.
///
/// # Errors
/// [`CacheError::Limit`].
pub(crate) fn check_batch(keys: usize) -> Result<(), CacheError> {
    if keys > CACHE_BATCH_KEYS_MAX {
        return Err(CacheError::Limit(over_limit("cache_batch_keys", CACHE_BATCH_KEYS_MAX, keys)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn scope(name: &str) -> PluginScope {
        PluginScope::new(name.into(), None, Arc::new(SystemClock))
    }

    #[test]
    fn revisions_of_a_plugin_share_its_cache_until_the_last_one_goes() {
        let caches = Caches::default();
        let one = PluginCache::new(&caches, &scope("one"));
        one.memory().set("a", "1", None);
        let next = PluginCache::new(&caches, &scope("one"));
        drop(one);
        assert_eq!(next.memory().get("a").as_deref(), Some("1"));
        assert_eq!(PluginCache::new(&caches, &scope("two")).memory().get("a"), None);
        drop(next);
        assert_eq!(PluginCache::new(&caches, &scope("one")).memory().get("a"), None);
        assert_eq!(caches.total.bytes(), 0, "what a cache held is given back");
    }

    #[test]
    fn cache_that_is_not_used_is_not_made() {
        let cache = PluginCache::new(&Caches::default(), &scope("one"));
        assert!(cache.0.memory.get().is_none());
    }

    #[test]
    fn ttl_has_a_default_and_zero_or_less_is_forever() {
        assert_eq!(ttl(None), Some(Duration::from_secs(300)));
        assert_eq!(ttl(Some(1)), Some(Duration::from_millis(1)));
        assert_eq!([ttl(Some(0)), ttl(Some(-1)), ttl(Some(i64::MIN))], [None; 3]);
    }

    #[test]
    fn key_that_cannot_be_one_is_refused() {
        assert!(matches!(check_key(""), Err(CacheError::Invalid(_))));
        assert!(matches!(check_key("a\nb"), Err(CacheError::Invalid(_))));
        let Err(CacheError::Limit(text)) = check_key(&"k".repeat(513)) else { panic!("it is too long") };
        assert!(["cache_key_bytes", "512", "513"].iter().all(|part| text.contains(part)), "{text}");
        assert!(check_key(&"k".repeat(512)).is_ok());
    }
}
