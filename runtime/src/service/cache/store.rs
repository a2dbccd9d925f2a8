//! The interface between `cache` and its backends: the traits, what they store, and the rules that a backend keeps.
//!
//! A backend knows plugins by their names and nothing else of them. Keys, values and permissions are checked before
//! they reach it. `tests/conformance/cache.rs` checks every rule below.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::{CACHE_BATCH_BYTES_MAX, CACHE_BYTES_MAX};
use crate::service::limit::ReachedLimit;
use crate::store_future::StoreFuture;

/// The future of a [`CacheStore`]'s method.
pub type CacheFuture<'a, T> = StoreFuture<'a, Result<T, CacheError>>;

/// A function that decides how a cached value changes. See [`CacheStore::update`].
pub type CacheUpdate = Box<dyn FnMut(Option<&CacheValue>) -> Result<CacheChange, CacheError> + Send>;

/// A function that selects keys.
pub type CacheKeyFilter = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// Opens the caches of plugins, by their names: a backend for `cache`.
pub trait CacheStoreProvider: Send + Sync + 'static {
    /// Opens the cache of a plugin, at its first use and again after an error.
    ///
    /// All stores that are opened for one name share their values. Values may be dropped with the last store.
    fn open<'a>(&'a self, plugin: &'a str, limits: CacheLimits) -> CacheFuture<'a, Arc<dyn CacheStore>>;

    /// Removes all values of a plugin that is not loaded, and returns whether there were any. The other plugins keep
    /// theirs.
    fn remove<'a>(&'a self, plugin: &'a str) -> CacheFuture<'a, bool>;
}

impl<P: CacheStoreProvider + ?Sized> CacheStoreProvider for Arc<P> {
    fn open<'a>(&'a self, plugin: &'a str, limits: CacheLimits) -> CacheFuture<'a, Arc<dyn CacheStore>> {
        (**self).open(plugin, limits)
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> CacheFuture<'a, bool> {
        (**self).remove(plugin)
    }
}

/// The cache of one plugin.
///
/// Revisions and instances use the cache of one plugin at the same time. A read that follows a write returns what was
/// written, unless the value has expired or was evicted: a backend may drop any value at any time. Each write of one
/// key is atomic.
///
/// A value that was set with a time to live is absent from the moment at which that has passed; every write of the
/// value sets it anew. A value without one does not expire.
///
/// Keys are compared byte by byte. A key has at most 512 bytes
/// and no control characters, and may contain anything else.
///
/// A method may take any time: the deadline of the plugin's call ends it by dropping the future. A panic fails that
/// call as `host_error`.
pub trait CacheStore: Send + Sync {
    /// Returns the value of a key, as it was set.
    fn get<'a>(&'a self, key: &'a str) -> CacheFuture<'a, Option<CacheValue>>;

    /// Returns the values of these keys, in their order. A key may be named twice.
    ///
    /// # Errors
    /// [`CacheError::Limit`] if the values have more than [`CacheLimits::batch_bytes_max`] bytes together; see
    /// [`CacheLimits::check_batch`].
    fn get_many<'a>(&'a self, keys: &'a [String]) -> CacheFuture<'a, Vec<Option<CacheValue>>>;

    /// Sets these values. If a key is named twice, its last value counts.
    fn set_many(&self, entries: Vec<(String, CacheValue)>, ttl: Option<Duration>) -> CacheFuture<'_, ()>;

    /// Returns the value of a key, which is set to `value` if it has none. Of several callers at the same time, one
    /// sets its value and all return it.
    fn get_or_set<'a>(&'a self, key: &'a str, value: CacheValue, ttl: Option<Duration>) -> CacheFuture<'a, CacheValue>;

    /// Changes one value atomically: no other write of the key takes effect between the value that `update` gets and
    /// the change that it returns. Returns whether the change was other than [`CacheChange::Keep`].
    ///
    /// A backend that compares and swaps calls `update` for each attempt; the last call is the one that takes effect.
    ///
    /// # Errors
    /// The error of `update`; the value is then unchanged.
    fn update<'a>(&'a self, key: &'a str, update: CacheUpdate, ttl: Option<Duration>) -> CacheFuture<'a, bool>;

    /// Removes these keys, and returns how many of them had a value. A key that is named twice counts once.
    fn delete<'a>(&'a self, keys: &'a [String]) -> CacheFuture<'a, u64>;

    /// Removes all selected keys, and returns how many of them had a value.
    ///
    /// # Errors
    /// [`CacheError::Limit`] if looking at all keys takes too long; nothing is removed then.
    fn delete_selected(&self, selects: CacheKeyFilter) -> CacheFuture<'_, u64>;

    /// Returns all selected keys that have a value, in any order.
    ///
    /// # Errors
    /// [`CacheError::Limit`] if looking at all keys takes too long.
    fn keys(&self, selects: CacheKeyFilter) -> CacheFuture<'_, Vec<String>>;
}

/// A cached value. Clones share its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheValue {
    /// A JSON text.
    Json(Arc<str>),
    /// Bytes that are not JSON, set through `wasi:keyvalue`.
    Bytes(Arc<[u8]>),
}

impl CacheValue {
    /// The bytes of the value. Their number is the size that limits count.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            CacheValue::Json(text) => text.as_bytes(),
            CacheValue::Bytes(bytes) => bytes,
        }
    }
}

/// The decision of a [`CacheUpdate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheChange {
    /// The value stays as it is, with its time to live.
    Keep,
    /// The value is replaced, or set if there was none.
    Set(CacheValue),
    /// The key is removed.
    Remove,
}

/// The limits of one plugin's cache, which its store enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    /// The bytes of all keys and values, with what the backend needs for each. A backend evicts values beyond that and
    /// refuses none. Default: 8 MiB.
    pub bytes_max: u64,
    /// The bytes of the values that one [`CacheStore::get_many`] may return. Default: 8 MiB.
    pub batch_bytes_max: usize,
}

impl Default for CacheLimits {
    fn default() -> Self {
        CacheLimits { bytes_max: CACHE_BYTES_MAX, batch_bytes_max: CACHE_BATCH_BYTES_MAX }
    }
}

impl CacheLimits {
    /// Checks the size of the values that one [`CacheStore::get_many`] returns together.
    ///
    /// # Errors
    /// [`CacheError::Limit`].
    pub fn check_batch(&self, bytes: usize) -> Result<(), CacheError> {
        if bytes > self.batch_bytes_max {
            return Err(CacheError::Limit(ReachedLimit::new("cache_batch_bytes", self.batch_bytes_max, bytes)));
        }
        Ok(())
    }
}

/// The reason why the cache was not read or written.
///
/// The plugin gets the text. It names no path, address or password: a backend logs those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheError {
    /// The key or the value is not acceptable.
    Invalid(String),
    /// A limit was reached.
    Limit(ReachedLimit),
    /// The backend cannot be reached, or cannot read or write.
    Unavailable(String),
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CacheError::Invalid(text) | CacheError::Unavailable(text) => f.write_str(text),
            CacheError::Limit(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for CacheError {}
