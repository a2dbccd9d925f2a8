//! The rules of a backend for rate limits: `plugbay::store::RateCounters` and `RateCounter`.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use plugbay::manifest::RateLimit;
use plugbay::store::{RateCounter, RateCounters, RateError};

/// A period that does not pass while the suite runs.
const PERIOD: Duration = Duration::from_secs(600);
/// A period that passes, between two calls of the suite.
const SHORT_PERIOD: Duration = Duration::from_secs(2);

/// The moment of a call, as the runtime counts it.
fn since_start() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Checks every rule. `pass` lets time pass, by the clock of the backend if it has one of its own.
///
/// # Panics
/// If the backend breaks one.
pub(crate) async fn check(counters: &dyn RateCounters, pass: impl AsyncFn(Duration)) {
    limit_admits_its_calls_and_no_more(counters).await;
    counters_of_one_plugin_share_a_window(counters).await;
    window_outlives_a_change_of_the_limit(counters).await;
    plugins_are_counted_apart(counters).await;
    concurrent_calls_get_the_limit_and_no_more(counters).await;
    window_passes(counters, &pass).await;
}

async fn limit_admits_its_calls_and_no_more(counters: &dyn RateCounters) {
    let counter = counter(counters, "conformance-limit", 3);
    assert_eq!(admitted(&*counter, 3).await, 3);
    for _ in 0..10 {
        let error = counter.admit(since_start()).await.expect_err("the limit is reached");
        let RateError::Limited { retry_after } = error else { panic!("{error}") };
        assert!(retry_after > PERIOD / 2 && retry_after < PERIOD * 2, "{retry_after:?}");
    }
}

async fn counters_of_one_plugin_share_a_window(counters: &dyn RateCounters) {
    let old = counter(counters, "conformance-share", 5);
    assert_eq!(admitted(&*old, 2).await, 2);
    let new = counter(counters, "conformance-share", 5);
    assert_eq!(admitted(&*new, 2).await, 2);
    assert_eq!(admitted(&*old, 9).await, 1, "through either counter");
    drop(old);
    assert_eq!(admitted(&*new, 9).await, 0, "the window outlives one of its counters");
}

async fn window_outlives_a_change_of_the_limit(counters: &dyn RateCounters) {
    let old = counter(counters, "conformance-change", 3);
    assert_eq!(admitted(&*old, 9).await, 3);
    let more = counter(counters, "conformance-change", 5);
    assert_eq!(admitted(&*more, 9).await, 2);
    let fewer = counter(counters, "conformance-change", 2);
    assert_eq!(admitted(&*fewer, 9).await, 0);
}

async fn plugins_are_counted_apart(counters: &dyn RateCounters) {
    let (one, two) = (counter(counters, "conformance-one", 1), counter(counters, "conformance-two", 1));
    assert_eq!((admitted(&*one, 9).await, admitted(&*two, 9).await), (1, 1));
}

async fn concurrent_calls_get_the_limit_and_no_more(counters: &dyn RateCounters) {
    const CALLS: u32 = 2_000;
    let counters = [(); 2].map(|()| counter(counters, "conformance-concurrent", CALLS));
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let counter = counters[task % 2].clone();
            tokio::spawn(async move { admitted(&*counter, CALLS).await })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.expect("counted");
    }
    assert_eq!(sum, CALLS);
}

async fn window_passes(counters: &dyn RateCounters, pass: &impl AsyncFn(Duration)) {
    let counter = counters.counter(&unique("conformance-passes"), RateLimit { calls: 1, period: SHORT_PERIOD });
    let mut now = since_start();
    assert_eq!(counter.admit(now).await, Ok(()));
    for _ in 0..3 {
        let error = counter.admit(now).await.expect_err("the limit is reached");
        let RateError::Limited { retry_after } = error else { panic!("{error}") };
        pass(retry_after).await;
        now += retry_after;
        assert_eq!(counter.admit(now).await, Ok(()), "the period has passed");
    }
}

fn counter(counters: &dyn RateCounters, plugin: &str, calls: u32) -> Arc<dyn RateCounter> {
    counters.counter(&unique(plugin), RateLimit { calls, period: PERIOD })
}

/// A name that an earlier run did not use, whose window may still be there.
fn unique(plugin: &str) -> String {
    format!("{plugin}-{}", std::process::id())
}

/// How many of this number of calls are admitted.
async fn admitted(counter: &dyn RateCounter, calls: u32) -> u32 {
    let mut admitted = 0;
    for _ in 0..calls {
        match counter.admit(since_start()).await {
            Ok(()) => admitted += 1,
            Err(RateError::Limited { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    admitted
}
