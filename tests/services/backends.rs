//! Backends of the embedder: they hold the values, and a backend that fails, hangs or panics fails one call.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use plugbay::manifest::RateLimit;
use plugbay::store::{
    CacheError, CacheFuture, CacheKeyFilter, CacheLimits, CacheStore, CacheStoreProvider, CacheUpdate, CacheValue,
    DataError, DataFuture, DataLimits, DataStore, DataStoreProvider, DataUpdate, DataValue, EntriesPage, EntriesQuery,
    MemoryCache, MemoryData, MemoryRates, RateCounter, RateCounters, RateError, RateFuture, StoreFuture,
};
use plugbay::{Plugin, Policy, RuntimeBuilder};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_invoke_error};
use crate::harness::guest::feature;
use crate::harness::host::{Host, TestPlugin, pings};

#[tokio::test]
async fn data_backend_of_the_embedder_holds_the_values() {
    let data = MemoryData::default();
    let first = host(|builder| builder.data_store(data.clone()));
    let plugin = first.load(notes()).await;
    assert_eq!(act(&plugin, "set", json!({ "key": "a", "value": 1 })).await, "set");
    let stored = async || {
        let store = data.open("feature_data", DataLimits::default()).await.expect("opened");
        store.get("a").await.expect("read")
    };
    assert_eq!(stored().await, Some(DataValue::Json("1".to_owned())));
    let second = host(|builder| builder.data_store(data.clone()));
    let plugin = second.load(notes()).await;
    assert_eq!(act(&plugin, "get", json!("a")).await, 1, "another runtime with the same backend");
    assert!(second.runtime.unload("feature_data").await);
    assert!(second.runtime.remove_data("feature_data").await.expect("removed"));
    assert_eq!(stored().await, None);
}

#[tokio::test]
async fn cache_backend_of_the_embedder_holds_the_values() {
    let cache = MemoryCache::default();
    let (first, second) =
        (host(|builder| builder.cache_store(cache.clone())), host(|builder| builder.cache_store(cache.clone())));
    let plugin = first.load(caching()).await;
    assert_eq!(act(&plugin, "set", json!({ "key": "a", "value": 1 })).await, "set");
    let plugin = second.load(caching()).await;
    assert_eq!(act(&plugin, "get", json!("a")).await, 1, "another runtime with the same backend");
}

#[tokio::test]
async fn rate_backend_of_the_embedder_counts_the_calls() {
    let rates = MemoryRates::default();
    let [first, second] = [(); 2].map(|()| host(|builder| builder.rate_counters(rates.clone())));
    let (one, two) = (first.load(limited()).await, second.load(limited()).await);
    assert_eq!((pings(&one).await, pings(&two).await), (1, 1));
    for plugin in [&one, &two] {
        let error = plugin.call::<Value>("ping", &()).await.expect_err("two calls in one window");
        assert_invoke_error(&error, "feature_echo", "rate_limit_exceeded");
    }
}

#[tokio::test]
async fn backend_that_fails_is_unavailable_to_the_plugin() {
    for opens in [true, false] {
        let broken = Broken { fault: Fault::Error, opens };
        let host = host(|builder| builder.data_store(broken).cache_store(broken));
        let (notes, caching) = (host.load(notes()).await, host.load(caching()).await);
        for (plugin, action, payload) in [
            (&notes, "get", json!("a")),
            (&notes, "set", json!({ "key": "a", "value": 1 })),
            (&notes, "delete", json!("a")),
            (&notes, "keys", json!({ "prefix": "", "limit": 9 })),
            (&caching, "get", json!("a")),
            (&caching, "get_many", json!(["a"])),
            (&caching, "set", json!({ "key": "a", "value": 1 })),
            (&caching, "get_or_set", json!({ "key": "a", "value": 1 })),
            (&caching, "delete", json!("a")),
            (&caching, "clear", json!(null)),
        ] {
            let answer = act(plugin, action, payload).await;
            assert_eq!(answer, json!({ "error": { "unavailable": DOWN } }), "{action}");
        }
        assert_eq!((pings(&notes).await, pings(&caching).await), (1, 1), "the same instances");
    }
}

#[tokio::test]
async fn backend_that_fails_is_an_error_of_removal() {
    for (fault, text) in [(Fault::Error, DOWN), (Fault::Panic, "panicked: a broken backend")] {
        let broken = Broken { fault, opens: true };
        for host in [host(|builder| builder.data_store(broken)), host(|builder| builder.cache_store(broken))] {
            let error = host.runtime.remove_data("feature_data").await.expect_err("the backend fails").to_string();
            assert_contains(&error, &["feature_data", text]);
        }
    }
}

#[tokio::test]
async fn backend_that_hangs_is_ended_by_the_deadline_of_the_call() {
    for opens in [true, false] {
        let broken = Broken { fault: Fault::Hang, opens };
        let host = host(|builder| builder.data_store(broken).cache_store(broken));
        let neighbour = host.load(feature::ECHO.into()).await;
        for plugin in [notes(), caching()] {
            let plugin = host.load(plugin.resource("timeout_seconds", json!(0.2))).await;
            let mut hanging = pin!(plugin.call::<Value>("get", "a"));
            assert!(hanging.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            pings(&neighbour).await;
            let error = hanging.await.expect_err("the backend never answers");
            assert_invoke_error(&error, &plugin.name(), "timeout");
            assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
            assert!(host.runtime.unload(&plugin.name()).await);
        }
    }
}

#[tokio::test]
async fn backend_that_panics_fails_the_call_alone() {
    for opens in [true, false] {
        let broken = Broken { fault: Fault::Panic, opens };
        let host = host(|builder| builder.data_store(broken).cache_store(broken));
        for plugin in [notes(), caching()] {
            let plugin = host.load(plugin).await;
            for _ in 0..2 {
                let error = plugin.call::<Value>("get", "a").await.expect_err("the backend panics");
                assert_invoke_error(&error, &plugin.name(), "host_error");
                assert_eq!(pings(&plugin).await, 1, "a fresh instance serves");
            }
        }
    }
}

#[tokio::test]
async fn rate_backend_that_does_not_count_fails_the_call_alone() {
    let codes = [(Fault::Error, "unavailable"), (Fault::Hang, "timeout"), (Fault::Panic, "host_error")];
    // A counter that `opens` fails in its future, another one in the method itself.
    for (broken, code) in codes
        .into_iter()
        .map(|(fault, code)| (Broken { fault, opens: true }, code))
        .chain([(Broken { fault: Fault::Panic, opens: false }, "host_error")])
    {
        let host = host(|builder| builder.rate_counters(broken));
        let plugin = host.load(limited().resource("timeout_seconds", json!(0.2))).await;
        let neighbour = host.load(TestPlugin::from(feature::ECHO).manifest("name", json!("neighbour"))).await;
        let error = plugin.call::<Value>("ping", &()).await.expect_err("it cannot be counted");
        assert_invoke_error(&error, "feature_echo", code);
        assert_eq!(error.http_status() == 503, code == "unavailable", "{error}");
        assert_eq!(pings(&neighbour).await, 1, "a plugin without a rate limit");
        assert!(host.runtime.unload("feature_echo").await);
    }
}

#[tokio::test]
async fn rate_backend_that_panics_at_load_fails_the_load() {
    struct Panics;
    impl RateCounters for Panics {
        fn counter(&self, _: &str, _: RateLimit) -> Arc<dyn RateCounter> {
            panic!("a broken backend")
        }
    }
    let host = host(|builder| builder.rate_counters(Panics));
    let error = host.try_load(limited()).await.expect_err("it has no counter").to_string();
    assert_contains(&error, &["feature_echo", "rate limit", "a broken backend"]);
    host.load(feature::ECHO.into()).await;
}

const DOWN: &str = "the store is down";

#[derive(Clone, Copy)]
enum Fault {
    Error,
    Hang,
    Panic,
}

/// A backend whose every use ends in a fault, at the opening of a store or after it.
#[derive(Clone, Copy)]
struct Broken {
    fault: Fault,
    opens: bool,
}

impl Broken {
    fn fail<T: Send + 'static, E: Send + 'static>(self, error: E) -> StoreFuture<'static, Result<T, E>> {
        StoreFuture::new(async move {
            match self.fault {
                Fault::Error => Err(error),
                Fault::Hang => pending().await,
                Fault::Panic => panic!("a broken backend"),
            }
        })
    }

    fn data<T: Send + 'static>(self) -> DataFuture<'static, T> {
        self.fail(DataError::Unavailable(DOWN.to_owned()))
    }

    fn cache<T: Send + 'static>(self) -> CacheFuture<'static, T> {
        self.fail(CacheError::Unavailable(DOWN.to_owned()))
    }
}

impl DataStoreProvider for Broken {
    fn open<'a>(&'a self, _: &'a str, _: DataLimits) -> DataFuture<'a, Arc<dyn DataStore>> {
        if self.opens { StoreFuture::ready(Ok(Arc::new(*self))) } else { self.data() }
    }

    fn remove<'a>(&'a self, _: &'a str) -> DataFuture<'a, bool> {
        self.data()
    }
}

impl DataStore for Broken {
    fn get<'a>(&'a self, _: &'a str) -> DataFuture<'a, Option<DataValue>> {
        self.data()
    }

    fn get_many<'a>(&'a self, _: &'a [String]) -> DataFuture<'a, Vec<Option<DataValue>>> {
        self.data()
    }

    fn exists<'a>(&'a self, _: &'a str) -> DataFuture<'a, bool> {
        self.data()
    }

    fn keys<'a>(&'a self, _: &'a str, _: Option<&'a str>, _: usize) -> DataFuture<'a, Vec<String>> {
        self.data()
    }

    fn entries(&self, _: EntriesQuery) -> DataFuture<'_, EntriesPage> {
        self.data()
    }

    fn set_many(&self, _: Vec<(String, DataValue)>) -> DataFuture<'_, ()> {
        self.data()
    }

    fn delete<'a>(&'a self, _: &'a [String]) -> DataFuture<'a, u64> {
        self.data()
    }

    fn update<'a>(&'a self, _: &'a str, _: DataUpdate) -> DataFuture<'a, bool> {
        self.data()
    }
}

impl CacheStoreProvider for Broken {
    fn open<'a>(&'a self, _: &'a str, _: CacheLimits) -> CacheFuture<'a, Arc<dyn CacheStore>> {
        if self.opens { StoreFuture::ready(Ok(Arc::new(*self))) } else { self.cache() }
    }

    fn remove<'a>(&'a self, _: &'a str) -> CacheFuture<'a, bool> {
        self.cache()
    }
}

impl CacheStore for Broken {
    fn get<'a>(&'a self, _: &'a str) -> CacheFuture<'a, Option<CacheValue>> {
        self.cache()
    }

    fn get_many<'a>(&'a self, _: &'a [String]) -> CacheFuture<'a, Vec<Option<CacheValue>>> {
        self.cache()
    }

    fn set_many(&self, _: Vec<(String, CacheValue)>, _: Option<Duration>) -> CacheFuture<'_, ()> {
        self.cache()
    }

    fn get_or_set<'a>(&'a self, _: &'a str, _: CacheValue, _: Option<Duration>) -> CacheFuture<'a, CacheValue> {
        self.cache()
    }

    fn update<'a>(&'a self, _: &'a str, _: CacheUpdate, _: Option<Duration>) -> CacheFuture<'a, bool> {
        self.cache()
    }

    fn delete<'a>(&'a self, _: &'a [String]) -> CacheFuture<'a, u64> {
        self.cache()
    }

    fn delete_selected(&self, _: CacheKeyFilter) -> CacheFuture<'_, u64> {
        self.cache()
    }

    fn keys(&self, _: CacheKeyFilter) -> CacheFuture<'_, Vec<String>> {
        self.cache()
    }
}

impl RateCounters for Broken {
    fn counter(&self, _: &str, _: RateLimit) -> Arc<dyn RateCounter> {
        Arc::new(*self)
    }
}

impl RateCounter for Broken {
    fn admit(&self, _: Duration) -> RateFuture<'_> {
        assert!(self.opens, "a broken backend");
        self.fail(RateError::Unavailable(DOWN.to_owned()))
    }
}

/// A host that allows everything.
fn host(settings: impl FnOnce(RuntimeBuilder) -> RuntimeBuilder) -> Host {
    Host::with(|builder| settings(builder.policy(Policy::allow_all())))
}

/// A plugin that requests all of its data.
fn notes() -> TestPlugin {
    TestPlugin::from(feature::DATA).manifest("permissions", json!([{ "resource": "data.*" }]))
}

/// A plugin that requests its whole cache.
fn caching() -> TestPlugin {
    TestPlugin::from(feature::CACHE).manifest("permissions", json!([{ "resource": "cache.*" }]))
}

/// A plugin with a rate limit of two calls.
fn limited() -> TestPlugin {
    TestPlugin::from(feature::ECHO).resource("rate_limit", json!({ "calls": 2, "period_seconds": 600 }))
}

async fn act(plugin: &Plugin, action: &str, payload: Value) -> Value {
    plugin.call(action, &payload).await.unwrap_or_else(|error| panic!("{action}: {error}"))
}
