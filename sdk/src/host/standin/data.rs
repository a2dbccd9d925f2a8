//! What the plugin keeps, in this thread's memory. Keys are as strict as the host's; how much there may be is not counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::check_key;
use crate::error::Result;

thread_local! {
    static VALUES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn data_get(key: &str) -> Result<Option<String>> {
    check_key(key)?;
    Ok(VALUES.with_borrow(|values| values.get(key).cloned()))
}

pub(crate) fn data_set(key: &str, json: &str) -> Result<()> {
    check_key(key)?;
    VALUES.with_borrow_mut(|values| values.insert(key.to_owned(), json.to_owned()));
    Ok(())
}

pub(crate) fn data_set_many(entries: &[(String, String)]) -> Result<()> {
    entries.iter().try_for_each(|(key, _)| check_key(key))?;
    entries.iter().try_for_each(|(key, json)| data_set(key, json))
}

pub(crate) fn data_delete(key: &str) -> Result<bool> {
    check_key(key)?;
    Ok(VALUES.with_borrow_mut(|values| values.remove(key).is_some()))
}

pub(crate) fn data_keys(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<(Vec<String>, Option<String>)> {
    let limit = limit as usize;
    let mut keys: Vec<String> = VALUES.with_borrow(|values| {
        let after = cursor.map_or(Bound::Included(prefix), Bound::Excluded);
        let found = values.range::<str, _>((after, Bound::Unbounded)).map(|(key, _)| key);
        found.filter(|key| key.starts_with(prefix)).take(limit + 1).cloned().collect()
    });
    let more = keys.len() > limit;
    keys.truncate(limit);
    let cursor = if more { keys.last().cloned() } else { None };
    Ok((keys, cursor))
}
