//! A cache in this process: moka's, bounded by weight, where what was not used for longest goes first.
//!
//! Values expire by the runtime's clock, which moka does not know: each entry tells when, and whoever looks compares. moka's
//! own timer only makes room, a while later. moka also keeps its books lazily; they are brought up to date after so many
//! bytes, so that the bound holds however fast a plugin writes.
//!
//! All caches of a runtime share one bound: where it is exceeded, the largest cache is emptied. So whoever fills the room
//! pays for it, and a plugin with a small cache never notices.

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
    /// Bytes that were written since moka's books were last up to date.
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

    /// Removes all keys that fit, and answers how many were there. A large cache is looked through on another thread, and
    /// none for longer than [`CACHE_SCAN_TIME_MAX`]: nothing is removed then.
    pub(super) async fn delete_all(
        memory: Arc<Self>,
        fits: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<u64, TooSlow> {
        if memory.entries.entry_count() <= CACHE_KEYS_SCANNED_HERE {
            return memory.scan_and_delete(fits);
        }
        let scan = tokio::task::spawn_blocking(move || memory.scan_and_delete(fits));
        // The scan does not panic, and nobody cancels it.
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

    /// Brings moka's books up to date when enough was written since the last time.
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
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn memory() -> (ManualClock, Arc<Memory>) {
        let clock = ManualClock::default();
        (clock.clone(), Memory::new(Arc::new(clock), &Arc::default()))
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn value_expires_by_the_clock_that_is_given() {
        let (clock, memory) = memory();
        memory.set("minute", "1", Some(MINUTE));
        memory.set("ever", "2", None);
        memory.set("very long", "3", Some(Duration::MAX));
        clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(memory.get("minute").as_deref(), Some("1"));
        clock.advance(Duration::from_millis(1));
        assert_eq!(memory.get("minute"), None);
        assert!(!memory.delete("minute"), "what has expired is not there");
        clock.advance(1_000_000 * MINUTE);
        assert_eq!((memory.get("ever").as_deref(), memory.get("very long").as_deref()), (Some("2"), Some("3")));
    }

    #[test]
    fn value_lives_on_while_the_clock_that_is_given_stands_still() {
        let (_, memory) = memory();
        memory.set("short", "1", Some(Duration::from_millis(1)));
        std::thread::sleep(Duration::from_millis(5));
        memory.book();
        assert_eq!(memory.get("short").as_deref(), Some("1"));
    }

    #[test]
    fn get_or_set_sets_what_is_not_there_or_has_expired() {
        let (clock, memory) = memory();
        assert_eq!(&*memory.get_or_set("a", "1", Some(MINUTE)), "1");
        assert_eq!(&*memory.get_or_set("a", "2", Some(MINUTE)), "1");
        clock.advance(MINUTE);
        assert_eq!(&*memory.get_or_set("a", "3", Some(MINUTE)), "3");
        assert_eq!(memory.get("a").as_deref(), Some("3"));
    }

    #[test]
    fn of_many_who_get_or_set_at_once_one_sets() {
        let (_, memory) = memory();
        let answers: Vec<Arc<str>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|n| {
                    let memory = &memory;
                    scope.spawn(move || memory.get_or_set("a", &n.to_string(), None))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let (_, memory) = memory();
        let value = "v".repeat(1 << 20);
        for key in ["used", "unused"] {
            memory.set(key, "1", None);
        }
        for n in 0..20 {
            assert_eq!(memory.get("used").as_deref(), Some("1"), "after {n} MiB");
            memory.set(&n.to_string(), &value, None);
        }
        assert_eq!((memory.get("unused"), memory.get("0")), (None, None));
        assert!(memory.get("19").is_some());
    }

    #[test]
    fn cache_is_never_much_larger_than_it_may_be() {
        let (_, memory) = memory();
        for (bytes, count) in [(1 << 20, 100), (10, 100_000)] {
            let value = "v".repeat(bytes);
            for n in 0..count {
                memory.set(&format!("{bytes}/{n}"), &value, None);
            }
            let held: u64 = memory.entries.iter().map(|(key, entry)| u64::from(weight(&key, &entry.value))).sum();
            assert!(held <= CACHE_BYTES_MAX + CACHE_BYTES_UNTIL_BOOKED, "{held}");
            assert!(held > CACHE_BYTES_MAX / 2, "{held}");
        }
    }

    #[test]
    fn where_all_caches_are_full_the_largest_is_emptied() {
        let total = Arc::<Total>::default();
        let cache = || Memory::new(Arc::new(ManualClock::default()), &total);
        let small = cache();
        small.set("a", "1", None);
        let value = "v".repeat(1 << 20);
        let large: Vec<Arc<Memory>> = (0..=CACHE_BYTES_IN_ALL_MAX / CACHE_BYTES_MAX + 4).map(|_| cache()).collect();
        for memory in &large {
            for n in 0..16 {
                memory.set(&n.to_string(), &value, None);
                assert!(total.bytes() <= CACHE_BYTES_IN_ALL_MAX, "{}", total.bytes());
            }
        }
        assert_eq!(small.get("a").as_deref(), Some("1"));
        assert!(total.bytes() > CACHE_BYTES_IN_ALL_MAX / 2, "{}", total.bytes());
        drop(large);
        small.book();
        assert!(total.bytes() < 1_000, "{}", total.bytes());
    }

    #[tokio::test]
    async fn delete_all_removes_what_fits_and_counts_what_was_alive() {
        let (clock, memory) = memory();
        memory.set("a/old", "1", Some(MINUTE));
        clock.advance(MINUTE);
        for key in ["a/1", "a/2", "b/1"] {
            memory.set(key, "1", None);
        }
        let deleted = Memory::delete_all(memory.clone(), |key| key.starts_with("a/")).await.expect("it is quick");
        assert_eq!((deleted, memory.get("a/1"), memory.get("b/1").as_deref()), (2, None, Some("1")));
        for n in 0..2 * CACHE_KEYS_SCANNED_HERE {
            memory.set(&format!("c/{n}"), "1", None);
        }
        memory.book();
        let deleted = Memory::delete_all(memory.clone(), |key| key.starts_with("c/")).await.expect("it is quick");
        assert_eq!(deleted, 2 * CACHE_KEYS_SCANNED_HERE);
    }

    #[tokio::test]
    async fn scan_that_takes_too_long_removes_nothing() {
        let (_, memory) = memory();
        for key in ["a", "b", "c"] {
            memory.set(key, "1", None);
        }
        let slow = |_: &str| {
            std::thread::sleep(CACHE_SCAN_TIME_MAX / 2);
            true
        };
        let TooSlow(observed) = Memory::delete_all(memory.clone(), slow).await.expect_err("it is slow");
        assert!(observed > CACHE_SCAN_TIME_MAX);
        assert!(["a", "b", "c"].iter().all(|key| memory.get(key).is_some()));
    }
}
