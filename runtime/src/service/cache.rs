//! `plugbay:plugin/cache`: values that may be forgotten.
//!
//! A cache belongs to a plugin by its name: it outlives instances and a reload, and goes with the plugin. It is made when it
//! is first used. What keeps the values is [`Memory`]; this file is what may be done with it and how much of it.

mod bytes;
mod memory;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use plugbay_manifest::PermissionAction;
use serde::de::IgnoredAny;

use self::memory::{Memory, TooSlow, Total};
use super::bindings::plugbay::plugin::cache as wit;
use super::home::forget_gone;
use super::{PluginHome, over_limit};
use crate::capability::Pattern;
use crate::clock::Clock;
use crate::limits::{
    CACHE_BATCH_BYTES_MAX, CACHE_BATCH_KEYS_MAX, CACHE_KEY_BYTES_MAX, CACHE_PATTERN_BYTES_MAX, CACHE_SCAN_TIME_MAX,
    CACHE_TTL_DEFAULT, CACHE_VALUE_BYTES_MAX,
};
use crate::plugin::state::HostState;

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

/// The cache service of one loaded plugin.
pub(crate) struct PluginCache(Arc<Room>);

impl PluginCache {
    /// The cache that another revision of the plugin uses already, or a new one.
    pub(crate) fn new(caches: &Caches, home: &PluginHome) -> Self {
        let mut all = caches.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = all.get(&home.name).and_then(Weak::upgrade) {
            return PluginCache(room);
        }
        forget_gone(&mut all, |room| room.strong_count() > 0);
        let room = Arc::new(Room { clock: home.clock.clone(), total: caches.total.clone(), memory: OnceLock::new() });
        all.insert(home.name.clone(), Arc::downgrade(&room));
        PluginCache(room)
    }

    fn memory(&self) -> &Arc<Memory> {
        self.0.memory.get_or_init(|| Memory::new(self.0.clock.clone(), &self.0.total))
    }
}

/// For how long a value is kept; `None` is for ever.
fn ttl(ttl_ms: Option<i64>) -> Option<Duration> {
    match ttl_ms {
        None => Some(CACHE_TTL_DEFAULT),
        Some(ms) => u64::try_from(ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis),
    }
}

/// Whether a text can be a key: 1 to [`CACHE_KEY_BYTES_MAX`] bytes without control characters.
fn check_key(key: &str) -> Result<(), wit::Error> {
    if key.is_empty() {
        return Err(wit::Error::Invalid("the key is empty".to_owned()));
    }
    if key.len() > CACHE_KEY_BYTES_MAX {
        return Err(wit::Error::Limit(over_limit("cache_key_bytes", CACHE_KEY_BYTES_MAX, key.len())));
    }
    match key.chars().find(|c| c.is_control()) {
        Some(found) => {
            Err(wit::Error::Invalid(format!("the key has a control character ({})", found.escape_unicode())))
        }
        None => Ok(()),
    }
}

fn check_value(key: &str, value: &str) -> Result<(), wit::Error> {
    if value.len() > CACHE_VALUE_BYTES_MAX {
        return Err(wit::Error::Limit(over_limit("cache_value_bytes", CACHE_VALUE_BYTES_MAX, value.len())));
    }
    match serde_json::from_str::<IgnoredAny>(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(wit::Error::Invalid(format!("{key}: the value is not JSON: {error}"))),
    }
}

/// A cached text, if it is JSON: the standard can cache other bytes.
fn json(key: &str, text: Arc<str>) -> Result<Arc<str>, wit::Error> {
    if bytes::is_bytes(&text) {
        return Err(wit::Error::Invalid(format!("{key}: the value is not JSON: it was set through `wasi:keyvalue`")));
    }
    Ok(text)
}

/// What is told of a scan that took too long.
fn too_slow(TooSlow(observed): TooSlow) -> String {
    over_limit("cache_scan_time", format!("{CACHE_SCAN_TIME_MAX:?}"), format!("{observed:?}"))
}

fn check_batch(keys: usize) -> Result<(), wit::Error> {
    if keys > CACHE_BATCH_KEYS_MAX {
        return Err(wit::Error::Limit(over_limit("cache_batch_keys", CACHE_BATCH_KEYS_MAX, keys)));
    }
    Ok(())
}

impl HostState {
    fn may_use_cache(&self, key: &str, action: PermissionAction) -> Result<(), wit::Error> {
        check_key(key)?;
        self.check(&format!("cache.{key}"), action).map_err(|denial| wit::Error::Denied(denial.to_string()))
    }

    fn cache_get(&self, key: &str) -> Result<Option<Arc<str>>, wit::Error> {
        self.may_use_cache(key, PermissionAction::Read)?;
        self.plugin.cache.memory().get(key).map(|text| json(key, text)).transpose()
    }

    fn cache_get_many(&self, keys: &[String]) -> Result<Vec<Option<String>>, wit::Error> {
        check_batch(keys.len())?;
        keys.iter().try_for_each(|key| self.may_use_cache(key, PermissionAction::Read))?;
        let value = |key: &String| self.plugin.cache.memory().get(key).map(|text| json(key, text)).transpose();
        let values: Vec<Option<Arc<str>>> = keys.iter().map(value).collect::<Result<_, _>>()?;
        // Counted before anything is copied: a thousand times the same key is a thousand values.
        let bytes = values.iter().flatten().map(|value| value.len()).sum::<usize>();
        if bytes > CACHE_BATCH_BYTES_MAX {
            return Err(wit::Error::Limit(over_limit("cache_batch_bytes", CACHE_BATCH_BYTES_MAX, bytes)));
        }
        Ok(values.into_iter().map(|value| value.map(|value| value.to_string())).collect())
    }

    fn cache_set(&self, entries: &[(String, String)], ttl_ms: Option<i64>) -> Result<(), wit::Error> {
        check_batch(entries.len())?;
        for (key, value) in entries {
            self.may_use_cache(key, PermissionAction::Write)?;
            check_value(key, value)?;
        }
        for (key, value) in entries {
            self.plugin.cache.memory().set(key, value, ttl(ttl_ms));
        }
        Ok(())
    }

    /// Who asks for the value that is there learns it, so reading must be granted too.
    fn cache_get_or_set(&self, key: &str, value: &str, ttl_ms: Option<i64>) -> Result<Arc<str>, wit::Error> {
        self.may_use_cache(key, PermissionAction::Write)?;
        self.may_use_cache(key, PermissionAction::Read)?;
        check_value(key, value)?;
        json(key, self.plugin.cache.memory().get_or_set(key, value, ttl(ttl_ms)))
    }

    /// Removes what fits the pattern and may be written. A plugin that may write nothing of its cache is denied.
    async fn cache_delete_all(&mut self, pattern: Pattern) -> Result<u64, wit::Error> {
        let plugin = &self.plugin;
        plugin.grants.check_any("cache.*", PermissionAction::Write).map_err(|denial| {
            plugin.denied_in(&self.call, &denial);
            wit::Error::Denied(denial.to_string())
        })?;
        let grants = plugin.grants.clone();
        let fits = move |key: &str| {
            pattern.matches(key) && grants.check(&format!("cache.{key}"), PermissionAction::Write).is_ok()
        };
        let deleted = Memory::delete_all(plugin.cache.memory().clone(), fits).await;
        deleted.map_err(|slow| wit::Error::Limit(too_slow(slow)))
    }
}

impl wit::Host for HostState {
    async fn get(&mut self, key: String) -> Result<Option<String>, wit::Error> {
        let got = self.cache_get(&key).map(|value| value.map(|value| value.to_string()));
        self.end_host_call(got.iter().flatten().map(String::len).sum()).await;
        got
    }

    async fn set(&mut self, key: String, value: String, ttl_ms: Option<i64>) -> Result<(), wit::Error> {
        self.set_many(vec![(key, value)], ttl_ms).await
    }

    async fn get_or_set(&mut self, key: String, value: String, ttl_ms: Option<i64>) -> Result<String, wit::Error> {
        let got = self.cache_get_or_set(&key, &value, ttl_ms).map(|value| value.to_string());
        self.end_host_call(value.len() + got.as_ref().map_or(0, String::len)).await;
        got
    }

    async fn delete(&mut self, key: String) -> Result<bool, wit::Error> {
        let may = self.may_use_cache(&key, PermissionAction::Write);
        let deleted = may.map(|()| self.plugin.cache.memory().delete(&key));
        self.end_host_call(key.len()).await;
        deleted
    }

    async fn get_many(&mut self, keys: Vec<String>) -> Result<Vec<Option<String>>, wit::Error> {
        let got = self.cache_get_many(&keys);
        let values = got.iter().flatten().flatten().map(String::len).sum::<usize>();
        self.end_host_call(values + keys.iter().map(String::len).sum::<usize>()).await;
        got
    }

    async fn set_many(&mut self, entries: Vec<(String, String)>, ttl_ms: Option<i64>) -> Result<(), wit::Error> {
        let set = self.cache_set(&entries, ttl_ms);
        self.end_host_call(entries.iter().map(|(key, value)| key.len() + value.len()).sum()).await;
        set
    }

    async fn delete_pattern(&mut self, pattern: String) -> Result<u64, wit::Error> {
        let bytes = pattern.len();
        let deleted = match bytes {
            0 => Err(wit::Error::Invalid("the pattern is empty".to_owned())),
            1..=CACHE_PATTERN_BYTES_MAX => self.cache_delete_all(Pattern::new(pattern)).await,
            _ => Err(wit::Error::Limit(over_limit("cache_pattern_bytes", CACHE_PATTERN_BYTES_MAX, bytes))),
        };
        self.end_host_call(bytes).await;
        deleted
    }

    async fn clear(&mut self) -> Result<u64, wit::Error> {
        let deleted = self.cache_delete_all(Pattern::new("*")).await;
        self.end_host_call(0).await;
        deleted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn home(name: &str) -> PluginHome {
        PluginHome::new(name.into(), None, Arc::new(SystemClock))
    }

    #[test]
    fn revisions_of_a_plugin_share_its_cache_until_the_last_one_goes() {
        let caches = Caches::default();
        let one = PluginCache::new(&caches, &home("one"));
        one.memory().set("a", "1", None);
        let next = PluginCache::new(&caches, &home("one"));
        drop(one);
        assert_eq!(next.memory().get("a").as_deref(), Some("1"));
        assert_eq!(PluginCache::new(&caches, &home("two")).memory().get("a"), None);
        drop(next);
        assert_eq!(PluginCache::new(&caches, &home("one")).memory().get("a"), None);
        assert_eq!(caches.total.bytes(), 0, "what a cache held is given back");
    }

    #[test]
    fn cache_that_is_not_used_is_not_made() {
        let cache = PluginCache::new(&Caches::default(), &home("one"));
        assert!(cache.0.memory.get().is_none());
    }

    #[test]
    fn ttl_has_a_default_and_zero_or_less_is_for_ever() {
        assert_eq!(ttl(None), Some(Duration::from_secs(300)));
        assert_eq!(ttl(Some(1)), Some(Duration::from_millis(1)));
        assert_eq!([ttl(Some(0)), ttl(Some(-1)), ttl(Some(i64::MIN))], [None; 3]);
    }

    #[test]
    fn key_that_cannot_be_one_is_refused() {
        assert!(matches!(check_key(""), Err(wit::Error::Invalid(_))));
        assert!(matches!(check_key("a\nb"), Err(wit::Error::Invalid(_))));
        let Err(wit::Error::Limit(text)) = check_key(&"k".repeat(513)) else { panic!("it is too long") };
        assert!(["cache_key_bytes", "512", "513"].iter().all(|part| text.contains(part)), "{text}");
        assert!(check_key(&"k".repeat(512)).is_ok());
    }
}
