//! The rules of a backend for `data`: `plugbay::store::DataStoreProvider` and `DataStore`.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use plugbay::store::{
    DataChange, DataError, DataLimits, DataStore, DataStoreProvider, DataUpdate, DataValue, EntriesQuery,
};

use crate::harness::limits::DATA_PAGE_KEYS_MAX;

/// Limits that a test can reach.
const LIMITS: DataLimits = DataLimits { keys_max: 1_200, bytes_max: 100_000, batch_bytes_max: 10_000 };

/// Checks every rule.
///
/// # Panics
/// If the backend breaks one.
pub(crate) async fn check(provider: &dyn DataStoreProvider) {
    stores_of_one_plugin_share_their_values(provider).await;
    removal_concerns_one_plugin(provider).await;
    values_are_returned_as_they_were_set(provider).await;
    many_values_are_returned_in_the_order_of_the_keys(provider).await;
    keys_are_in_the_order_of_their_bytes(provider).await;
    page_of_entries_ends_at_each_limit(provider).await;
    page_looks_at_a_bounded_number_of_keys(provider).await;
    refused_write_changes_nothing(provider).await;
    limits_count_every_change(provider).await;
    data_over_a_limit_may_shrink(provider).await;
    update_decides_by_the_present_value(provider).await;
    dropped_write_is_complete_or_absent(provider).await;
    concurrent_updates_lose_nothing(provider).await;
    one_of_several_first_writers_wins(provider).await;
}

async fn stores_of_one_plugin_share_their_values(provider: &dyn DataStoreProvider) {
    let one = fresh(provider, "conformance-share").await;
    let same = open(provider, "conformance-share").await;
    let other = fresh(provider, "conformance-other").await;
    set(&*one, &[("key", b"1")]).await.expect("set");
    assert_eq!(same.get("key").await, Ok(Some(raw(b"1"))), "another store of the same plugin");
    set(&*same, &[("key", b"2")]).await.expect("set");
    assert_eq!(one.get("key").await, Ok(Some(raw(b"2"))), "a write through the other store");
    assert_eq!(other.get("key").await, Ok(None), "another plugin");
    drop((one, same));
    let later = open(provider, "conformance-share").await;
    assert_eq!(later.get("key").await, Ok(Some(raw(b"2"))), "values outlive the stores");
}

async fn removal_concerns_one_plugin(provider: &dyn DataStoreProvider) {
    for plugin in ["conformance-removed", "conformance-stays"] {
        set(&*fresh(provider, plugin).await, &[("key", b"1"), ("other", b"2")]).await.expect("set");
    }
    assert_eq!(provider.remove("conformance-removed").await, Ok(true));
    assert_eq!(provider.remove("conformance-removed").await, Ok(false), "nothing is left");
    let removed = open(provider, "conformance-removed").await;
    assert_eq!(removed.keys("", None, 9).await, Ok(Vec::new()));
    let stays = open(provider, "conformance-stays").await;
    assert_eq!(stays.get("key").await, Ok(Some(raw(b"1"))), "the other plugin keeps its data");
}

async fn values_are_returned_as_they_were_set(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-values").await;
    let long = "k".repeat(512);
    for key in ["a", "a/../b", "%", "*", "_", " ", "a:b", "ü/日本", "'; DROP TABLE entries; --", &long] {
        assert_eq!((store.get(key).await, store.exists(key).await), (Ok(None), Ok(false)), "{key}");
        for value in [raw(b""), json("{ \"a\":  1e2 }"), raw(&[0, 0xff, b'\n']), raw(b"1"), json("1")] {
            store.set_many(vec![(key.to_owned(), value.clone())]).await.expect("set");
            assert_eq!((store.get(key).await, store.exists(key).await), (Ok(Some(value)), Ok(true)), "{key}");
        }
        assert_eq!(store.delete(&owned(&[key])).await, Ok(1), "{key}");
        assert_eq!((store.get(key).await, store.exists(key).await), (Ok(None), Ok(false)), "{key}");
    }
    set(&*store, &[("a", b"1")]).await.expect("set");
    assert_eq!(store.get("A").await, Ok(None), "keys are compared byte by byte");
}

async fn many_values_are_returned_in_the_order_of_the_keys(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-many").await;
    set(&*store, &[("a", b"1"), ("b", b"2"), ("large", &[b'x'; 6_000])]).await.expect("set");
    let many = async |keys: &[&str]| store.get_many(&owned(keys)).await;
    let (one, two) = (Some(raw(b"1")), Some(raw(b"2")));
    assert_eq!(many(&["b", "none", "a", "b"]).await, Ok(vec![two.clone(), None, one, two]));
    assert_eq!(many(&[]).await, Ok(Vec::new()));
    assert_eq!(many(&["large"]).await.map(|values| values.len()), Ok(1));
    assert_limit(many(&["large", "a", "large"]).await, &["data_batch_bytes", "10000"]);
}

async fn keys_are_in_the_order_of_their_bytes(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-keys").await;
    let names = ["b", "a/2", "a/10", "a", "ä", "a/1", "B", "日", "a%", "a_b", "a*"];
    set(&*store, &names.map(|name| (name, &b""[..]))).await.expect("set");
    let keys = async |prefix: &str, after: Option<&str>, limit| store.keys(prefix, after, limit).await.expect("read");
    let all = ["B", "a", "a%", "a*", "a/1", "a/10", "a/2", "a_b", "b", "ä", "日"];
    assert_eq!(keys("", None, 100).await, all);
    assert_eq!(keys("", None, all.len()).await, all);
    assert_eq!(keys("a/", None, 2).await, ["a/1", "a/10"]);
    assert_eq!(keys("a/", Some("a/10"), 2).await, ["a/2"]);
    assert_eq!(keys("a/", Some("a/1~"), 2).await, ["a/2"], "the cursor need not exist");
    assert_eq!(keys("a/", Some("B"), 1).await, ["a/1"], "a cursor before the prefix");
    for (prefix, after) in [("a/", Some("b")), ("a/", Some("a/2")), ("%", None), ("*", None), ("_", None), ("c", None)]
    {
        assert_eq!(keys(prefix, after, 2).await, [""; 0], "{prefix} {after:?}");
    }
    assert_eq!(keys("a%", None, 9).await, ["a%"], "a prefix is not a pattern");
    assert_eq!(keys("ä", None, 9).await, ["ä"]);
}

async fn page_of_entries_ends_at_each_limit(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-entries").await;
    set(&*store, &[("a/1", b"1234"), ("a/2", b"1234"), ("a/3", b"1234"), ("b", b"1234")]).await.expect("set");
    let page = async |after: Option<&str>, limit, bytes_max| {
        let (prefix, after) = ("a/".to_owned(), after.map(str::to_owned));
        let wanted = Box::new(|key: &str| key != "a/2");
        let page = store.entries(EntriesQuery { prefix, after, limit, bytes_max, wanted }).await.expect("read");
        assert!(page.entries.iter().all(|(_, value)| *value == raw(b"1234")));
        (page.entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), page.last)
    };
    let last = |key: &str| Some(key.to_owned());
    assert_eq!(page(None, 10, 100).await, (owned(&["a/1", "a/3"]), None));
    assert_eq!(page(None, 1, 100).await, (owned(&["a/1"]), last("a/1")));
    assert_eq!(page(None, 10, 5).await, (owned(&["a/1"]), last("a/2")), "the next value would be too much");
    assert_eq!(page(Some("a/2"), 10, 1).await, (owned(&["a/3"]), None), "a large value is a page of its own");
}

async fn page_looks_at_a_bounded_number_of_keys(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-page").await;
    let count = DATA_PAGE_KEYS_MAX + 10;
    store.set_many((0..count).map(|number| (format!("{number:04}"), raw(b""))).collect()).await.expect("set");
    let (mut after, mut pages, mut seen) = (None, 0, BTreeSet::new());
    loop {
        let wanted = Box::new(|key: &str| key.ends_with('7'));
        let query = EntriesQuery { prefix: String::new(), after, limit: 5_000, bytes_max: 1 << 20, wanted };
        let page = store.entries(query).await.expect("read");
        seen.extend(page.entries.into_iter().map(|(key, _)| key));
        pages += 1;
        after = page.last;
        if after.is_none() {
            break;
        }
    }
    assert!(pages > 1, "a page looks at no more than {DATA_PAGE_KEYS_MAX} keys");
    assert_eq!(seen.len(), count / 10);
}

async fn refused_write_changes_nothing(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-refused").await;
    set(&*store, &[("a", b"1"), ("b", b"2"), ("a", b"3")]).await.expect("set");
    assert_eq!(store.get("a").await, Ok(Some(raw(b"3"))), "the last value of a key counts");
    let full = vec![b'x'; 100_000];
    assert_limit(set(&*store, &[("a", b"4"), ("c", b"5"), ("large", &full)]).await, &["data_bytes", "100000"]);
    let many = (0..1_200).map(|number| (format!("n{number}"), raw(b""))).collect();
    assert_limit(store.set_many(many).await, &["data_keys", "1200", "1202"]);
    let grow: DataUpdate = Box::new(move |_| Ok(DataChange::Set(raw(&full))));
    assert_limit(store.update("b", grow).await, &["data_bytes", "100000"]);
    let refuse: DataUpdate = Box::new(|_| Err(DataError::Invalid("refused".to_owned())));
    assert_eq!(store.update("b", refuse).await, Err(DataError::Invalid("refused".to_owned())));
    assert_eq!(store.keys("", None, 9).await, Ok(owned(&["a", "b"])));
    assert_eq!((store.get("a").await, store.get("b").await), (Ok(Some(raw(b"3"))), Ok(Some(raw(b"2")))));
}

/// After changes of each kind, exactly the rest of the limits can be used.
async fn limits_count_every_change(provider: &dyn DataStoreProvider) {
    let plugin = "conformance-limits";
    drop(fresh(provider, plugin).await);
    let limits = DataLimits { keys_max: 4, bytes_max: 20, batch_bytes_max: 100 };
    let store = provider.open(plugin, limits).await.expect("opened");
    set(&*store, &[("a", b"12"), ("bb", b"345")]).await.expect("8 bytes in 2 keys");
    set(&*store, &[("a", b""), ("a", b"1234")]).await.expect("10 bytes in 2 keys");
    assert_eq!(store.delete(&owned(&["a", "a", "none"])).await, Ok(1), "each key counts once");
    store.update("ccc", Box::new(|_| Ok(DataChange::Set(raw(b"1"))))).await.expect("9 bytes in 2 keys");
    store.update("ccc", Box::new(|_| Ok(DataChange::Keep))).await.expect("no change");
    store.update("bb", Box::new(|_| Ok(DataChange::Remove))).await.expect("4 bytes in 1 key");
    set(&*store, &[("x", &[b'x'; 15])]).await.expect("20 bytes in 2 keys");
    assert_limit(set(&*store, &[("y", b"")]).await, &["data_bytes", "20", "21"]);
    assert_eq!(store.delete(&owned(&["x"])).await, Ok(1));
    set(&*store, &[("x", b""), ("y", b""), ("z", b"")]).await.expect("7 bytes in 4 keys");
    assert_limit(set(&*store, &[("w", b"")]).await, &["data_keys", "4", "5"]);
    set(&*store, &[("x", b"1")]).await.expect("replacing a value adds no key");
}

async fn data_over_a_limit_may_shrink(provider: &dyn DataStoreProvider) {
    let plugin = "conformance-shrink";
    set(&*fresh(provider, plugin).await, &[("a", b"123"), ("b", b"123"), ("c", b"123")]).await.expect("set");
    let small = DataLimits { keys_max: 1, bytes_max: 4, batch_bytes_max: 100 };
    let store = provider.open(plugin, small).await.expect("opened");
    assert_limit(set(&*store, &[("d", b"")]).await, &["data_keys", "1", "4"]);
    assert_limit(set(&*store, &[("a", b"1234")]).await, &["data_bytes", "4", "13"]);
    set(&*store, &[("a", b"12")]).await.expect("a shorter value");
    set(&*store, &[("a", b"21")]).await.expect("as many bytes as before");
    assert_eq!(store.delete(&owned(&["b"])).await, Ok(1));
}

async fn update_decides_by_the_present_value(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-update").await;
    let swap = async |expected: Option<&[u8]>, new: Option<&[u8]>| {
        let (expected, new) = (expected.map(raw), new.map(raw));
        let decide = move |old: Option<&DataValue>| {
            let change = new.clone().map_or(DataChange::Remove, DataChange::Set);
            Ok(if old == expected.as_ref() { change } else { DataChange::Keep })
        };
        store.update("k", Box::new(decide)).await.expect("written")
    };
    assert!(!swap(Some(b"1"), Some(b"2")).await, "there is no value");
    assert!(swap(None, Some(b"1")).await);
    assert!(!swap(None, Some(b"2")).await, "there is a value");
    assert!(swap(Some(b"1"), Some(b"23")).await);
    assert_eq!(store.get("k").await, Ok(Some(raw(b"23"))));
    assert!(swap(Some(b"23"), None).await);
    assert_eq!(store.exists("k").await, Ok(false));
}

async fn dropped_write_is_complete_or_absent(provider: &dyn DataStoreProvider) {
    let store = fresh(provider, "conformance-dropped").await;
    for number in 0..20 {
        let value = json(&number.to_string());
        let both = vec![("one".to_owned(), value.clone()), ("two".to_owned(), value)];
        let mut write = pin!(store.set_many(both));
        let _ = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    // If some of them are still being written, this write waits for them.
    set(&*store, &[("last", b"")]).await.expect("set");
    assert_eq!(store.get("one").await, store.get("two").await);
}

/// Two stores of one plugin, as two revisions or two processes have them, and several tasks on each.
async fn concurrent_updates_lose_nothing(provider: &dyn DataStoreProvider) {
    const TASKS: usize = 8;
    const ROUNDS: usize = 25;
    let plugin = "conformance-concurrent";
    let stores = [fresh(provider, plugin).await, open(provider, plugin).await];
    let add = |old: Option<&DataValue>| {
        let digits = old.map(|old| String::from_utf8_lossy(old.as_bytes()).into_owned());
        let old: usize = digits.map_or(0, |digits| digits.parse().expect("a number"));
        Ok(DataChange::Set(json(&(old + 1).to_string())))
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = stores[task % 2].clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    assert!(store.update("sum", Box::new(add)).await.expect("written"));
                    assert!(store.update(&format!("task/{task}"), Box::new(add)).await.expect("written"));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("every update took effect");
    }
    let sum = |number: usize| Ok(Some(json(&number.to_string())));
    assert_eq!(stores[1].get("sum").await, sum(TASKS * ROUNDS));
    assert_eq!(stores[0].get("task/7").await, sum(ROUNDS));
    assert_eq!(stores[0].keys("", None, 100).await.map(|keys| keys.len()), Ok(TASKS + 1));
}

async fn one_of_several_first_writers_wins(provider: &dyn DataStoreProvider) {
    let plugin = "conformance-first";
    let stores = [fresh(provider, plugin).await, open(provider, plugin).await];
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let (store, value) = (stores[task % 2].clone(), json(&task.to_string()));
            let first = move |old: Option<&DataValue>| {
                Ok(old.map_or_else(|| DataChange::Set(value.clone()), |_| DataChange::Keep))
            };
            tokio::spawn(async move { store.update("lock", Box::new(first)).await.expect("written") })
        })
        .collect();
    let mut winners = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        if task.await.expect("it does not panic") {
            winners.push(json(&number.to_string()));
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(stores[1].get("lock").await, Ok(winners.pop()));
}

/// The empty data of a plugin, which an earlier run may have filled.
async fn fresh(provider: &dyn DataStoreProvider, plugin: &str) -> Arc<dyn DataStore> {
    provider.remove(plugin).await.expect("removed, or nothing was there");
    open(provider, plugin).await
}

async fn open(provider: &dyn DataStoreProvider, plugin: &str) -> Arc<dyn DataStore> {
    provider.open(plugin, LIMITS).await.expect("opened")
}

async fn set(store: &dyn DataStore, entries: &[(&str, &[u8])]) -> Result<(), DataError> {
    store.set_many(entries.iter().map(|(key, value)| ((*key).to_owned(), raw(value))).collect()).await
}

fn raw(bytes: &[u8]) -> DataValue {
    DataValue::Bytes(bytes.to_vec())
}

fn json(text: &str) -> DataValue {
    DataValue::Json(text.to_owned())
}

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

#[track_caller]
fn assert_limit<T: std::fmt::Debug>(result: Result<T, DataError>, parts: &[&str]) {
    let Err(DataError::Limit(limit)) = result else { panic!("no limit was reached: {result:?}") };
    let text = limit.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}
