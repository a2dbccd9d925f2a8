//! What the plugin keeps, in this thread's memory. Keys are as strict as the host's; how much there may be is not counted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::error::{Result, error};

/// As the host's `DATA_KEY_BYTES_MAX`.
const KEY_BYTES_MAX: usize = 512;

thread_local! {
    static VALUES: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub(crate) fn data_get(key: &str) -> Result<Option<String>> {
    check(key)?;
    Ok(VALUES.with_borrow(|values| values.get(key).cloned()))
}

pub(crate) fn data_set(key: &str, json: &str) -> Result<()> {
    check(key)?;
    VALUES.with_borrow_mut(|values| values.insert(key.to_owned(), json.to_owned()));
    Ok(())
}

pub(crate) fn data_set_many(entries: &[(String, String)]) -> Result<()> {
    entries.iter().try_for_each(|(key, _)| check(key))?;
    entries.iter().try_for_each(|(key, json)| data_set(key, json))
}

pub(crate) fn data_delete(key: &str) -> Result<bool> {
    check(key)?;
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

fn check(key: &str) -> Result<()> {
    if key.len() > KEY_BYTES_MAX {
        return Err(
            error(format!("the key has {} bytes, and {KEY_BYTES_MAX} are allowed", key.len())).code("limit_exceeded")
        );
    }
    if key.is_empty() || key.contains(char::is_control) {
        return Err(error("a key is not empty and has no control characters").code("invalid_argument"));
    }
    Ok(())
}
