//! The interface between `data` and its backends: the traits, what they store, and the rules that a backend keeps.
//!
//! A backend knows plugins by their names and nothing else of them. Keys, values and permissions are checked before
//! they reach it. `tests/conformance/data.rs` checks every rule below.

use std::fmt;
use std::sync::Arc;

use crate::limits::{DATA_BATCH_BYTES_MAX, DATA_BYTES_MAX, DATA_KEYS_MAX};
use crate::service::limit::ReachedLimit;
use crate::store_future::StoreFuture;

/// The future of a [`DataStore`]'s method.
pub type DataFuture<'a, T> = StoreFuture<'a, Result<T, DataError>>;

/// A function that decides how a value changes. See [`DataStore::update`].
pub type DataUpdate = Box<dyn FnMut(Option<&DataValue>) -> Result<DataChange, DataError> + Send>;

/// Opens the data of plugins, by their names: a backend for `data`.
pub trait DataStoreProvider: Send + Sync + 'static {
    /// Opens the data of a plugin, at its first use by a revision and again after an error.
    ///
    /// All stores that are opened for one name share their values, in this process and, if the backend stores them
    /// outside of it, in others. Values outlive the stores.
    fn open<'a>(&'a self, plugin: &'a str, limits: DataLimits) -> DataFuture<'a, Arc<dyn DataStore>>;

    /// Removes all values of a plugin that is not loaded, and returns whether there were any. The other plugins keep
    /// theirs.
    fn remove<'a>(&'a self, plugin: &'a str) -> DataFuture<'a, bool>;
}

impl<P: DataStoreProvider + ?Sized> DataStoreProvider for Arc<P> {
    fn open<'a>(&'a self, plugin: &'a str, limits: DataLimits) -> DataFuture<'a, Arc<dyn DataStore>> {
        (**self).open(plugin, limits)
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> DataFuture<'a, bool> {
        (**self).remove(plugin)
    }
}

/// The data of one plugin.
///
/// Revisions, instances and processes use the data of one plugin at the same time, each through a store of its own.
/// Reads return committed values only, and a read that follows an acknowledged write returns what was written. A write
/// takes effect as a whole or not at all, even if its future is dropped.
///
/// Keys are compared byte by byte and have an order, that of their UTF-8 bytes. A key has at most
/// 512 bytes and no control characters, and may contain anything
/// else: path separators, quotation marks, wildcards.
///
/// A method may take any time: the deadline of the plugin's call ends it by dropping the future. A panic fails that
/// call as `host_error`.
pub trait DataStore: Send + Sync {
    /// Returns the value of a key, as it was set.
    fn get<'a>(&'a self, key: &'a str) -> DataFuture<'a, Option<DataValue>>;

    /// Returns the values of these keys, in their order. A key may be named twice.
    ///
    /// # Errors
    /// [`DataError::Limit`] if the values have more than [`DataLimits::batch_bytes_max`] bytes together; see
    /// [`DataLimits::check_batch`].
    fn get_many<'a>(&'a self, keys: &'a [String]) -> DataFuture<'a, Vec<Option<DataValue>>>;

    /// Returns whether a key has a value.
    fn exists<'a>(&'a self, key: &'a str) -> DataFuture<'a, bool>;

    /// Returns at most `limit` keys that begin with `prefix` and come after `after`, in their order. `after` need not
    /// be a key that exists. Fewer than `limit` keys are returned only if there are no more.
    fn keys<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, limit: usize) -> DataFuture<'a, Vec<String>>;

    /// Returns a page of entries, in the order of their keys.
    fn entries(&self, query: EntriesQuery) -> DataFuture<'_, EntriesPage>;

    /// Sets all of these entries or none. If a key is named twice, its last value counts.
    ///
    /// # Errors
    /// [`DataError::Limit`] if the plugin would have more keys or bytes than [`DataLimits`] allow and more than before;
    /// see [`DataLimits::check`].
    fn set_many(&self, entries: Vec<(String, DataValue)>) -> DataFuture<'_, ()>;

    /// Removes these keys, and returns how many of them existed. A key that is named twice counts once.
    fn delete<'a>(&'a self, keys: &'a [String]) -> DataFuture<'a, u64>;

    /// Changes one value atomically: no other write of the key takes effect between the value that `update` gets and
    /// the change that it returns. Returns whether the change was other than [`DataChange::Keep`].
    ///
    /// A backend that compares and swaps calls `update` for each attempt; the last call is the one that takes effect.
    ///
    /// # Errors
    /// The error of `update`, and [`DataError::Limit`] as of [`DataStore::set_many`]; the value is then unchanged.
    fn update<'a>(&'a self, key: &'a str, update: DataUpdate) -> DataFuture<'a, bool>;
}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataValue {
    /// A JSON text.
    Json(String),
    /// Bytes that are not known to be JSON, set through `wasi:keyvalue`.
    Bytes(Vec<u8>),
}

impl DataValue {
    /// A value from its stored form. Bytes that are not UTF-8 are not JSON, even if `is_json`.
    pub fn new(bytes: Vec<u8>, is_json: bool) -> Self {
        if !is_json {
            return DataValue::Bytes(bytes);
        }
        String::from_utf8(bytes).map_or_else(|error| DataValue::Bytes(error.into_bytes()), DataValue::Json)
    }

    /// Whether this is a JSON text.
    pub fn is_json(&self) -> bool {
        matches!(self, DataValue::Json(_))
    }

    /// The bytes of the value. Their number is the size that limits count.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            DataValue::Json(text) => text.as_bytes(),
            DataValue::Bytes(bytes) => bytes,
        }
    }

    /// The bytes of the value.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            DataValue::Json(text) => text.into_bytes(),
            DataValue::Bytes(bytes) => bytes,
        }
    }
}

/// The decision of a [`DataUpdate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataChange {
    /// The value stays as it is.
    Keep,
    /// The value is replaced, or set if there was none.
    Set(DataValue),
    /// The key is removed.
    Remove,
}

/// Selects entries for [`DataStore::entries`].
pub struct EntriesQuery {
    /// The prefix of the keys.
    pub prefix: String,
    /// The key after which the page begins. It need not exist.
    pub after: Option<String>,
    /// The maximum number of entries to return.
    pub limit: usize,
    /// The maximum number of bytes of all returned values together. A first value that is larger is returned alone.
    pub bytes_max: usize,
    /// Returns whether the entry of a key is returned. The values of other keys need not be read.
    pub wanted: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// A page of entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntriesPage {
    /// The entries, in the order of their keys.
    pub entries: Vec<(String, DataValue)>,
    /// The last key that the page looked at, if there may be more after it. A page looks at no more than
    /// 1,000 keys, so it may be empty and not the last.
    pub last: Option<String>,
}

/// The limits of one plugin's data, which its store enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataLimits {
    /// The number of keys. Default: 100,000.
    pub keys_max: u64,
    /// The bytes of all keys and values. Default: 64 MiB.
    pub bytes_max: u64,
    /// The bytes of the values that one [`DataStore::get_many`] may return. Default: 8 MiB.
    pub batch_bytes_max: usize,
}

impl Default for DataLimits {
    fn default() -> Self {
        DataLimits { keys_max: DATA_KEYS_MAX, bytes_max: DATA_BYTES_MAX, batch_bytes_max: DATA_BATCH_BYTES_MAX }
    }
}

impl DataLimits {
    /// Compares the totals after a write with those before it. Growth beyond a limit is refused; data that is over a
    /// limit already may shrink.
    ///
    /// # Errors
    /// [`DataError::Limit`].
    pub fn check(&self, before: DataTotals, after: DataTotals) -> Result<(), DataError> {
        for (limit, allowed, before, after) in [
            ("data_keys", self.keys_max, before.keys, after.keys),
            ("data_bytes", self.bytes_max, before.bytes, after.bytes),
        ] {
            if after > allowed && after > before {
                return Err(DataError::Limit(ReachedLimit::new(limit, allowed, after)));
            }
        }
        Ok(())
    }

    /// Checks the size of the values that one [`DataStore::get_many`] returns together.
    ///
    /// # Errors
    /// [`DataError::Limit`].
    pub fn check_batch(&self, bytes: usize) -> Result<(), DataError> {
        if bytes > self.batch_bytes_max {
            return Err(DataError::Limit(ReachedLimit::new("data_batch_bytes", self.batch_bytes_max, bytes)));
        }
        Ok(())
    }
}

/// The number and the size of one plugin's entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DataTotals {
    /// The number of keys.
    pub keys: u64,
    /// The bytes of all keys and values.
    pub bytes: u64,
}

/// The reason why data was not read or written.
///
/// The plugin gets the text. It names no path, address or password: a backend logs those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataError {
    /// The key or the value is not acceptable.
    Invalid(String),
    /// A limit was reached.
    Limit(ReachedLimit),
    /// The backend cannot be reached, or cannot read or write.
    Unavailable(String),
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataError::Invalid(text) | DataError::Unavailable(text) => f.write_str(text),
            DataError::Limit(limit) => limit.fmt(f),
        }
    }
}

impl std::error::Error for DataError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_refuses_growth_beyond_it_and_nothing_else() {
        let limits = DataLimits { keys_max: 10, bytes_max: 100, batch_bytes_max: 0 };
        let check = |before: (u64, u64), after: (u64, u64)| {
            let totals = |(keys, bytes)| DataTotals { keys, bytes };
            limits.check(totals(before), totals(after)).map_err(|error| error.to_string())
        };
        assert_eq!(check((9, 99), (10, 100)), Ok(()));
        assert_eq!(check((10, 50), (11, 50)), Err("data_keys: 10 allowed, 11 observed".to_owned()));
        assert_eq!(check((5, 100), (5, 101)), Err("data_bytes: 100 allowed, 101 observed".to_owned()));
        assert_eq!(check((20, 200), (20, 199)), Ok(()), "it shrinks");
    }

    #[test]
    fn stored_bytes_that_are_not_utf8_are_never_json() {
        assert_eq!(DataValue::new(b"1".to_vec(), true), DataValue::Json("1".to_owned()));
        assert_eq!(DataValue::new(b"1".to_vec(), false), DataValue::Bytes(b"1".to_vec()));
        assert_eq!(DataValue::new(vec![0xff], true), DataValue::Bytes(vec![0xff]));
    }
}
