//! Expiry, order, bounds and scans of one cache, and the bound of all.

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
