//! Expiry, eviction, limits and scans of one cache, and the limit of all together.

use super::*;
use crate::clock::ManualClock;
use crate::limits::CACHE_BYTES_MAX;

fn memory() -> (ManualClock, Arc<Memory>) {
    let clock = ManualClock::default();
    (clock.clone(), Memory::new(Arc::new(clock), &Arc::default(), CACHE_BYTES_MAX))
}

fn json(text: &str) -> CacheValue {
    CacheValue::Json(text.into())
}

fn set(memory: &Memory, key: &str, value: &str, ttl: Option<Duration>) {
    memory.set(key, json(value), ttl);
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn value_expires_by_the_given_clock() {
    let (clock, memory) = memory();
    set(&memory, "minute", "1", Some(MINUTE));
    set(&memory, "ever", "2", None);
    set(&memory, "very long", "3", Some(Duration::MAX));
    clock.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(memory.get("minute"), Some(json("1")));
    clock.advance(Duration::from_millis(1));
    assert_eq!(memory.get("minute"), None);
    assert!(!memory.delete("minute"), "an expired value is absent");
    clock.advance(1_000_000 * MINUTE);
    assert_eq!((memory.get("ever"), memory.get("very long")), (Some(json("2")), Some(json("3"))));
}

#[test]
fn expired_values_are_freed_by_later_writes() {
    let (clock, memory) = memory();
    (0..100).for_each(|n| set(&memory, &format!("short/{n}"), "1", Some(MINUTE)));
    set(&memory, "read", "1", Some(MINUTE));
    clock.advance(MINUTE);
    assert_eq!(memory.get("read"), None);
    assert_eq!(memory.entries.lock().values.len(), 100, "a value that is found expired is freed at once");
    (0..100).for_each(|n| set(&memory, &format!("new/{n}"), "1", None));
    assert_eq!(memory.keys().len(), 100);
    assert_eq!(memory.entries.lock().values.len(), 100, "the expired values are gone");
}

#[test]
fn full_cache_evicts_the_least_recently_used_value() {
    let (_, memory) = memory();
    let value = "v".repeat(1 << 20);
    for key in ["used", "unused"] {
        set(&memory, key, "1", None);
    }
    for n in 0..20 {
        assert_eq!(memory.get("used"), Some(json("1")), "after {n} MiB");
        set(&memory, &n.to_string(), &value, None);
    }
    assert_eq!((memory.get("unused"), memory.get("0")), (None, None));
    assert!(memory.get("19").is_some());
}

#[test]
fn cache_is_never_larger_than_its_limit() {
    let (_, memory) = memory();
    for (bytes, count) in [(1 << 20, 100), (10, 100_000)] {
        let value = "v".repeat(bytes);
        for n in 0..count {
            set(&memory, &format!("{bytes}/{n}"), &value, None);
        }
        let held: u64 = memory.entries.lock().values.iter().map(|(key, entry)| weight(key, &entry.value)).sum();
        assert_eq!((memory.bytes(), memory.total.bytes()), (held, held));
        assert!(held <= CACHE_BYTES_MAX, "{held}");
        assert!(held > CACHE_BYTES_MAX / 2, "{held}");
    }
}

#[test]
fn deleted_values_leave_no_memory_behind() {
    let (_, memory) = memory();
    (0..10_000).for_each(|n| set(&memory, &n.to_string(), "1", None));
    (1..10_000).for_each(|n| assert!(memory.delete(&n.to_string())));
    let places = memory.entries.lock().values.capacity();
    assert!(places < 1_000, "{places}");
    assert_eq!(memory.get("0"), Some(json("1")));
}

#[test]
fn largest_cache_is_emptied_when_all_together_exceed_their_limit() {
    let total = Arc::<Total>::default();
    let cache = || Memory::new(Arc::new(ManualClock::default()), &total, CACHE_BYTES_MAX);
    let small = cache();
    set(&small, "a", "1", None);
    let value = "v".repeat(1 << 20);
    let large: Vec<Arc<Memory>> = (0..=CACHE_BYTES_IN_ALL_MAX / CACHE_BYTES_MAX + 4).map(|_| cache()).collect();
    for memory in &large {
        for n in 0..16 {
            set(memory, &n.to_string(), &value, None);
            assert!(total.bytes() <= CACHE_BYTES_IN_ALL_MAX, "{}", total.bytes());
        }
    }
    assert_eq!(small.get("a"), Some(json("1")));
    assert!(total.bytes() > CACHE_BYTES_IN_ALL_MAX / 2, "{}", total.bytes());
    drop(large);
    assert!(total.bytes() < 1_000, "{}", total.bytes());
}

#[tokio::test]
async fn dropped_store_gives_its_bytes_back() {
    let cache = MemoryCache::default();
    let open = async || cache.open("p", CacheLimits::default()).await.expect("opened");
    let store = open().await;
    store.set_many(vec![("a".to_owned(), json(&"v".repeat(1 << 20)))], None).await.expect("set");
    assert!(cache.total.bytes() > 1 << 20);
    drop(store);
    assert_eq!(cache.total.bytes(), 0);
    assert_eq!(open().await.get("a").await, Ok(None));
}

#[tokio::test]
async fn large_cache_is_scanned_on_another_thread() {
    let (clock, memory) = memory();
    let store = MemoryStore { memory: memory.clone(), limits: CacheLimits::default() };
    set(&memory, "a/old", "1", Some(MINUTE));
    clock.advance(MINUTE);
    for n in 0..2 * CACHE_KEYS_SCANNED_HERE {
        set(&memory, &format!("a/{n}"), "1", None);
    }
    set(&memory, "b", "1", None);
    let deleted = store.delete_selected(Box::new(|key| key.starts_with("a/"))).into_ready();
    let deleted = deleted.expect_err("it is not ready").await;
    assert_eq!(deleted, Ok(2 * CACHE_KEYS_SCANNED_HERE as u64), "an expired value is not counted");
    assert_eq!(memory.get("b"), Some(json("1")));
}

#[test]
fn scan_that_takes_too_long_removes_nothing() {
    let (_, memory) = memory();
    for key in ["a", "b", "c"] {
        set(&memory, key, "1", None);
    }
    let slow: CacheKeyFilter = Box::new(|_| {
        std::thread::sleep(CACHE_SCAN_TIME_MAX / 2);
        true
    });
    let error = memory.delete_selected(&slow).expect_err("it is slow").to_string();
    assert!(error.contains("cache_scan_time: 200ms allowed"), "{error}");
    assert!(["a", "b", "c"].iter().all(|key| memory.get(key).is_some()));
}
