//! Caches in memory: moka's, bounded by size, which evict the least recently used value.
//!
//! Values expire by the runtime's clock, which moka does not know: each entry holds its expiry, and every read checks
//! it. moka's own timer only frees the memory, a while later. moka also updates its counters lazily; they are brought
//! up to date after a number of written bytes, so that the limit holds however fast a plugin writes.
//!
//! All caches share one limit. If it is exceeded, the largest cache is emptied: the plugin that fills the memory pays
//! for it, and a plugin with a small cache never notices.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use moka::Expiry;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::{Mutex, MutexGuard};

use super::store::{
    CacheChange, CacheError, CacheFuture, CacheKeyFilter, CacheLimits, CacheStore, CacheStoreProvider, CacheUpdate,
    CacheValue,
};
use crate::clock::{Clock, SystemClock};
use crate::limits::{
    CACHE_BYTES_IN_ALL_MAX, CACHE_BYTES_UNTIL_COUNTED, CACHE_CLEAN_UP_DELAY, CACHE_ENTRY_BYTES,
    CACHE_KEYS_SCANNED_HERE, CACHE_SCAN_TIME_MAX,
};
use crate::scope::drop_dead;
use crate::service::limit::ReachedLimit;
use crate::store_future::StoreFuture;

/// A backend for `cache` in memory. A plugin's values are dropped when the plugin is unloaded. All plugins together
/// have at most 256 MiB.
#[derive(Clone)]
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    total: Arc<Total>,
    plugins: Arc<Mutex<HashMap<String, Weak<Memory>>>>,
}

impl MemoryCache {
    /// A backend whose values expire by this clock.
    pub fn new(clock: impl Clock) -> Self {
        MemoryCache::with_clock(Arc::new(clock))
    }

    pub(crate) fn with_clock(clock: Arc<dyn Clock>) -> Self {
        MemoryCache { clock, total: Arc::default(), plugins: Arc::default() }
    }

    fn plugins(&self) -> MutexGuard<'_, HashMap<String, Weak<Memory>>> {
        self.plugins.lock()
    }
}

/// Values expire by the machine's clock.
impl Default for MemoryCache {
    fn default() -> Self {
        MemoryCache::new(SystemClock)
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("bytes", &self.total.bytes()).finish_non_exhaustive()
    }
}

impl CacheStoreProvider for MemoryCache {
    fn open<'a>(&'a self, plugin: &'a str, limits: CacheLimits) -> CacheFuture<'a, Arc<dyn CacheStore>> {
        let mut plugins = self.plugins();
        let memory = plugins.get(plugin).and_then(Weak::upgrade).unwrap_or_else(|| {
            drop_dead(&mut plugins, |memory| memory.strong_count() > 0);
            let memory = Memory::new(self.clock.clone(), &self.total, limits.bytes_max);
            plugins.insert(plugin.to_owned(), Arc::downgrade(&memory));
            memory
        });
        StoreFuture::ready(Ok(Arc::new(MemoryStore { memory, limits })))
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> CacheFuture<'a, bool> {
        let removed = self.plugins().remove(plugin).and_then(|memory| memory.upgrade());
        let had_values = removed.is_some_and(|memory| !memory.is_empty());
        StoreFuture::ready(Ok(had_values))
    }
}

/// The cache of one plugin.
struct MemoryStore {
    memory: Arc<Memory>,
    limits: CacheLimits,
}

impl CacheStore for MemoryStore {
    #[inline]
    fn get<'a>(&'a self, key: &'a str) -> CacheFuture<'a, Option<CacheValue>> {
        StoreFuture::ready(Ok(self.memory.get(key)))
    }

    fn get_many<'a>(&'a self, keys: &'a [String]) -> CacheFuture<'a, Vec<Option<CacheValue>>> {
        let values: Vec<Option<CacheValue>> = keys.iter().map(|key| self.memory.get(key)).collect();
        let bytes = values.iter().flatten().map(|value| value.as_bytes().len()).sum();
        StoreFuture::ready(self.limits.check_batch(bytes).map(|()| values))
    }

    fn set_many(&self, entries: Vec<(String, CacheValue)>, ttl: Option<Duration>) -> CacheFuture<'_, ()> {
        entries.into_iter().for_each(|(key, value)| self.memory.set(key, value, ttl));
        StoreFuture::ready(Ok(()))
    }

    fn get_or_set<'a>(&'a self, key: &'a str, value: CacheValue, ttl: Option<Duration>) -> CacheFuture<'a, CacheValue> {
        StoreFuture::ready(Ok(self.memory.get_or_set(key, value, ttl)))
    }

    fn update<'a>(&'a self, key: &'a str, update: CacheUpdate, ttl: Option<Duration>) -> CacheFuture<'a, bool> {
        StoreFuture::ready(self.memory.update(key, update, ttl))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> CacheFuture<'a, u64> {
        let deleted = keys.iter().filter(|key| self.memory.delete(key)).count();
        StoreFuture::ready(Ok(deleted as u64))
    }

    /// A small cache is scanned on this thread, a large one on another.
    fn delete_selected(&self, selects: CacheKeyFilter) -> CacheFuture<'_, u64> {
        if self.memory.entries.entry_count() <= CACHE_KEYS_SCANNED_HERE {
            return StoreFuture::ready(self.memory.delete_selected(&selects));
        }
        StoreFuture::new(aside(self.memory.clone(), move |memory| memory.delete_selected(&selects)))
    }

    fn keys(&self, selects: CacheKeyFilter) -> CacheFuture<'_, Vec<String>> {
        let keys = move |memory: &Memory| {
            let selected = memory.selected(&selects)?;
            Ok(selected.into_iter().map(|key| String::from(&**key)).collect())
        };
        StoreFuture::new(aside(self.memory.clone(), keys))
    }
}

/// Runs a scan on a thread that may take its time.
async fn aside<T: Send + 'static>(
    memory: Arc<Memory>,
    scan: impl FnOnce(&Memory) -> Result<T, CacheError> + Send + 'static,
) -> Result<T, CacheError> {
    let scanned = tokio::task::spawn_blocking(move || scan(&memory)).await;
    scanned.unwrap_or_else(|_| Err(CacheError::Unavailable("the cache could not be read".to_owned())))
}

/// One cached value.
#[derive(Clone)]
struct Entry {
    value: CacheValue,
    /// `None` does not expire.
    expires_at: Option<SystemTime>,
    /// The time after which moka may free the memory.
    clean_up: Option<Duration>,
}

impl Entry {
    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The size of all caches together.
#[derive(Default)]
struct Total {
    bytes: AtomicU64,
    caches: Mutex<Vec<Weak<Memory>>>,
}

/// The values of one plugin.
struct Memory {
    entries: Cache<Box<str>, Entry>,
    clock: Arc<dyn Clock>,
    total: Arc<Total>,
    /// The bytes of this cache that are counted in the total.
    counted: AtomicU64,
    /// The bytes that were written since moka's counters were last up to date.
    uncounted: AtomicU64,
}

impl Memory {
    fn new(clock: Arc<dyn Clock>, total: &Arc<Total>, bytes_max: u64) -> Arc<Self> {
        let entries = Cache::<Box<str>, Entry>::builder()
            .max_capacity(bytes_max)
            .weigher(|key, entry| weight(key, &entry.value))
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(CleanUp)
            .build();
        let (counted, uncounted) = (AtomicU64::new(0), AtomicU64::new(0));
        let memory = Arc::new(Memory { entries, clock, total: total.clone(), counted, uncounted });
        total.add(&memory);
        memory
    }

    #[inline]
    fn get(&self, key: &str) -> Option<CacheValue> {
        let entry = self.entries.get(key)?;
        entry.is_alive(self.clock.now()).then_some(entry.value)
    }

    fn set(&self, key: String, value: CacheValue, ttl: Option<Duration>) {
        let bytes = weight(&key, &value);
        self.entries.insert(key.into(), self.entry(value, ttl));
        self.wrote(bytes);
    }

    fn get_or_set(&self, key: &str, value: CacheValue, ttl: Option<Duration>) -> CacheValue {
        let now = self.clock.now();
        let result = self.entries.entry(key.into()).and_compute_with(|present| match present {
            Some(present) if present.value().is_alive(now) => Op::Nop,
            _ => Op::Put(self.entry(value.clone(), ttl)),
        });
        match result {
            CompResult::Unchanged(entry) => return entry.into_value().value,
            CompResult::Inserted(_) | CompResult::ReplacedWith(_) => self.wrote(weight(key, &value)),
            // The closure never removes.
            CompResult::Removed(_) | CompResult::StillNone(_) => {}
        }
        value
    }

    fn update(&self, key: &str, mut update: CacheUpdate, ttl: Option<Duration>) -> Result<bool, CacheError> {
        let now = self.clock.now();
        let mut changed = Ok(true);
        let result = self.entries.entry(key.into()).and_compute_with(|present| {
            let present = present.map(moka::Entry::into_value).filter(|entry| entry.is_alive(now));
            match update(present.as_ref().map(|entry| &entry.value)) {
                Ok(CacheChange::Set(value)) => return Op::Put(self.entry(value, ttl)),
                Ok(CacheChange::Remove) => return Op::Remove,
                Ok(CacheChange::Keep) => changed = Ok(false),
                Err(error) => changed = Err(error),
            }
            Op::Nop
        });
        if let CompResult::Inserted(entry) | CompResult::ReplacedWith(entry) = result {
            self.wrote(weight(key, &entry.value().value));
        }
        changed
    }

    /// Removes a key. Returns whether it had a value.
    fn delete(&self, key: &str) -> bool {
        self.entries.remove(key).is_some_and(|entry| entry.is_alive(self.clock.now()))
    }

    fn delete_selected(&self, selects: &CacheKeyFilter) -> Result<u64, CacheError> {
        let selected = self.selected(selects)?;
        let deleted = selected.iter().filter(|key| self.delete(key)).count();
        self.update_counters();
        Ok(deleted as u64)
    }

    /// The selected keys that have a value, unless the scan takes longer than [`CACHE_SCAN_TIME_MAX`].
    fn selected(&self, selects: &CacheKeyFilter) -> Result<Vec<Arc<Box<str>>>, CacheError> {
        let (started, now) = (Instant::now(), self.clock.now());
        let mut selected = Vec::new();
        for (key, entry) in &self.entries {
            if entry.is_alive(now) && selects(&key) {
                selected.push(key);
            }
            let observed = started.elapsed();
            if observed > CACHE_SCAN_TIME_MAX {
                let (allowed, observed) = (format!("{CACHE_SCAN_TIME_MAX:?}"), format!("{observed:?}"));
                return Err(CacheError::Limit(ReachedLimit::new("cache_scan_time", allowed, observed)));
            }
        }
        Ok(selected)
    }

    fn is_empty(&self) -> bool {
        let now = self.clock.now();
        !self.entries.iter().any(|(_, entry)| entry.is_alive(now))
    }

    fn entry(&self, value: CacheValue, ttl: Option<Duration>) -> Entry {
        let now = self.clock.now();
        Entry {
            value,
            // A value whose expiry no clock can show does not expire.
            expires_at: ttl.and_then(|ttl| now.checked_add(ttl)),
            clean_up: ttl.map(|ttl| ttl.saturating_add(CACHE_CLEAN_UP_DELAY)),
        }
    }

    /// Brings moka's counters up to date if enough was written since the last time.
    fn wrote(&self, bytes: u32) {
        let bytes = u64::from(bytes);
        if self.uncounted.fetch_add(bytes, Ordering::Relaxed) + bytes >= CACHE_BYTES_UNTIL_COUNTED {
            self.update_counters();
            self.total.enforce();
        }
    }

    /// Makes moka evict the values beyond the limit, and counts the rest.
    fn update_counters(&self) {
        self.uncounted.store(0, Ordering::Relaxed);
        self.entries.run_pending_tasks();
        self.count(self.entries.weighted_size());
    }

    fn count(&self, bytes: u64) {
        let before = self.counted.swap(bytes, Ordering::Relaxed);
        // If the cache shrank, this wraps around, which subtracts.
        self.total.bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    fn clear(&self) {
        self.entries.invalidate_all();
        self.update_counters();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.count(0);
    }
}

impl Total {
    fn add(&self, memory: &Arc<Memory>) {
        let mut caches = self.caches.lock();
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(Arc::downgrade(memory));
    }

    /// The counted bytes of all caches.
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Empties the largest cache, as long as all together have more than they may.
    fn enforce(&self) {
        while self.bytes() > CACHE_BYTES_IN_ALL_MAX {
            let caches: Vec<Arc<Memory>> = {
                let caches = self.caches.lock();
                caches.iter().filter_map(Weak::upgrade).collect()
            };
            let size = |cache: &&Arc<Memory>| cache.counted.load(Ordering::Relaxed);
            let Some(largest) = caches.iter().max_by_key(size).filter(|largest| size(largest) > 0) else { return };
            largest.clear();
        }
    }
}

/// moka's timer: by the machine's clock, and not before a value has expired by the runtime's.
struct CleanUp;

impl Expiry<Box<str>, Entry> for CleanUp {
    fn expire_after_create(&self, _key: &Box<str>, entry: &Entry, _now: Instant) -> Option<Duration> {
        entry.clean_up
    }

    fn expire_after_update(
        &self,
        _key: &Box<str>,
        entry: &Entry,
        _now: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        entry.clean_up
    }
}

/// The bytes of an entry, with moka's overhead.
fn weight(key: &str, value: &CacheValue) -> u32 {
    u32::try_from(key.len() + value.as_bytes().len() + CACHE_ENTRY_BYTES).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
