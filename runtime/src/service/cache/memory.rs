//! A cache in this process: moka's, bounded by weight, where what was not used for longest goes first.
//!
//! Values expire by the runtime's clock, which moka does not know: each entry holds its expiry, which every read
//! checks. moka's own timer only frees the memory, a while later. moka also updates its counters lazily; they are
//! brought up to date after a number of written bytes, so that the bound holds however fast a plugin writes.
//!
//! All caches of a runtime share one bound: where it is exceeded, the largest cache is emptied. So the plugin that
//! fills the memory pays for it, and a plugin with a small cache never notices.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use moka::Expiry;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::clock::Clock;
use crate::limits::{
    CACHE_BYTES_IN_ALL_MAX, CACHE_BYTES_MAX, CACHE_BYTES_UNTIL_BOOKED, CACHE_CLEAN_UP_DELAY, CACHE_ENTRY_BYTES,
    CACHE_KEYS_SCANNED_HERE, CACHE_SCAN_TIME_MAX,
};

/// One cached value.
#[derive(Clone)]
struct Entry {
    value: Arc<str>,
    /// `None` is never.
    expires_at: Option<SystemTime>,
    /// After how long moka may take it away.
    clean_up: Option<Duration>,
}

impl Entry {
    fn is_alive(&self, now: SystemTime) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// A scan took too long.
#[derive(Debug)]
pub(super) struct TooSlow(pub(super) Duration);

/// What all caches of a runtime hold together.
#[derive(Default)]
pub(super) struct Total {
    bytes: AtomicU64,
    caches: Mutex<Vec<Weak<Memory>>>,
}

/// The values of one plugin.
pub(super) struct Memory {
    entries: Cache<Box<str>, Entry>,
    clock: Arc<dyn Clock>,
    total: Arc<Total>,
    /// Bytes of this cache that are counted in the total.
    counted: AtomicU64,
    /// Bytes that were written since moka's counters were last up to date.
    unbooked: AtomicU64,
}

impl Memory {
    pub(super) fn new(clock: Arc<dyn Clock>, total: &Arc<Total>) -> Arc<Self> {
        let entries = Cache::<Box<str>, Entry>::builder()
            .max_capacity(CACHE_BYTES_MAX)
            .weigher(|key, entry| weight(key, &entry.value))
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(CleanUp)
            .build();
        let (counted, unbooked) = (AtomicU64::new(0), AtomicU64::new(0));
        let memory = Arc::new(Memory { entries, clock, total: total.clone(), counted, unbooked });
        total.add(&memory);
        memory
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<str>> {
        let entry = self.entries.get(key)?;
        entry.is_alive(self.clock.now()).then_some(entry.value)
    }

    pub(super) fn set(&self, key: &str, value: &str, ttl: Option<Duration>) {
        self.entries.insert(key.into(), self.entry(value, ttl));
        self.wrote(key, value);
    }

    /// Sets `key` unless it is there. Of several who try at once, one sets it, and all get its value.
    pub(super) fn get_or_set(&self, key: &str, value: &str, ttl: Option<Duration>) -> Arc<str> {
        let now = self.clock.now();
        let result = self.entries.entry(key.into()).and_compute_with(|there| match there {
            Some(there) if there.value().is_alive(now) => Op::Nop,
            _ => Op::Put(self.entry(value, ttl)),
        });
        match result {
            CompResult::Unchanged(entry) => return entry.into_value().value,
            CompResult::Inserted(_) | CompResult::ReplacedWith(_) => self.wrote(key, value),
            // Nothing is ever removed in there.
            CompResult::Removed(_) | CompResult::StillNone(_) => {}
        }
        value.into()
    }

    /// Sets `key` where `seen` is still what is there. Answers whether it was set.
    pub(super) fn swap(&self, key: &str, seen: Option<&Arc<str>>, value: &str, ttl: Option<Duration>) -> bool {
        let now = self.clock.now();
        let result = self.entries.entry(key.into()).and_compute_with(|there| {
            let there = there.map(moka::Entry::into_value).filter(|entry| entry.is_alive(now));
            match (&there, seen) {
                (None, None) => Op::Put(self.entry(value, ttl)),
                (Some(there), Some(seen)) if Arc::ptr_eq(&there.value, seen) => Op::Put(self.entry(value, ttl)),
                _ => Op::Nop,
            }
        });
        let is_set = matches!(result, CompResult::Inserted(_) | CompResult::ReplacedWith(_));
        if is_set {
            self.wrote(key, value);
        }
        is_set
    }

    /// Answers whether it was there.
    pub(super) fn delete(&self, key: &str) -> bool {
        self.entries.remove(key).is_some_and(|entry| entry.is_alive(self.clock.now()))
    }

    /// Removes all keys that fit, and answers how many were there. A large cache is looked through on another thread,
    /// and none for longer than [`CACHE_SCAN_TIME_MAX`]: nothing is removed then.
    pub(super) async fn delete_all(
        memory: Arc<Self>,
        fits: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<u64, TooSlow> {
        if memory.entries.entry_count() <= CACHE_KEYS_SCANNED_HERE {
            return memory.scan_and_delete(fits);
        }
        let scan = tokio::task::spawn_blocking(move || memory.scan_and_delete(fits));
        // The scan does not panic and is never cancelled.
        scan.await.unwrap_or(Ok(0))
    }

    /// The keys that are there and fit, looked for as for a deletion.
    pub(super) async fn keys(
        memory: Arc<Self>,
        fits: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<Vec<String>, TooSlow> {
        let scan = move || memory.scan(fits).map(|found| found.into_iter().map(|key| String::from(&**key)).collect());
        tokio::task::spawn_blocking(scan).await.unwrap_or(Ok(Vec::new()))
    }

    fn scan_and_delete(&self, fits: impl Fn(&str) -> bool) -> Result<u64, TooSlow> {
        let found = self.scan(fits)?;
        let deleted = found.iter().filter(|key| self.delete(key)).count();
        self.book();
        Ok(deleted as u64)
    }

    /// The keys that are alive and fit.
    fn scan(&self, fits: impl Fn(&str) -> bool) -> Result<Vec<Arc<Box<str>>>, TooSlow> {
        let (started, now) = (Instant::now(), self.clock.now());
        let mut found = Vec::new();
        for (key, entry) in &self.entries {
            if entry.is_alive(now) && fits(&key) {
                found.push(key);
            }
            let observed = started.elapsed();
            if observed > CACHE_SCAN_TIME_MAX {
                return Err(TooSlow(observed));
            }
        }
        Ok(found)
    }

    fn entry(&self, value: &str, ttl: Option<Duration>) -> Entry {
        let now = self.clock.now();
        Entry {
            value: value.into(),
            // What would expire beyond the end of all clocks does not.
            expires_at: ttl.and_then(|ttl| now.checked_add(ttl)),
            clean_up: ttl.map(|ttl| ttl.saturating_add(CACHE_CLEAN_UP_DELAY)),
        }
    }

    /// Brings moka's counters up to date when enough was written since the last time.
    fn wrote(&self, key: &str, value: &str) {
        let bytes = u64::from(weight(key, value));
        if self.unbooked.fetch_add(bytes, Ordering::Relaxed) + bytes >= CACHE_BYTES_UNTIL_BOOKED {
            self.book();
            self.total.make_room();
        }
    }

    /// Has moka forget what does not fit, and counts what is left.
    fn book(&self) {
        self.unbooked.store(0, Ordering::Relaxed);
        self.entries.run_pending_tasks();
        self.count(self.entries.weighted_size());
    }

    fn count(&self, bytes: u64) {
        let before = self.counted.swap(bytes, Ordering::Relaxed);
        // Wraps where the cache shrank, and that is a subtraction.
        self.total.bytes.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
    }

    fn empty(&self) {
        self.entries.invalidate_all();
        self.book();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.count(0);
    }
}

impl Total {
    fn add(&self, memory: &Arc<Memory>) {
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(Arc::downgrade(memory));
    }

    /// What all caches hold, as far as it is counted.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Empties the largest cache while there is too much in all together.
    fn make_room(&self) {
        while self.bytes() > CACHE_BYTES_IN_ALL_MAX {
            let caches: Vec<Arc<Memory>> = {
                let caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
                caches.iter().filter_map(Weak::upgrade).collect()
            };
            let size = |cache: &&Arc<Memory>| cache.counted.load(Ordering::Relaxed);
            let Some(largest) = caches.iter().max_by_key(size).filter(|largest| size(largest) > 0) else { return };
            largest.empty();
        }
    }
}

/// moka's timer: by the clock of the machine, and not before a value has expired by the runtime's.
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

/// Bytes of an entry, with what moka needs for it.
fn weight(key: &str, value: &str) -> u32 {
    u32::try_from(key.len() + value.len() + CACHE_ENTRY_BYTES).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
