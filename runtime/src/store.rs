//! Backends, which store the data, cached values, jobs, SQL tables and durable events of plugins, and count calls
//! against rate limits.
//!
//! Each interface is a pair of traits. A provider is passed to the [`RuntimeBuilder`], and opens the store of a plugin
//! by the plugin's name:
//!
//! | Provider | Store of one plugin | Built in | Setting |
//! |---|---|---|---|
//! | [`DataStoreProvider`] | [`DataStore`] | [`SqliteData`], [`MemoryData`] | [`RuntimeBuilder::data_store`] |
//! | [`CacheStoreProvider`] | [`CacheStore`] | [`MemoryCache`] | [`RuntimeBuilder::cache_store`] |
//! | [`JobStoreProvider`] | [`JobStore`] | [`SqliteJobs`] | [`RuntimeBuilder::job_store`] |
//! | [`SqlStoreProvider`] | [`SqlStore`] | [`SqliteDatabases`] | [`RuntimeBuilder::sql_store`] |
//! | [`EventStore`] | one for all plugins | [`SqliteEvents`] | [`RuntimeBuilder::event_store`] |
//! | [`RateCounters`] | [`RateCounter`] | [`MemoryRates`] | [`RuntimeBuilder::rate_counters`] |
//!
//! [`RuntimeBuilder`]: crate::RuntimeBuilder
//! [`RuntimeBuilder::data_store`]: crate::RuntimeBuilder::data_store
//! [`RuntimeBuilder::cache_store`]: crate::RuntimeBuilder::cache_store
//! [`RuntimeBuilder::job_store`]: crate::RuntimeBuilder::job_store
//! [`RuntimeBuilder::sql_store`]: crate::RuntimeBuilder::sql_store
//! [`RuntimeBuilder::event_store`]: crate::RuntimeBuilder::event_store
//! [`RuntimeBuilder::rate_counters`]: crate::RuntimeBuilder::rate_counters
//!
//! The traits use plain types: a backend knows neither WebAssembly nor permissions, which are checked before it is
//! called. Only a SQL backend asks whether a statement may use a table, because only it can find the tables. Their
//! documentation states every rule that a backend keeps. `tests/conformance` in the repository checks
//! those rules, for any provider.
//!
//! Methods return a [`StoreFuture`], which is a value or a boxed future. A backend that fails returns an error, which
//! the plugin gets as `unavailable`. A backend that does not answer is given up at the deadline of the call, and one
//! that panics fails the call. The host serves other calls in the meantime.
//!
//! ```no_run
//! use plugbay::Runtime;
//! use plugbay::store::{MemoryData, SqliteData};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Values of `data` are on disk, and everything else in memory.
//! let runtime = Runtime::builder().data_store(SqliteData::new("/var/lib/app/plugins")).build()?;
//! // Two runtimes of one process share the values of `data`.
//! let data = MemoryData::default();
//! let (one, two) = (Runtime::builder().data_store(data.clone()), Runtime::builder().data_store(data));
//! # drop((runtime, one, two));
//! # Ok(())
//! # }
//! ```

pub use crate::admission::rate::{MemoryRates, RateCounter, RateCounters, RateError, RateFuture};
pub use crate::event::delivery::Published as PublishedEvent;
pub use crate::event::sqlite::SqliteEvents;
pub use crate::event::store::{
    DeadLetter, DeliveryOutcome, EventFuture, EventReceiver, EventStore, EventStoreError, PendingEvent,
};
pub use crate::service::cache::{
    CacheChange, CacheError, CacheFuture, CacheKeyFilter, CacheLimits, CacheStore, CacheStoreProvider, CacheUpdate,
    CacheValue, MemoryCache,
};
pub use crate::service::data::{
    DataChange, DataError, DataFuture, DataLimits, DataStore, DataStoreProvider, DataTotals, DataUpdate, DataValue,
    EntriesPage, EntriesQuery, MemoryData, SqliteData,
};
pub use crate::service::db::{
    SqlAnswer, SqlColumn, SqlDeclaration, SqlError, SqlFuture, SqlPermission, SqlStatement, SqlStore, SqlStoreProvider,
    SqlTransaction, SqlUse, SqlValue, SqliteDatabases,
};
pub use crate::service::jobs::{
    BegunRun, DueJob, DueJobs, DueRun, Job, JobChange, JobClaim, JobError, JobFuture, JobLimits, JobOutcome,
    JobSchedule, JobState, JobStore, JobStoreProvider, JobUpdate, NewJob, SqliteJobs,
};
pub use crate::service::limit::ReachedLimit;
pub use crate::store_future::StoreFuture;
