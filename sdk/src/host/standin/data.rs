//! The plugin's persistent values, in this thread's memory. Keys follow the host's rules; the total size is not
//! limited.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::check_key;
use crate::error::{Result, error};

/// Keys with their values, and the cursor of the next page.
type Entries = (Vec<(String, String)>, Option<String>);

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

pub(crate) fn data_get_many(keys: &[String]) -> Result<Vec<Option<String>>> {
    keys.iter().map(|key| data_get(key)).collect()
}

pub(crate) fn data_increment(key: &str, by: i64) -> Result<i64> {
    let old = data_get(key)?.map_or(Ok(0), |json| serde_json::from_str::<i64>(&json));
    let sum = old.ok().and_then(|old| old.checked_add(by));
    let Some(sum) = sum else {
        return Err(error("the value is not an integer, or the sum is too large").with_code("invalid_argument"));
    };
    data_set(key, &sum.to_string())?;
    Ok(sum)
}

pub(crate) fn data_swap(key: &str, expected: Option<&str>, value: Option<&str>) -> Result<bool> {
    if data_get(key)?.as_deref() != expected {
        return Ok(false);
    }
    match value {
        Some(json) => data_set(key, json)?,
        None => _ = data_delete(key)?,
    }
    Ok(true)
}

pub(crate) fn data_keys(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<(Vec<String>, Option<String>)> {
    let (entries, cursor) = data_entries(prefix, cursor, limit)?;
    Ok((entries.into_iter().map(|(key, _)| key).collect(), cursor))
}

pub(crate) fn data_entries(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Entries> {
    let limit = limit as usize;
    let mut entries: Vec<(String, String)> = VALUES.with_borrow(|values| {
        let after = cursor.map_or(Bound::Included(prefix), Bound::Excluded);
        let found = values.range::<str, _>((after, Bound::Unbounded));
        let found = found.filter(|(key, _)| key.starts_with(prefix)).take(limit + 1);
        found.map(|(key, json)| (key.clone(), json.clone())).collect()
    });
    let more = entries.len() > limit;
    entries.truncate(limit);
    let cursor = if more { entries.last().map(|(key, _)| key.clone()) } else { None };
    Ok((entries, cursor))
}
