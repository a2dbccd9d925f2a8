//! Caches in memory, bounded by size, which evict the least recently used value.
//!
//! Values expire by the runtime's clock. An expired value is removed when it is read, when it is evicted, or when
//! another value is written while it is the least recently used one.
//!
//! All caches share one limit. If it is exceeded, the largest cache is emptied: the plugin that fills the memory pays
//! for it, and a plugin with a small cache never notices.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use hashlink::LinkedHashMap;
use parking_lot::{Mutex, MutexGuard};

use super::store::{
    CacheChange, CacheError, CacheFuture, CacheKeyFilter, CacheLimits, CacheStore, CacheStoreProvider, CacheUpdate,
    CacheValue,
};
use crate::clock::{Clock, SystemClock};
use crate::limits::{CACHE_BYTES_IN_ALL_MAX, CACHE_ENTRY_BYTES, CACHE_KEYS_SCANNED_HERE, CACHE_SCAN_TIME_MAX};
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
        let had_values = removed.is_some_and(|memory| !memory.keys().is_empty());
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
        entries.into_iter().for_each(|(key, value)| self.memory.set(&key, value, ttl));
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
        if self.memory.entries.lock().values.len() <= CACHE_KEYS_SCANNED_HERE {
            return StoreFuture::ready(self.memory.delete_selected(&selects));
        }
        StoreFuture::new(aside(self.memory.clone(), move |memory| memory.delete_selected(&selects)))
    }

    fn keys(&self, selects: CacheKeyFilter) -> CacheFuture<'_, Vec<String>> {
        let keys = move |memory: &Memory| {
            let selected = memory.selected(&selects)?;
            Ok(selected.iter().map(|key| String::from(&**key)).collect())
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

/// The places of a small map, whose memory does not matter.
const PLACES_KEPT: usize = 64;

/// One cached value.
struct Entry {
    value: CacheValue,
    /// `None` does not expire.
    expires_at: Option<SystemTime>,
}

impl Entry {
    /// Whether the value has not expired. A value that does not expire needs no time.
    fn is_alive(&self, now: impl FnOnce() -> SystemTime) -> bool {
        self.expires_at.is_none_or(|end| now() < end)
    }
}

/// The values of one plugin, the least recently used first.
struct Entries {
    values: LinkedHashMap<Arc<str>, Entry, RandomState>,
    /// The sum of their weights.
    bytes: u64,
}

impl Entries {
    fn new() -> Self {
        // The keys are the plugin's choice: their hashes must not be predictable.
        Entries { values: LinkedHashMap::with_hasher(RandomState::new()), bytes: 0 }
    }

    fn insert(&mut self, key: &str, entry: Entry) {
        self.bytes += weight(key, &entry.value);
        if let Some(old) = self.values.insert(key.into(), entry) {
            self.bytes -= weight(key, &old.value);
        }
    }

    fn remove(&mut self, key: &str) -> Option<Entry> {
        let entry = self.values.remove(key)?;
        self.bytes -= weight(key, &entry.value);
        self.shrink();
        Some(entry)
    }

    /// Removes the value of a key if it has expired. Otherwise returns it, as the most recently used.
    #[inline]
    fn alive(&mut self, key: &str, clock: &dyn Clock) -> Option<CacheValue> {
        let entry = self.values.to_back(key)?;
        if entry.is_alive(|| clock.now()) {
            return Some(entry.value.clone());
        }
        self.remove(key);
        None
    }

    /// Removes the least recently used values, as long as all have more than `bytes_max`.
    fn evict(&mut self, bytes_max: u64) {
        while self.bytes > bytes_max && self.remove_oldest() {}
        self.shrink();
    }

    /// Frees the places of removed values if most places are empty: they are not counted in any limit.
    fn shrink(&mut self) {
        if self.values.capacity() > 4 * self.values.len().max(PLACES_KEPT) {
            self.values.shrink_to_fit();
        }
    }

    /// Removes at most two expired values at the least recently used end: each write calls this, so that the cache
    /// shrinks faster than it grows, and no write takes long.
    fn remove_expired(&mut self, clock: &dyn Clock) {
        for _ in 0..2 {
            match self.values.front() {
                Some((_, oldest)) if !oldest.is_alive(|| clock.now()) => self.remove_oldest(),
                _ => return,
            };
        }
    }

    fn remove_oldest(&mut self) -> bool {
        let Some((key, entry)) = self.values.pop_front() else { return false };
        self.bytes -= weight(&key, &entry.value);
        true
    }
}

/// The size of all caches together.
#[derive(Default)]
struct Total {
    bytes: AtomicU64,
    caches: Mutex<Vec<Weak<Memory>>>,
}

/// The cache of one plugin, which its stores share.
struct Memory {
    entries: Mutex<Entries>,
    bytes_max: u64,
    clock: Arc<dyn Clock>,
    total: Arc<Total>,
}

impl Memory {
    fn new(clock: Arc<dyn Clock>, total: &Arc<Total>, bytes_max: u64) -> Arc<Self> {
        let entries = Mutex::new(Entries::new());
        let memory = Arc::new(Memory { entries, bytes_max, clock, total: total.clone() });
        total.add(&memory);
        memory
    }

    #[inline]
    fn get(&self, key: &str) -> Option<CacheValue> {
        self.change(|entries| entries.alive(key, &*self.clock))
    }

    fn set(&self, key: &str, value: CacheValue, ttl: Option<Duration>) {
        self.write(|entries| entries.insert(key, self.entry(value, ttl)));
    }

    fn get_or_set(&self, key: &str, value: CacheValue, ttl: Option<Duration>) -> CacheValue {
        self.write(|entries| {
            entries.alive(key, &*self.clock).unwrap_or_else(|| {
                entries.insert(key, self.entry(value.clone(), ttl));
                value
            })
        })
    }

    fn update(&self, key: &str, mut update: CacheUpdate, ttl: Option<Duration>) -> Result<bool, CacheError> {
        self.write(|entries| {
            let present = entries.alive(key, &*self.clock);
            match update(present.as_ref())? {
                CacheChange::Keep => return Ok(false),
                CacheChange::Set(value) => entries.insert(key, self.entry(value, ttl)),
                CacheChange::Remove => drop(entries.remove(key)),
            }
            Ok(true)
        })
    }

    /// Removes a key. Returns whether it had a value.
    fn delete(&self, key: &str) -> bool {
        self.change(|entries| entries.remove(key)).is_some_and(|entry| entry.is_alive(|| self.clock.now()))
    }

    fn delete_selected(&self, selects: &CacheKeyFilter) -> Result<u64, CacheError> {
        let selected = self.selected(selects)?;
        Ok(selected.iter().filter(|key| self.delete(key)).count() as u64)
    }

    /// The selected keys that have a value, unless the scan takes longer than [`CACHE_SCAN_TIME_MAX`]. Other calls
    /// of the plugin do not wait while keys are compared.
    fn selected(&self, selects: &CacheKeyFilter) -> Result<Vec<Arc<str>>, CacheError> {
        let started = Instant::now();
        let mut selected = Vec::new();
        for key in self.keys() {
            if selects(&key) {
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

    /// The keys that have a value.
    fn keys(&self) -> Vec<Arc<str>> {
        let now = self.clock.now();
        let entries = self.entries.lock();
        let alive = entries.values.iter().filter(|(_, entry)| entry.is_alive(|| now));
        alive.map(|(key, _)| key.clone()).collect()
    }

    fn entry(&self, value: CacheValue, ttl: Option<Duration>) -> Entry {
        // A value whose expiry no clock can show does not expire.
        Entry { value, expires_at: ttl.and_then(|ttl| self.clock.now().checked_add(ttl)) }
    }

    /// Changes the values, and then enforces the limits.
    fn write<T>(&self, write: impl FnOnce(&mut Entries) -> T) -> T {
        let written = self.change(|entries| {
            entries.remove_expired(&*self.clock);
            let written = write(entries);
            entries.evict(self.bytes_max);
            written
        });
        self.total.enforce();
        written
    }

    /// Changes the values, and counts their bytes in the total.
    #[inline]
    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> T) -> T {
        let mut entries = self.entries.lock();
        let before = entries.bytes;
        let changed = change(&mut entries);
        self.total.count(before, entries.bytes);
        changed
    }

    fn clear(&self) {
        let old = self.change(|entries| std::mem::replace(entries, Entries::new()));
        // Freed without the lock, because many values take a while.
        drop(old);
    }

    fn bytes(&self) -> u64 {
        self.entries.lock().bytes
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.total.count(self.entries.get_mut().bytes, 0);
    }
}

impl Total {
    fn add(&self, memory: &Arc<Memory>) {
        let mut caches = self.caches.lock();
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(Arc::downgrade(memory));
    }

    /// The bytes of all caches.
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts a cache whose size has changed. Most calls read, and change nothing.
    #[inline]
    fn count(&self, before: u64, after: u64) {
        if before != after {
            // If the cache shrank, this wraps around, which subtracts.
            self.bytes.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Empties the largest cache, as long as all together have more than they may.
    fn enforce(&self) {
        while self.bytes() > CACHE_BYTES_IN_ALL_MAX {
            let caches: Vec<Arc<Memory>> = {
                let caches = self.caches.lock();
                caches.iter().filter_map(Weak::upgrade).collect()
            };
            let sizes = caches.iter().map(|cache| (cache.bytes(), cache));
            let Some((1.., largest)) = sizes.max_by_key(|(bytes, _)| *bytes) else { return };
            largest.clear();
        }
    }
}

/// The bytes of an entry, with the cache's overhead.
fn weight(key: &str, value: &CacheValue) -> u64 {
    (key.len() + value.as_bytes().len() + CACHE_ENTRY_BYTES) as u64
}

#[cfg(test)]
mod tests;
