//! The rules of a backend for `cache`: `plugbay::store::CacheStoreProvider` and `CacheStore`.

use std::sync::Arc;
use std::time::Duration;

use plugbay::store::{CacheChange, CacheError, CacheLimits, CacheStore, CacheStoreProvider, CacheUpdate, CacheValue};

/// Limits that a test can reach, and that evict nothing of the small values here.
const LIMITS: CacheLimits = CacheLimits { bytes_max: 1 << 20, batch_bytes_max: 10_000 };

const TTL: Duration = Duration::from_secs(60);

/// Checks every rule. `pass` lets time pass, by the clock by which the backend's values expire.
///
/// # Panics
/// If the backend breaks one.
pub(crate) async fn check(provider: &dyn CacheStoreProvider, pass: impl AsyncFn(Duration)) {
    stores_of_one_plugin_share_their_values(provider).await;
    removal_concerns_one_plugin(provider).await;
    values_are_returned_as_they_were_set(provider).await;
    many_values_are_returned_in_the_order_of_the_keys(provider).await;
    value_expires_after_its_time_to_live(provider, &pass).await;
    write_sets_the_time_to_live_anew(provider, &pass).await;
    get_or_set_keeps_a_value_that_is_present(provider, &pass).await;
    update_decides_by_the_present_value(provider, &pass).await;
    selected_keys_are_listed_and_deleted(provider, &pass).await;
    full_cache_evicts_and_refuses_nothing(provider).await;
    concurrent_updates_lose_nothing(provider).await;
    one_of_several_first_writers_wins(provider).await;
}

async fn stores_of_one_plugin_share_their_values(provider: &dyn CacheStoreProvider) {
    let one = fresh(provider, "conformance-share").await;
    let same = open(provider, "conformance-share").await;
    let other = fresh(provider, "conformance-other").await;
    set(&*one, "key", json("1"), None).await;
    assert_eq!(same.get("key").await, Ok(Some(json("1"))), "another store of the same plugin");
    set(&*same, "key", json("2"), None).await;
    assert_eq!(one.get("key").await, Ok(Some(json("2"))), "a write through the other store");
    assert_eq!(other.get("key").await, Ok(None), "another plugin");
}

async fn removal_concerns_one_plugin(provider: &dyn CacheStoreProvider) {
    let stays = fresh(provider, "conformance-stays").await;
    set(&*stays, "key", json("1"), None).await;
    let removed = fresh(provider, "conformance-removed").await;
    set(&*removed, "key", json("1"), None).await;
    assert_eq!(provider.remove("conformance-removed").await, Ok(true));
    drop(removed);
    assert_eq!(provider.remove("conformance-removed").await, Ok(false), "nothing is left");
    assert_eq!(open(provider, "conformance-removed").await.get("key").await, Ok(None));
    assert_eq!(stays.get("key").await, Ok(Some(json("1"))), "the other plugin keeps its values");
}

async fn values_are_returned_as_they_were_set(provider: &dyn CacheStoreProvider) {
    let store = fresh(provider, "conformance-values").await;
    let long = "k".repeat(512);
    for key in ["a", "a/../b", "%", "*", "_", " ", "a:b", "ü/日本", &long] {
        assert_eq!(store.get(key).await, Ok(None), "{key}");
        for value in [raw(b""), json("{ \"a\":  1e2 }"), raw(&[0, 0xff, b'\n']), raw(b"1"), json("1")] {
            set(&*store, key, value.clone(), None).await;
            assert_eq!(store.get(key).await, Ok(Some(value)), "{key}");
        }
        assert_eq!(store.delete(&owned(&[key, key, "none"])).await, Ok(1), "{key}: each key counts once");
        assert_eq!(store.get(key).await, Ok(None), "{key}");
    }
    set(&*store, "a", json("1"), None).await;
    assert_eq!(store.get("A").await, Ok(None), "keys are compared byte by byte");
}

async fn many_values_are_returned_in_the_order_of_the_keys(provider: &dyn CacheStoreProvider) {
    let store = fresh(provider, "conformance-many").await;
    let entries = [("a", json("0")), ("b", json("2")), ("large", raw(&[b'x'; 6_000])), ("a", json("1"))];
    let entries = entries.map(|(key, value)| (key.to_owned(), value));
    store.set_many(entries.into(), None).await.expect("set");
    let many = async |keys: &[&str]| store.get_many(&owned(keys)).await;
    let (one, two) = (Some(json("1")), Some(json("2")));
    assert_eq!(many(&["b", "none", "a", "b"]).await, Ok(vec![two.clone(), None, one, two]), "the last value counts");
    assert_eq!(many(&[]).await, Ok(Vec::new()));
    assert_eq!(many(&["large"]).await.map(|values| values.len()), Ok(1));
    let error = many(&["large", "a", "large"]).await.expect_err("12,001 bytes");
    assert!(
        matches!(&error, CacheError::Limit(limit) if limit.to_string().contains("cache_batch_bytes: 10000")),
        "{error}"
    );
}

async fn value_expires_after_its_time_to_live(provider: &dyn CacheStoreProvider, pass: &impl AsyncFn(Duration)) {
    let store = fresh(provider, "conformance-expiry").await;
    set(&*store, "minute", json("1"), Some(TTL)).await;
    set(&*store, "forever", json("2"), None).await;
    set(&*store, "very long", json("3"), Some(Duration::MAX)).await;
    pass(TTL - Duration::from_secs(1)).await;
    assert_eq!(store.get("minute").await, Ok(Some(json("1"))));
    pass(Duration::from_secs(1)).await;
    assert_eq!(store.get("minute").await, Ok(None));
    assert_eq!(store.get_many(&owned(&["minute"])).await, Ok(vec![None]));
    assert_eq!(store.delete(&owned(&["minute"])).await, Ok(0), "an expired value is absent");
    pass(10 * TTL).await;
    let values = store.get_many(&owned(&["forever", "very long"])).await;
    assert_eq!(values, Ok(vec![Some(json("2")), Some(json("3"))]));
}

async fn write_sets_the_time_to_live_anew(provider: &dyn CacheStoreProvider, pass: &impl AsyncFn(Duration)) {
    let store = fresh(provider, "conformance-anew").await;
    for key in ["set", "updated", "kept"] {
        set(&*store, key, json("1"), Some(TTL)).await;
    }
    pass(TTL / 2).await;
    set(&*store, "set", json("1"), Some(TTL)).await;
    let replace: CacheUpdate = Box::new(|_| Ok(CacheChange::Set(json("1"))));
    assert_eq!(store.update("updated", replace, Some(TTL)).await, Ok(true));
    assert_eq!(store.update("kept", Box::new(|_| Ok(CacheChange::Keep)), Some(TTL)).await, Ok(false));
    pass(TTL / 2).await;
    let values = store.get_many(&owned(&["set", "updated", "kept"])).await;
    assert_eq!(values, Ok(vec![Some(json("1")), Some(json("1")), None]), "a value that stays keeps its time to live");
}

async fn get_or_set_keeps_a_value_that_is_present(provider: &dyn CacheStoreProvider, pass: &impl AsyncFn(Duration)) {
    let store = fresh(provider, "conformance-get-or-set").await;
    let get_or_set = async |text: &str| store.get_or_set("a", json(text), Some(TTL)).await;
    assert_eq!(get_or_set("1").await, Ok(json("1")));
    pass(TTL / 2).await;
    assert_eq!(get_or_set("2").await, Ok(json("1")));
    pass(TTL / 2).await;
    assert_eq!(get_or_set("3").await, Ok(json("3")), "the first value has expired");
    assert_eq!(store.get("a").await, Ok(Some(json("3"))));
}

async fn update_decides_by_the_present_value(provider: &dyn CacheStoreProvider, pass: &impl AsyncFn(Duration)) {
    let store = fresh(provider, "conformance-update").await;
    let swap = async |expected: Option<&str>, new: Option<&str>| {
        let (expected, new) = (expected.map(json), new.map(json));
        let decide = move |old: Option<&CacheValue>| {
            let change = new.clone().map_or(CacheChange::Remove, CacheChange::Set);
            Ok(if old == expected.as_ref() { change } else { CacheChange::Keep })
        };
        store.update("k", Box::new(decide), Some(TTL)).await.expect("written")
    };
    assert!(!swap(Some("1"), Some("2")).await, "there is no value");
    assert!(swap(None, Some("1")).await);
    assert!(!swap(None, Some("2")).await, "there is a value");
    assert!(swap(Some("1"), Some("23")).await);
    assert_eq!(store.get("k").await, Ok(Some(json("23"))));
    let refuse: CacheUpdate = Box::new(|_| Err(CacheError::Invalid("refused".to_owned())));
    assert_eq!(store.update("k", refuse, None).await, Err(CacheError::Invalid("refused".to_owned())));
    assert_eq!(store.get("k").await, Ok(Some(json("23"))));
    assert!(swap(Some("23"), None).await);
    assert_eq!(store.get("k").await, Ok(None));
    assert!(swap(None, Some("4")).await);
    pass(TTL).await;
    assert!(swap(None, Some("5")).await, "an expired value is absent");
}

async fn selected_keys_are_listed_and_deleted(provider: &dyn CacheStoreProvider, pass: &impl AsyncFn(Duration)) {
    let store = fresh(provider, "conformance-selected").await;
    set(&*store, "a/expired", json("1"), Some(TTL)).await;
    pass(TTL).await;
    for number in 0..1_000 {
        set(&*store, &format!("a/{number}"), json("1"), None).await;
    }
    set(&*store, "b", json("1"), None).await;
    let mut keys = store.keys(Box::new(|key| key.ends_with("99") || key == "b")).await.expect("listed");
    keys.sort_unstable();
    assert_eq!(keys, ["a/199", "a/299", "a/399", "a/499", "a/599", "a/699", "a/799", "a/899", "a/99", "a/999", "b"]);
    assert_eq!(store.delete_selected(Box::new(|key| key.ends_with("99"))).await, Ok(10));
    assert_eq!(store.delete_selected(Box::new(|key| key.starts_with("a/"))).await, Ok(990));
    assert_eq!(store.keys(Box::new(|_| true)).await, Ok(owned(&["b"])));
}

async fn full_cache_evicts_and_refuses_nothing(provider: &dyn CacheStoreProvider) {
    let store = fresh(provider, "conformance-full").await;
    let value = raw(&[b'x'; 100_000]);
    for number in 0..100 {
        set(&*store, &number.to_string(), value.clone(), None).await;
    }
    let keys = store.keys(Box::new(|_| true)).await.expect("listed");
    assert!(keys.len() < 100, "10 MB are stored, and 1 MiB is the limit");
}

/// Two stores of one plugin, and several tasks on each.
async fn concurrent_updates_lose_nothing(provider: &dyn CacheStoreProvider) {
    const TASKS: usize = 8;
    const ROUNDS: usize = 50;
    let plugin = "conformance-concurrent";
    let stores = [fresh(provider, plugin).await, open(provider, plugin).await];
    let add = |old: Option<&CacheValue>| {
        let digits = old.map(|old| String::from_utf8_lossy(old.as_bytes()).into_owned());
        let old: usize = digits.map_or(0, |digits| digits.parse().expect("a number"));
        Ok(CacheChange::Set(json(&(old + 1).to_string())))
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = stores[task % 2].clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    assert!(store.update("sum", Box::new(add), None).await.expect("written"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("every update took effect");
    }
    assert_eq!(stores[1].get("sum").await, Ok(Some(json(&(TASKS * ROUNDS).to_string()))));
}

async fn one_of_several_first_writers_wins(provider: &dyn CacheStoreProvider) {
    let plugin = "conformance-first";
    let stores = [fresh(provider, plugin).await, open(provider, plugin).await];
    for round in 0..20 {
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let (store, key) = (stores[task % 2].clone(), format!("lock/{round}"));
                tokio::spawn(async move { store.get_or_set(&key, json(&task.to_string()), None).await.expect("set") })
            })
            .collect();
        let mut values = Vec::new();
        for task in tasks {
            values.push(task.await.expect("it does not panic"));
        }
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
    }
}

/// The empty cache of a plugin, which an earlier run may have filled.
async fn fresh(provider: &dyn CacheStoreProvider, plugin: &str) -> Arc<dyn CacheStore> {
    provider.remove(plugin).await.expect("removed, or nothing was there");
    open(provider, plugin).await
}

async fn open(provider: &dyn CacheStoreProvider, plugin: &str) -> Arc<dyn CacheStore> {
    provider.open(plugin, LIMITS).await.expect("opened")
}

async fn set(store: &dyn CacheStore, key: &str, value: CacheValue, ttl: Option<Duration>) {
    store.set_many(vec![(key.to_owned(), value)], ttl).await.expect("set");
}

fn raw(bytes: &[u8]) -> CacheValue {
    CacheValue::Bytes(bytes.into())
}

fn json(text: &str) -> CacheValue {
    CacheValue::Json(text.into())
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}
