//! Data in memory: an ordered map for each plugin.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use super::store::{
    DataChange, DataError, DataFuture, DataLimits, DataStore, DataStoreProvider, DataTotals, DataUpdate, DataValue,
    EntriesPage, EntriesQuery,
};
use crate::limits::DATA_PAGE_KEYS_MAX;
use crate::store_future::StoreFuture;
use parking_lot::{Mutex, MutexGuard};

/// A backend for `data` in memory. The values of a plugin outlive its reloads and its unloading, and are dropped with
/// the last clone of this backend.
#[derive(Clone, Default)]
pub struct MemoryData(Arc<Mutex<HashMap<String, Arc<Mutex<Values>>>>>);

impl MemoryData {
    fn plugins(&self) -> MutexGuard<'_, HashMap<String, Arc<Mutex<Values>>>> {
        self.0.lock()
    }
}

impl DataStoreProvider for MemoryData {
    fn open<'a>(&'a self, plugin: &'a str, limits: DataLimits) -> DataFuture<'a, Arc<dyn DataStore>> {
        let values = self.plugins().entry(plugin.to_owned()).or_default().clone();
        StoreFuture::ready(Ok(Arc::new(MemoryStore { limits, values })))
    }

    fn remove<'a>(&'a self, plugin: &'a str) -> DataFuture<'a, bool> {
        let removed = self.plugins().remove(plugin);
        let had_values = removed.is_some_and(|values| !lock(&values).entries.is_empty());
        StoreFuture::ready(Ok(had_values))
    }
}

impl fmt::Debug for MemoryData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryData").field("plugins", &self.plugins().len()).finish()
    }
}

/// The data of one plugin.
struct MemoryStore {
    limits: DataLimits,
    values: Arc<Mutex<Values>>,
}

#[derive(Default)]
struct Values {
    entries: BTreeMap<String, DataValue>,
    totals: DataTotals,
}

/// A panic of an update leaves the values unchanged, so a poisoned lock does no harm.
fn lock(values: &Mutex<Values>) -> MutexGuard<'_, Values> {
    values.lock()
}

impl MemoryStore {
    fn values(&self) -> MutexGuard<'_, Values> {
        lock(&self.values)
    }

    fn get_many_now(&self, keys: &[String]) -> Result<Vec<Option<DataValue>>, DataError> {
        let values = self.values();
        let found: Vec<Option<&DataValue>> = keys.iter().map(|key| values.entries.get(key)).collect();
        // Checked before anything is copied: one key a thousand times is a thousand values.
        self.limits.check_batch(found.iter().flatten().map(|value| value.as_bytes().len()).sum())?;
        Ok(found.into_iter().map(|value| value.cloned()).collect())
    }

    fn entries_now(&self, query: &EntriesQuery) -> EntriesPage {
        let values = self.values();
        let (mut page, mut bytes) = (EntriesPage::default(), 0);
        for (looked_at, (key, value)) in values.after(&query.prefix, query.after.as_deref()).enumerate() {
            // A page ends before the entry that is too much for it, and the next one begins there.
            if looked_at == DATA_PAGE_KEYS_MAX || page.entries.len() == query.limit {
                return page;
            }
            if (query.wanted)(key) {
                bytes += value.as_bytes().len();
                if bytes > query.bytes_max && !page.entries.is_empty() {
                    return page;
                }
                page.entries.push((key.clone(), value.clone()));
            }
            page.last = Some(key.clone());
        }
        page.last = None;
        page
    }

    fn update_now(&self, key: &str, mut update: DataUpdate) -> Result<bool, DataError> {
        let mut values = self.values();
        let new = match update(values.entries.get(key))? {
            DataChange::Keep => return Ok(false),
            DataChange::Set(value) => Some(value),
            DataChange::Remove => None,
        };
        values.change(vec![(key.to_owned(), new)], &self.limits)?;
        Ok(true)
    }
}

impl Values {
    /// The entries whose keys begin with `prefix` and come after `after`.
    fn after<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a String, &'a DataValue)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.entries.range::<str, _>((start, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Sets and removes all of these, or nothing if a limit forbids it.
    fn change(&mut self, changes: Vec<(String, Option<DataValue>)>, limits: &DataLimits) -> Result<(), DataError> {
        let before = self.totals;
        let mut undo = Vec::with_capacity(changes.len());
        for (key, new) in changes {
            let old = self.put(key.clone(), new);
            undo.push((key, old));
        }
        limits.check(before, self.totals).inspect_err(|_| {
            for (key, old) in undo.into_iter().rev() {
                self.put(key, old);
            }
        })
    }

    /// Sets or removes one value, and returns the one before it.
    fn put(&mut self, key: String, new: Option<DataValue>) -> Option<DataValue> {
        let key_bytes = key.len();
        let size = |value: &DataValue| (key_bytes + value.as_bytes().len()) as u64;
        if let Some(new) = &new {
            self.totals.keys += 1;
            self.totals.bytes += size(new);
        }
        let old = match new {
            Some(new) => self.entries.insert(key, new),
            None => self.entries.remove(&key),
        };
        if let Some(old) = &old {
            self.totals.keys -= 1;
            self.totals.bytes -= size(old);
        }
        old
    }
}

impl DataStore for MemoryStore {
    fn get<'a>(&'a self, key: &'a str) -> DataFuture<'a, Option<DataValue>> {
        StoreFuture::ready(Ok(self.values().entries.get(key).cloned()))
    }

    fn get_many<'a>(&'a self, keys: &'a [String]) -> DataFuture<'a, Vec<Option<DataValue>>> {
        StoreFuture::ready(self.get_many_now(keys))
    }

    fn exists<'a>(&'a self, key: &'a str) -> DataFuture<'a, bool> {
        StoreFuture::ready(Ok(self.values().entries.contains_key(key)))
    }

    fn keys<'a>(&'a self, prefix: &'a str, after: Option<&'a str>, limit: usize) -> DataFuture<'a, Vec<String>> {
        let keys = self.values().after(prefix, after).map(|(key, _)| key.clone()).take(limit).collect();
        StoreFuture::ready(Ok(keys))
    }

    fn entries(&self, query: EntriesQuery) -> DataFuture<'_, EntriesPage> {
        StoreFuture::ready(Ok(self.entries_now(&query)))
    }

    fn set_many(&self, entries: Vec<(String, DataValue)>) -> DataFuture<'_, ()> {
        let changes = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        StoreFuture::ready(self.values().change(changes, &self.limits))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> DataFuture<'a, u64> {
        let mut values = self.values();
        let removed = keys.iter().filter_map(|key| values.put(key.clone(), None)).count();
        StoreFuture::ready(Ok(removed as u64))
    }

    fn update<'a>(&'a self, key: &'a str, update: DataUpdate) -> DataFuture<'a, bool> {
        StoreFuture::ready(self.update_now(key, update))
    }
}
