//! `plugbay:plugin/data`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::data;
use crate::error::Result;

/// Keys with their values, and the cursor of the next page.
type Entries = (Vec<(String, String)>, Option<String>);

pub(crate) fn data_get(key: &str) -> Result<Option<String>> {
    data::get(key).map_err(failure)
}

pub(crate) fn data_set(key: &str, json: &str) -> Result<()> {
    data::set(key, json).map_err(failure)
}

pub(crate) fn data_set_many(entries: &[(String, String)]) -> Result<()> {
    data::set_many(entries).map_err(failure)
}

pub(crate) fn data_delete(key: &str) -> Result<bool> {
    data::delete(key).map_err(failure)
}

pub(crate) fn data_keys(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<(Vec<String>, Option<String>)> {
    data::keys(prefix, cursor, limit).map(|page| (page.keys, page.cursor)).map_err(failure)
}

pub(crate) fn data_get_many(keys: &[String]) -> Result<Vec<Option<String>>> {
    data::get_many(keys).map_err(failure)
}

pub(crate) fn data_increment(key: &str, by: i64) -> Result<i64> {
    data::increment(key, by).map_err(failure)
}

pub(crate) fn data_swap(key: &str, expected: Option<&str>, value: Option<&str>) -> Result<bool> {
    data::compare_and_swap(key, expected, value).map_err(failure)
}

pub(crate) fn data_entries(prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Entries> {
    data::entries(prefix, cursor, limit).map(|page| (page.entries, page.cursor)).map_err(failure)
}
