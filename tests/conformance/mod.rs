//! Conformance suites: one for each interface of a backend. A suite checks every rule of the interface's documentation,
//! for any provider.
//!
//! A suite depends on `plugbay` and `tokio` alone, so that the crate of a backend can include its file with `#[path]`
//! and call `check` from a test on a multi-threaded tokio runtime. It removes its values before it begins, not after.

mod cache;
mod data;
mod db;
mod events;
mod jobs;
mod rate;

use plugbay::clock::ManualClock;
use plugbay::store::{MemoryCache, MemoryData, MemoryRates, SqliteData, SqliteDatabases, SqliteEvents, SqliteJobs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_in_memory_conforms() {
    data::check(&MemoryData::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_in_sqlite_conforms() {
    let directory = sqlite_directory();
    data::check(&SqliteData::new(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cache_in_memory_conforms() {
    let clock = ManualClock::default();
    cache::check(&MemoryCache::new(clock.clone()), async |time| clock.advance(time)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rates_in_memory_conform() {
    // The counters know the time of a call from the call alone.
    rate::check(&MemoryRates::default(), async |_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_in_memory_conform() {
    let _directory = sqlite_directory();
    jobs::check(&SqliteJobs::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_in_sqlite_conform() {
    let directory = sqlite_directory();
    jobs::check(&SqliteJobs::new(directory.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn db_in_memory_conforms() {
    let _directory = sqlite_directory();
    db::check(&SqliteDatabases::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn db_in_sqlite_conforms() {
    let directory = sqlite_directory();
    let provider = SqliteDatabases::new(directory.path());
    db::check(&provider).await;
    db::check_tables_outlive_stores(&provider).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_memory_conform() {
    let _directory = sqlite_directory();
    events::check(&SqliteEvents::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_sqlite_conform() {
    let directory = sqlite_directory();
    events::check(&SqliteEvents::new(directory.path())).await;
    let directory = sqlite_directory();
    events::check_events_outlive_the_store(|| SqliteEvents::new(directory.path())).await;
}

/// A directory for a backend. The memory of SQLite is bounded, which is possible before its first use in the process.
fn sqlite_directory() -> tempfile::TempDir {
    plugbay::bound_sql_memory().expect("SQLite was not used before");
    tempfile::tempdir().expect("a directory")
}
