//! `plugbay:plugin/cache`.

use super::failure;
use crate::bindings::imports::plugbay::plugin::cache;
use crate::error::Result;

pub(crate) fn cache_get(key: &str) -> Result<Option<String>> {
    cache::get(key).map_err(failure)
}

pub(crate) fn cache_set(key: &str, json: &str, ttl_ms: Option<i64>) -> Result<()> {
    cache::set(key, json, ttl_ms).map_err(failure)
}

pub(crate) fn cache_get_or_set(key: &str, json: &str, ttl_ms: Option<i64>) -> Result<String> {
    cache::get_or_set(key, json, ttl_ms).map_err(failure)
}

pub(crate) fn cache_get_many(keys: &[String]) -> Result<Vec<Option<String>>> {
    cache::get_many(keys).map_err(failure)
}

pub(crate) fn cache_set_many(entries: &[(String, String)], ttl_ms: Option<i64>) -> Result<()> {
    cache::set_many(entries, ttl_ms).map_err(failure)
}

pub(crate) fn cache_delete(key: &str) -> Result<bool> {
    cache::delete(key).map_err(failure)
}

pub(crate) fn cache_delete_pattern(pattern: &str) -> Result<u64> {
    cache::delete_pattern(pattern).map_err(failure)
}

pub(crate) fn cache_clear() -> Result<u64> {
    cache::clear().map_err(failure)
}
